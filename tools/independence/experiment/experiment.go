// Package experiment makes changes to the sources and finds out whether what
// they deploy, and what affected and why say of them, is what it should be.
package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/independence/mutation"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
	"github.com/soketsugo/soketsugo/tools/soketsugo/snapshot"
	"github.com/soketsugo/soketsugo/tools/soketsugo/why"
	"github.com/soketsugo/soketsugo/tools/soketsugo/workshop"
)

// ErrSurprise is what Run and Reproduce return where something changed that
// should not have, or the other way round.
var ErrSurprise = errors.New("what would be deployed differs from what was expected")

// A Workshop answers for a checkout what the commands affected and why do.
type Workshop interface {
	Deployments(ctx context.Context) (map[string]deployment.Deployment, error)
	ByRevision(ctx context.Context, revision string) (affected.Report, error)
	ByEnvironment(ctx context.Context, environment, revision string) (affected.Report, error)
	Why(ctx context.Context, process, revision string) ([]why.Explanation, error)
}

var _ Workshop = (*workshop.Workshop)(nil)

// A Change is one change to the sources.
type Change struct {
	Name   string
	Mutate mutation.Mutation
	// Changes are the processes whose images must change, and with them all of
	// their manifests.
	Changes []string
	// Manifests are the processes of which the manifest of one environment must
	// change and nothing else. All other processes must deploy the same.
	Manifests map[string]string
	// Tests are processes that must deploy the same and have tests to be run.
	Tests []string
	// Because is the reason.
	Because string
}

// Run makes the changes in a copy of the checkout at root, one at a time, and
// writes a table of what each changed. The copy is built with Bazel.
func Run(ctx context.Context, root string, changes []Change, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "independence-")
	if err != nil {
		return fmt.Errorf("making a folder for a copy of the checkout: %w", err)
	}
	defer os.RemoveAll(folder)
	files, err := checkout.Files(ctx, root)
	if err != nil {
		return err
	}
	if err := checkout.Copy(root, folder, files); err != nil {
		return err
	}
	repository, err := NewRepository(ctx, folder)
	if err != nil {
		return err
	}
	shop, err := workshop.Open(ctx, repository.root, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.Shutdown(context.WithoutCancel(ctx))) }()
	return Compare(ctx, repository, shop, changes, out)
}

// Compare makes the changes in a repository, one at a time, and writes a table
// of what each changed.
func Compare(ctx context.Context, in Repository, shop Workshop, changes []Change, out io.Writer) error {
	started := time.Now()
	baseline, err := shop.Deployments(ctx)
	if err != nil {
		return err
	}
	processes := slices.Sorted(maps.Keys(baseline))
	var surprises []string
	for _, process := range processes {
		// Nothing has changed yet, so there is nothing to explain.
		found, err := shop.Why(ctx, process, base)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			surprises = append(surprises, fmt.Sprintf("nothing: why %s explains %+v", process, found))
		}
	}
	environments := newEnvironments(in, shop, baseline)
	begun, err := environments.begin(ctx, baseline)
	if err != nil {
		return err
	}
	surprises = append(surprises, begun...)
	table := newTable(out, processes, changes)
	table.baseline(baseline, time.Since(started))
	deployed := false
	for _, change := range changes {
		started := time.Now()
		undo, err := change.Mutate(in.root)
		if err != nil {
			return fmt.Errorf("changing %s: %w", change.Name, err)
		}
		report, err := shop.ByRevision(ctx, base)
		if err != nil {
			return fmt.Errorf("building with a change to %s: %w", change.Name, err)
		}
		surprises = append(surprises, change.surprises(report)...)
		unexplained, err := explain(ctx, in, shop, change, report)
		if err != nil {
			return fmt.Errorf("explaining a change to %s: %w", change.Name, err)
		}
		otherwise, err := environments.compare(ctx, change.Name, report)
		if err != nil {
			return fmt.Errorf("comparing a change to %s with environments: %w", change.Name, err)
		}
		surprises = slices.Concat(surprises, unexplained, otherwise)
		// One deploy shows what all would.
		if !deployed && len(report.Deploy) > 0 {
			deployed = true
			undone, err := environments.deploy(ctx, change.Name, report, baseline)
			if err != nil {
				return fmt.Errorf("deploying a change to %s: %w", change.Name, err)
			}
			surprises = append(surprises, undone...)
		}
		if err := undo(); err != nil {
			return fmt.Errorf("undoing the change to %s: %w", change.Name, err)
		}
		table.row(change.Name, report, time.Since(started))
	}
	return tell(out, surprises)
}

// surprises tells of the processes that a change should have left alone, or
// should not.
func (c Change) surprises(report affected.Report) []string {
	var found []string
	known := map[string]bool{}
	for _, p := range report.Processes {
		known[p.Process] = true
		got, want := effect(p), same
		switch {
		case slices.Contains(c.Changes, p.Process):
			want = everything
		case c.Manifests[p.Process] != "":
			want = c.Manifests[p.Process]
		case slices.Contains(c.Tests, p.Process):
			want = affected.Test
		case c.Tests == nil && got == affected.Test:
			want = got // tests of several processes may read it
		}
		if got != want {
			found = append(found, fmt.Sprintf("%s: %s: got %s, want %s: %s", c.Name, p.Process, got, want, c.Because))
		}
	}
	for _, process := range slices.Concat(c.Changes, slices.Sorted(maps.Keys(c.Manifests)), c.Tests) {
		if !known[process] {
			found = append(found, fmt.Sprintf("%s: no image of %s was built", c.Name, process))
		}
	}
	return found
}

// explain asks why each process differs that does, and tells where the answer is
// not the one file that was changed.
func explain(ctx context.Context, in Repository, shop Workshop, change Change, report affected.Report) ([]string, error) {
	changed, err := snapshot.Changed(ctx, in.root, base)
	if err != nil {
		return nil, err
	}
	if len(changed) != 1 {
		return []string{fmt.Sprintf("%s: git says that %q changed, want one file", change.Name, changed)}, nil
	}
	var found []string
	for _, p := range report.Processes {
		if p.State != affected.Deploy {
			continue
		}
		explanations, err := shop.Why(ctx, p.Process, base)
		if err != nil {
			return nil, err
		}
		causes := map[string]bool{}
		for _, e := range explanations {
			for _, chain := range e.Chains {
				causes[graph.Path(chain.Labels[0])] = true
			}
		}
		if got := slices.Sorted(maps.Keys(causes)); !slices.Equal(got, changed) {
			found = append(found, fmt.Sprintf("%s: why %s names %q, want %q", change.Name, p.Process, got, changed))
		}
	}
	return found, nil
}

const (
	// everything is the effect on a process whose image changed, and with its
	// digest every manifest.
	everything = "changed"
	same       = "same"
)

// effect says in a word what differs of a process.
func effect(p affected.Process) string {
	switch {
	case p.Image != nil:
		return everything
	case len(p.Manifests) > 0:
		return strings.Join(slices.Sorted(maps.Keys(p.Manifests)), "+")
	case p.State == affected.Test:
		return p.State
	}
	return same
}

// Reproduce builds the checkout at root twice, in two folders, the second time
// without any cache, and compares the images.
func Reproduce(ctx context.Context, root string, out io.Writer) error {
	var first, second map[string]deployment.Deployment
	for _, build := range []struct {
		name  string
		flags []string
		built *map[string]deployment.Deployment
	}{
		{"with the disk cache", nil, &first},
		{"without a cache", []string{"--disk_cache=", "--remote_cache="}, &second},
	} {
		started := time.Now()
		var err error
		if *build.built, err = afresh(ctx, root, out, build.flags); err != nil {
			return err
		}
		fmt.Fprintf(out, "built %s in %.1f s\n", build.name, time.Since(started).Seconds())
	}
	var surprises []string
	for _, process := range slices.Sorted(maps.Keys(first)) {
		one, two := first[process], second[process]
		fmt.Fprintf(out, "%s\n  %s\n  %s\n", process, one.Image, two.Image)
		if one.Image != two.Image || !maps.Equal(one.Manifests, two.Manifests) {
			surprises = append(surprises, process+" is not reproducible: two builds of it differ")
		}
	}
	return tell(out, surprises)
}

// afresh builds the checkout at root in a folder that nothing was built in before.
func afresh(ctx context.Context, root string, out io.Writer, flags []string) (_ map[string]deployment.Deployment, err error) {
	place, err := os.MkdirTemp("", "independence-")
	if err != nil {
		return nil, fmt.Errorf("making a folder to build in: %w", err)
	}
	defer os.RemoveAll(place)
	shop, err := workshop.OpenAt(ctx, root, place, out, flags...)
	if err != nil {
		return nil, err
	}
	defer func() {
		// Also after an interrupt: Bazel's output holds gigabytes.
		err = errors.Join(err, shop.Remove(context.WithoutCancel(ctx)))
	}()
	return shop.Deployments(ctx)
}

func tell(out io.Writer, surprises []string) error {
	if len(surprises) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n%s\n", strings.Join(surprises, "\n"))
	return ErrSurprise
}
