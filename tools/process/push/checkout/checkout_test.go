package checkout_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
)

// The tag is the start of the hash, and says when files differ from the commit, be they tracked or not.
func TestRead(t *testing.T) {
	folder := newCheckout(t)
	commit, err := checkout.Read(context.Background(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(git(t, folder, "rev-parse", "HEAD")); commit.Hash != want || commit.Tag() != want[:12] {
		t.Errorf("hash %q, tag %q, want %q and its first 12 digits", commit.Hash, commit.Tag(), want)
	}
	if want := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC); !commit.Time.Equal(want) {
		t.Errorf("time %s, want %s", commit.Time, want)
	}
	if commit.Dirty || commit.Source != "" {
		t.Errorf("a fresh checkout without origin: dirty %t, source %q", commit.Dirty, commit.Source)
	}

	// What a deploy notes is none of the sources.
	environments := filepath.Join(folder, "k8s", "environments")
	if err := os.MkdirAll(environments, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(environments, "staging.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if commit, err = checkout.Read(context.Background(), folder); err != nil || commit.Dirty {
		t.Errorf("with a lock file: dirty %t, error %v", commit.Dirty, err)
	}

	if err := os.WriteFile(filepath.Join(folder, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	commit, err = checkout.Read(context.Background(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if !commit.Dirty || commit.Tag() != commit.Hash[:12]+"-dirty" {
		t.Errorf("with a new file: dirty %t, tag %q", commit.Dirty, commit.Tag())
	}
}

// Neither credentials nor paths of this machine get into the source.
func TestSource(t *testing.T) {
	folder := newCheckout(t)
	git(t, folder, "remote", "add", "origin", "x")
	for origin, want := range map[string]string{
		"https://git.example.com/team/repo.git":              "https://git.example.com/team/repo.git",
		"https://user:secret@git.example.com/team/repo.git":  "https://git.example.com/team/repo.git",
		"https://git.example.com/repo?token=secret#fragment": "https://git.example.com/repo",
		"git@git.example.com:team/repo.git":                  "ssh://git.example.com/team/repo.git",
		"ssh://git@git.example.com:22/team/repo.git":         "ssh://git.example.com:22/team/repo.git",
		"/srv/repo.git":        "",
		"../repo.git":          "",
		"file:///srv/repo.git": "",
	} {
		git(t, folder, "remote", "set-url", "origin", origin)
		commit, err := checkout.Read(context.Background(), folder)
		if err != nil {
			t.Fatal(err)
		}
		if commit.Source != want {
			t.Errorf("origin %q: source %q, want %q", origin, commit.Source, want)
		}
	}
}

// Without a checkout there is no commit.
func TestNoCheckout(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	for _, folder := range []string{"", t.TempDir()} {
		if commit, err := checkout.Read(context.Background(), folder); err == nil {
			t.Errorf("%q holds commit %v", folder, commit)
		}
	}
}

func newCheckout(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	folder := t.TempDir()
	git(t, folder, "init", "--quiet")
	git(t, folder, "commit", "--quiet", "--allow-empty", "--message=first")
	return folder
}

func git(t *testing.T, folder string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = folder
	command.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05+01:00", "GIT_COMMITTER_DATE=2026-01-02T03:04:05+01:00")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
