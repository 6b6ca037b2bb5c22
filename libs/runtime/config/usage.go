package config

import (
	"fmt"
	"strings"
)

// Usage returns the text of --help.
func Usage(into any, program Program) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n\n", program.Name, program.Summary)
	if len(program.Commands) > 0 {
		fmt.Fprintf(&text, "Usage: %s [COMMAND] [FLAGS]\n\n", program.Name)
		for i, command := range program.Commands {
			standard := ""
			if i == 0 {
				standard = " (what happens without a command)"
			}
			fmt.Fprintf(&text, "  %-8s %s%s\n", command.Name, command.Summary, standard)
		}
		text.WriteString("\n")
	}
	text.WriteString("Each setting is an environment variable; the flag of the same name overrides it.\n\n")
	for _, s := range settingsOf(into) {
		if s.option {
			fmt.Fprintf(&text, "  --%s\n        %s; takes %s\n", s.flag(), s.doc, s.takes())
			continue
		}
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
	text.WriteString("  --print-config\n        print every setting with its value and where that came from, secrets left out\n")
	text.WriteString("  --version\n        print the versions of this binary, of Go and of the modules in it\n")
	return text.String()
}

// listing returns the text of --print-config, a line per setting that could
// stand in a file of environment variables.
func listing(settings []setting) string {
	var text strings.Builder
	for _, s := range settings {
		if s.option {
			continue
		}
		fmt.Fprintf(&text, "%s=%s # %s\n", s.name, s.show(s.held), s.origin)
	}
	return text.String()
}

// Setting describes one setting of a process.
type Setting struct {
	// Name is that of the environment variable.
	Name string
	// Default is the value that it has when nothing sets it; it may be empty.
	Default string
	// Takes says in words which values are accepted.
	Takes string
	// Doc says what the setting does.
	Doc string
}

// Describe lists the settings of the struct that into points at, in the order
// of its fields, without the options of one call. Documentation and manifests read them here, so that no default
// stands in two places.
func Describe(into any) []Setting {
	var described []Setting
	for _, s := range settingsOf(into) {
		if s.option {
			continue
		}
		described = append(described, Setting{Name: s.name, Default: s.fallback, Takes: s.takes(), Doc: s.doc})
	}
	return described
}

// Defaults fills the struct that into points at with the defaults alone.
// Settings that are required stay empty.
func Defaults(into any) {
	for _, s := range settingsOf(into) {
		if s.fallback != "" {
			// settingsOf has made sure that a default is taken.
			_ = s.set(s.fallback)
		}
	}
}
