// Package version is the one home of the playbook service's version.
package version

import (
	_ "embed"
	"strings"
)

//go:embed VERSION
var file string

// Version is raised by hand, in the file VERSION, when the service is released. Nothing else that changes from build
// to build gets into a binary.
var Version = strings.TrimSpace(file)
