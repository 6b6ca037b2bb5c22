//go:build !sqlite

package open_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/store/open"
)

// A production binary says what it holds and what to set.
func TestOpenWithoutSQLite(t *testing.T) {
	_, err := open.Open("sqlite:///tmp/x.db")
	if err == nil || !strings.Contains(err.Error(), "PostgreSQL only") || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
}
