// Package checkout reads from git what a checkout holds.
package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// shortLength is fixed, because git's own choice grows with the repository.
const shortLength = 12

// locks are the files that deploys write: notes of what runs, from which nothing is built.
const locks = "k8s/environments/*.lock"

// Commit is the commit that is checked out.
type Commit struct {
	// Hash is the full commit hash.
	Hash string
	// Time is when the commit was made.
	Time time.Time
	// Dirty says that files differ from the commit, untracked ones included.
	Dirty bool
	// Source is where the repository was cloned from, without any credentials. It is empty if that is unknown or on
	// this machine.
	Source string
}

// Tag returns the image tag for the commit.
func (c Commit) Tag() string {
	tag := c.Hash[:min(shortLength, len(c.Hash))]
	if c.Dirty {
		tag += "-dirty"
	}
	return tag
}

// Read reads the checkout that the folder belongs to.
func Read(ctx context.Context, folder string) (Commit, error) {
	if folder == "" {
		return Commit{}, errors.New("reading the commit: not started by bazel run, so there is no checkout to read it from")
	}
	head, err := git(ctx, folder, "log", "-1", "--format=%H %cI")
	if err != nil {
		return Commit{}, err
	}
	hash, date, _ := strings.Cut(head, " ")
	made, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return Commit{}, fmt.Errorf("reading the commit: %w", err)
	}
	status, err := git(ctx, folder, "status", "--porcelain", "--", ":/", ":(top,exclude)"+locks)
	if err != nil {
		return Commit{}, err
	}
	commit := Commit{Hash: hash, Time: made.UTC(), Dirty: status != ""}
	// A repository that was never cloned has no origin, which is no error.
	if origin, err := git(ctx, folder, "remote", "get-url", "origin"); err == nil {
		commit.Source = publicURL(origin)
	}
	return commit, nil
}

// publicURL takes user names and passwords out of a clone address. Addresses on this machine become nothing.
func publicURL(origin string) string {
	if !strings.Contains(origin, "://") {
		// user@host:path, the way of scp; a path of this machine has no host.
		host, rest, ok := strings.Cut(origin, ":")
		if !ok || filepath.IsAbs(origin) || strings.Contains(host, "/") {
			return ""
		}
		return "ssh://" + host[strings.LastIndex(host, "@")+1:] + "/" + strings.TrimPrefix(rest, "/")
	}
	address, err := url.Parse(origin)
	if err != nil || address.Host == "" {
		return ""
	}
	address.User, address.RawQuery, address.Fragment = nil, "", ""
	return address.String()
}

func git(ctx context.Context, folder string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = folder
	// Reading the status would otherwise take a lock, and a prompt would wait for ever.
	command.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		reason, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if reason == "" {
			reason = err.Error()
		}
		return "", fmt.Errorf("reading the commit: git %s: %s", args[0], reason)
	}
	return strings.TrimSpace(stdout.String()), nil
}
