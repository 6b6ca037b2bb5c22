package experiment_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/independence/experiment"
	"github.com/soketsugo/soketsugo/tools/independence/mutation"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
)

// fakeBuilder takes for the digests of two processes what their files hold.
type fakeBuilder string

func (b fakeBuilder) Build(context.Context) (map[string]deployment.Deployment, error) {
	built := map[string]deployment.Deployment{}
	for _, process := range []string{"a", "b"} {
		content, err := os.ReadFile(filepath.Join(string(b), process))
		if err != nil {
			return nil, err
		}
		// The image, and behind a dash what else the manifest of staging has.
		image, _, _ := strings.Cut(string(content), "-")
		built[process] = deployment.Deployment{
			Image:     image,
			Manifests: map[string]string{"staging": string(content), "production": image},
		}
	}
	return built, nil
}

// A change of an image is a surprise unless it was expected, and so is one that
// was expected and did not come.
func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name      string
		expected  []string
		manifests map[string]string
		mutated   string
		line      string
		err       error
		output    []string
	}{
		{name: "as expected", expected: []string{"a"}, mutated: "a", output: []string{"changed       same"}},
		{
			name: "too much", mutated: "b", err: experiment.ErrSurprise,
			output: []string{"same          changed", "the change: b: got changed, want same: the reason"},
		},
		{
			name: "too little", expected: []string{"a", "b"}, mutated: "a", err: experiment.ErrSurprise,
			output: []string{"the change: b: got same, want changed: the reason"},
		},
		{
			name: "a process that is gone", expected: []string{"a", "c"}, mutated: "a", err: experiment.ErrSurprise,
			output: []string{"the change: no image of c was built"},
		},
		{
			name: "one manifest", manifests: map[string]string{"a": "staging"}, mutated: "a", line: "-x",
			output: []string{"staging       same"},
		},
		{
			name: "another manifest", manifests: map[string]string{"a": "production"}, mutated: "a", line: "-x", err: experiment.ErrSurprise,
			output: []string{"the change: a: got staging, want production: the reason"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, process := range []string{"a", "b"} {
				if err := os.WriteFile(filepath.Join(folder, process), []byte("sha256:"+process), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var output strings.Builder
			err := experiment.Compare(t.Context(), folder, fakeBuilder(folder), []experiment.Change{{
				Name:      "the change",
				Mutate:    mutation.Line(test.mutated, cmp.Or(test.line, "x")),
				Changes:   test.expected,
				Manifests: test.manifests,
				Because:   "the reason",
			}}, &output)
			if !errors.Is(err, test.err) {
				t.Errorf("got %v, want %v", err, test.err)
			}
			for _, want := range test.output {
				if !strings.Contains(output.String(), want) {
					t.Errorf("%q is not in:\n%s", want, output.String())
				}
			}
			if content, _ := os.ReadFile(filepath.Join(folder, test.mutated)); string(content) != "sha256:"+test.mutated {
				t.Errorf("the change was not undone: %q", content)
			}
		})
	}
}
