package command_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/process/attest/command"
	"github.com/soketsugo/soketsugo/tools/process/attest/provenance"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
)

// The statement names the image by its digest and the commit that it was built
// from; cosign's commands are printed and not run.
func TestAttest(t *testing.T) {
	layout, workspace, output := imagedirtest.Write(t, imagedirtest.Good()), newCheckout(t), t.TempDir()
	directory, err := imagedir.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, workspace, args(t, layout, "--output="+output, "--builder=https://ci.example.com/1")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	content, err := os.ReadFile(filepath.Join(output, "server.provenance.json"))
	if err != nil {
		t.Fatal(err)
	}
	var statement provenance.Statement
	if err := json.Unmarshal(content, &statement); err != nil {
		t.Fatal(err)
	}
	head := strings.TrimSpace(git(t, workspace, "rev-parse", "HEAD"))
	digest := directory.Root().Digest
	definition := statement.Predicate.BuildDefinition
	if len(statement.Subject) != 1 || statement.Subject[0].Name != "registry.example.com/team/server" || statement.Subject[0].Digest["sha256"] != digest.Hex {
		t.Errorf("the subject is %+v", statement.Subject)
	}
	if statement.Type != "https://in-toto.io/Statement/v1" || statement.PredicateType != "https://slsa.dev/provenance/v1" {
		t.Errorf("the types are %q, %q", statement.Type, statement.PredicateType)
	}
	if len(definition.ResolvedDependencies) != 1 || definition.ResolvedDependencies[0].Digest["gitCommit"] != head {
		t.Errorf("it is built from %+v, want commit %s", definition.ResolvedDependencies, head)
	}
	if definition.ExternalParameters["target"] != "//s:image" || statement.Predicate.RunDetails.Builder.ID != "https://ci.example.com/1" {
		t.Errorf("the predicate is %+v", statement.Predicate)
	}
	for _, want := range []string{
		"cosign sign --yes registry.example.com/team/server@" + digest.String() + "\n",
		"cosign attest --yes --type=spdxjson --predicate=" + filepath.Join(output, "server.spdx.json"),
		"cosign attest --yes --type=slsaprovenance1 --predicate=" + filepath.Join(output, "server.predicate.json"),
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, stdout)
		}
	}
	if bill, err := os.ReadFile(filepath.Join(output, "server.spdx.json")); err != nil || string(bill) != "{}\n" {
		t.Errorf("the bill of materials is %q, %v", bill, err)
	}
}

// Nothing is stated that is not known to be true.
func TestRefusals(t *testing.T) {
	layout, workspace := imagedirtest.Write(t, imagedirtest.Good()), newCheckout(t)
	t.Setenv("PATH", t.TempDir()+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if code, _, stderr := run(t, workspace, args(t, layout)...); code != 2 || !strings.Contains(stderr, "--output is missing") {
		t.Errorf("without a folder: exit code %d, stderr %q", code, stderr)
	}
	if code, _, stderr := run(t, workspace, "--repository=x", "--output=y"); code != 2 || !strings.Contains(stderr, "through its targets") {
		t.Errorf("without an image: exit code %d, stderr %q", code, stderr)
	}
	if err := os.WriteFile(filepath.Join(workspace, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, workspace, args(t, layout, "--output="+t.TempDir())...); code != 1 || !strings.Contains(stderr, "files differ from the commit") {
		t.Errorf("with a file that is not committed: exit code %d, stderr %q", code, stderr)
	}
}

// --cosign runs what is printed, and stops where that fails.
func TestCosign(t *testing.T) {
	layout, workspace, programs := imagedirtest.Write(t, imagedirtest.Good()), newCheckout(t), t.TempDir()
	script := "#!/bin/sh\necho ran \"$1\"\n[ \"$1\" = sign ]\n"
	if err := os.WriteFile(filepath.Join(programs, "cosign"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	code, stdout, stderr := run(t, workspace, args(t, layout, "--output="+t.TempDir(), "--cosign")...)
	if code != 1 || !strings.Contains(stderr, "running cosign attest: exit status 1") || strings.Count(stdout, "ran ") != 2 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func args(t *testing.T, layout string, more ...string) []string {
	t.Helper()
	bill := filepath.Join(t.TempDir(), "sbom.json")
	if err := os.WriteFile(bill, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{
		"--layout=" + layout, "--name=server", "--target=//s:image", "--sbom=" + bill, "--repository=registry.example.com/team/",
	}, more...)
}

func run(t *testing.T, workspace string, args ...string) (code int, stdout, stderr string) {
	var out, problem strings.Builder
	getenv := func(name string) string {
		return map[string]string{"BUILD_WORKSPACE_DIRECTORY": workspace, "BUILD_WORKING_DIRECTORY": workspace}[name]
	}
	code = command.Run(t.Context(), args, getenv, &out, &problem)
	return code, out.String(), problem.String()
}

func newCheckout(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	folder := t.TempDir()
	git(t, folder, "init", "--quiet")
	git(t, folder, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--allow-empty", "--message=test")
	return folder
}

func git(t *testing.T, folder string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, output)
	}
	return string(output)
}
