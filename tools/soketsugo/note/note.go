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

// A Target is where to push to.
type Target struct {
	// Remote is a name that git knows, or an address.
	Remote string
	Branch string
}

// Push commits the note of a process to a branch, on top of whatever the branch
// holds by now. The checkout at root stays as it is. pause is how long to wait
// after the first push that came too late; after the next ones it is longer.
func Push(ctx context.Context, root, environment, process string, to Target, pause time.Duration) error {
	noted, err := lock.Read(lock.Path(root, environment))
	if err != nil {
		return err
	}
	entry, ok := noted[process]
	if !ok {
		return fmt.Errorf("%s has no note of %s: only an apply that came to a good end writes one", lock.Path(root, environment), process)
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
		if problem = try(ctx, root, environment, process, entry, to); problem == nil {
			return nil
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
	if old, ok := running[process]; ok && old.Image == entry.Image && old.Manifest == entry.Manifest {
		return nil // it runs the same, since before
	}
	if err := lock.Record(file, process, entry); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"add", "--", file},
		{"commit", "--quiet", "--message", fmt.Sprintf("Note that %s runs a new %s", environment, process)},
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
