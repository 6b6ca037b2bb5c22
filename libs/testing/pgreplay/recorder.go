package pgreplay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// queryCanceled is the error code of a statement whose client gave up. When it
// does differs from run to run.
const queryCanceled = "57014"

// Recorder stands between a program and a database. Transactions, and statements
// outside of them, take turns, so that what is recorded means the same when it is
// replayed one after the other.
type Recorder struct {
	database string
	listener net.Listener
	relayed  url.URL
	socket   string
	types    typeNames
	running  sync.WaitGroup

	// turn is held by a connection from a request until it is in no transaction
	// any more. It guards recording and connections.
	turn        sync.Mutex
	recording   Recording
	connections int

	// mu guards the rest.
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	stopped  bool
	problems []error
}

// Record records what is sent to URL of the recorder, which is the given
// database. That must be on a server with a Unix socket that asks for no password,
// as those of package postgrestest. The name is for the recording.
func Record(ctx context.Context, databaseURL, name string) (*Recorder, error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	query := parsed.Query()
	folder := query.Get("host")
	if !filepath.IsAbs(folder) {
		return nil, errors.New("reading the database's URL: it names no Unix socket")
	}
	conn, err := pgconn.Connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	types, err := readTypes(ctx, conn)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the recorder's listener: %w", err)
	}
	query.Del("host")
	query.Set("sslmode", "disable")
	parsed.Host, parsed.RawQuery = listener.Addr().String(), query.Encode()
	r := &Recorder{
		database: name, listener: listener, relayed: *parsed, socket: filepath.Join(folder, ".s.PGSQL.5432"), types: types,
		open: map[net.Conn]struct{}{},
	}
	r.running.Go(r.accept)
	return r, nil
}

// URL is where the database is reached through the recorder.
func (r *Recorder) URL() string { return r.relayed.String() }

// Stop closes all connections and returns what was recorded. It fails when the
// program did something that cannot be replayed.
func (r *Recorder) Stop() (Recording, error) {
	// It can only fail because it is closed already.
	_ = r.listener.Close()
	r.mu.Lock()
	r.stopped = true
	for conn := range r.open {
		_ = conn.Close() // as above
	}
	r.mu.Unlock()
	r.running.Wait()
	return r.recording, errors.Join(r.problems...)
}

func (r *Recorder) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.refuse(err)
			}
			return
		}
		r.running.Go(func() { r.serve(client) })
	}
}

// refuse notes why what happened is not a recording.
func (r *Recorder) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Errorf("recording %s: %w", r.database, err))
}

// keep makes Stop close the connection.
func (r *Recorder) keep(conn net.Conn) (kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[conn] = struct{}{}
	return !r.stopped
}

func (r *Recorder) drop(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
	_ = conn.Close() // it may be closed already
}

// session is a connection of a client with the one that serves it.
type session struct {
	recorder *Recorder
	client   *pgproto3.Backend
	server   *pgproto3.Frontend
	settings map[string]string
	// number is 0 until the first exchange.
	number int
	// turn says whether the session holds the recorder's.
	turn bool
}

// serve passes on what a client sends until either side closes the connection.
func (r *Recorder) serve(client net.Conn) {
	defer r.drop(client)
	if !r.keep(client) {
		return
	}
	backend := pgproto3.NewBackend(client, client)
	first, err := backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	server, err := net.Dial("unix", r.socket)
	if err != nil {
		r.refuse(err)
		return
	}
	defer r.drop(server)
	if !r.keep(server) {
		return
	}
	s := &session{recorder: r, client: backend, server: pgproto3.NewFrontend(server, server)}
	defer s.yield()
	s.server.Send(first)
	if startup, ok := first.(*pgproto3.StartupMessage); ok {
		s.settings = startup.Parameters
		delete(s.settings, "user")
		delete(s.settings, "database")
	}
	// Where a client came to cancel a statement, the server closes the connection.
	if _, _, err := s.answer(true); err != nil {
		return
	}
	for s.exchange() == nil {
	}
}

// exchange passes on what the client sends until it waits, and the answers. The
// error says that the connection is over.
func (s *session) exchange() error {
	sent, err := s.request()
	if err != nil {
		return err
	}
	r := s.recorder
	if !s.turn {
		r.turn.Lock()
		s.turn = true
	}
	answers, status, err := s.answer(false)
	if err != nil {
		return err
	}
	cancelled := false
	for _, answer := range answers {
		cancelled = cancelled || answer.Error == queryCanceled
	}
	if !cancelled {
		if s.number == 0 {
			r.connections++
			s.number = r.connections
		}
		r.recording = append(r.recording, Exchange{r.database, s.number, s.settings, sent, answers})
		s.settings = nil
	}
	if status == 'I' {
		s.yield()
	}
	return s.client.Flush()
}

func (s *session) yield() {
	if s.turn {
		s.turn = false
		s.recorder.turn.Unlock()
	}
}

// request reads until the client waits for an answer. What it sent is ready to
// be flushed to the server.
func (s *session) request() ([]Request, error) {
	var sent []Request
	for {
		message, err := s.client.Receive()
		if err != nil {
			return nil, err
		}
		s.server.Send(message)
		switch message.(type) {
		case *pgproto3.Terminate:
			// The server closes the connection.
			return nil, errors.Join(io.EOF, s.server.Flush())
		case *pgproto3.Sync:
			return sent, nil
		}
		request, err := newRequest(message)
		if err != nil {
			s.recorder.refuse(err)
			return nil, err
		}
		sent = append(sent, request)
		if request.Message == "Query" {
			return sent, nil
		}
	}
}

// answer sends what is ready for the server and reads until it is ready for more.
// What it answered is ready to be flushed to the client.
func (s *session) answer(opening bool) (answers []Answer, status byte, err error) {
	if err := s.server.Flush(); err != nil {
		return nil, 0, err
	}
	for {
		message, err := s.server.Receive()
		if err != nil {
			return nil, 0, err
		}
		s.client.Send(message)
		if ready, ok := message.(*pgproto3.ReadyForQuery); ok {
			if opening {
				err = s.client.Flush()
			}
			return answers, ready.TxStatus, err
		}
		if opening {
			continue
		}
		answer, known, err := s.recorder.types.answer(message)
		if err != nil {
			s.recorder.refuse(err)
			return nil, 0, err
		}
		if known {
			answers = append(answers, answer)
		}
	}
}
