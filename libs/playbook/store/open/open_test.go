package open_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/playbook/store/open"
)

// What cannot be opened is refused with a reason and without its password.
func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct{ name, url, want string }{
		{"another database", "mysql://user:hunter2@host/db", `scheme is "mysql"`},
		{"no URL", "::hunter2", "cannot be parsed"},
		{"an SQLite file as a host", "sqlite://playbook.db", "absolute path"},
		{"an SQLite file in a folder that is a host", "sqlite://folder/playbook.db", "absolute path"},
		{"an SQLite file without slashes", "sqlite:playbook.db", "absolute path"},
		{"an SQLite URL without a file", "sqlite://", "absolute path"},
		{"an escape that is none", "postgres://user:hunter2%zz@host/db", "cannot be parsed"},
	} {
		_, err := open.Open(test.url)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error with %q and without the password", test.name, err, test.want)
		}
	}
}

// Opening does not wait for the server.
func TestOpenPostgres(t *testing.T) {
	store, err := open.Open("postgres://nobody@127.0.0.1:1/nothing")
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
}
