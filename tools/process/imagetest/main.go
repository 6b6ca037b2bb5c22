// Command imagetest checks what an image target built: it unpacks the image, looks at every file, and runs the
// program. `imagetest --help` lists its flags.
package main

import (
	"context"
	"os"

	"github.com/soketsugo/soketsugo/tools/process/imagetest/command"
)

func main() {
	os.Exit(command.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
