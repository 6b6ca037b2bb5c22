// Command layer writes one layer of an image: a compressed tar file that depends on nothing but what goes into it.
// `layer --help` lists its flags.
package main

import (
	"os"

	"github.com/soketsugo/soketsugo/tools/process/layer/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:], os.Stdout, os.Stderr))
}
