package source

// Compatible returns the versions whose servers work on the newest schema, the
// newest itself included: version v is one unless a later migration is a contract
// step that takes away what servers up to v, or up to a later version, use:
// ReadUntil >= v.
func Compatible(migrations []Migration) []int64 {
	var versions []int64
	// used is the last version that a contract step among the later ones broke.
	used := int64(0)
	for i := len(migrations) - 1; i >= 0; i-- {
		m := migrations[i]
		if m.Version > used {
			versions = append([]int64{m.Version}, versions...)
		}
		used = max(used, m.ReadUntil)
	}
	return versions
}
