// Package experiment finds out which images and manifests a change to the
// sources changes, and compares that with which it may.
package experiment

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
	"time"

	"github.com/soketsugo/soketsugo/tools/bazel"
	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/independence/mutation"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
)

// ErrSurprise is what Run and Reproduce return where something changed that
// should not have, or the other way round.
var ErrSurprise = errors.New("what would be deployed differs from what was expected")

// A Builder builds what all processes would deploy, by process, such as
// "playbook/rest".
type Builder interface {
	Build(ctx context.Context) (map[string]deployment.Deployment, error)
}

var _ Builder = (*deployment.Builder)(nil)

// A Change is one change to the sources.
type Change struct {
	Name   string
	Mutate mutation.Mutation
	// Changes are the processes whose images must change, and with them all of
	// their manifests.
	Changes []string
	// Manifests are the processes of which the manifest of one environment must
	// change and nothing else. All other processes must stay the same.
	Manifests map[string]string
	// Because is the reason.
	Because string
}

// Run makes the changes in a copy of the checkout at root, one at a time, and
// writes a table of what each changed. The copy is built with Bazel.
func Run(ctx context.Context, root string, changes []Change, out io.Writer) error {
	return inCopy(ctx, root, nil, func(folder string, builder Builder) error {
		return Compare(ctx, folder, builder, changes, out)
	})
}

// Compare makes the changes in a folder, one at a time, and writes a table of
// what each changed.
func Compare(ctx context.Context, folder string, builder Builder, changes []Change, out io.Writer) error {
	started := time.Now()
	baseline, err := builder.Build(ctx)
	if err != nil {
		return err
	}
	processes := slices.Sorted(maps.Keys(baseline))
	table := newTable(out, processes, changes)
	table.baseline(baseline, time.Since(started))

	var surprises []string
	for _, change := range changes {
		started := time.Now()
		undo, err := change.Mutate(folder)
		if err != nil {
			return fmt.Errorf("changing %s: %w", change.Name, err)
		}
		changed, err := builder.Build(ctx)
		if err != nil {
			return fmt.Errorf("building with a change to %s: %w", change.Name, err)
		}
		if err := undo(); err != nil {
			return fmt.Errorf("undoing the change to %s: %w", change.Name, err)
		}
		report := affected.ByRevision("", baseline, changed, nil)
		table.row(change.Name, report, time.Since(started))
		surprises = append(surprises, change.surprises(report)...)
	}
	return report(out, surprises)
}

// surprises tells of the processes that a change should have left alone, or
// should not.
func (c Change) surprises(report affected.Report) []string {
	var found []string
	known := map[string]bool{}
	for _, p := range report.Processes {
		known[p.Process] = true
		got, want := effect(p), "same"
		if slices.Contains(c.Changes, p.Process) {
			want = everything
		}
		if environment, ok := c.Manifests[p.Process]; ok {
			want = environment
		}
		if got != want {
			found = append(found, fmt.Sprintf("%s: %s: got %s, want %s: %s", c.Name, p.Process, got, want, c.Because))
		}
	}
	for _, process := range slices.Concat(c.Changes, slices.Sorted(maps.Keys(c.Manifests))) {
		if !known[process] {
			found = append(found, fmt.Sprintf("%s: no image of %s was built", c.Name, process))
		}
	}
	return found
}

// everything is the effect on a process whose image changed, and with its digest
// every manifest.
const everything = "changed"

// effect says in a word what differs of a process.
func effect(p affected.Process) string {
	switch {
	case p.State == affected.Same:
		return "same"
	case p.Image == nil:
		return strings.Join(slices.Sorted(maps.Keys(p.Manifests)), "+")
	}
	return everything
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
		err := inCopy(ctx, root, build.flags, func(_ string, builder Builder) (err error) {
			*build.built, err = builder.Build(ctx)
			return err
		})
		if err != nil {
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
	return report(out, surprises)
}

// inCopy calls do with a copy of the checkout and what builds it.
func inCopy(ctx context.Context, root string, flags []string, do func(string, Builder) error) (err error) {
	scratch, err := os.MkdirTemp("", "independence-")
	if err != nil {
		return fmt.Errorf("making a folder for a copy of the checkout: %w", err)
	}
	defer os.RemoveAll(scratch)
	files, err := checkout.Files(ctx, root)
	if err != nil {
		return err
	}
	folder := filepath.Join(scratch, "checkout")
	if err := checkout.Copy(root, folder, files); err != nil {
		return err
	}
	server := bazel.New(folder, filepath.Join(scratch, "output"), flags...)
	defer func() {
		// Also after an interrupt: Bazel's output holds gigabytes.
		err = errors.Join(err, server.Remove(context.WithoutCancel(ctx)))
	}()
	environments, err := deployment.Environments(folder)
	if err != nil {
		return err
	}
	builder, err := deployment.NewBuilder(ctx, server, environments)
	if err != nil {
		return err
	}
	return do(folder, builder)
}

func report(out io.Writer, surprises []string) error {
	if len(surprises) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n%s\n", strings.Join(surprises, "\n"))
	return ErrSurprise
}
