// Command deploy brings processes to a cluster: it renders, compares and applies their manifests, and exports them.
// `deploy --help` lists its commands; targets such as //services/playbook/rest:staging.apply call it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/soketsugo/soketsugo/tools/deploy/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command.Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
