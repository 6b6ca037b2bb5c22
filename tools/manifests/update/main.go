// Command update brings generated manifests into the checkout, or, with --check,
// says how they differ from those that are there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/manifests/update/folder"
)

const usage = `Usage: ./bazelw run //k8s:update

Writes the manifests of all processes.

`

// Fix is what brings the checkout up to date.
const fix = "./bazelw run //k8s:update"

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "update: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("update", flag.ContinueOnError)
	flags.SetOutput(out)
	check := flags.Bool("check", false, "change nothing; fail where there is something to change")
	var pairs [][2]string
	flags.Func("tree", "a `FOLDER=PLACE` pair: what was made, and where in the checkout it belongs; may be given again", func(value string) error {
		made, place, found := strings.Cut(value, "=")
		if !found {
			return fmt.Errorf("take FOLDER=PLACE")
		}
		pairs = append(pairs, [2]string{made, place})
		return nil
	})
	flags.Usage = func() { fmt.Fprint(out, usage); flags.PrintDefaults() }
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q: see --help", flags.Args())
	}
	if *check {
		return compare(pairs)
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		changed, err := folder.Replace(pair[0], filepath.Join(root, pair[1]))
		if err != nil {
			return fmt.Errorf("writing %s: %w", pair[1], err)
		}
		for _, name := range changed {
			fmt.Fprintln(out, "wrote", filepath.Join(pair[1], name))
		}
	}
	return nil
}

// compare looks at places in the current folder, where a test has its files.
func compare(pairs [][2]string) error {
	var failures []error
	for _, pair := range pairs {
		differences, err := folder.Compare(pair[0], pair[1])
		if err != nil {
			return fmt.Errorf("comparing %s: %w", pair[1], err)
		}
		for _, difference := range differences {
			failures = append(failures, errors.New(difference))
		}
	}
	if len(failures) > 0 {
		return fmt.Errorf("the manifests in the checkout are not those that their processes declare: %s\n\n%w", fix, errors.Join(failures...))
	}
	return nil
}
