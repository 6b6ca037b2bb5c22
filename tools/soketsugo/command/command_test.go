package command_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/soketsugo/command"
)

// Wrong calls exit with 2 and say what is wanted.
func TestMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"":                                    "no command",
		"effected":                            `unknown command "effected"`,
		"affected":                            "give --base REV or --env ENV",
		"affected --base HEAD --env staging":  "one of them",
		"affected --env ../../etc/passwd":     "want the name of a file in k8s/environments",
		"affected playbook/rest --base HEAD":  `unexpected argument "playbook/rest"`,
		"affected --bass HEAD":                "-bass",
		"why --base HEAD":                     "give a process, as playbook/rest",
		"why playbook/rest":                   "give --base REV",
		"why playbook/rest --env staging":     "why takes no --env",
		"why playbook/rest playbook/grpc":     `unexpected argument "playbook/grpc"`,
		"why playbook/rest --json --base REV": "why takes no --json",
		"affected --base HEAD --running main": "--running goes with --env",
		"affected --env a --branch main":      "affected takes no --branch",
		"note --env staging --branch main":    "note: give a process",
		"note playbook/rest --branch main":    "give --env ENV and --branch BRANCH",
		"note playbook/rest --env staging":    "give --env ENV and --branch BRANCH",
		"note s/a --env a --branch=--force":   "want names",
		"note s/a --env ../a --branch main":   "want the name of a file in k8s/environments",
	} {
		var stdout, stderr strings.Builder
		code := command.Run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), want) || stdout.String() != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q, want 2 and %q", args, code, stdout.String(), stderr.String(), want)
		}
	}
}

// Help is no error.
func TestHelp(t *testing.T) {
	for _, args := range []string{"help", "--help", "affected --help", "why playbook/rest -h"} {
		var stdout, stderr strings.Builder
		code := command.Run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), "why PROCESS --base REV") || stderr.String() != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
		}
	}
}
