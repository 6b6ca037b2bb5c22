package config

import (
	"fmt"
	"strings"
)

// Usage returns the text of --help.
func Usage(into any, program Program) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n\n", program.Name, program.Summary)
	text.WriteString("Each setting is an environment variable; the flag of the same name overrides it.\n\n")
	for _, s := range settingsOf(into) {
		fmt.Fprintf(&text, "  %s, --%s\n", s.name, s.flag())
		fmt.Fprintf(&text, "        %s; takes %s", s.doc, s.takes())
		switch {
		case s.required:
			text.WriteString(" (required)\n")
		case s.fallback == "":
			text.WriteString(" (not set by default)\n")
		default:
			fmt.Fprintf(&text, " (default %s)\n", s.fallback)
		}
	}
	text.WriteString("  --help\n        print this text\n")
	text.WriteString("  --version\n        print the versions of this binary, of Go and of the modules in it\n")
	return text.String()
}
