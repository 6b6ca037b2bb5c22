package domain

// Workspace is the name of a tenant. Everything belongs to one, and nothing of
// one is seen from another. It is a DNS label, so that it can be a part of an
// address, of a certificate's name or of a Kubernetes label as it is.
type Workspace string

// MaxWorkspaceLength is in characters.
const MaxWorkspaceLength = 63

// CheckWorkspace returns an Invalid error on field unless w is a DNS label.
func CheckWorkspace(field string, w Workspace) error {
	if !isLabel(string(w)) {
		return InvalidField(field, "must have 1 to 63 of the characters a-z, 0-9 and -, with no - at either end")
	}
	return nil
}

func isLabel(text string) bool {
	if text == "" || len(text) > MaxWorkspaceLength || text[0] == '-' || text[len(text)-1] == '-' {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
