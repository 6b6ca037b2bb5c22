package scopelist_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/scopelist"
)

// Scopes are written as one text, and read again.
func TestRoundTrip(t *testing.T) {
	for text, scopes := range map[string][]domain.Scope{
		"":           nil,
		"read":       {domain.ScopeRead},
		"read write": {domain.ScopeRead, domain.ScopeWrite},
	} {
		if got := scopelist.Encode(scopes); got != text {
			t.Errorf("Encode(%q): got %q, want %q", scopes, got, text)
		}
		if diff := cmp.Diff(scopes, scopelist.Decode(text)); diff != "" {
			t.Errorf("Decode(%q) (-want +got):\n%s", text, diff)
		}
	}
}
