package experiment

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// base is the revision that changes are compared with: a tag.
const base = "base"

// A Repository is a checkout in which changes are made.
type Repository struct{ root string }

// NewRepository makes a git repository of what a folder holds.
func NewRepository(ctx context.Context, folder string) (Repository, error) {
	r := Repository{root: folder}
	for _, args := range [][]string{
		{"init", "--quiet"},
		// Also what the rules for ignored files hide: a copy has no other files than those of the checkout.
		{"add", "--force", "--all"},
	} {
		if err := r.git(ctx, args...); err != nil {
			return Repository{}, err
		}
	}
	if err := r.commit(ctx); err != nil {
		return Repository{}, err
	}
	return r, r.git(ctx, "tag", base)
}

// commit commits what has changed.
func (r Repository) commit(ctx context.Context) error {
	return r.git(ctx, "commit", "--quiet", "--all", "--message=experiment")
}

// rewind forgets the commits after the base; files stay as they are.
func (r Repository) rewind(ctx context.Context) error {
	return r.git(ctx, "reset", "--quiet", base)
}

func (r Repository) git(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = r.root
	// What the user has set for git, such as signatures and hooks, is for other repositories.
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=experiment", "GIT_AUTHOR_EMAIL=experiment@localhost",
		"GIT_COMMITTER_NAME=experiment", "GIT_COMMITTER_EMAIL=experiment@localhost")
	var problem bytes.Buffer
	command.Stderr = &problem
	if err := command.Run(); err != nil {
		return fmt.Errorf("running git %s: %w: %s", args[0], err, bytes.TrimSpace(problem.Bytes()))
	}
	return nil
}
