package relay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/testing/relay"
)

// start returns a relay to a server that handles each connection with serve.
func start(t *testing.T, serve func(*net.TCPConn)) *relay.Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn.(*net.TCPConn))
		}
	}()
	r, err := relay.Listen(func(context.Context) (relay.Conn, error) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func dial(t *testing.T, r *relay.Relay) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func echo(conn *net.TCPConn) {
	defer conn.Close()
	_, _ = io.Copy(conn, conn)
}

// Every byte arrives, in order, and the end of one direction leaves the other
// open: the server's answer begins when the client has ended.
func TestHalfClose(t *testing.T) {
	r := start(t, func(conn *net.TCPConn) {
		defer conn.Close()
		all, _ := io.ReadAll(conn)
		_, _ = conn.Write(all)
	})
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(rand.Uint32())
	}
	conn := dial(t, r)
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, %v, want the %d that were sent", len(got), err, len(sent))
	}
}

// What the server sent before it closed arrives.
func TestServerCloses(t *testing.T) {
	r := start(t, func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "goodbye")
		conn.Close()
	})
	if got, err := io.ReadAll(dial(t, r)); err != nil || string(got) != "goodbye" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A reset is passed on as one, and so is a server that cannot be reached.
func TestReset(t *testing.T) {
	r := start(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.SetLinger(0)
		conn.Close()
	})
	reset := dial(t, r)
	_, _ = io.WriteString(reset, "x")
	if _, err := io.ReadAll(reset); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	nobody, err := relay.Listen(func(context.Context) (relay.Conn, error) { return nil, errors.New("nobody") })
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	conn, err := net.Dial("tcp", nobody.Addr())
	if err == nil {
		_, err = io.ReadAll(conn)
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

// A frozen relay lets nothing through, on old connections and new ones, and
// what it held up arrives when it thaws.
func TestFreeze(t *testing.T) {
	r := start(t, echo)
	old := dial(t, r)
	buffer := make([]byte, 3)
	exchange := func(conn *net.TCPConn) error {
		_, err := io.ReadFull(conn, buffer)
		return err
	}
	_, _ = io.WriteString(old, "one")
	if err := exchange(old); err != nil {
		t.Fatal(err)
	}
	r.Freeze()
	fresh := dial(t, r)
	for _, conn := range []*net.TCPConn{old, fresh} {
		_, _ = io.WriteString(conn, "two")
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if err := exchange(conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %q, %v through a frozen relay", buffer, err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	}
	r.Thaw()
	for _, conn := range []*net.TCPConn{old, fresh} {
		if err := exchange(conn); err != nil || string(buffer) != "two" {
			t.Errorf("got %q, %v after the thaw", buffer, err)
		}
	}
}

// A cut ends what is open and nothing else; a delay holds answers up.
func TestCutAndDelay(t *testing.T) {
	r := start(t, echo)
	conn := dial(t, r)
	_, _ = io.WriteString(conn, "x")
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a cut connection is still open")
	}
	const delay = 30 * time.Millisecond
	r.Delay(delay)
	conn = dial(t, r)
	begin := time.Now()
	_, _ = io.WriteString(conn, "x")
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < delay {
		t.Errorf("the answer took %s, want at least %s", took, delay)
	}
}

// A frozen relay can be closed.
func TestCloseWhileFrozen(t *testing.T) {
	r := start(t, echo)
	conn := dial(t, r)
	r.Freeze()
	_, _ = io.WriteString(conn, "x")
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Close()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("Close does not return")
	}
}
