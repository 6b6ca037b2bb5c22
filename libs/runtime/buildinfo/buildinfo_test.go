package buildinfo_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/buildinfo"
)

// The text begins with the process and its toolchain, one line each, with or
// without modules.
func TestString(t *testing.T) {
	for _, test := range []struct {
		info buildinfo.Info
		want string
	}{
		{buildinfo.Info{Name: "x", Version: "1.2.3", Go: "go1.26.8"}, "x 1.2.3\ngo 1.26.8\n"},
		{buildinfo.Info{Name: "x", Version: "1.2.3", Go: "go1.26.8", Schema: 4}, "x 1.2.3\ngo 1.26.8\nschema 4\n"},
		{buildinfo.Info{Name: "x", Version: "1.2.3", Go: "go1.26.8", Modules: []buildinfo.Module{{Path: "example.com/m", Version: "v1.0.0"}}},
			"x 1.2.3\ngo 1.26.8\nmodule example.com/m v1.0.0\n"},
	} {
		if got := test.info.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// The running binary knows its toolchain, and says the same every time.
func TestRead(t *testing.T) {
	first, second := buildinfo.Read("x", "1", 0), buildinfo.Read("x", "1", 0)
	if first.Go != runtime.Version() || first.String() != second.String() || !strings.HasPrefix(first.String(), "x 1\n") {
		t.Errorf("got %q and %q", first, second)
	}
}
