package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// longestSocket keeps the socket's path within sun_path, which holds 108 bytes
// on Linux and 104 elsewhere; its name takes 16 of them.
const longestSocket = 85

// Server is a running PostgreSQL server. Make it with Start, end it with Stop.
type Server struct {
	folder  string
	sockets string
	// user is whom the server runs as.
	user    user
	process *os.Process
	done    chan struct{}
	output  *bytes.Buffer
}

// Start starts a server for a program that is not a test; tests use Cluster. The
// settings, such as "fsync=on", come after its own. It fails when no PostgreSQL is
// installed.
func Start(ctx context.Context, settings ...string) (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	return startServer(ctx, programs, settings)
}

// startServer makes a cluster and waits until its server answers. PostgreSQL
// refuses to run as root, so as root it runs as somebody else; which way works
// depends on the sandbox that the test is in, so they are tried in turn.
func startServer(ctx context.Context, programs programs, settings []string) (*Server, error) {
	var errs []error
	for _, user := range users() {
		s, err := startAs(ctx, programs, user, settings)
		if err == nil {
			return s, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", user.name, err))
	}
	return nil, errors.Join(errs...)
}

func startAs(ctx context.Context, programs programs, user user, settings []string) (s *Server, err error) {
	folder, err := temporaryFolder()
	if err != nil {
		return nil, err
	}
	s = &Server{folder: folder, user: user, sockets: filepath.Join(folder, "s"), done: make(chan struct{}), output: &bytes.Buffer{}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := os.Mkdir(s.sockets, 0o700); err != nil {
		return nil, fmt.Errorf("making the socket's folder: %w", err)
	}
	for _, path := range []string{folder, s.sockets} {
		if err := user.own(path); err != nil {
			return nil, fmt.Errorf("giving the folder away: %w", err)
		}
	}
	data := filepath.Join(folder, "data")
	initdb := exec.CommandContext(ctx, programs.initdb, "--pgdata="+data, "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.Env, initdb.SysProcAttr = folder, environment(), user.attributes()
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("running initdb: %w: %s", err, bytes.TrimSpace(output))
	}
	// The cluster is thrown away: nothing of it has to survive a crash.
	args := []string{"-D", data, "-k", s.sockets}
	for _, setting := range append([]string{"listen_addresses=", "max_connections=200",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off"}, settings...) {
		args = append(args, "-c", setting)
	}
	postgres := exec.Command(programs.postgres, args...)
	postgres.Dir, postgres.Env, postgres.SysProcAttr = folder, environment(), user.attributes()
	postgres.Stdout, postgres.Stderr = s.output, s.output
	if err := s.run(postgres); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	return s, s.wait(ctx)
}

// run starts the server on a thread of its own. Linux sends the signal for the
// parent's death when that thread ends, so it must stay.
func (s *Server) run(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its output
			close(s.done)
		}
	}()
	return <-started
}

// wait returns when the server lets somebody in.
func (s *Server) wait(ctx context.Context) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		conn, err := pgconn.Connect(attempt, s.URL("postgres"))
		cancel()
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.done:
			return fmt.Errorf("the server ended: %s", bytes.TrimSpace(s.output.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server without ceremony and removes its files.
func (s *Server) Stop() {
	if s.process != nil {
		// SIGQUIT is PostgreSQL's immediate shutdown: no checkpoint, and all of
		// its processes end.
		_ = s.process.Signal(syscall.SIGQUIT)
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			_ = s.process.Kill()
			<-s.done
		}
	}
	// What cannot be removed is left to whoever cleans the temporary folder.
	_ = os.RemoveAll(s.folder)
}

// temporaryFolder returns a new folder with a short path.
func temporaryFolder() (string, error) {
	folder, err := os.MkdirTemp("", "pg")
	if err == nil && len(folder) <= longestSocket {
		return folder, nil
	}
	if err == nil {
		_ = os.Remove(folder)
	}
	if folder, err = os.MkdirTemp("/tmp", "pg"); err != nil {
		return "", fmt.Errorf("making a folder for the cluster: %w", err)
	}
	return folder, nil
}

// environment keeps settings of the machine, such as PGHOST, away.
func environment() []string { return []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")} }
