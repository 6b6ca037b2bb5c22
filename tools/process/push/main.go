// Command push sends an image to a registry: what is there already is not sent again, the tag comes last, and the
// commit that the image was built from is recorded beside it. `push --help` lists its flags.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/soketsugo/soketsugo/tools/process/push/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command.Run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
