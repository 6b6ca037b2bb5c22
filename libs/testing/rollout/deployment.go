package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
)

// Template says how a replica is run.
type Template struct {
	// Spec must make the process listen on free ports: several run at once. Its
	// Output is not used.
	Spec child.Spec
	// Port is the name under which the process logs the address that clients use,
	// such as "grpc". Its readiness is asked for on the one called "admin".
	Port string
}

// Deployment is a number of replicas of a process behind a Proxy. It is for one
// goroutine.
type Deployment struct {
	template Template
	proxy    *Proxy
	replicas []*replica
}

// replica is one process.
type replica struct {
	process *child.Child
	backend *Backend

	mu      sync.Mutex
	log     []string
	drained time.Duration
}

// Replacement is what became of a replica that was replaced.
type Replacement struct {
	// Start is the time from the start of the new process until it was listed.
	Start time.Duration
	// Stop is the time from SIGTERM to the exit of the old process, and Drained the
	// part of it in which its servers stopped.
	Stop, Drained time.Duration
	// Code is the old process's exit code.
	Code int
	// Log is what the old process logged, without its requests.
	Log string
}

// Deploy starts replicas and waits until all of them are listed.
func Deploy(ctx context.Context, proxy *Proxy, template Template, replicas int) (*Deployment, error) {
	d := &Deployment{template: template, proxy: proxy}
	for range replicas {
		if _, err := d.add(ctx); err != nil {
			d.Close()
			return nil, err
		}
	}
	return d, nil
}

// Replace replaces the oldest replica as a Deployment with maxSurge 1 and
// maxUnavailable 0 does: the new one is listed before the old one is told to
// stop.
func (d *Deployment) Replace(ctx context.Context) (Replacement, error) {
	var result Replacement
	var err error
	if result.Start, err = d.add(ctx); err != nil {
		return result, err
	}
	old := d.replicas[0]
	begin := time.Now()
	old.backend.Forget()
	old.process.Signal(syscall.SIGTERM)
	select {
	case <-old.process.Done():
	case <-ctx.Done():
		return result, fmt.Errorf("waiting for %s to stop: %w; its log is\n%s", d.template.Spec.Name, ctx.Err(), old.text())
	}
	d.replicas = d.replicas[1:]
	result.Stop, result.Code, result.Log = time.Since(begin), old.process.ExitCode(), old.text()
	result.Drained = old.drained
	return result, nil
}

// Close ends all replicas, without ceremony.
func (d *Deployment) Close() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for _, r := range d.replicas {
		// The error is that it was killed, which was asked for.
		_ = r.process.Stop(now)
		if r.backend != nil {
			r.backend.Forget()
		}
	}
	d.replicas = nil
}

// add starts a replica and waits until it is listed.
func (d *Deployment) add(ctx context.Context) (took time.Duration, err error) {
	begin := time.Now()
	r := &replica{}
	spec := d.template.Spec
	spec.Output = r.note
	if r.process, err = child.Start(spec); err != nil {
		return 0, err
	}
	d.replicas = append(d.replicas, r)
	if err := r.join(ctx, d.proxy, d.template.Port); err != nil {
		return 0, fmt.Errorf("adding a replica of %s: %w; its log is\n%s", spec.Name, err, r.text())
	}
	return time.Since(begin), nil
}

// join waits until the replica is listed by the proxy.
func (r *replica) join(ctx context.Context, proxy *Proxy, port string) error {
	if err := r.process.Ready(ctx); err != nil {
		return err
	}
	addr, admin := r.process.Addr(port), r.process.Addr("admin")
	if addr == "" || admin == "" {
		return errors.New("it does not log where it listens")
	}
	r.backend = proxy.Add(addr, "http://"+admin+"/readyz")
	return r.backend.Listed(ctx)
}

func (r *replica) note(line child.Line) {
	if line.Message == "request" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, line.Raw)
	if line.Message == "drained" {
		// A text that is no duration leaves 0, which shows in the table.
		r.drained, _ = time.ParseDuration(line.Get("took"))
	}
}

func (r *replica) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.log, "\n")
}
