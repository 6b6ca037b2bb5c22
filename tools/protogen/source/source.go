// Package source compiles .proto files in-process, so that nothing here needs
// protoc.
package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Tree is what the .proto files of a folder hold.
type Tree struct {
	// Files are in the order of their paths, which are relative to the root. They
	// come with their comments.
	Files []protoreflect.FileDescriptor
	// UnusedImports are in the order of their files.
	UnusedImports []UnusedImport
}

// UnusedImport is an import that a file can do without.
type UnusedImport struct {
	// Path is the file's, Line that of the import.
	Path string
	Line int
	// Import is what is imported.
	Import string
}

// Compile compiles every .proto file under a folder of root. Imports are relative
// to root.
func Compile(ctx context.Context, root, folder string) (*Tree, error) {
	names, err := protoFiles(root, folder)
	if err != nil {
		return nil, fmt.Errorf("looking for .proto files: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no .proto file under %q", path.Join(root, folder))
	}
	tree := &Tree{}
	var mutex sync.Mutex
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
		Reporter: reporter.NewReporter(nil, func(warning reporter.ErrorWithPos) {
			var unused linker.ErrorUnusedImport
			if errors.As(warning, &unused) {
				mutex.Lock()
				defer mutex.Unlock()
				position := warning.GetPosition()
				tree.UnusedImports = append(tree.UnusedImports, UnusedImport{position.Filename, position.Line, unused.UnusedImport()})
			}
		}),
	}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	for _, file := range files {
		tree.Files = append(tree.Files, file)
	}
	slices.SortFunc(tree.UnusedImports, func(a, b UnusedImport) int { return strings.Compare(a.Path, b.Path) })
	return tree, nil
}

// Descriptors describes files and all that they import, each after what it
// imports: the order that plugins rely on.
func Descriptors(files []protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	var all []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		imports := file.Imports()
		for i := range imports.Len() {
			add(imports.Get(i).FileDescriptor)
		}
		all = append(all, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range files {
		add(file)
	}
	return all
}

// protoFiles lists .proto files relative to root, sorted. It follows symbolic
// links to files, since that is what Bazel's runfiles consist of.
func protoFiles(root, folder string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(root), path.Clean(folder), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() && path.Ext(name) == ".proto" {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
