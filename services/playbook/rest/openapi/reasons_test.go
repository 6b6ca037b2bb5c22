package openapi_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/runtime/reason"
	"github.com/soketsugo/soketsugo/services/playbook/rest/openapi"
)

// What programs can rely on is written down, and nothing else is: the reasons of the
// service and those of the server around it.
func TestReasonsAreDocumented(t *testing.T) {
	all := reason.All()
	for _, r := range domain.Reasons() {
		all = append(all, string(r))
	}
	slices.Sort(all)
	// Two are of both, since both can find a request wrong, and fail.
	all = slices.Compact(all)

	var document struct {
		Components struct {
			Schemas struct{ Reason struct{ Enum []string } }
		}
	}
	if err := json.Unmarshal(openapi.Document, &document); err != nil {
		t.Fatal(err)
	}
	enum := document.Components.Schemas.Reason.Enum
	slices.Sort(enum)
	if diff := cmp.Diff(all, enum); diff != "" {
		t.Errorf("the reasons in openapi.json (-code +document):\n%s", diff)
	}

	page, err := os.ReadFile("../../../../docs/playbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| reason | what it means | metadata |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for line := range strings.Lines(table) {
		listed = append(listed, strings.Split(line, "`")[1])
	}
	slices.Sort(listed)
	if diff := cmp.Diff(all, listed); diff != "" {
		t.Errorf("the reasons in docs/playbook.md (-code +page):\n%s", diff)
	}
}
