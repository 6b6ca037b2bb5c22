package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/binary"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/check"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/unpack"
)

// limits are far above any image of ours, and far below what fills a disk.
var limits = unpack.Limits{Bytes: 1 << 30, Entries: 100_000}

// largest is how many packages are listed when an image is too large.
const largest = 12

// checkImage checks the image of one platform, prints a report and says whether the image is good.
func (o *options) checkImage(ctx context.Context, stdout io.Writer, directory *imagedir.Directory, image imagedir.Image) (bool, error) {
	start := time.Now()
	folder, err := os.MkdirTemp(os.Getenv("TEST_TMPDIR"), "image")
	if err != nil {
		return false, fmt.Errorf("making a folder to unpack into: %w", err)
	}
	defer os.RemoveAll(folder)
	tree, err := unpack.Image(folder, directory, image, limits)
	if err != nil {
		return false, err
	}

	size := check.SizeOf(image)
	o.printSizes(stdout, image, size)
	var ran string
	good, runnable := true, true
	for _, rule := range []struct {
		name  string
		check func() error
	}{
		{"user", func() error { return check.User(image.Config, o.user) }},
		{"entrypoint", func() error { return check.Entrypoint(image.Config, tree, o.entrypoint) }},
		{"static", func() error { return check.Static(image.Config, folder) }},
		{"one executable", func() error { return check.OneExecutable(tree) }},
		{"no shell", func() error { return check.NoShell(tree) }},
		{"modes", func() error { return check.Modes(tree, image.Config) }},
		{"labels", func() error { return check.Labels(image.Config, o.labels) }},
		{"created", func() error { return check.Created(image.Config) }},
		{"size", func() error { return check.Budget(size, o.maxKiB*1024) }},
		{"version", func() (err error) {
			if !runnable {
				ran = "not run: the entrypoint is wrong"
				return nil
			}
			ran, err = o.runVersion(ctx, image, folder)
			return err
		}},
	} {
		if err := rule.check(); err != nil {
			good = false
			fmt.Fprintf(stdout, "  FAIL %s: %v\n", rule.name, err)
			switch rule.name {
			case "entrypoint":
				// What is wrong may lead out of the unpacked image.
				runnable = false
			case "size":
				printPackages(stdout, filepath.Join(folder, o.entrypoint[0]))
			}
		}
	}
	fmt.Fprintf(stdout, "  version        %s\n", ran)
	verdict := "good"
	if !good {
		verdict = "BAD"
	}
	fmt.Fprintf(stdout, "  %s, %d files, %.2f s\n", verdict, len(tree), time.Since(start).Seconds())
	return good, nil
}

func (o *options) printSizes(stdout io.Writer, image imagedir.Image, size check.Size) {
	fmt.Fprintf(stdout, "%s/%s %s\n", image.Config.OS, image.Config.Architecture, image.Descriptor.Digest)
	for i, layer := range image.Manifest.Layers {
		origin := ""
		if i < len(image.Config.History) {
			origin = image.Config.History[i].CreatedBy
		}
		fmt.Fprintf(stdout, "  layer %9d  %s\n", layer.Size, origin)
	}
	fmt.Fprintf(stdout, "  config %8d\n", size.Config)
	fmt.Fprintf(stdout, "  total %9d", size.Total())
	if o.maxKiB > 0 {
		fmt.Fprintf(stdout, "  %.1f%% of %d", 100*float64(size.Total())/float64(o.maxKiB*1024), o.maxKiB*1024)
	}
	fmt.Fprintln(stdout)
}

// runVersion runs the program if it may run here, and says what it printed or why it was not run.
func (o *options) runVersion(ctx context.Context, image imagedir.Image, folder string) (string, error) {
	here := runtime.GOOS == image.Config.OS && runtime.GOARCH == image.Config.Architecture
	switch {
	case o.run == runNever:
		return "not run: --run=never", nil
	case o.run == runAuto && !here:
		return fmt.Sprintf("not run: this machine is %s/%s", runtime.GOOS, runtime.GOARCH), nil
	}
	line, err := check.Version(ctx, image.Config, folder, o.version)
	if errors.Is(err, os.ErrPermission) {
		err = fmt.Errorf("%w (may programs be run from %s? set TEST_TMPDIR to a folder where they may)", err, filepath.Dir(folder))
	}
	return line, err
}

// printPackages helps to find out why a binary is too large.
func printPackages(stdout io.Writer, path string) {
	packages, err := binary.Packages(path)
	if err != nil {
		fmt.Fprintf(stdout, "       no list of packages: %v\n", err)
		return
	}
	fmt.Fprintln(stdout, "       largest packages, bytes of machine code (what they say about types and names comes on top):")
	for _, found := range packages[:min(largest, len(packages))] {
		fmt.Fprintf(stdout, "       %9d  %s\n", found.Code, found.Path)
	}
	for _, line := range binary.Culprits(packages) {
		fmt.Fprintf(stdout, "       suspect: %s\n", line)
	}
}
