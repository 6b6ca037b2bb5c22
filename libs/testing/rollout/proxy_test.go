package rollout_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/testing/rollout"
)

// backend is a server that says its name on each connection and keeps it open,
// and a probe that answers as told.
type backend struct {
	addr, probe string
	ready       atomic.Bool
}

func startBackend(t *testing.T, name string) *backend {
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
			go func() {
				defer conn.Close()
				// It echoes afterwards, which shows that the connection lives.
				_, _ = io.WriteString(conn, name)
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	b := &backend{addr: listener.Addr().String()}
	probe := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !b.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(probe.Close)
	b.probe = probe.URL
	return b
}

// ask makes a connection and returns the name of who serves it.
func ask(t *testing.T, addr string) (string, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err.Error(), nil
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	name := make([]byte, 1)
	if _, err := io.ReadFull(conn, name); err != nil {
		return err.Error(), nil
	}
	return string(name), conn
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// New connections go to those that are ready, in turn. One that is not ready any
// more gets them until the lag has passed, and keeps those that it has.
func TestProxy(t *testing.T) {
	const lag = 200 * time.Millisecond
	proxy, err := rollout.NewProxy(lag)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	a, b := startBackend(t, "a"), startBackend(t, "b")
	a.ready.Store(true)
	if err := proxy.Add(a.addr, a.probe).Listed(soon(t)); err != nil {
		t.Fatal(err)
	}
	second := proxy.Add(b.addr, b.probe)
	for range 4 {
		if got, _ := ask(t, proxy.Addr()); got != "a" {
			t.Fatalf("got %s while only a is ready", got)
		}
	}
	b.ready.Store(true)
	if err := second.Listed(soon(t)); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	var old net.Conn
	for range 6 {
		name, conn := ask(t, proxy.Addr())
		counts[name]++
		if name == "b" {
			old = conn
		}
	}
	if fmt.Sprint(counts) != "map[a:3 b:3]" {
		t.Errorf("connections went to %v, want 3 each", counts)
	}
	if old == nil {
		t.FailNow()
	}

	second.Forget()
	b.ready.Store(false)
	began := time.Now()
	for misses := 0; misses < 4; {
		if name, _ := ask(t, proxy.Addr()); name == "a" {
			misses++
		} else {
			misses = 0
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("b is never unlisted")
		}
	}
	if took := time.Since(began); took < lag {
		t.Errorf("b was unlisted after %s, want at least %s", took, lag)
	} else if latest := proxy.Latest(); latest < lag || latest > took {
		t.Errorf("the proxy says that b was unlisted after %s; it was at most %s", latest, took)
	}
	_, _ = io.WriteString(old, "still there?")
	if _, err := io.ReadFull(old, make([]byte, 12)); err != nil {
		t.Errorf("a connection that was open when b was unlisted: %v", err)
	}
	if _, refused := proxy.Connections(); refused != 0 {
		t.Errorf("%d connections found no backend", refused)
	}
}

// Without a backend a connection is reset, and counted.
func TestProxyWithoutBackends(t *testing.T) {
	proxy, err := rollout.NewProxy(0)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	if name, conn := ask(t, proxy.Addr()); conn != nil {
		t.Errorf("got %s from nobody", name)
	}
	if accepted, refused := proxy.Connections(); accepted != 1 || refused != 1 {
		t.Errorf("%d connections, %d of them refused; want 1 and 1", accepted, refused)
	}
}
