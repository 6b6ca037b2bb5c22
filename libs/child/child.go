// Package child runs one of our processes as a child: it reads its JSON log,
// knows where it listens and when it is ready, and stops it. The development
// launcher and the process tests stand on it.
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Spec says what to run.
type Spec struct {
	// Name is a word for messages, such as "grpc".
	Name string
	// Path is the binary.
	Path string
	// Args follow the binary's name.
	Args []string
	// Env is the whole environment. For Addr and Ready to work LOG_FORMAT must be
	// json in it and LOG_LEVEL info or debug, or they must not be set.
	Env []string
	// Output, if not nil, is called with each line that the process writes, one
	// call at a time.
	Output func(Line)
}

// Child is a process that was started. It dies with the process that started
// it, however that ends, on systems that can arrange this.
type Child struct {
	name    string
	process *os.Process
	ready   chan struct{}
	done    chan struct{}
	state   *os.ProcessState
	waitErr error

	mu        sync.Mutex
	addrs     map[string]string
	isReady   bool
	lastError string
}

// Start starts a process.
func Start(spec Spec) (*Child, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	// Nil would mean our own environment.
	cmd.Env = append([]string{}, spec.Env...)
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.SysProcAttr = attributes()
	c := &Child{
		name:  spec.Name,
		ready: make(chan struct{}),
		done:  make(chan struct{}),
		addrs: map[string]string{},
	}
	started := make(chan error, 1)
	go func() {
		// Linux sends the parent-death signal when the thread ends that started
		// the child, so that thread must stay until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		writer.Close()
		if err != nil {
			reader.Close()
			started <- err
			return
		}
		c.process = cmd.Process
		started <- nil
		c.read(reader, spec.Output)
		c.waitErr = cmd.Wait()
		c.state = cmd.ProcessState
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	return c, nil
}

// read follows the log until the process closes it. A line that is too long for
// memory is cut in pieces: to stop reading would stop the process.
func (c *Child) read(reader *os.File, output func(Line)) {
	defer reader.Close()
	const longestLine = 1 << 20
	scanner := bufio.NewScanner(reader)
	scanner.Buffer(nil, 2*longestLine)
	scanner.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		advance, token, err := bufio.ScanLines(data, atEOF)
		if advance == 0 && len(data) >= longestLine {
			return len(data), data, nil
		}
		return advance, token, err
	})
	for scanner.Scan() {
		line := parse(scanner.Text())
		c.note(line)
		if output != nil {
			output(line)
		}
	}
}

func (c *Child) note(line Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case line.Message == "listening":
		c.addrs[line.Get("name")] = line.Get("addr")
	case line.Message == "ready" && !c.isReady:
		c.isReady = true
		close(c.ready)
	case line.Level == "ERROR" || line.Level == "":
		c.lastError = line.Text()
	}
}

// Ready waits until the process says that it is ready. It fails when the
// process ends first or ctx does.
func (c *Child) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.done:
		return c.Failure()
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s to be ready: %w", c.name, ctx.Err())
	}
}

// Addr returns the address that the process said it listens on under a name,
// or an empty string.
func (c *Child) Addr(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addrs[name]
}

// PID returns the process's number.
func (c *Child) PID() int { return c.process.Pid }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// ExitCode returns the exit code of a process that has ended: -1 when a signal
// ended it.
func (c *Child) ExitCode() int { return c.state.ExitCode() }

// Failure describes the end of a process that has ended: its exit code and the
// last error that it logged.
func (c *Child) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := fmt.Sprintf("%s ended: %s", c.name, c.state)
	if c.lastError != "" {
		text += ": " + c.lastError
	}
	return errors.New(text)
}

// Signal sends a signal. It does nothing when the process has ended.
func (c *Child) Signal(signal syscall.Signal) {
	// The process can end at any moment; then there is nobody to tell.
	_ = c.process.Signal(signal)
}

// Stop asks the process to end and waits for it. When ctx ends first, the
// process is killed, and Stop returns an error.
func (c *Child) Stop(ctx context.Context) error {
	c.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		// The whole group: what the process started would keep its log open.
		_ = syscall.Kill(-c.process.Pid, syscall.SIGKILL)
		<-c.done
		return fmt.Errorf("%s did not stop in time and was killed", c.name)
	}
}
