// Package binary looks into an executable: which machine it is for, whether it needs anything beside itself, and
// which Go packages fill it.
package binary

import (
	"cmp"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// machines are the ELF names of the architectures that OCI images are made for.
var machines = map[string]elf.Machine{
	"386":     elf.EM_386,
	"amd64":   elf.EM_X86_64,
	"arm":     elf.EM_ARM,
	"arm64":   elf.EM_AARCH64,
	"ppc64le": elf.EM_PPC64,
	"riscv64": elf.EM_RISCV,
	"s390x":   elf.EM_S390,
}

// CheckStatic reports an error unless the file is an executable for the architecture that needs neither a dynamic
// linker nor a library.
func CheckStatic(path, architecture string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("it is no ELF executable: %w", err)
	}
	defer file.Close()
	want, ok := machines[architecture]
	if !ok {
		return fmt.Errorf("this test knows no architecture %q", architecture)
	}
	if file.Machine != want {
		return fmt.Errorf("it is for %s, the image is for %s (%s)", file.Machine, architecture, want)
	}
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		return fmt.Errorf("it is %s, not an executable", file.Type)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return errors.New("it is not static: it asks for a dynamic linker, which the image does not have")
		}
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("reading its libraries: %w", err)
	}
	if len(libraries) > 0 {
		return fmt.Errorf("it is not static: it asks for %s", strings.Join(libraries, ", "))
	}
	return nil
}

// Package is a Go package of an executable.
type Package struct {
	// Path is the import path.
	Path string
	// Code is the number of bytes of machine code.
	Code int64
}

// Packages returns the Go packages of an executable, the largest first. It reads the table that Go programs keep for
// stack traces, so it works on stripped files too. It is an error if the file is no Go program.
func Packages(path string) ([]Package, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the packages: %w", err)
	}
	defer file.Close()
	table, text := file.Section(".gopclntab"), file.Section(".text")
	if table == nil || text == nil {
		return nil, errors.New("reading the packages: it is no Go program")
	}
	raw, err := table.Data()
	if err != nil {
		return nil, fmt.Errorf("reading the packages: %w", err)
	}
	symbols, err := gosym.NewTable(nil, gosym.NewLineTable(raw, text.Addr))
	if err != nil {
		return nil, fmt.Errorf("reading the packages: %w", err)
	}
	sizes := map[string]int64{}
	for _, function := range symbols.Funcs {
		sizes[packageOf(function.Sym)] += int64(function.End - function.Entry)
	}
	packages := make([]Package, 0, len(sizes))
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		packages = append(packages, Package{Path: name, Code: sizes[name]})
	}
	slices.SortStableFunc(packages, func(a, b Package) int { return cmp.Compare(b.Code, a.Code) })
	return packages, nil
}

// packageOf returns the package of a function. The linker writes a dot in the last element of a path as %2e.
func packageOf(symbol *gosym.Sym) string {
	name := symbol.PackageName()
	if name == "" {
		return "(compiler and assembly)"
	}
	return strings.ReplaceAll(name, "%2e", ".")
}

// culprits are packages that cost more than their own code.
var culprits = map[string]string{
	"text/template":          "calls methods by name, so the linker keeps every exported method of every type",
	"html/template":          "calls methods by name, so the linker keeps every exported method of every type",
	"golang.org/x/net/trace": "imports html/template; build grpc with the tag grpcnotrace",
	"net/http/pprof":         "imports html/template and the profilers",
	"expvar":                 "imports net/http and encoding/json",
	"encoding/gob":           "calls methods found by reflection",
}

// Culprits returns a line for each package that costs more than its own code, with the reason.
func Culprits(packages []Package) []string {
	var lines []string
	for _, found := range packages {
		if reason, ok := culprits[found.Path]; ok {
			lines = append(lines, found.Path+" "+reason)
		}
	}
	slices.Sort(lines)
	return lines
}
