package console_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/soketsugo/soketsugo/libs/child"
	"github.com/soketsugo/soketsugo/services/playbook/dev/console"
)

// Each line stands behind its process's name, and colours are used only where
// they are wanted.
func TestLog(t *testing.T) {
	line := child.Line{Level: "ERROR", Message: "broken", Attributes: []child.Attribute{{Key: "why", Value: "x y"}}}
	for _, test := range []struct {
		colour bool
		want   string
	}{
		{false, "rest    | ERROR broken why=\"x y\"\ndev     | 2 ready\n"},
		{true, "\x1b[32mrest    |\x1b[0m \x1b[31mERROR broken why=\"x y\"\x1b[0m\n\x1b[1mdev     |\x1b[0m 2 ready\n"},
	} {
		var out bytes.Buffer
		c := console.New(&out, test.colour)
		c.Log("rest", line)
		c.Say("%d ready", 2)
		if out.String() != test.want {
			t.Errorf("colour %v: got %q, want %q", test.colour, &out, test.want)
		}
	}
}

// A file is not a terminal, and NO_COLOR and TERM=dumb win over a terminal.
func TestWantsColour(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	device, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for _, test := range []struct {
		name string
		file *os.File
		env  map[string]string
		want bool
	}{
		{"a terminal", device, nil, true},
		{"a file", file, nil, false},
		{"NO_COLOR", device, map[string]string{"NO_COLOR": "1"}, false},
		{"an empty NO_COLOR", device, map[string]string{"NO_COLOR": ""}, true},
		{"a dumb terminal", device, map[string]string{"TERM": "dumb"}, false},
	} {
		lookup := func(name string) (string, bool) {
			value, ok := test.env[name]
			return value, ok
		}
		if got := console.WantsColour(test.file, lookup); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
