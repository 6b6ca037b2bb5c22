// Package workshop builds revisions of a checkout and compares them. It does so
// in a folder of its own, with one Bazel server for all of them: what a revision
// has in common with the one before is not built again.
package workshop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/soketsugo/soketsugo/tools/bazel"
	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
	"github.com/soketsugo/soketsugo/tools/soketsugo/snapshot"
	"github.com/soketsugo/soketsugo/tools/soketsugo/why"
)

// A Workshop belongs to one checkout.
type Workshop struct {
	root   string
	folder string
	server *bazel.Server
	guard  *os.File
}

// Open opens the workshop of the checkout at root, which lies in the user's
// cache. One program at a time has it open; others are refused.
func Open(root string) (*Workshop, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("looking for the cache: %w", err)
	}
	name := sha256.Sum256([]byte(root))
	place := filepath.Join(cache, "soketsugo", "affected", hex.EncodeToString(name[:6]))
	if err := os.MkdirAll(place, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder to build in: %w", err)
	}
	guard, err := os.OpenFile(filepath.Join(place, "guard"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("making a folder to build in: %w", err)
	}
	if err := syscall.Flock(int(guard.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use: wait for the other run of this program to end", place), guard.Close())
	}
	w := &Workshop{root: root, folder: filepath.Join(place, "tree"), guard: guard}
	w.server = bazel.New(w.folder, filepath.Join(place, "output"))
	return w, nil
}

// Close lets others in. The Bazel server ends by itself a while later.
func (w *Workshop) Close() error { return w.guard.Close() }

// build builds what the folder holds.
func (w *Workshop) build(ctx context.Context) (*deployment.Builder, map[string]deployment.Deployment, error) {
	environments, err := deployment.Environments(w.folder)
	if err != nil {
		return nil, nil, err
	}
	builder, err := deployment.NewBuilder(ctx, w.server, environments)
	if err != nil {
		return nil, nil, err
	}
	built, err := builder.Build(ctx)
	return builder, built, err
}

// commit builds a commit.
func (w *Workshop) commit(ctx context.Context, commit string) (*deployment.Builder, map[string]deployment.Deployment, error) {
	if err := snapshot.WriteCommit(ctx, w.root, w.folder, commit); err != nil {
		return nil, nil, err
	}
	builder, built, err := w.build(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("building commit %s: %w", commit, err)
	}
	return builder, built, nil
}

// working builds what the checkout holds now.
func (w *Workshop) working(ctx context.Context) (*deployment.Builder, map[string]deployment.Deployment, error) {
	if err := snapshot.WriteWorking(ctx, w.root, w.folder); err != nil {
		return nil, nil, err
	}
	builder, built, err := w.build(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("building the checkout: %w", err)
	}
	return builder, built, nil
}

// ByRevision compares the checkout with a revision.
func (w *Workshop) ByRevision(ctx context.Context, revision string) (affected.Report, error) {
	base, err := snapshot.Resolve(ctx, w.root, revision)
	if err != nil {
		return affected.Report{}, err
	}
	_, before, err := w.commit(ctx, base)
	if err != nil {
		return affected.Report{}, err
	}
	builder, after, err := w.working(ctx)
	if err != nil {
		return affected.Report{}, err
	}
	tests, err := w.tests(ctx, base, builder.Labels())
	if err != nil {
		return affected.Report{}, err
	}
	return affected.ByRevision(base, before, after, tests), nil
}

// tests returns the tests of each process that read a file that differs from a
// commit.
func (w *Workshop) tests(ctx context.Context, commit string, deployed map[string][]string) (map[string][]string, error) {
	changed, err := snapshot.Changed(ctx, w.root, commit)
	if err != nil || len(changed) == 0 {
		return nil, err
	}
	// The targets and files of this repository, and the edges between them: for
	// that Bazel need not load the packages of modules.
	lines, err := w.server.Query(ctx, "//...:*", "--output=graph", "--nograph:factored")
	if err != nil {
		return nil, err
	}
	targets, err := graph.Parse(lines)
	if err != nil {
		return nil, err
	}
	tests, err := w.server.Query(ctx, "tests(//...)")
	if err != nil {
		return nil, err
	}
	return affected.Tests(targets, tests, deployed, changed), nil
}

// ByEnvironment compares the checkout with what an environment runs.
func (w *Workshop) ByEnvironment(ctx context.Context, environment string) (affected.Report, error) {
	environments, err := deployment.Environments(w.root)
	if err != nil {
		return affected.Report{}, err
	}
	if !slices.Contains(environments, environment) {
		return affected.Report{}, fmt.Errorf("there is no environment %q: %s has %s", environment, lock.Folder, strings.Join(environments, ", "))
	}
	running, err := lock.Read(lock.Path(w.root, environment))
	if err != nil {
		return affected.Report{}, err
	}
	_, after, err := w.working(ctx)
	if err != nil {
		return affected.Report{}, err
	}
	return affected.ByEnvironment(environment, running, after), nil
}

// Why explains why a process differs from a revision. If it deploys the same,
// there is nothing to explain.
func (w *Workshop) Why(ctx context.Context, process, revision string) ([]why.Explanation, error) {
	base, err := snapshot.Resolve(ctx, w.root, revision)
	if err != nil {
		return nil, err
	}
	builder, after, err := w.working(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := after[process]; !ok {
		return nil, fmt.Errorf("there is no process %q: want one of %s", process, strings.Join(slices.Sorted(maps.Keys(after)), ", "))
	}
	// Which parts differ is known when both revisions are built, and what the first
	// was built from must be read before.
	parts := append([]string{""}, slices.Sorted(maps.Keys(after[process].Manifests))...)
	now, labels := map[string]why.Build{}, map[string]string{}
	for _, part := range parts {
		labels[part] = builder.Label(process, part)
		if now[part], err = why.Read(ctx, w.server, labels[part]); err != nil {
			return nil, err
		}
	}
	builder, before, err := w.commit(ctx, base)
	if err != nil {
		return nil, err
	}
	var explanations []why.Explanation
	ofImage := map[string]bool{}
	for _, part := range parts {
		e := why.Explanation{What: "image", Difference: affected.Difference{Before: before[process].Image, After: after[process].Image}}
		if part != "" {
			e = why.Explanation{
				What:       "manifest of " + part,
				Difference: affected.Difference{Before: before[process].Manifests[part], After: after[process].Manifests[part]},
			}
		}
		if e.Before == e.After {
			continue
		}
		label := builder.Label(process, part)
		if label == "" {
			explanations = append(explanations, e)
			continue
		}
		then, err := why.Read(ctx, w.server, label)
		if err != nil {
			return nil, err
		}
		e.Chains = why.Chains(then, now[part], labels[part])
		if part == "" {
			for _, chain := range e.Chains {
				ofImage[chain.Labels[0]] = true
			}
		} else {
			e.Chains = slices.DeleteFunc(e.Chains, func(chain why.Chain) bool { return ofImage[chain.Labels[0]] })
		}
		explanations = append(explanations, e)
	}
	return explanations, nil
}
