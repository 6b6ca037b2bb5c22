// Package experiment finds out which images a change to the sources changes,
// and compares that with which it may.
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
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
)

// ErrSurprise is what Run and Reproduce return where images changed that should
// not have, or the other way round.
var ErrSurprise = errors.New("images differ from what was expected")

// A Builder builds the images of all processes and returns their digests.
type Builder interface {
	Digests(ctx context.Context) (map[string]string, error)
}

// images builds images with Bazel.
type images struct {
	server *bazel.Server
	// builder is there once Bazel was asked what there is to build.
	builder *deployment.Builder
}

// Digests builds the images of all processes and returns their digests by
// process, such as "playbook/rest".
func (i *images) Digests(ctx context.Context) (map[string]string, error) {
	if i.builder == nil {
		builder, err := deployment.NewBuilder(ctx, i.server, nil)
		if err != nil {
			return nil, err
		}
		i.builder = builder
	}
	built, err := i.builder.Build(ctx)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for process, deployed := range built {
		digests[process] = deployed.Image
	}
	return digests, nil
}

// A Change is one change to the sources.
type Change struct {
	Name   string
	Mutate mutation.Mutation
	// Changes are the processes whose images must change. All others must stay
	// the same.
	Changes []string
	// Because is the reason.
	Because string
}

// Run makes the changes in a copy of the checkout at root, one at a time, and
// writes a table of what each changed. The copy is built with Bazel.
func Run(ctx context.Context, root string, changes []Change, out io.Writer) error {
	return inCopy(ctx, root, nil, func(folder string, server *bazel.Server) error {
		return Compare(ctx, folder, &images{server: server}, changes, out)
	})
}

// Compare makes the changes in a folder, one at a time, and writes a table of
// what each changed.
func Compare(ctx context.Context, folder string, builder Builder, changes []Change, out io.Writer) error {
	started := time.Now()
	baseline, err := builder.Digests(ctx)
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
		digests, err := builder.Digests(ctx)
		if err != nil {
			return fmt.Errorf("building with a change to %s: %w", change.Name, err)
		}
		if err := undo(); err != nil {
			return fmt.Errorf("undoing the change to %s: %w", change.Name, err)
		}
		table.row(change.Name, baseline, digests, time.Since(started))
		surprises = append(surprises, change.surprises(processes, baseline, digests)...)
	}
	return report(out, surprises)
}

// surprises tells of the processes that a change should have left alone, or
// should not.
func (c Change) surprises(processes []string, before, after map[string]string) []string {
	var found []string
	for _, process := range c.Changes {
		if !slices.Contains(processes, process) {
			found = append(found, fmt.Sprintf("%s: no image of %s was built", c.Name, process))
		}
	}
	for _, process := range processes {
		changed, expected := before[process] != after[process], slices.Contains(c.Changes, process)
		switch {
		case changed && !expected:
			found = append(found, fmt.Sprintf("%s: %s changed and must not: %s", c.Name, process, c.Because))
		case !changed && expected:
			found = append(found, fmt.Sprintf("%s: %s did not change and must: %s", c.Name, process, c.Because))
		}
	}
	return found
}

// Reproduce builds the checkout at root twice, in two folders, the second time
// without any cache, and compares the images.
func Reproduce(ctx context.Context, root string, out io.Writer) error {
	var first, second map[string]string
	for _, build := range []struct {
		name    string
		flags   []string
		digests *map[string]string
	}{
		{"with the disk cache", nil, &first},
		{"without a cache", []string{"--disk_cache=", "--remote_cache="}, &second},
	} {
		started := time.Now()
		err := inCopy(ctx, root, build.flags, func(_ string, server *bazel.Server) (err error) {
			*build.digests, err = (&images{server: server}).Digests(ctx)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "built %s in %.1f s\n", build.name, time.Since(started).Seconds())
	}
	var surprises []string
	for _, process := range slices.Sorted(maps.Keys(first)) {
		fmt.Fprintf(out, "%s\n  %s\n  %s\n", process, first[process], second[process])
		if first[process] != second[process] {
			surprises = append(surprises, process+" is not reproducible: its two digests differ")
		}
	}
	return report(out, surprises)
}

// inCopy calls do with a copy of the checkout and a Bazel server for it.
func inCopy(ctx context.Context, root string, flags []string, do func(string, *bazel.Server) error) (err error) {
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
	return do(folder, server)
}

func report(out io.Writer, surprises []string) error {
	if len(surprises) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n%s\n", strings.Join(surprises, "\n"))
	return ErrSurprise
}
