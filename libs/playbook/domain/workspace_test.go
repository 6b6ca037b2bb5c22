package domain_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// A workspace is a DNS label, and whatever is not is refused on its field.
func TestCheckWorkspace(t *testing.T) {
	for _, test := range []struct {
		workspace string
		ok        bool
	}{
		{"a", true},
		{"0", true},
		{"default", true},
		{"acme-2", true},
		{"a--b", true},
		{strings.Repeat("a", 63), true},
		{"", false},
		{strings.Repeat("a", 64), false},
		{"-a", false},
		{"a-", false},
		{"-", false},
		{"Acme", false},
		{"a.b", false},
		{"a_b", false},
		{"a b", false},
		{"a\n", false},
		{"a\x00", false},
		{"é", false},
		{"*", false},
	} {
		err := domain.CheckWorkspace("workspace", domain.Workspace(test.workspace))
		if (err == nil) != test.ok {
			t.Errorf("%q: got %v, want ok = %v", test.workspace, err, test.ok)
		}
		if err != nil && !cmp.Equal(fields(err), []string{"workspace"}) {
			t.Errorf("%q: got %v, want a mistake in workspace", test.workspace, err)
		}
	}
}
