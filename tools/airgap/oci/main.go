// Command oci does the work of the rules_oci stand-in in tools/airgap/modules: it writes the folders and files that
// the rules of rules_oci 2.3.0 write, to the byte. `oci help` lists what it can do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
