package command_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/command"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/testing/document"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/migrations.md")

// The commands, settings and exit codes of the documentation are those of the
// code.
func TestDocumentation(t *testing.T) {
	var commands, settings, exits strings.Builder
	commands.WriteString("| command | what it does |\n|---|---|\n")
	for _, c := range command.Commands() {
		fmt.Fprintf(&commands, "| `%s` | %s |\n", c.Name, c.Summary)
	}
	settings.WriteString("| setting | default | what it does |\n|---|---|---|\n")
	for _, s := range config.Describe(&command.Configuration{}) {
		value := s.Default
		if value == "" {
			value = "not set"
		}
		fmt.Fprintf(&settings, "| `%s` | %s | %s |\n", s.Name, value, s.Doc)
	}
	exits.WriteString("| code | meaning | what to do | does the Job try again |\n|---|---|---|---|\n")
	for _, e := range migration.Exits() {
		again := "no"
		if e.Retry {
			again = "yes"
		}
		fmt.Fprintf(&exits, "| %d | %s | %s | %s |\n", e.Code, e.Meaning, e.Remedy, again)
	}
	document.Check(t, "../../../docs/migrations.md", *update, map[string]string{
		"commands": commands.String(), "settings": settings.String(), "exits": exits.String(),
	})
}
