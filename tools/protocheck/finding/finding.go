// Package finding is what checks of .proto files have to say.
package finding

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Finding is one thing that is wrong with a file.
type Finding struct {
	Path string
	Line int
	// Rule is what buf calls the rule.
	Rule string
	// Problem is what is wrong, Instead is what to write instead.
	Problem, Instead string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; %s", f.Path, f.Line, f.Rule, f.Problem, f.Instead)
}

// At returns a finding about a declaration.
func At(declaration protoreflect.Descriptor, rule, problem, instead string) Finding {
	file := declaration.ParentFile()
	return Finding{file.Path(), file.SourceLocations().ByDescriptor(declaration).StartLine + 1, rule, problem, instead}
}

// AtPath returns a finding about the part of a file that a path names: the numbers
// of the fields in descriptor.proto. It is the first line where there is no such
// part.
func AtPath(file protoreflect.FileDescriptor, path protoreflect.SourcePath, rule, problem, instead string) Finding {
	return Finding{file.Path(), file.SourceLocations().ByPath(path).StartLine + 1, rule, problem, instead}
}

// Sort puts findings in the order of files and lines.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
}
