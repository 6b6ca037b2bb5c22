package formatter_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/format/formatter"
)

// shout is a formatter that wants file "greeting" in capitals.
type shout struct{ err error }

func (shout) Name() string { return "shout" }

func (s shout) Fix(_ context.Context, root string, _ []string) error {
	path := filepath.Join(root, "greeting")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return errors.Join(s.err, os.WriteFile(path, []byte(strings.ToUpper(string(content))), 0o644))
}

// newCheckout makes a git repository with files.
func newCheckout(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if output, err := exec.Command("git", "init", "--quiet", root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, output)
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// contentOf reads a file of a checkout.
func contentOf(t *testing.T, root, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A check says what would change and what needs a person, and leaves the
// checkout alone.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name      string
		content   string
		formatter formatter.Formatter
		clean     bool
		report    []string
	}{
		{name: "in form", content: "HELLO\n", formatter: shout{}, clean: true},
		{
			name: "not in form", content: "hello\n", formatter: shout{},
			report: []string{"shout changes files", formatter.FixCommand, "b/greeting", "-hello\n+HELLO\n"},
		},
		{
			name: "in need of a person", content: "HELLO\n", formatter: shout{err: errors.New("too loud")},
			report: []string{"shout: too loud"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := newCheckout(t, map[string]string{"greeting": test.content})
			var report strings.Builder
			clean, err := formatter.Check(t.Context(), root, []formatter.Formatter{test.formatter}, &report)
			if err != nil {
				t.Fatal(err)
			}
			if clean != test.clean || clean != (report.Len() == 0) {
				t.Errorf("clean: %v, want %v; the report:\n%s", clean, test.clean, report.String())
			}
			for _, want := range test.report {
				if !strings.Contains(report.String(), want) {
					t.Errorf("%q is not in the report:\n%s", want, report.String())
				}
			}
			if content := contentOf(t, root, "greeting"); content != test.content {
				t.Errorf("the check left %q in the checkout, want %q", content, test.content)
			}
		})
	}
}

// Go files are formatted wherever they lie, but for the stand-ins.
func TestGofmt(t *testing.T) {
	const messy, neat = "package  p\nvar  x=1\n", "package p\n\nvar x = 1\n"
	root := newCheckout(t, map[string]string{
		"a.go":                      messy,
		"deep/down/b.go":            neat,
		"text.txt":                  messy,
		"tools/airgap/modules/x.go": messy,
	})
	if err := formatter.Fix(t.Context(), root, []formatter.Formatter{formatter.Gofmt{}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a.go":                      neat,
		"deep/down/b.go":            neat,
		"text.txt":                  messy,
		"tools/airgap/modules/x.go": messy,
	} {
		if got := contentOf(t, root, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A Go file that does not parse is an error that names it.
func TestGofmtSyntaxError(t *testing.T) {
	root := newCheckout(t, map[string]string{"broken.go": "package\n"})
	err := formatter.Fix(t.Context(), root, []formatter.Formatter{formatter.Gofmt{}})
	if err == nil || !strings.Contains(err.Error(), "broken.go") {
		t.Errorf("got %v, want an error that names broken.go", err)
	}
}
