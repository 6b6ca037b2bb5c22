package note_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/soketsugo/note"
)

var main = note.Target{Remote: "origin", Branch: "main"}

// Pipelines that note their processes at the same time, in an environment that
// nothing was deployed to, all get through, and so does what was merged
// meanwhile.
func TestPush(t *testing.T) {
	origin := newOrigin(t)
	var clones []string
	processes := []string{"s/grpc", "s/migrate", "s/rest"}
	for _, process := range processes {
		clone := newClone(t, origin)
		record(t, clone, process, "1")
		clones = append(clones, clone)
	}
	other := newClone(t, origin)
	put(t, other, "README.md", "merged meanwhile")
	git(t, other, "commit", "--quiet", "--all", "--message=merge")
	git(t, other, "push", "--quiet", "origin", "main")

	problems := make([]error, len(clones))
	var all sync.WaitGroup
	for i, clone := range clones {
		all.Go(func() {
			problems[i] = note.Push(t.Context(), clone, "staging", processes[i], main, 10*time.Millisecond)
		})
	}
	all.Wait()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
	result := newClone(t, origin)
	running, err := lock.Read(lock.Path(result, "staging"))
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		if running[process].Image != digest("1") {
			t.Errorf("%s is noted as %+v", process, running[process])
		}
	}
	if content, err := os.ReadFile(filepath.Join(result, "README.md")); err != nil || string(content) != "merged meanwhile" {
		t.Errorf("what was merged is %q, %v", content, err)
	}
	if trees := git(t, clones[0], "worktree", "list"); strings.Count(trees, "\n") != 0 {
		t.Errorf("a tree is left behind: %s", trees)
	}
}

// What is noted already makes no commit; only the one process is noted; and what
// was not deployed is an error.
func TestPushOne(t *testing.T) {
	origin := newOrigin(t)
	clone := newClone(t, origin)
	record(t, clone, "s/rest", "1")
	record(t, clone, "s/grpc", "2")
	for range 2 {
		if err := note.Push(t.Context(), clone, "staging", "s/rest", main, 0); err != nil {
			t.Fatal(err)
		}
	}
	if log := git(t, origin, "log", "--format=%s", "main"); log != "Note that staging runs a new s/rest\nbegin" {
		t.Errorf("the branch has %q", log)
	}
	running, err := lock.Read(lock.Path(newClone(t, origin), "staging"))
	if _, ok := running["s/grpc"]; ok || err != nil {
		t.Errorf("another process was noted: %+v, %v", running, err)
	}
	if err := note.Push(t.Context(), clone, "staging", "s/migrate", main, 0); err == nil || !strings.Contains(err.Error(), "no note of s/migrate") {
		t.Errorf("a process without a note: %v", err)
	}
	if err := note.Push(t.Context(), clone, "staging", "s/rest", note.Target{Remote: "origin", Branch: "other"}, 0); err == nil {
		t.Error("a branch that is not there was pushed to")
	}
}

// A deploy that came to no good end marks what the branch has, which may be later
// than what the checkout knew; a good end clears it, also with the same digests.
// What was noted before the branch's own note says nothing.
func TestPushIncomplete(t *testing.T) {
	begun := time.Now().Truncate(time.Second)
	entry := func(number string, after time.Duration, incomplete bool) *lock.Entry {
		return &lock.Entry{Image: digest(number), Manifest: digest(number), Commit: "c", Time: begun.Add(after).UTC(), Incomplete: incomplete}
	}
	for name, test := range map[string]struct {
		branch, noted *lock.Entry
		want          *lock.Entry
		message       string
	}{
		"a deploy that failed": {
			entry("1", 0, false), entry("1", time.Minute, true), entry("1", time.Minute, true), "Note that a deploy of s/rest to staging is incomplete",
		},
		"one that failed again": {
			entry("1", 0, true), entry("1", time.Minute, true), entry("1", 0, true), "begin",
		},
		"one that failed, of a checkout that did not know of the last that was complete": {
			entry("2", time.Second, false), entry("1", time.Minute, true), entry("2", time.Minute, true), "Note that a deploy of s/rest to staging is incomplete",
		},
		"the same as before it": {
			entry("1", 0, true), entry("1", time.Minute, false), entry("1", time.Minute, false), "Note that staging runs s/rest again",
		},
		"something else": {
			entry("1", 0, true), entry("2", time.Minute, false), entry("2", time.Minute, false), "Note that staging runs a new s/rest",
		},
		"an apply that began nothing, after one that failed": {
			entry("1", 0, true), entry("1", 0, false), entry("1", 0, true), "begin",
		},
		"an apply that began nothing, in an old checkout": {
			entry("2", time.Minute, false), entry("1", 0, false), entry("2", time.Minute, false), "begin",
		},
		"the same twice": {
			entry("1", 0, false), entry("1", time.Minute, false), entry("1", 0, false), "begin",
		},
	} {
		t.Run(name, func(t *testing.T) {
			origin := newOrigin(t)
			clone := newClone(t, origin)
			if err := lock.Record(lock.Path(clone, "staging"), "s/rest", *test.branch); err != nil {
				t.Fatal(err)
			}
			git(t, clone, "add", ".")
			git(t, clone, "commit", "--quiet", "--message=begin")
			git(t, clone, "push", "--quiet", "origin", "main")
			if err := lock.Record(lock.Path(clone, "staging"), "s/rest", *test.noted); err != nil {
				t.Fatal(err)
			}
			if err := note.Push(t.Context(), clone, "staging", "s/rest", main, 0); err != nil {
				t.Fatal(err)
			}
			running, err := lock.Read(lock.Path(newClone(t, origin), "staging"))
			if err != nil {
				t.Fatal(err)
			}
			if got := running["s/rest"]; got != *test.want {
				t.Errorf("the branch has %+v, want %+v", got, *test.want)
			}
			if message := git(t, origin, "log", "-1", "--format=%s", "main"); message != test.message {
				t.Errorf("the last commit is %q, want %q", message, test.message)
			}
		})
	}
}

// A checkout that is older than the first note of a process knows of none.
func TestPushUnknown(t *testing.T) {
	origin := newOrigin(t)
	old, current := newClone(t, origin), newClone(t, origin)
	record(t, current, "s/rest", "1")
	if err := note.Push(t.Context(), current, "staging", "s/rest", main, 0); err != nil {
		t.Fatal(err)
	}
	if err := note.Push(t.Context(), old, "staging", "s/rest", main, 0); err != nil {
		t.Fatal(err)
	}
	running, err := lock.Read(lock.Path(newClone(t, origin), "staging"))
	if entry := running["s/rest"]; err != nil || !entry.Incomplete || entry.Image != digest("1") {
		t.Errorf("the branch has %+v, %v", entry, err)
	}
}

func digest(number string) string { return "sha256:" + strings.Repeat(number, 64) }

func record(t *testing.T, root, process, number string) {
	t.Helper()
	entry := lock.Entry{Image: digest(number), Manifest: digest(number), Commit: "c", Time: time.Now()}
	if err := lock.Record(lock.Path(root, "staging"), process, entry); err != nil {
		t.Fatal(err)
	}
}

// newOrigin makes a bare repository with one commit on main.
func newOrigin(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@example.com",
		"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@example.com",
	} {
		t.Setenv(name, value)
	}
	origin, first := t.TempDir(), t.TempDir()
	git(t, origin, "init", "--quiet", "--bare", "--initial-branch=main")
	git(t, first, "init", "--quiet", "--initial-branch=main")
	put(t, first, "README.md", "begin")
	git(t, first, "add", ".")
	git(t, first, "commit", "--quiet", "--message=begin")
	git(t, first, "push", "--quiet", origin, "main")
	return origin
}

func newClone(t *testing.T, origin string) string {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, ".", "clone", "--quiet", origin, clone)
	return clone
}

func put(t *testing.T, root, path, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, folder string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, output)
	}
	return strings.TrimSpace(string(output))
}
