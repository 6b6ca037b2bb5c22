// Command lint says what in PostgreSQL migrations would make servers wait or
// fail, and what to write instead.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/checkout"
	"github.com/soketsugo/soketsugo/tools/migrations/lint"
)

const usage = `Usage: ./bazelw run //migrations:lint [-- [--json] [FILE ...]]

Says what in PostgreSQL migrations would make servers wait or fail, and what to
write instead: of each FILE, or of all in migrations/*/postgres. The exit code is
0 when there is nothing to say, 1 when there is, and 2 when it was called wrongly
or cannot read a file.

A line above a statement waives one rule for it:
  -- soketsugo:allow RULE REASON

`

// Exit codes.
const (
	clean  = 0
	found  = 1
	failed = 2
)

func main() {
	// Bazel runs the command elsewhere; files are named from where the user is.
	if folder := os.Getenv("BUILD_WORKING_DIRECTORY"); folder != "" {
		if err := os.Chdir(folder); err != nil {
			fmt.Fprintf(os.Stderr, "lint: %v\n", err)
			os.Exit(failed)
		}
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, problems io.Writer) int {
	flags := flag.NewFlagSet("lint", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "write an array of findings: file, line, rule, breaks, instead")
	fail := func(err error) int {
		fmt.Fprintf(problems, "lint: %v\n", err)
		return failed
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		help(flags, out)
		return clean
	case err != nil:
		return fail(fmt.Errorf("%w: see --help", err))
	}
	findings, err := findingsOf(flags.Args())
	if err != nil {
		return fail(err)
	}
	if err := write(out, findings, *asJSON); err != nil {
		return fail(err)
	}
	if len(findings) > 0 {
		return found
	}
	return clean
}

func help(flags *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, usage)
	flags.SetOutput(out)
	flags.PrintDefaults()
	fmt.Fprintln(out, "\nRules (docs/migrations-lint.md says what to do instead):")
	for _, rule := range lint.Rules {
		fmt.Fprintf(out, "  %s\n        %s\n", rule.Name, strings.ReplaceAll(rule.Breaks, "`", ""))
	}
}

// findingsOf lints files, or all of the checkout.
func findingsOf(paths []string) ([]lint.Finding, error) {
	if len(paths) > 0 {
		return findingsOfFiles(paths)
	}
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	folders, err := filepath.Glob(filepath.Join(root, "migrations", "*", "postgres"))
	if err != nil {
		return nil, fmt.Errorf("looking for migrations: %w", err)
	}
	if len(folders) == 0 {
		return nil, errors.New("looking for migrations: there is no folder migrations/SERVICE/postgres")
	}
	var all []lint.Finding
	for _, folder := range folders {
		files, err := lint.ReadFolder(folder)
		if err != nil {
			return nil, err
		}
		for i := range files {
			if relative, err := filepath.Rel(root, files[i].Path); err == nil {
				files[i].Path = relative
			}
		}
		all = append(all, lint.Files(files)...)
	}
	return all, nil
}

// findingsOfFiles lints files, each behind those before it in its folder.
func findingsOfFiles(paths []string) ([]lint.Finding, error) {
	var folders []string
	named := map[string]string{}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("reading a migration: %w", err)
		} else if info.IsDir() || filepath.Ext(path) != ".sql" {
			return nil, fmt.Errorf("%s is not a file NNNN_name.sql: see --help", path)
		}
		named[filepath.Clean(path)] = path
		if folder := filepath.Dir(path); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	var all []lint.Finding
	for _, folder := range folders {
		files, err := lint.ReadFolder(folder)
		if err != nil {
			return nil, err
		}
		for _, finding := range lint.Files(files) {
			if path, found := named[filepath.Clean(finding.Path)]; found {
				finding.Path = path
				all = append(all, finding)
			}
		}
	}
	return all, nil
}

func write(out io.Writer, findings []lint.Finding, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		// An array even when it is empty.
		return encoder.Encode(append([]lint.Finding{}, findings...))
	}
	for _, finding := range findings {
		if _, err := fmt.Fprintln(out, finding); err != nil {
			return fmt.Errorf("writing findings: %w", err)
		}
	}
	return nil
}
