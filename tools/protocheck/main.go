// Command protocheck holds the .proto files of an API to rules of style, and
// compares them with the agreed state of the API, which is checked in beside them:
// that of the last release.
//
// From the top of the repository:
//
//	go run ./tools/protocheck --root libs --api playbook/api
//	go run ./tools/protocheck --root libs --api playbook/api --accept
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/soketsugo/soketsugo/tools/protocheck/breaking"
	"github.com/soketsugo/soketsugo/tools/protocheck/finding"
	"github.com/soketsugo/soketsugo/tools/protocheck/lint"
	"github.com/soketsugo/soketsugo/tools/protogen/source"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "protocheck: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("protocheck", flag.ContinueOnError)
	flags.SetOutput(out)
	root := flags.String("root", "", "the folder that proto imports are relative to")
	api := flags.String("api", "", "the folder of the API, relative to root; every .proto file under it is checked")
	accept := flags.Bool("accept", false, "make the API as it is now the agreed one, whatever that breaks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *root == "" || *api == "" || flags.NArg() > 0 {
		return fmt.Errorf("--root and --api are needed, and no other arguments: %q", args)
	}
	command := fmt.Sprintf("go run ./tools/protocheck --root %s --api %s --accept", *root, *api)
	tree, err := source.Compile(ctx, *root, *api)
	if err != nil {
		return err
	}
	if faults := lint.Tree(tree); len(faults) > 0 {
		return fmt.Errorf("the API breaks rules of style:\n\n%s", list(*root, faults))
	}
	agreed, err := readAgreed(*root, *api)
	if errors.Is(err, fs.ErrNotExist) && !*accept {
		return fmt.Errorf("%w; if no API was agreed yet, run\n\n    %s", err, command)
	}
	if err != nil && !*accept {
		return err
	}
	breaks, err := breaking.Changes(agreed, tree.Files)
	if err != nil {
		return err
	}
	if *accept {
		if len(breaks) > 0 {
			fmt.Fprintf(out, "accepted, although it breaks clients of the API as it was agreed:\n\n%s", list(*root, breaks))
		}
		return writeAgreed(*root, *api, tree.Files)
	}
	if len(breaks) > 0 {
		return fmt.Errorf("clients of the API as it was agreed (%s) would break:\n\n%s\nIf no such client is in use, or it may break, run\n\n    %s",
			agreedPath(*root, *api), list(*root, breaks), command)
	}
	return nil
}

// list writes findings one a line, with paths that an editor finds.
func list(root string, findings []finding.Finding) string {
	var text strings.Builder
	for _, f := range findings {
		f.Path = path.Join(root, f.Path)
		fmt.Fprintln(&text, f)
	}
	return text.String()
}
