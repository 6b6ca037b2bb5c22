package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/manifests/command"
	"github.com/soketsugo/soketsugo/tools/manifests/testprocess"
)

func TestMain(m *testing.M) {
	testprocess.Main()
	os.Exit(m.Run())
}

const (
	declaration = `{"service":"shop","process":"grpc","kind":"grpc","replicas":{"min":2,"max":6},
		"resources":{"cpu":"100m","memory":"64Mi","cpuLimit":"1","memoryLimit":"128Mi"},
		"env":{"LOG_LEVEL":"info"},"secrets":{"DATABASE_URL":"db/url"},"deadline":"1h"}`
	environment = `
contexts: [here]
namespace: here
registry: registry.example.com/here
network: {database: {port: 5432, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}}
`
)

// run lays out a process that is declared so, and returns the folder, the exit
// code and the words.
func run(t *testing.T, workload string) (output string, code int, words string) {
	t.Helper()
	folder := t.TempDir()
	output = filepath.Join(folder, "tree")
	for name, content := range map[string]string{"workload.json": workload, "here.yaml": environment} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code = command.Run(t.Context(), []string{
		"tree", "--workload", filepath.Join(folder, "workload.json"), "--binary", os.Args[0],
		"--environment", filepath.Join(folder, "here.yaml"), "--output", output,
	}, &stdout, &stderr)
	return output, code, stderr.String()
}

// What is right is laid out.
func TestTree(t *testing.T) {
	output, code, words := run(t, declaration)
	if code != 0 || words != "" {
		t.Fatalf("got exit code %d: %s", code, words)
	}
	if _, err := os.Stat(filepath.Join(output, "overlays", "here", "kustomization.yaml")); err != nil {
		t.Error(err)
	}
}

// A mistake in a BUILD file fails the action, whose line Bazel names, and leaves
// nothing behind. What only the macro knows, environments that there are not, is
// tested in tools/process/private.
func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"missing secret":  {`{"DATABASE_URL":"db/url"}`, `{}`, "DATABASE_URL is not set"},
		"bad reference":   {`db/url`, `db`, "take SECRET/KEY"},
		"port used twice": {`"LOG_LEVEL":"info"`, `"GRPC_ADDR":":8081"`, "port 8081 is used twice: by GRPC_ADDR and by ADMIN_ADDR"},
		"quantity":        {`100m"`, `100mm"`, `cpu = "100mm" is no quantity`},
		"name":            {`"shop"`, `"` + strings.Repeat("shop", 15) + `"`, "has 65 characters"},
	} {
		if !strings.Contains(declaration, test.old) {
			t.Fatalf("%s is not there to be replaced", test.old)
		}
		output, code, words := run(t, strings.Replace(declaration, test.old, test.new, 1))
		if code != 1 || !strings.Contains(words, test.want) || strings.Count(words, "\n") != 1 {
			t.Errorf("%s: got exit code %d and %q, want one line with %q", name, code, words, test.want)
		}
		if _, err := os.Stat(output); err == nil {
			t.Errorf("%s: there is a tree", name)
		}
	}
}

// A wrong call says what is right.
func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "take tree or render"},
		{[]string{"plant"}, 2, "take tree or render"},
		{[]string{"tree"}, 2, "needs --environment and --output"},
		{[]string{"render", "--output", "x", "--environment", "y", "z"}, 2, "takes flags only"},
		{[]string{"--help"}, 0, "Usage: manifests"},
	} {
		var output bytes.Buffer
		if code := command.Run(t.Context(), test.args, &output, &output); code != test.code || !strings.Contains(output.String(), test.want) {
			t.Errorf("%q: got exit code %d and %q, want %d and %q", test.args, code, output.String(), test.code, test.want)
		}
	}
}
