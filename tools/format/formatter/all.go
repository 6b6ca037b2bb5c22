package formatter

// All returns the formatters of this repository in the order in which they
// run: gazelle reads the Go files, and buildifier its BUILD files.
func All() []Formatter {
	return []Formatter{ModTidy{}, Gofmt{}, Gazelle{}, Buildifier{}}
}
