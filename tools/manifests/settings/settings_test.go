package settings_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/tools/manifests/settings"
	"github.com/soketsugo/soketsugo/tools/manifests/testprocess"
)

func TestMain(m *testing.M) {
	testprocess.Main()
	os.Exit(m.Run())
}

// A process says what it is and what holds: what was set, and defaults.
func TestRead(t *testing.T) {
	s, err := settings.Read(t.Context(), os.Args[0], map[string]string{"DRAIN_DELAY": "7s", "GOMEMLIMIT": "99MiB"}, []string{"DATABASE_URL"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "1.2.3" || s.Schema != testprocess.Schema {
		t.Errorf("got %+v", s)
	}
	if delay, err := s.Duration("DRAIN_DELAY"); err != nil || delay != 7*time.Second {
		t.Errorf("got %s, %v", delay, err)
	}
	if timeout, err := s.Duration("SHUTDOWN_TIMEOUT"); err != nil || timeout != 20*time.Second {
		t.Errorf("got %s, %v", timeout, err)
	}
	if port, err := s.Port("GRPC_ADDR"); err != nil || port != 50051 {
		t.Errorf("got %d, %v", port, err)
	}
	if _, err := s.Duration("NONE"); err == nil {
		t.Error("there is a setting that there is not")
	}
	if _, err := s.Port("LOG_LEVEL"); err == nil {
		t.Error("a level is an address")
	}
}

// The environment of the build reaches no process.
func TestEnvironment(t *testing.T) {
	t.Setenv("GRPC_ADDR", ":1234")
	s, err := settings.Read(t.Context(), os.Args[0], nil, []string{"DATABASE_URL"})
	if err != nil {
		t.Fatal(err)
	}
	if port, err := s.Port("GRPC_ADDR"); err != nil || port != 50051 {
		t.Errorf("got %d, %v", port, err)
	}
}

// What the process would not start with is refused; a secret that the process
// does not have, too.
func TestReadRefuses(t *testing.T) {
	for _, test := range []struct {
		env     map[string]string
		secrets []string
		want    string
	}{
		{nil, nil, "DATABASE_URL is not set"},
		{map[string]string{"DRAIN_DELAY": "soon"}, []string{"DATABASE_URL"}, `would not start: DRAIN_DELAY is "soon"`},
		{nil, []string{"DATABASE_URL", "DATABASE_URI"}, "DATABASE_URI is not a setting"},
		{map[string]string{"DATABASE_URL": "postgres://u:hunter2@h/d"}, nil, "DATABASE_URL is secret"},
	} {
		_, err := settings.Read(t.Context(), os.Args[0], test.env, test.secrets)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, %v: got %v, want %q", test.env, test.secrets, err, test.want)
		}
	}
	if _, err := settings.Read(t.Context(), "/no/such/binary", nil, nil); err == nil {
		t.Error("a binary that there is not answered")
	}
}
