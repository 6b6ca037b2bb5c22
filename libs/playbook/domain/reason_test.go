package domain_test

import (
	"os"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// What programs can rely on is written down, and nothing else is.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/playbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| reason | what it means |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := map[domain.Reason]bool{}
	for line := range strings.Lines(table) {
		documented[domain.Reason(strings.Split(line, "`")[1])] = true
	}
	for _, reason := range domain.Reasons() {
		if !documented[reason] {
			t.Errorf("%s is not in docs/playbook.md", reason)
		}
		delete(documented, reason)
	}
	for reason := range documented {
		t.Errorf("docs/playbook.md has %s, which nothing returns", reason)
	}
}
