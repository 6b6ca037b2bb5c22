// Package buildinfo says what a binary is made of. Nothing in it changes from
// build to build of the same content: no commit, no time, no host.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Info describes a binary.
type Info struct {
	// Name is the process's name, such as "playbook-grpc".
	Name string `json:"name"`
	// Version is the checked-in version of the service.
	Version string `json:"version"`
	// Schema is the schema version that the process needs, or, of a migrate
	// process, brings; 0 where there is none.
	Schema int64 `json:"schema,omitempty"`
	// Go is the version of the Go toolchain.
	Go string `json:"go"`
	// Modules are those that are linked in, with their versions; empty when the
	// build system recorded none.
	Modules []Module `json:"modules,omitempty"`
}

// Module is a Go module that is linked into the binary.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Read returns what the running binary knows about itself.
func Read(name, version string, schema int64) Info {
	info := Info{Name: name, Version: version, Schema: schema, Go: runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, dependency := range build.Deps {
		// A replaced module is the one that was really used.
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		info.Modules = append(info.Modules, Module{Path: dependency.Path, Version: dependency.Version})
	}
	return info
}

// String returns the text of --version: one line for the process, one for the
// toolchain, one for the schema, and one for each module.
func (i Info) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\ngo %s\n", i.Name, i.Version, strings.TrimPrefix(i.Go, "go"))
	if i.Schema != 0 {
		fmt.Fprintf(&text, "schema %d\n", i.Schema)
	}
	for _, module := range i.Modules {
		fmt.Fprintf(&text, "module %s %s\n", module.Path, module.Version)
	}
	return text.String()
}
