// Package mutation makes small changes to the files of a checkout.
package mutation

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Mutation changes one file under root. Undo brings the file back.
type Mutation func(root string) (undo func() error, err error)

// mark is what a changed text has more. It is a word, so that checks of style
// and of format strings have nothing to say about it.
const mark = " mutated"

// String changes the longest string in the functions of a Go package. The
// longest is most probably a message: changing it cannot break the build, and
// the linker cannot leave it out where the package is linked.
func String(folder string) Mutation {
	return func(root string) (func() error, error) {
		return inGoFiles(root, folder, func(files *token.FileSet, parsed *ast.File) (edit, bool) {
			var longest *ast.BasicLit
			for _, declaration := range parsed.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok || function.Body == nil {
					continue
				}
				ast.Inspect(function.Body, func(node ast.Node) bool {
					literal, ok := node.(*ast.BasicLit)
					if ok && literal.Kind == token.STRING && (longest == nil || len(literal.Value) > len(longest.Value)) {
						longest = literal
					}
					return true
				})
			}
			if longest == nil {
				return edit{}, false
			}
			value, err := strconv.Unquote(longest.Value)
			if err != nil {
				return edit{}, false
			}
			return edit{
				from:   files.Position(longest.Pos()).Offset,
				to:     files.Position(longest.End()).Offset,
				text:   strconv.Quote(value + mark),
				weight: len(longest.Value),
			}, true
		})
	}
}

// Comment lengthens a line comment of a Go package, so that no line moves.
func Comment(folder string) Mutation {
	return func(root string) (func() error, error) {
		return inGoFiles(root, folder, func(files *token.FileSet, parsed *ast.File) (edit, bool) {
			for _, group := range parsed.Comments {
				last := group.List[len(group.List)-1]
				if !strings.HasPrefix(last.Text, "// ") {
					continue
				}
				end := files.Position(last.End()).Offset
				return edit{from: end, to: end, text: mark}, true
			}
			return edit{}, false
		})
	}
}

// Line adds a line to the last of the files that match a pattern.
func Line(pattern, line string) Mutation {
	return func(root string) (func() error, error) {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, fmt.Errorf("looking for %s: %w", pattern, err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("looking for %s: no file matches", pattern)
		}
		last := slices.Max(files)
		content, err := os.ReadFile(last)
		if err != nil {
			return nil, err
		}
		return replace(last, content, edit{from: len(content), to: len(content), text: line + "\n"})
	}
}

// An edit replaces the bytes of a file between two offsets. Of several that are
// possible, the one with the greatest weight is taken.
type edit struct {
	from, to int
	text     string
	weight   int
}

// inGoFiles makes the edit that find proposes for one of the Go files in a
// folder, tests and generated files aside.
func inGoFiles(root, folder string, find func(*token.FileSet, *ast.File) (edit, bool)) (func() error, error) {
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		return nil, fmt.Errorf("looking for Go files in %s: %w", folder, err)
	}
	var (
		best    edit
		path    string
		content []byte
	)
	for _, candidate := range paths {
		if strings.HasSuffix(candidate, "_test.go") {
			continue
		}
		source, err := os.ReadFile(candidate)
		if err != nil {
			return nil, err
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, candidate, source, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parsing %s: %w", candidate, err)
		}
		if ast.IsGenerated(parsed) {
			continue
		}
		if found, ok := find(files, parsed); ok && (path == "" || found.weight > best.weight) {
			best, path, content = found, candidate, source
		}
	}
	if path == "" {
		return nil, fmt.Errorf("looking for something to change in %s: %w", folder, errNothing)
	}
	return replace(path, content, best)
}

var errNothing = errors.New("no Go file there has it")

// replace makes an edit of a file with a given content.
func replace(path string, content []byte, change edit) (func() error, error) {
	changed := slices.Concat(content[:change.from], []byte(change.text), content[change.to:])
	if err := os.WriteFile(path, changed, 0o644); err != nil {
		return nil, err
	}
	return func() error { return os.WriteFile(path, content, 0o644) }, nil
}
