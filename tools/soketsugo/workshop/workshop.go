// Package workshop builds revisions of a checkout and compares them. It does so
// in a folder of its own, with one Bazel server for all of them: what a revision
// has in common with the one before is not built again.
package workshop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

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
	reader *why.Reader
	guard  *os.File
	// tree is what the folder holds; nil if that was not built yet.
	tree *revision
	// commits are those that were built, by hash.
	commits map[string]*revision
}

// A revision is a commit, or a state of the checkout, that was built.
type revision struct {
	builder     *deployment.Builder
	deployments map[string]deployment.Deployment
	// origins is what everything in it was built from; nil if that was not read.
	origins *why.Build
	// targets and tests are those of the whole checkout; nil if they were not read.
	targets graph.Graph
	tests   []string
}

// AllOutputs is the flag for Bazel that Why needs where there is a remote cache: it
// reads not only what is deployed, but all that this was built from.
const AllOutputs = "--remote_download_outputs=all"

// Open opens the workshop in the user's cache for the checkout at root; flags are
// for Bazel. All checkouts share it, so that what Bazel has fetched and built there
// serves each of them. One program at a time has it open; others wait, and say so.
func Open(ctx context.Context, root string, log io.Writer, flags ...string) (*Workshop, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("looking for the cache: %w", err)
	}
	return OpenAt(ctx, root, filepath.Join(cache, "soketsugo", "affected"), log, flags...)
}

// patience is how often a workshop that is in use is tried.
const patience = 100 * time.Millisecond

// OpenAt opens the workshop that lies in a folder; flags are for Bazel.
func OpenAt(ctx context.Context, root, place string, log io.Writer, flags ...string) (*Workshop, error) {
	if err := os.MkdirAll(place, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder to build in: %w", err)
	}
	guard, err := os.OpenFile(filepath.Join(place, "guard"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("making a folder to build in: %w", err)
	}
	for waited := false; ; waited = true {
		err := syscall.Flock(int(guard.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", place, err), guard.Close())
		}
		if !waited {
			fmt.Fprintf(log, "%s is in use: waiting for the other run to end\n", place)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for the other run in %s: %w", place, ctx.Err()), guard.Close())
		case <-time.After(patience):
		}
	}
	w := &Workshop{root: root, folder: filepath.Join(place, "tree"), guard: guard, commits: map[string]*revision{}}
	w.server = bazel.New(w.folder, filepath.Join(place, "output"), flags...)
	w.reader = why.NewReader(w.server)
	return w, nil
}

// Close lets others in. The Bazel server ends by itself a while later.
func (w *Workshop) Close() error { return w.guard.Close() }

// Shutdown ends the Bazel server and closes the workshop.
func (w *Workshop) Shutdown(ctx context.Context) error {
	return errors.Join(w.server.Shutdown(ctx), w.Close())
}

// Remove ends the Bazel server, removes what it wrote, and closes the workshop.
func (w *Workshop) Remove(ctx context.Context) error {
	return errors.Join(w.server.Remove(ctx), w.Close())
}

// build builds what the folder holds. If that is what it held before, it is not
// built again.
func (w *Workshop) build(ctx context.Context, d snapshot.Difference) (*revision, error) {
	before := w.tree
	if before != nil && d.Nothing() {
		return before, nil
	}
	w.tree = nil
	now := &revision{}
	if before != nil && !d.Files && !slices.ContainsFunc(d.Contents, isLoaded) {
		// There are the same targets as before.
		*now = revision{builder: before.builder, targets: before.targets, tests: before.tests}
	} else {
		environments, err := deployment.Environments(w.folder)
		if err != nil {
			return nil, err
		}
		if now.builder, err = deployment.NewBuilder(ctx, w.server, environments); err != nil {
			return nil, err
		}
	}
	built, err := now.builder.Build(ctx)
	if err != nil {
		return nil, err
	}
	now.deployments = built
	w.tree = now
	return now, nil
}

// isLoaded tells whether targets may depend on what a file holds. Of most files
// they do, as they may be read by a rule of a repository or a module.
func isLoaded(path string) bool {
	return !slices.Contains([]string{".go", ".md", ".sql", ".yaml"}, filepath.Ext(path))
}

// commit builds a commit, once.
func (w *Workshop) commit(ctx context.Context, commit string) (*revision, error) {
	if known, ok := w.commits[commit]; ok {
		return known, nil
	}
	return w.writeCommit(ctx, commit)
}

func (w *Workshop) writeCommit(ctx context.Context, commit string) (*revision, error) {
	differed, err := snapshot.WriteCommit(ctx, w.root, w.folder, commit)
	if err != nil {
		return nil, err
	}
	built, err := w.build(ctx, differed)
	if err != nil {
		return nil, fmt.Errorf("building commit %s: %w", commit, err)
	}
	w.commits[commit] = built
	return built, nil
}

// working builds what the checkout holds now.
func (w *Workshop) working(ctx context.Context) (*revision, error) {
	differed, err := snapshot.WriteWorking(ctx, w.root, w.folder)
	if err != nil {
		return nil, err
	}
	built, err := w.build(ctx, differed)
	if err != nil {
		return nil, fmt.Errorf("building the checkout: %w", err)
	}
	return built, nil
}

// readOrigins reads what everything in a revision was built from, while the
// folder holds that revision. Processes have most of it in common.
func (w *Workshop) readOrigins(ctx context.Context, built *revision) error {
	if built.origins != nil {
		return nil
	}
	var labels []string
	for _, process := range slices.Sorted(maps.Keys(built.deployments)) {
		labels = append(labels, built.builder.Labels()[process]...)
	}
	read, err := w.reader.Read(ctx, labels)
	if err != nil {
		return err
	}
	built.origins = &read
	return nil
}

// Deployments returns what the checkout would deploy, by process.
func (w *Workshop) Deployments(ctx context.Context) (map[string]deployment.Deployment, error) {
	built, err := w.working(ctx)
	if err != nil {
		return nil, err
	}
	return built.deployments, nil
}

// ByRevision compares the checkout with a revision.
func (w *Workshop) ByRevision(ctx context.Context, revision string) (affected.Report, error) {
	base, err := snapshot.Resolve(ctx, w.root, revision)
	if err != nil {
		return affected.Report{}, err
	}
	before, err := w.commit(ctx, base)
	if err != nil {
		return affected.Report{}, err
	}
	after, err := w.working(ctx)
	if err != nil {
		return affected.Report{}, err
	}
	tests, err := w.tests(ctx, base, after)
	if err != nil {
		return affected.Report{}, err
	}
	return affected.ByRevision(base, before.deployments, after.deployments, tests), nil
}

// tests returns the tests of each process that read a file that differs from a
// commit, while the folder holds what the checkout does.
func (w *Workshop) tests(ctx context.Context, commit string, now *revision) (map[string][]string, error) {
	changed, err := snapshot.Changed(ctx, w.root, commit)
	if err != nil || len(changed) == 0 {
		return nil, err
	}
	if now.targets == nil {
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
		if now.tests, err = w.server.Query(ctx, "tests(//...)"); err != nil {
			return nil, err
		}
		now.targets = targets
	}
	return affected.Tests(now.targets, now.tests, now.builder.Labels(), changed), nil
}

// ByEnvironment compares the checkout with what an environment runs, by the lock
// file that a revision has, or for none the checkout.
func (w *Workshop) ByEnvironment(ctx context.Context, environment, revision string) (affected.Report, error) {
	environments, err := deployment.Environments(w.root)
	if err != nil {
		return affected.Report{}, err
	}
	if !slices.Contains(environments, environment) {
		return affected.Report{}, fmt.Errorf("there is no environment %q: %s has %s", environment, lock.Folder, strings.Join(environments, ", "))
	}
	running, err := w.running(ctx, environment, revision)
	if err != nil {
		return affected.Report{}, err
	}
	newer := map[string]bool{}
	for process, entry := range running {
		if newer[process], err = snapshot.Precedes(ctx, w.root, strings.TrimSuffix(entry.Commit, "-dirty")); err != nil {
			return affected.Report{}, err
		}
	}
	after, err := w.working(ctx)
	if err != nil {
		return affected.Report{}, err
	}
	return affected.ByEnvironment(environment, running, newer, after.deployments), nil
}

// running reads a lock file.
func (w *Workshop) running(ctx context.Context, environment, revision string) (lock.Lock, error) {
	if revision == "" {
		return lock.Read(lock.Path(w.root, environment))
	}
	commit, err := snapshot.Resolve(ctx, w.root, revision)
	if err != nil {
		return nil, err
	}
	content, err := snapshot.Content(ctx, w.root, commit, lock.Path("", environment))
	if err != nil || len(content) == 0 {
		return lock.Lock{}, err
	}
	running, err := lock.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("reading the lock file of %s in %s: %w", environment, revision, err)
	}
	return running, nil
}

// Why explains why a process differs from a revision. If it deploys the same,
// there is nothing to explain. With a remote cache the workshop must have been
// opened with AllOutputs.
func (w *Workshop) Why(ctx context.Context, process, revision string) ([]why.Explanation, error) {
	commit, err := snapshot.Resolve(ctx, w.root, revision)
	if err != nil {
		return nil, err
	}
	before, err := w.commit(ctx, commit)
	if err != nil {
		return nil, err
	}
	// What the base was built from is there to be read as long as the folder holds
	// the base.
	if before.origins == nil {
		if before, err = w.writeCommit(ctx, commit); err != nil {
			return nil, err
		}
		if err := w.readOrigins(ctx, before); err != nil {
			return nil, err
		}
	}
	after, err := w.working(ctx)
	if err != nil {
		return nil, err
	}
	now, ok := after.deployments[process]
	if !ok {
		return nil, fmt.Errorf("there is no process %q: want one of %s", process, strings.Join(slices.Sorted(maps.Keys(after.deployments)), ", "))
	}
	then := before.deployments[process]
	explain := func(part, what string, d affected.Difference) (why.Explanation, error) {
		e := why.Explanation{What: what, Difference: d}
		if d.Before == "" {
			return e, nil
		}
		if err := w.readOrigins(ctx, after); err != nil {
			return e, err
		}
		e.Chains = why.Chains(*before.origins, *after.origins, after.builder.Label(process, part))
		return e, nil
	}
	var explanations []why.Explanation
	ofImage := map[string]bool{}
	if d := (affected.Difference{Before: then.Image, After: now.Image}); d.Before != d.After {
		e, err := explain("", "image", d)
		if err != nil {
			return nil, err
		}
		for _, chain := range e.Chains {
			ofImage[chain.Labels[0]] = true
		}
		explanations = append(explanations, e)
	}
	for _, environment := range slices.Sorted(maps.Keys(now.Manifests)) {
		d := affected.Difference{Before: then.Manifests[environment], After: now.Manifests[environment]}
		if d.Before == d.After {
			continue
		}
		e, err := explain(environment, "manifest of "+environment, d)
		if err != nil {
			return nil, err
		}
		e.Chains = slices.DeleteFunc(e.Chains, func(chain why.Chain) bool { return ofImage[chain.Labels[0]] })
		explanations = append(explanations, e)
	}
	return explanations, nil
}
