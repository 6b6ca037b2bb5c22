// Package note brings what a deploy has noted in the lock file of an environment
// into a branch.
package note

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
)

// attempts is how often a push is tried: pipelines of other processes note
// theirs at the same time, and people merge.
const attempts = 5

// errNoNote is what another attempt does not mend.
var errNoNote = errors.New("there is no note")

// A Target is where to push to.
type Target struct {
	// Remote is a name that git knows, or an address.
	Remote string
	Branch string
}

// Push commits the note of a process to a branch, on top of whatever the branch
// holds by now: what runs, or that an apply came to no good end. Where the branch
// has a later note there is nothing to do. The checkout at root stays as it is.
// pause is how long to wait after the first push that came too late; after the
// next ones it is longer.
func Push(ctx context.Context, root, environment, process string, to Target, pause time.Duration) error {
	noted, err := lock.Read(lock.Path(root, environment))
	if err != nil {
		return err
	}
	entry, ok := noted[process]
	if !ok {
		// The checkout may be older than the first note of the process, of which an apply
		// that failed then knew nothing.
		entry = lock.Entry{Incomplete: true, Time: time.Now()}
	}
	var problem error
	for attempt := range attempts {
		if attempt > 0 {
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), problem)
			case <-time.After(time.Duration(attempt) * pause):
			}
		}
		if problem = try(ctx, root, environment, process, entry, to); problem == nil || errors.Is(problem, errNoNote) {
			return problem
		}
	}
	return problem
}

func try(ctx context.Context, root, environment, process string, entry lock.Entry, to Target) (err error) {
	if err := git(ctx, root, "fetch", "--quiet", to.Remote, "refs/heads/"+to.Branch); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "note-")
	if err != nil {
		return fmt.Errorf("making a folder for the branch: %w", err)
	}
	defer os.RemoveAll(scratch)
	tree := filepath.Join(scratch, "tree")
	if err := git(ctx, root, "worktree", "add", "--quiet", "--detach", tree, "FETCH_HEAD"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, git(context.WithoutCancel(ctx), root, "worktree", "remove", "--force", tree))
	}()
	file := lock.Path(tree, environment)
	running, err := lock.Read(file)
	if err != nil {
		return err
	}
	old, ok := running[process]
	same := old.Image == entry.Image && old.Manifest == entry.Manifest
	message := fmt.Sprintf("Note that %s runs a new %s", environment, process)
	switch {
	case !ok && entry.Incomplete:
		return fmt.Errorf("%w of %s, here and in the lock file of %s: only an apply that came to a good end makes the first", errNoNote, process, to.Branch)
	case ok && !entry.Time.After(old.Time):
		return nil // the apply did not get as far as to note anything, or another one did since
	case entry.Incomplete && old.Incomplete, !entry.Incomplete && !old.Incomplete && same:
		return nil // the branch says so already
	case entry.Incomplete:
		// What was complete last is what the branch says, which may know of more.
		old.Incomplete, old.Time = true, entry.Time
		entry = old
		message = fmt.Sprintf("Note that a deploy of %s to %s is incomplete", process, environment)
	case same:
		message = fmt.Sprintf("Note that %s runs %s again", environment, process)
	}
	if err := lock.Record(file, process, entry); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"add", "--", file},
		{"commit", "--quiet", "--message", message},
		{"push", "--quiet", to.Remote, "HEAD:refs/heads/" + to.Branch},
	} {
		if err := git(ctx, tree, args...); err != nil {
			return err
		}
	}
	return nil
}

func git(ctx context.Context, folder string, args ...string) error {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	var problem bytes.Buffer
	command.Stderr = &problem
	if err := command.Run(); err != nil {
		return fmt.Errorf("running git %s: %w: %s", args[0], err, bytes.TrimSpace(problem.Bytes()))
	}
	return nil
}
