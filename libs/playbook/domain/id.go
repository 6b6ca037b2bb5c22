package domain

// CheckID returns an Invalid error on field unless id is a UUID in its usual
// lower-case form. Every identifier is one; holding the form strictly means
// that one entity has one spelling everywhere.
func CheckID(field, id string) error {
	if !isUUID(id) {
		return InvalidField(field, `must be a lower-case UUID such as "0190b0a4-7c3e-7b1a-8f1e-2d3c4b5a6978"`)
	}
	return nil
}

func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch i {
		case 8, 13, 18, 23:
			if id[i] != '-' {
				return false
			}
		default:
			if (id[i] < '0' || id[i] > '9') && (id[i] < 'a' || id[i] > 'f') {
				return false
			}
		}
	}
	return true
}
