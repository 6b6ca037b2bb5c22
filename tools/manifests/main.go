// Command manifests makes what Kubernetes is given about a process. The build
// calls it; `manifests --help` lists what it can do.
package main

import (
	"context"
	"os"

	"github.com/soketsugo/soketsugo/tools/manifests/command"
)

func main() { os.Exit(command.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
