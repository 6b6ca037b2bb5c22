// Package lint holds .proto files to the rules of buf's categories STANDARD and
// COMMENTS, under the names that buf gives them.
//
// Four rules of STANDARD follow from others here: DIRECTORY_SAME_PACKAGE and
// PACKAGE_SAME_DIRECTORY from PACKAGE_DIRECTORY_MATCH, ENUM_FIRST_VALUE_ZERO and
// FIELD_NOT_REQUIRED from SYNTAX_SPECIFIED, which takes nothing but proto3.
// PROTOVALIDATE is about options that nothing here imports.
package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/soketsugo/soketsugo/tools/protocheck/finding"
	"github.com/soketsugo/soketsugo/tools/protogen/source"
)

// The parts of a file that have no declaration, by their numbers in
// descriptor.proto.
const (
	partPackage = 2
	partImport  = 3
	partOptions = 8
	partSyntax  = 12
)

// Tree returns what is wrong with the files of a tree, in order.
func Tree(tree *source.Tree) []finding.Finding {
	l := &linter{
		packages: map[protoreflect.FullName]protoreflect.FileDescriptor{},
		used:     map[protoreflect.FullName]protoreflect.FullName{},
	}
	for _, unused := range tree.UnusedImports {
		l.findings = append(l.findings, finding.Finding{
			Path: unused.Path, Line: unused.Line, Rule: "IMPORT_USED",
			Problem: fmt.Sprintf("nothing of %q is used", unused.Import), Instead: "remove the import",
		})
	}
	for _, file := range tree.Files {
		l.file(file)
	}
	l.cycles(tree.Files)
	finding.Sort(l.findings)
	return l.findings
}

type linter struct {
	findings []finding.Finding
	// packages has the first file of each package.
	packages map[protoreflect.FullName]protoreflect.FileDescriptor
	// used has the rpc that each message is the request or the response of.
	used map[protoreflect.FullName]protoreflect.FullName
}

func (l *linter) report(declaration protoreflect.Descriptor, rule, problem, instead string) {
	l.findings = append(l.findings, finding.At(declaration, rule, problem, instead))
}

func (l *linter) file(file protoreflect.FileDescriptor) {
	at := func(part protoreflect.SourcePath, rule, problem, instead string) {
		l.findings = append(l.findings, finding.AtPath(file, part, rule, problem, instead))
	}
	if file.Syntax() != protoreflect.Proto3 {
		at(protoreflect.SourcePath{partSyntax}, "SYNTAX_SPECIFIED", "the file is not in proto3", `begin it with syntax = "proto3";`)
	}
	if base := strings.TrimSuffix(path.Base(file.Path()), ".proto"); !lowerSnake.MatchString(base) {
		at(nil, "FILE_LOWER_SNAKE_CASE", fmt.Sprintf("the file's name %q is not in lower_snake_case", base), "rename the file")
	}
	l.pkg(file, at)
	imports := file.Imports()
	for i := range imports.Len() {
		if imports.Get(i).IsPublic {
			at(protoreflect.SourcePath{partImport, int32(i)}, "IMPORT_NO_PUBLIC",
				fmt.Sprintf("whoever imports this file gets %q too", imports.Get(i).Path()), "import it without public")
		}
	}
	l.enums(file.Enums())
	l.messages(file.Messages())
	services := file.Services()
	for i := range services.Len() {
		l.service(services.Get(i))
	}
}

// pkg looks at the file's package, and at what its files must have in common.
func (l *linter) pkg(file protoreflect.FileDescriptor, at func(part protoreflect.SourcePath, rule, problem, instead string)) {
	name := file.Package()
	if name == "" {
		at(nil, "PACKAGE_DEFINED", "the file is in no package", "name one after the file's folder")
		return
	}
	here := protoreflect.SourcePath{partPackage}
	if want := strings.ReplaceAll(string(name), ".", "/"); path.Dir(file.Path()) != want {
		at(here, "PACKAGE_DIRECTORY_MATCH", fmt.Sprintf("files of package %s belong into the folder %s", name, want), "move the file or rename the package")
	}
	for part := range strings.SplitSeq(string(name), ".") {
		if !lowerSnake.MatchString(part) {
			at(here, "PACKAGE_LOWER_SNAKE_CASE", fmt.Sprintf("%q in package %s is not in lower_snake_case", part, name), "rename it")
		}
	}
	if !version.MatchString(string(name.Name())) {
		at(here, "PACKAGE_VERSION_SUFFIX", fmt.Sprintf("package %s does not end in a version", name), fmt.Sprintf("call it %s.v1", name))
	}
	first, ok := l.packages[name]
	if !ok {
		l.packages[name] = file
		return
	}
	mine, others := file.Options().ProtoReflect(), first.Options().ProtoReflect()
	for _, option := range []protoreflect.Name{
		"csharp_namespace", "go_package", "java_multiple_files", "java_package", "php_namespace", "ruby_package", "swift_prefix",
	} {
		field := mine.Descriptor().Fields().ByName(option)
		if have, want := mine.Get(field), others.Get(field); !have.Equal(want) {
			at(protoreflect.SourcePath{partOptions, int32(field.Number())}, "PACKAGE_SAME_"+strings.ToUpper(string(option)),
				fmt.Sprintf("option %s is %q, and %q in %s, which is in the same package", option, have, want, first.Path()), "give both the same")
		}
	}
}

func (l *linter) enums(enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		enum := enums.Get(i)
		l.name(enum, "ENUM_PASCAL_CASE", pascal, "PascalCase")
		l.comment(enum, "ENUM")
		prefix := upperSnakeOf(string(enum.Name())) + "_"
		values := enum.Values()
		for j := range values.Len() {
			value := values.Get(j)
			l.name(value, "ENUM_VALUE_UPPER_SNAKE_CASE", upperSnake, "UPPER_SNAKE_CASE")
			l.comment(value, "ENUM_VALUE")
			if !strings.HasPrefix(string(value.Name()), prefix) {
				l.report(value, "ENUM_VALUE_PREFIX", fmt.Sprintf("value %s does not begin with the name of its enum", value.Name()), "call it "+prefix+string(value.Name()))
			}
			if value.Number() == 0 && !strings.HasSuffix(string(value.Name()), "_UNSPECIFIED") {
				l.report(value, "ENUM_ZERO_VALUE_SUFFIX", fmt.Sprintf("value %s is what is read where none was sent", value.Name()), "make 0 "+prefix+"UNSPECIFIED")
			}
			if first := values.ByNumber(value.Number()); first.Name() != value.Name() {
				l.report(value, "ENUM_NO_ALLOW_ALIAS", fmt.Sprintf("value %s has the number of %s", value.Name(), first.Name()), "remove one of them")
			}
		}
	}
}

func (l *linter) messages(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		message := messages.Get(i)
		if message.IsMapEntry() {
			continue
		}
		l.name(message, "MESSAGE_PASCAL_CASE", pascal, "PascalCase")
		l.comment(message, "MESSAGE")
		fields := message.Fields()
		for j := range fields.Len() {
			l.name(fields.Get(j), "FIELD_LOWER_SNAKE_CASE", lowerSnake, "lower_snake_case")
			l.comment(fields.Get(j), "FIELD")
		}
		oneofs := message.Oneofs()
		for j := range oneofs.Len() {
			if !oneofs.Get(j).IsSynthetic() {
				l.name(oneofs.Get(j), "ONEOF_LOWER_SNAKE_CASE", lowerSnake, "lower_snake_case")
				l.comment(oneofs.Get(j), "ONEOF")
			}
		}
		l.enums(message.Enums())
		l.messages(message.Messages())
	}
}

func (l *linter) service(service protoreflect.ServiceDescriptor) {
	l.name(service, "SERVICE_PASCAL_CASE", pascal, "PascalCase")
	l.comment(service, "SERVICE")
	if !strings.HasSuffix(string(service.Name()), "Service") {
		l.report(service, "SERVICE_SUFFIX", fmt.Sprintf("the name of service %s does not say that it is one", service.Name()), fmt.Sprintf("call it %sService", service.Name()))
	}
	methods := service.Methods()
	for i := range methods.Len() {
		method := methods.Get(i)
		l.name(method, "RPC_PASCAL_CASE", pascal, "PascalCase")
		l.comment(method, "RPC")
		for _, side := range []struct {
			rule    string
			suffix  protoreflect.Name
			message protoreflect.MessageDescriptor
		}{
			{"RPC_REQUEST_STANDARD_NAME", "Request", method.Input()},
			{"RPC_RESPONSE_STANDARD_NAME", "Response", method.Output()},
		} {
			want := method.Name() + side.suffix
			if name := side.message.Name(); name != want && name != service.Name()+want {
				l.report(method, side.rule, fmt.Sprintf("rpc %s has the message %s", method.Name(), side.message.FullName()), fmt.Sprintf("give it one of its own, %s", want))
			}
			name := side.message.FullName()
			if other, ok := l.used[name]; ok {
				l.report(method, "RPC_REQUEST_RESPONSE_UNIQUE", fmt.Sprintf("rpc %s shares the message %s with %s, so that neither can change alone", method.Name(), name, other),
					fmt.Sprintf("give it one of its own, %s", want))
			}
			l.used[name] = method.FullName()
		}
	}
}

// name holds a declaration to the spelling of its kind.
func (l *linter) name(declaration protoreflect.Descriptor, rule string, spelling interface{ MatchString(string) bool }, called string) {
	if name := string(declaration.Name()); !spelling.MatchString(name) {
		l.report(declaration, rule, fmt.Sprintf("the name %q is not in %s", name, called), "rename it")
	}
}

// comment wants words about a declaration above it.
func (l *linter) comment(declaration protoreflect.Descriptor, kind string) {
	if strings.TrimSpace(declaration.ParentFile().SourceLocations().ByDescriptor(declaration).LeadingComments) == "" {
		l.report(declaration, "COMMENT_"+kind, fmt.Sprintf("nothing is said about %s", declaration.Name()), "write a comment above it")
	}
}

// cycles finds packages that import each other; in Go they could not be compiled.
func (l *linter) cycles(files []protoreflect.FileDescriptor) {
	imports := map[protoreflect.FullName][]protoreflect.FullName{}
	for _, file := range files {
		for i := range file.Imports().Len() {
			imports[file.Package()] = append(imports[file.Package()], file.Imports().Get(i).Package())
		}
	}
	// reaches says whether a package imports another, itself or through others.
	var reaches func(from, to protoreflect.FullName, seen map[protoreflect.FullName]bool) bool
	reaches = func(from, to protoreflect.FullName, seen map[protoreflect.FullName]bool) bool {
		if seen[from] {
			return false
		}
		seen[from] = true
		return slices.ContainsFunc(imports[from], func(used protoreflect.FullName) bool {
			return used == to || reaches(used, to, seen)
		})
	}
	for _, file := range files {
		for i := range file.Imports().Len() {
			used := file.Imports().Get(i)
			if used.Package() != file.Package() && reaches(used.Package(), file.Package(), map[protoreflect.FullName]bool{}) {
				l.findings = append(l.findings, finding.AtPath(file, protoreflect.SourcePath{partImport, int32(i)}, "PACKAGE_NO_IMPORT_CYCLE",
					fmt.Sprintf("package %s imports %s, which imports it", file.Package(), used.Package()), "move what both need into a third"))
			}
		}
	}
}
