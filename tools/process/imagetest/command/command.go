// Package command is the command line of the imagetest program.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/check"
)

// Exit codes of the program.
const (
	exitGood  = 0
	exitBad   = 1
	exitUsage = 2
)

// When the program of an image is run.
const (
	runAuto   = "auto"
	runAlways = "always"
	runNever  = "never"
)

// versionLabel is the label whose value --version must print as well.
const versionLabel = "org.opencontainers.image.version"

type options struct {
	layout     string
	platforms  []string
	user       string
	entrypoint []string
	labels     []check.Label
	maxKiB     int64
	version    string
	run        string
}

// Run checks the image that the arguments name and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitGood
	case err != nil:
		fmt.Fprintf(stderr, "imagetest: %v\n", err)
		return exitUsage
	}
	good, err := o.check(ctx, stdout)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "imagetest: %v\n", err)
		return exitBad
	case !good:
		return exitBad
	}
	return exitGood
}

func parse(args []string, stdout io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("imagetest", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.layout, "layout", "", "the `folder` that the image target builds")
	flags.Func("platform", "a platform that the image is for, linux/amd64 if none is given; repeat for each platform of an index", appendTo(&o.platforms))
	flags.StringVar(&o.user, "user", "65532", "the `user[:group]` that the process runs as, in numbers")
	flags.Func("entrypoint", "a `word` of the entrypoint; repeat for each", appendTo(&o.entrypoint))
	labels := flags.String("labels", "", "a `file` of key=value lines: labels that the image must have; without a value any will do")
	flags.Int64Var(&o.maxKiB, "max-kib", 0, "how many `KiB` layers and configuration may have together, compressed; 0 is no limit")
	flags.StringVar(&o.version, "version", "", "the version that the first line of --version must hold; that of the label "+versionLabel+" if not given")
	flags.StringVar(&o.run, "run", runAuto, "run the program: auto (if it is for this machine), always or never")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stdout, "usage: imagetest --layout=FOLDER --entrypoint=PATH [FLAGS]")
			flags.SetOutput(stdout)
			flags.PrintDefaults()
		}
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.layout == "":
		return nil, errors.New("--layout is missing")
	case len(o.entrypoint) == 0:
		return nil, errors.New("--entrypoint is missing")
	case o.maxKiB < 0:
		return nil, fmt.Errorf("--max-kib=%d is less than 0", o.maxKiB)
	case o.run != runAuto && o.run != runAlways && o.run != runNever:
		return nil, fmt.Errorf("--run=%s is not one of auto, always, never", o.run)
	}
	if len(o.platforms) == 0 {
		o.platforms = []string{"linux/amd64"}
	}
	if *labels == "" {
		return &o, nil
	}
	content, err := os.ReadFile(*labels)
	if err != nil {
		return nil, fmt.Errorf("reading the labels: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if key == "" {
			continue
		}
		o.labels = append(o.labels, check.Label{Key: key, Value: value})
		if key == versionLabel && o.version == "" {
			o.version = value
		}
	}
	return &o, nil
}

// check checks all images of the folder and says whether they are good.
func (o *options) check(ctx context.Context, stdout io.Writer) (bool, error) {
	directory, err := imagedir.Open(o.layout)
	if err != nil {
		return false, err
	}
	images, err := directory.Images()
	if err != nil {
		return false, err
	}
	good := true
	if err := check.Platforms(images, o.platforms); err != nil {
		fmt.Fprintf(stdout, "FAIL platforms: %v\n", err)
		good = false
	}
	for _, image := range images {
		passed, err := o.checkImage(ctx, stdout, directory, image)
		if err != nil {
			return false, err
		}
		good = good && passed
	}
	return good, nil
}

func appendTo(values *[]string) func(string) error {
	return func(value string) error {
		*values = append(*values, value)
		return nil
	}
}
