// Package ci_test holds what pipelines do against what the repository has.
package ci_test

import (
	"fmt"
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

// Actions of others are what they were when they were looked at: a commit, not a
// tag. Nothing leaves a token of the repository behind in the checkout, but where
// a job fetches the branch once more, and says so.
func TestPins(t *testing.T) {
	pinned := regexp.MustCompile(`^(\./\S+|[\w-]+(/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)
	files, err := filepath.Glob(filepath.Join(root(t), ".github/*/*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob(filepath.Join(root(t), ".github/*/*/*.yml"))
	if err != nil || len(files)+len(deeper) < 4 {
		t.Fatalf("found %d files: %v", len(files)+len(deeper), err)
	}
	for _, file := range slices.Concat(files, deeper) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)\buses: *(.*)$`).FindAllStringSubmatch(string(content), -1) {
			if !pinned.MatchString(match[1]) {
				t.Errorf("%s: %q: want a full commit hash and, behind #, its version", filepath.Base(file), match[1])
			}
		}
		checkouts := strings.Count(string(content), "actions/checkout@")
		without := strings.Count(string(content), "persist-credentials: false")
		with := len(regexp.MustCompile(`(?m)^ *# .*token.*\n *persist-credentials: true$`).FindAllString(string(content), -1))
		if checkouts != without+with {
			t.Errorf("%s: %d checkouts, %d of them without persist-credentials, %d with a reason for them", filepath.Base(file), checkouts, without, with)
		}
		if fetches := strings.Count(string(content), " git fetch "); with > fetches {
			t.Errorf("%s: %d checkouts keep a token, for %d fetches", filepath.Base(file), with, fetches)
		}
	}
}

// Who asks what runs takes the lock file of the branch as it is then: it is fetched
// first, by whatever started the pipeline with an older one.
func TestRunning(t *testing.T) {
	files := []string{".github/workflows/release.yml", ".github/workflows/deploy.yml"}
	for _, process := range processes(t) {
		files = append(files, cloudBuild(process))
	}
	for _, file := range files {
		before, _, asks := strings.Cut(read(t, file), "--running")
		if !asks || !regexp.MustCompile(`git fetch .*\+refs/heads/(\$\w+):refs/remotes/origin/(\$\w+)"?\n`).MatchString(before) {
			t.Errorf("%s does not fetch the branch before it asks what runs", file)
		}
	}
}

// No workflow may write to the repository with its own token, and each job ends.
func TestPermissions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), ".github/workflows/*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var workflow struct {
			Permissions map[string]string `json:"permissions"`
			Jobs        map[string]struct {
				Uses        string            `json:"uses"`
				Permissions map[string]string `json:"permissions"`
				Timeout     int               `json:"timeout-minutes"`
			} `json:"jobs"`
		}
		if err := yaml.Unmarshal(content, &workflow); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"contents": "read"}, workflow.Permissions); diff != "" {
			t.Errorf("%s: permissions (-want +got):\n%s", filepath.Base(file), diff)
		}
		for name, job := range workflow.Jobs {
			for scope, access := range job.Permissions {
				if access != "read" && scope != "id-token" {
					t.Errorf("%s: %s has %s: %s", filepath.Base(file), name, scope, access)
				}
			}
			if job.Uses == "" && job.Timeout == 0 {
				t.Errorf("%s: %s has no timeout", filepath.Base(file), name)
			}
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

// Servers are deployed after Jobs that came to a good end, or where none was due.
// One that takes too long counts as cancelled, not as failed.
func TestServers(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			If string `json:"if"`
		} `json:"jobs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/release.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	const want = "${{ !cancelled() && needs.due.result == 'success' && needs.due.outputs.servers != '[]' " +
		"&& (needs.jobs.result == 'success' || needs.jobs.result == 'skipped') }}"
	if got := workflow.Jobs["servers"].If; got != want {
		t.Errorf("servers are deployed if %s, want %s", got, want)
	}
}

// Jobs that run again have the outputs of the first attempt, so what is due is
// found out once more before anything is pushed.
func TestRunAgain(t *testing.T) {
	order := regexp.MustCompile(`(?s) affected .*"\$state" = newer \].*::error::.*exit 1\n.*:push" --.*\.apply" --`)
	if !order.MatchString(read(t, ".github/workflows/deploy.yml")) {
		t.Error("deploy.yml does not refuse what is older than what runs, or too late")
	}
}

// How a deploy ended is noted also if it failed, and the pipeline fails then.
func TestNotes(t *testing.T) {
	deploy := read(t, ".github/workflows/deploy.yml")
	for _, want := range []string{
		"- name: Apply\n        id: apply\n",
		"- name: Note what runs\n        if: always() && steps.apply.outcome != 'skipped'\n",
	} {
		if !strings.Contains(deploy, want) {
			t.Errorf("deploy.yml has not %q", want)
		}
	}
	for _, process := range processes(t) {
		order := regexp.MustCompile(`(?s)\.apply -- [^\n]* \|\| applied=\$\$\?\n.* note ` + process + ` [^\n]*\n *exit \$\$applied\n`)
		if !order.MatchString(read(t, cloudBuild(process))) {
			t.Errorf("%s does not note a deploy that failed, or does not fail with it", cloudBuild(process))
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
			Args, Env, SecretEnv []string
			Volumes              []struct{ Name, Path string }
		}
		Substitutions    map[string]string
		AvailableSecrets struct {
			SecretManager []struct{ VersionName, Env string }
		}
		Options map[string]string
		Timeout string
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, cloudBuild(all[0]))), &build); err != nil {
		t.Fatal(err)
	}
	var scripts strings.Builder
	for _, step := range build.Steps {
		fmt.Fprintln(&scripts, strings.Join(step.Args, "\n"))
		for _, secret := range step.SecretEnv {
			if !slices.ContainsFunc(build.AvailableSecrets.SecretManager, func(s struct{ VersionName, Env string }) bool { return s.Env == secret }) {
				t.Errorf("%s is no secret of the build", secret)
			}
		}
	}
	// Cloud Build refuses a build that uses what it does not know, and the other way round.
	used := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)(^|[^$])\$([A-Za-z_]+)`).FindAllStringSubmatch(scripts.String(), -1) {
		used[match[2]] = true
	}
	for name := range build.Substitutions {
		if !used[name] {
			t.Errorf("%s is not used", name)
		}
		delete(used, name)
	}
	for name := range used {
		if !slices.Contains([]string{"BRANCH_NAME", "BUILD_ID", "PROJECT_ID", "REPO_FULL_NAME"}, name) {
			t.Errorf("$%s is neither a substitution nor escaped as $$%s", name, name)
		}
	}
	// A command in front of a pipe would fail unseen.
	if pipe := regexp.MustCompile(`[^|]\|[^|]`).FindString(scripts.String()); pipe != "" {
		t.Errorf("a script has a pipe: %q", pipe)
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
