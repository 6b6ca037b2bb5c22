// Package ci_test holds what pipelines do against what the repository has.
package ci_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-cmp/cmp"
	"github.com/rhysd/actionlint"
	"sigs.k8s.io/yaml"
)

// root is the folder at the top of the repository, as far as this test has it.
func root(t *testing.T) string {
	t.Helper()
	anchor := os.Getenv("ANCHOR")
	if anchor == "" {
		return "../.."
	}
	path, err := runfiles.Rlocation(anchor)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(path, "/go.mod")
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// GitHub would run the workflows: actionlint has nothing to say about them, nor
// about what they call.
func TestWorkflows(t *testing.T) {
	project, err := actionlint.NewProject(root(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root(t), ".github/workflows/*.yml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d workflows: %v", len(files), err)
	}
	// Without shellcheck and pyflakes, which other machines may not have.
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := linter.LintFiles(files, project)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%v", problem)
	}
}

// A workflow that is wrong does not pass, or the test above would mean nothing.
func TestWorkflowsCanFail(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const wrong = "on: push\njobs:\n  a:\n    needs: [b]\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.nothing }}\n"
	problems, err := linter.Lint("wrong.yml", []byte(wrong), nil)
	if err != nil || len(problems) < 2 {
		t.Errorf("found %d problems, want one with needs and one with github.nothing: %v", len(problems), err)
	}
}

// The one check to require waits for every other job, and always runs.
func TestGate(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			If    string   `json:"if"`
			Needs []string `json:"needs"`
		} `json:"jobs"`
	}
	// Not strictly: what else is there is for actionlint.
	content := regexp.MustCompile(`(?m)^    needs: (\w+)$`).ReplaceAllString(read(t, ".github/workflows/ci.yml"), "    needs: [$1]")
	if err := yaml.Unmarshal([]byte(content), &workflow); err != nil {
		t.Fatal(err)
	}
	gate, ok := workflow.Jobs["gate"]
	if !ok || gate.If != "always()" {
		t.Fatalf("the gate is %+v", gate)
	}
	for name := range workflow.Jobs {
		if name != "gate" && !slices.Contains(gate.Needs, name) {
			t.Errorf("the gate does not wait for %s", name)
		}
	}
}

// A version that a workflow names is the repository's own.
func TestGoVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))
	if version == nil {
		t.Fatal("go.mod names no version")
	}
	for _, process := range processes(t) {
		if want := "name: golang:" + version[1] + "\n"; !strings.Contains(read(t, cloudBuild(process)), want) {
			t.Errorf("%s has not %q", cloudBuild(process), want)
		}
	}
}

// Each process has a pipeline in Cloud Build, and they differ in nothing but its
// name.
func TestCloudBuild(t *testing.T) {
	all := processes(t)
	if len(all) < 3 {
		t.Fatalf("found the processes %q", all)
	}
	neutral := func(process string) string {
		return strings.ReplaceAll(read(t, cloudBuild(process)), process, "SERVICE/PROCESS")
	}
	first := neutral(all[0])
	for _, process := range all {
		if diff := cmp.Diff(first, neutral(process)); diff != "" {
			t.Errorf("%s differs from that of %s:\n%s", process, all[0], diff)
		}
	}
	var build struct {
		Steps []struct {
			ID, Name, Entrypoint string
			Args, Env            []string
			Volumes              []struct{ Name, Path string }
		}
		Substitutions map[string]string
		Options       map[string]string
		Timeout       string
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, cloudBuild(all[0]))), &build); err != nil {
		t.Fatal(err)
	}
	if len(build.Steps) != 2 {
		t.Fatalf("it has %d steps", len(build.Steps))
	}
	// Cloud Build refuses a build that uses what it does not know, and the other way round.
	used := map[string]bool{}
	for _, match := range regexp.MustCompile(`(^|[^$])\$(_[A-Z]+)`).FindAllStringSubmatch(strings.Join(build.Steps[1].Args, "\n"), -1) {
		used[match[2]] = true
	}
	for name := range build.Substitutions {
		if !used[name] {
			t.Errorf("%s is not used", name)
		}
		delete(used, name)
	}
	if len(used) > 0 {
		t.Errorf("unknown substitutions: %v", used)
	}
	for _, variable := range regexp.MustCompile(`(^|[^$])\$([A-Za-z][A-Za-z_]*)`).FindAllStringSubmatch(strings.Join(build.Steps[1].Args, "\n"), -1) {
		if !slices.Contains([]string{"BRANCH_NAME"}, variable[2]) {
			t.Errorf("$%s is neither a substitution nor escaped as $$%s", variable[2], variable[2])
		}
	}
}

func cloudBuild(process string) string {
	return "tools/ci/" + strings.ReplaceAll(process, "/", "-") + ".cloudbuild.yaml"
}

// processes are those that k8s/processes.bzl lists.
func processes(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, match := range regexp.MustCompile(`"//services/([^"]+)",`).FindAllStringSubmatch(read(t, "k8s/processes.bzl"), -1) {
		found = append(found, match[1])
	}
	return found
}
