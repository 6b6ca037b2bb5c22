// Package target starts the servers that are measured, each as a process of its
// own, and reads off what the system knows about them.
package target

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	"github.com/soketsugo/soketsugo/libs/runtime/bench/serve"
)

const (
	// startTimeout bounds a start; it takes some milliseconds.
	startTimeout = 10 * time.Second
	// stopTimeout is more than the time after which a full server cuts off what
	// is in flight.
	stopTimeout = 30 * time.Second
	// pollInterval is how exactly the moment is known at which a server is ready.
	pollInterval = 200 * time.Microsecond
)

// Server is a server that runs.
type Server struct {
	// Began is when its process was started, and ReadyAfter how much later it
	// said that it is ready.
	Began      time.Time
	ReadyAfter time.Duration

	child *child.Child
	log   string
	addrs map[string]string
}

// Start starts a server and waits until it is ready. Its log goes to a file in
// folder, as it would to a pipe or a file in a container.
func Start(ctx context.Context, folder, kind string, pin Pinning, env ...string) (*Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking for the servers' binary: %w", err)
	}
	log, err := os.CreateTemp(folder, kind+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("creating a log: %w", err)
	}
	defer log.Close()
	path, args := pin.server(self)
	s := &Server{log: log.Name(), addrs: map[string]string{}, Began: time.Now()}
	s.child, err = child.Start(child.Spec{Name: kind, Path: path, Args: args, Env: append([]string{
		serve.KindVariable + "=" + kind, serve.LogVariable + "=" + s.log,
		"GRPC_ADDR=127.0.0.1:0", "GRPC_PLAINTEXT=true", "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
		// What the server may use is the same wherever it runs.
		"GOMAXPROCS=1",
	}, env...)})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.awaitReady(ctx); err != nil {
		s.kill()
		return nil, fmt.Errorf("starting %s: %w", kind, err)
	}
	return s, nil
}

// awaitReady waits until the log says that the server is ready.
func (s *Server) awaitReady(ctx context.Context) error {
	for {
		if ready, _, err := s.readLog(); ready || err != nil {
			s.ReadyAfter = time.Since(s.Began)
			return err
		}
		select {
		case <-s.child.Done():
			// What it logged last explains it, if its last words do not.
			_, failure, _ := s.readLog()
			return fmt.Errorf("%w %s", s.child.Failure(), failure)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// readLog finds out where the server listens and whether it is ready. failure is
// the last error in the log.
func (s *Server) readLog() (ready bool, failure string, err error) {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return false, "", fmt.Errorf("reading the log: %w", err)
	}
	for line := range bytes.Lines(data) {
		var entry struct{ Msg, Name, Addr, Error string }
		if json.Unmarshal(line, &entry) != nil {
			// Half a line, perhaps.
			continue
		}
		switch {
		case entry.Msg == "listening":
			s.addrs[entry.Name] = entry.Addr
		case entry.Msg == "ready":
			ready = true
		case entry.Error != "":
			failure = entry.Msg + ": " + entry.Error
		}
	}
	return ready, failure, nil
}

// Addr returns where the server listens under a name: "grpc", "http" or "admin".
func (s *Server) Addr(name string) string { return s.addrs[name] }

// ForgetLog empties the log, so that it fills no disk.
func (s *Server) ForgetLog() error { return os.Truncate(s.log, 0) }

// Stop asks the server to stop and returns how long that took. It fails when the
// server exits with anything but 0.
func (s *Server) Stop() (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	begin := time.Now()
	if err := s.child.Stop(ctx); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if s.child.ExitCode() != 0 {
		return took, fmt.Errorf("stopping: %w", s.child.Failure())
	}
	return took, os.Remove(s.log)
}

// kill ends the server at once. One that has ended already is left alone.
func (s *Server) kill() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.child.Stop(now) // that it had to be killed is no news
}

// Close ends the server at once if it still runs.
func (s *Server) Close() { s.kill() }

// Memory returns the resident memory of the process, now and at most, in bytes.
// Both are 0 where the system does not tell.
func (s *Server) Memory() (now, peak int64) {
	data, _ := os.ReadFile(s.proc("status"))
	for line := range strings.Lines(string(data)) {
		field := strings.Fields(line)
		if len(field) < 3 {
			continue
		}
		kibibytes, _ := strconv.ParseInt(field[1], 10, 64)
		switch field[0] {
		case "VmRSS:":
			now = kibibytes << 10
		case "VmHWM:":
			peak = kibibytes << 10
		}
	}
	return now, peak
}

// CPU returns the time that the process has computed so far, or 0 where the
// system does not tell.
func (s *Server) CPU() time.Duration {
	threads, _ := filepath.Glob(s.proc("task/*/schedstat"))
	sum := time.Duration(0)
	for _, thread := range threads {
		data, _ := os.ReadFile(thread)
		// The first of three numbers, in nanoseconds.
		first, _, _ := strings.Cut(string(data), " ")
		nanoseconds, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(nanoseconds)
	}
	return sum
}

func (s *Server) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", s.child.PID(), file) }

// Count returns the sum of a counter in the server's metrics over all labels.
// Only full servers have metrics.
func (s *Server) Count(ctx context.Context, counter string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr("admin")+"/metrics", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("reading metrics: %w", err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("reading metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, errors.New("reading metrics: " + response.Status)
	}
	sum := 0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name, _, _ = strings.Cut(name, "{"); name != counter {
			continue
		}
		// A label with a space in it.
		value = value[strings.LastIndexByte(value, ' ')+1:]
		number, err := strconv.Atoi(value)
		if err != nil {
			return 0, fmt.Errorf("reading metrics: %w", err)
		}
		sum += number
	}
	return sum, lines.Err()
}
