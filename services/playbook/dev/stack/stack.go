// Package stack starts and stops the processes of the playbook service on one
// machine.
package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
)

// stopTimeout bounds the stop of one process: what its defaults allow it.
func stopTimeout() time.Duration {
	var defaults lifecycle.Config
	config.Defaults(&defaults)
	return defaults.GracePeriod()
}

// Options say what to start. Every field is needed, but for WebhookSecrets.
type Options struct {
	// MigrateBinary, GRPCBinary and RESTBinary are paths.
	MigrateBinary, GRPCBinary, RESTBinary string
	// DatabaseURL is what each process gets.
	DatabaseURL string
	// The addresses to listen on; port 0 takes a free one.
	GRPCAddr, GRPCAdminAddr, HTTPAddr, HTTPAdminAddr string
	// WebhookSecrets is what rest gets; where it is empty, what there is already.
	WebhookSecrets string
	// Log is called with each line of each process, possibly at the same time.
	Log func(name string, line child.Line)
	// Say is called with each line of progress.
	Say func(format string, args ...any)
}

// Stack is the running servers.
type Stack struct {
	grpc, rest *child.Child
	failed     chan error
	stopping   chan struct{}
	stopOnce   sync.Once
}

// Start runs migrate to its end and then starts the servers. It returns when
// both are ready. When it fails, nothing is left running.
func Start(ctx context.Context, options Options) (*Stack, error) {
	for _, listener := range []struct{ name, flag, addr string }{
		{"grpc", "--grpc-addr", options.GRPCAddr},
		{"grpc's admin endpoints", "--grpc-admin-addr", options.GRPCAdminAddr},
		{"rest", "--http-addr", options.HTTPAddr},
		{"rest's admin endpoints", "--http-admin-addr", options.HTTPAdminAddr},
	} {
		if err := probe(listener.addr); err != nil {
			return nil, fmt.Errorf("cannot listen on %s for %s (%w); stop what uses it or choose another with %s",
				listener.addr, listener.name, err, listener.flag)
		}
	}
	if err := migrate(ctx, options); err != nil {
		return nil, err
	}
	s := &Stack{failed: make(chan error, 2), stopping: make(chan struct{})}
	begin := time.Now()
	var err error
	if s.grpc, err = run(options, "grpc", options.GRPCBinary, map[string]string{
		"GRPC_ADDR": options.GRPCAddr, "GRPC_PLAINTEXT": "true", "ADMIN_ADDR": options.GRPCAdminAddr, "GRPC_REFLECTION": "true",
	}); err != nil {
		return nil, err
	}
	settings := map[string]string{"HTTP_ADDR": options.HTTPAddr, "ADMIN_ADDR": options.HTTPAdminAddr}
	if options.WebhookSecrets != "" {
		settings["WEBHOOK_SECRETS"] = options.WebhookSecrets
	}
	if s.rest, err = run(options, "rest", options.RESTBinary, settings); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.waitReady(ctx, options, begin); err != nil {
		// What failed is the news; that the rest was stopped is not.
		_ = s.Stop()
		return nil, err
	}
	for _, c := range s.children() {
		go s.watch(c)
	}
	return s, nil
}

// probe finds out whether an address is free, before anything is started.
func probe(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		var inner *os.SyscallError
		if errors.As(err, &inner) {
			return inner.Err
		}
		return err
	}
	return listener.Close()
}

func migrate(ctx context.Context, options Options) error {
	begin := time.Now()
	c, err := run(options, "migrate", options.MigrateBinary, nil)
	if err != nil {
		return err
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.Background(), stopTimeout())
		defer cancel()
		return errors.Join(ctx.Err(), c.Stop(stop))
	}
	if c.ExitCode() != 0 {
		return c.Failure()
	}
	options.Say("migrate is done after %s", round(time.Since(begin)))
	return nil
}

func run(options Options, name, path string, settings map[string]string) (*child.Child, error) {
	return child.Start(child.Spec{
		Name:   name,
		Path:   path,
		Env:    environment(os.Environ(), options.DatabaseURL, settings),
		Output: func(line child.Line) { options.Log(name, line) },
	})
}

// environment replaces the settings that matter and keeps the rest, so that
// LOG_LEVEL=debug does what it says. Higher levels would hide the lines that say
// where a process listens and that it is ready.
func environment(inherited []string, databaseURL string, settings map[string]string) []string {
	replaced := map[string]string{
		"DATABASE_URL": databaseURL,
		"LOG_FORMAT":   "json",
		// A person waits; a database that is away should be told about soon.
		"DATABASE_WAIT": "10s",
		"DRAIN_DELAY":   "0s",
	}
	maps.Copy(replaced, settings)
	var env []string
	for _, entry := range inherited {
		name, value, _ := strings.Cut(entry, "=")
		if _, ok := replaced[name]; ok || name == "LOG_LEVEL" && (value == "warn" || value == "error") {
			continue
		}
		env = append(env, entry)
	}
	for name, value := range replaced {
		env = append(env, name+"="+value)
	}
	return env
}

// waitReady reports each server as it becomes ready.
func (s *Stack) waitReady(ctx context.Context, options Options, begin time.Time) error {
	errs := make([]error, 2)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	for i, c := range s.children() {
		group.Go(func() {
			if errs[i] = c.Ready(waiting); errs[i] != nil {
				cancel()
				return
			}
			options.Say("%s is ready after %s", []string{"grpc", "rest"}[i], round(time.Since(begin)))
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// watch reports a server that ends without being told to.
func (s *Stack) watch(c *child.Child) {
	<-c.Done()
	select {
	case <-s.stopping:
	default:
		s.failed <- c.Failure()
	}
}

func (s *Stack) children() []*child.Child { return []*child.Child{s.grpc, s.rest} }

// GRPCAddr returns the address of the gRPC server.
func (s *Stack) GRPCAddr() string { return s.grpc.Addr("grpc") }

// HTTPAddr returns the address of the REST server.
func (s *Stack) HTTPAddr() string { return s.rest.Addr("http") }

// Failed gets an error when a server ends without being told to.
func (s *Stack) Failed() <-chan error { return s.failed }

// Stop asks both servers to end, gives each its drain, and returns an error when
// one did not end with exit code 0.
func (s *Stack) Stop() error {
	s.stopOnce.Do(func() { close(s.stopping) })
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout())
	defer cancel()
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i, c := range s.children() {
		if c == nil {
			continue
		}
		group.Go(func() {
			if errs[i] = c.Stop(ctx); errs[i] == nil && c.ExitCode() != 0 {
				errs[i] = c.Failure()
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
