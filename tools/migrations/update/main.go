// Command update notes new migrations: their checksums beside them, and in the
// stores the schema version that these need.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/migrations/released"
)

const usage = `Usage: ./bazelw run //migrations:update [-- --edited FILE ...]

Adds new migrations to the SUMS file beside them, and writes the schema version
that the stores need. Refuses migrations that were edited or removed.

`

func main() {
	switch err := run(os.Args[1:], os.Stdout); {
	case err == nil || errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintf(os.Stderr, "update: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("update", flag.ContinueOnError)
	flags.SetOutput(out)
	var edited []string
	flags.Func("edited", "a `file` that may differ from what was noted, because no database that matters has it; may be given again", func(name string) error {
		edited = append(edited, name)
		return nil
	})
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q: see --help", flags.Args())
	}
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	folders, err := released.Folders(root)
	if err != nil {
		return err
	}
	// Nothing is written unless everything can be.
	files := map[string][]byte{}
	for _, folder := range folders {
		sums, err := released.Update(folder.Migrations, folder.Sums, edited)
		if err != nil {
			return fmt.Errorf("%s: %w", folder.Path, err)
		}
		files[filepath.Join(folder.Path, released.SumsFile)] = sums
		files[released.RequiredPath(folder.Service)] = released.RequiredSource(folder.Service, folder.Migrations)
	}
	for path, content := range files {
		if err := write(out, root, path, content); err != nil {
			return err
		}
	}
	return nil
}

// write replaces a file whose content differs.
func write(out io.Writer, root, path string, content []byte) error {
	full := filepath.Join(root, path)
	if old, err := os.ReadFile(full); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.WriteFile(full, content, 0o644); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	fmt.Fprintln(out, "wrote", path)
	return nil
}
