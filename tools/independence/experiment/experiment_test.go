package experiment_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/independence/experiment"
	"github.com/soketsugo/soketsugo/tools/independence/mutation"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
	"github.com/soketsugo/soketsugo/tools/soketsugo/why"
)

// fakeWorkshop takes for the deployments of two processes what their files hold.
type fakeWorkshop struct {
	root     string
	baseline map[string]deployment.Deployment
	// cause is the label that why names, and forgets says that a failed deploy is
	// taken for a good one.
	cause   string
	forgets bool
}

func digest(content string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content))) }

func (w fakeWorkshop) Deployments(context.Context) (map[string]deployment.Deployment, error) {
	built := map[string]deployment.Deployment{}
	for _, process := range []string{"a", "b"} {
		content, err := os.ReadFile(filepath.Join(w.root, process))
		if err != nil {
			return nil, err
		}
		// The image, and behind a dash what else the manifest of staging has.
		image, _, _ := strings.Cut(string(content), "-")
		built[process] = deployment.Deployment{
			Image:     digest(image),
			Manifests: map[string]string{"staging": digest(string(content)), "production": digest(image)},
		}
	}
	return built, nil
}

func (w fakeWorkshop) ByRevision(ctx context.Context, revision string) (affected.Report, error) {
	current, err := w.Deployments(ctx)
	if revision == "HEAD" {
		return affected.ByRevision(revision, current, current, nil), err
	}
	return affected.ByRevision(revision, w.baseline, current, nil), err
}

func (w fakeWorkshop) ByEnvironment(ctx context.Context, environment, _ string) (affected.Report, error) {
	current, err := w.Deployments(ctx)
	if err != nil {
		return affected.Report{}, err
	}
	running, err := lock.Read(lock.Path(w.root, environment))
	if err == nil && w.forgets && len(running) > 0 {
		return affected.ByEnvironment(environment, running, nil, w.baseline), nil
	}
	return affected.ByEnvironment(environment, running, nil, current), err
}

func (w fakeWorkshop) Why(ctx context.Context, process, _ string) ([]why.Explanation, error) {
	current, err := w.Deployments(ctx)
	if err != nil || current[process].Manifests["staging"] == w.baseline[process].Manifests["staging"] {
		return nil, err
	}
	return []why.Explanation{{What: "image", Chains: []why.Chain{{Labels: []string{w.cause, "//" + process + ":image"}, File: true}}}}, nil
}

// A change of an image is a surprise unless it was expected, and so is one that
// was expected and did not come; and so is a wrong answer.
func TestCompare(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	for _, test := range []struct {
		name      string
		expected  []string
		manifests map[string]string
		tests     []string
		mutated   string
		line      string
		cause     string
		forgets   bool
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
		{
			name: "a test that is not named", tests: []string{"b"}, mutated: "c", err: experiment.ErrSurprise,
			output: []string{"the change: b: got same, want test: the reason"},
		},
		{
			name: "another cause", expected: []string{"a"}, mutated: "a", cause: "//:b", err: experiment.ErrSurprise,
			output: []string{`the change: why a names ["b"], want ["a"]`},
		},
		{
			name: "a deploy that failed and is not due", expected: []string{"a"}, mutated: "a", forgets: true, err: experiment.ErrSurprise,
			output: []string{`the change: due in staging: got [], want ["a"]`, `the change, after a deploy that failed: due in staging: got [], want ["a"]`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			for _, name := range []string{"a", "b", "c"} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			repository, err := experiment.NewRepository(t.Context(), folder)
			if err != nil {
				t.Fatal(err)
			}
			shop := fakeWorkshop{root: folder, cause: cmp.Or(test.cause, "//:"+test.mutated), forgets: test.forgets}
			if shop.baseline, err = shop.Deployments(t.Context()); err != nil {
				t.Fatal(err)
			}
			var output strings.Builder
			err = experiment.Compare(t.Context(), repository, shop, []experiment.Change{{
				Name:      "the change",
				Mutate:    mutation.Line(test.mutated, cmp.Or(test.line, "x")),
				Changes:   test.expected,
				Manifests: test.manifests,
				Tests:     test.tests,
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
			if content, _ := os.ReadFile(filepath.Join(folder, test.mutated)); string(content) != test.mutated {
				t.Errorf("the change was not undone: %q", content)
			}
		})
	}
}
