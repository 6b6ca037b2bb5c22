// Command dev runs all processes of the playbook service on one machine. It is
// what `bazel run //:dev` starts.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/soketsugo/soketsugo/services/playbook/dev/apikey"
	"github.com/soketsugo/soketsugo/services/playbook/dev/console"
	"github.com/soketsugo/soketsugo/services/playbook/dev/smoke"
	"github.com/soketsugo/soketsugo/services/playbook/dev/stack"
)

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() { os.Exit(run()) }

func run() int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	o, err := parseOptions(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "dev: %v\n", err)
		return exitUsage
	}
	if bazelFolder := os.Getenv("BUILD_WORKING_DIRECTORY"); bazelFolder != "" {
		// bazel run starts us elsewhere; --data is relative to where the user is.
		// The binaries were located above.
		if err := os.Chdir(bazelFolder); err != nil {
			fmt.Fprintf(os.Stderr, "dev: entering the folder that bazel was called in: %v\n", err)
			return exitFailure
		}
	}
	out := console.New(os.Stdout, console.WantsColour(os.Stdout, os.LookupEnv))
	switch err := runStack(signals, o, out); {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "dev: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintf(os.Stderr, "dev: %v\n", err)
		return exitFailure
	}
}

// runStack starts everything and returns when it has been stopped.
func runStack(signals <-chan os.Signal, o options, out *console.Console) (err error) {
	databaseURL, name, clean, err := o.database()
	if err != nil {
		return err
	}
	defer clean()
	out.Say("the database is %s", name)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopAsked := make(chan struct{})
	go func() {
		<-signals
		close(stopAsked)
		cancel()
		// Children die with us (see package child), so a second one may end all.
		<-signals
		os.Exit(exitInterrupted)
	}()
	var webhookSecret, webhookSecrets string
	if o.smoke {
		webhookSecret = rand.Text()
		webhookSecrets = smoke.WebhookSecrets(webhookSecret)
	}
	s, err := stack.Start(ctx, stack.Options{
		MigrateBinary: o.migrateBinary, GRPCBinary: o.grpcBinary, RESTBinary: o.restBinary,
		DatabaseURL: databaseURL,
		GRPCAddr:    o.grpcAddr, GRPCAdminAddr: o.grpcAdminAddr,
		HTTPAddr: o.httpAddr, HTTPAdminAddr: o.httpAdminAddr, WebhookSecrets: webhookSecrets,
		Log: out.Log, Say: out.Say,
	})
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	if o.smoke {
		return runSmoke(ctx, s, webhookSecret, out)
	}
	if err := greet(ctx, s, out); err != nil {
		return errors.Join(err, s.Stop())
	}
	select {
	case <-stopAsked:
		out.Say("stopping")
	case failure := <-s.Failed():
		out.Say("stopping the rest")
		_ = s.Stop() // the failure is the news
		return failure
	}
	begin := time.Now()
	if err := s.Stop(); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	out.Say("stopped after %s", time.Since(begin).Round(time.Millisecond))
	return nil
}

// greet says what can be tried, with an API key that it makes.
func greet(ctx context.Context, s *stack.Stack, out *console.Console) error {
	token, err := apikey.Create(ctx, s.GRPCAddr())
	if err != nil {
		return err
	}
	out.Say("gRPC is at %s, REST at http://%s", s.GRPCAddr(), s.HTTPAddr())
	out.Say("a key of the workspace %s for a day is %s", apikey.Workspace, token)
	out.Say("try:")
	out.Say(`  curl -s http://%s/v1/playbooks -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{"name":"First contact","steps":[{"kind":"CALL","title":"Say hello"}]}'`, s.HTTPAddr(), token)
	out.Say(`  grpcurl -plaintext -H 'workspace: %s' -d '{"page_size":5}' %s playbook.api.v1.PlaybookService/ListPlaybooks`, apikey.Workspace, s.GRPCAddr())
	out.Say("Ctrl-C stops everything")
	return nil
}

func runSmoke(ctx context.Context, s *stack.Stack, webhookSecret string, out *console.Console) error {
	err := smoke.Run(ctx, s.GRPCAddr(), s.HTTPAddr(), webhookSecret, out.Say)
	begin := time.Now()
	if stopErr := s.Stop(); err == nil && stopErr != nil {
		err = fmt.Errorf("stopping: %w", stopErr)
	}
	if err != nil {
		return fmt.Errorf("smoke: %w", err)
	}
	out.Say("both servers stopped in order (%s)", time.Since(begin).Round(100*time.Microsecond))
	// Without a prefix: scripts look for this line.
	fmt.Println("smoke: ok")
	return nil
}
