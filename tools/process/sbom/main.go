// Command sbom writes the bill of materials of an image. `sbom --help` lists its flags.
package main

import (
	"os"

	"github.com/soketsugo/soketsugo/tools/process/sbom/command"
)

func main() { os.Exit(command.Run(os.Args[1:], os.Stdout, os.Stderr)) }
