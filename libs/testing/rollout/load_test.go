package rollout_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/testing/rollout"
)

// client is a rollout.Client made of a function.
type client func() error

func (c client) Do(context.Context) error { return c() }

func (client) Close() {}

// Requests start on time however long the others take, and each is counted once.
func TestOpenLoop(t *testing.T) {
	const interval, each, length = 10 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond
	var count, inFlight, most atomic.Int64
	load := rollout.Start("slow", interval, client(func() error {
		now := inFlight.Add(1)
		defer inFlight.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		time.Sleep(each)
		if count.Add(1)%2 == 0 {
			return errors.New("every other one fails")
		}
		return nil
	}))
	time.Sleep(length)
	result := load.Stop()
	if int64(result.Sent) != count.Load() || result.Sent != result.OK+result.Failed || result.Sent < 20 || result.Failed < 10 {
		t.Errorf("got %+v of %d requests", result, count.Load())
	}
	if most.Load() < 10 {
		t.Errorf("at most %d requests were in flight; they wait for each other", most.Load())
	}
	if result.P50 < each || len(result.Errors) != 5 {
		t.Errorf("the median is %s, and %d errors were kept", result.P50, len(result.Errors))
	}
}

// serve answers requests on connections that it counts. handle gets the number of
// the request on its connection.
func serve(t *testing.T, handle func(conn net.Conn, nth int) (goOn bool)) (addr string, connections *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	connections = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for nth := 1; ; nth++ {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					if !handle(conn, nth) {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String(), connections
}

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\nok"

// The client that never retries uses a connection again until the server says
// that it was the last time, or closes it while it is idle; neither is a failure.
func TestNeverRetriesReuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		handle func(net.Conn, int) bool
		want   int64
	}{
		{"kept alive", func(conn net.Conn, _ int) bool {
			fmt.Fprintf(conn, answer, "")
			return true
		}, 1},
		{"Connection: close", func(conn net.Conn, nth int) bool {
			extra := ""
			if nth == 2 {
				extra = "Connection: close\r\n"
			}
			fmt.Fprintf(conn, answer, extra)
			return true // it is the client that has to obey
		}, 3},
		{"closed while idle", func(conn net.Conn, nth int) bool {
			fmt.Fprintf(conn, answer, "")
			return nth < 2
		}, 3},
	} {
		addr, connections := serve(t, test.handle)
		c := rollout.NeverRetries(addr, rollout.Request{Method: "POST", Path: "/", Body: []string{"{", "}"}, Want: 200}, 0)
		for range 6 {
			if err := c.Do(soon(t)); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			// The reader of the idle connection needs a moment to see its end.
			time.Sleep(20 * time.Millisecond)
		}
		c.Close()
		if got := connections.Load(); got != test.want {
			t.Errorf("%s: 6 requests took %d connections, want %d", test.name, got, test.want)
		}
	}
}

// A request that is sent and not answered is a failure, where Go's transport
// would send it again.
func TestNeverRetriesFails(t *testing.T) {
	addr, _ := serve(t, func(conn net.Conn, nth int) bool {
		if nth == 1 {
			fmt.Fprintf(conn, answer, "")
		}
		return nth == 1
	})
	request := rollout.Request{Method: http.MethodGet, Path: "/", Want: http.StatusOK}
	failed := map[string]int{}
	for name, c := range map[string]rollout.Client{
		"never retries": rollout.NeverRetries(addr, request, 0), "Go's": rollout.PooledHTTP(addr, request),
	} {
		for range 4 {
			if err := c.Do(soon(t)); err != nil {
				failed[name]++
			}
		}
		c.Close()
	}
	if failed["never retries"] != 2 || failed["Go's"] != 0 {
		t.Errorf("failures are %v, want 2 of the client that never retries alone", failed)
	}
}

// A connection that was idle for too long is not used again.
func TestNeverRetriesLeavesOldConnections(t *testing.T) {
	const reuse = 100 * time.Millisecond
	addr, connections := serve(t, func(conn net.Conn, _ int) bool {
		fmt.Fprintf(conn, answer, "")
		return true
	})
	c := rollout.NeverRetries(addr, rollout.Request{Method: http.MethodGet, Path: "/", Want: http.StatusOK}, reuse)
	defer c.Close()
	for _, pause := range []time.Duration{0, 0, 2 * reuse, 0} {
		time.Sleep(pause)
		if err := c.Do(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if got := connections.Load(); got != 2 {
		t.Errorf("the requests took %d connections, want 2", got)
	}
}

// Clients that take turns keep a connection each.
func TestInTurn(t *testing.T) {
	addr, connections := serve(t, func(conn net.Conn, _ int) bool {
		fmt.Fprintf(conn, answer, "")
		return true
	})
	request := rollout.Request{Method: http.MethodGet, Path: "/", Want: http.StatusOK}
	c := rollout.InTurn(rollout.NeverRetries(addr, request, 0), rollout.NeverRetries(addr, request, 0), rollout.NeverRetries(addr, request, 0))
	defer c.Close()
	for range 9 {
		if err := c.Do(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if got := connections.Load(); got != 3 {
		t.Errorf("9 requests took %d connections, want 3", got)
	}
}

// A server that does not answer is given up when the context ends.
func TestNeverRetriesGivesUp(t *testing.T) {
	addr, _ := serve(t, func(net.Conn, int) bool { return true })
	c := rollout.NeverRetries(addr, rollout.Request{Method: http.MethodGet, Path: "/", Want: http.StatusOK}, 0)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Do(ctx); err == nil {
		t.Error("got no error")
	}
}

// A body in pieces takes as long as its pauses, with both kinds of client.
func TestSlowBody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != "{\"a\":1}" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	request := rollout.Request{
		Method: http.MethodPost, Path: "/", Body: []string{`{"a`, `":`, `1}`}, Pause: 20 * time.Millisecond, Want: http.StatusOK,
	}
	for _, c := range []rollout.Client{rollout.PooledHTTP(addr, request), rollout.NeverRetries(addr, request, 0)} {
		for range 2 {
			begin := time.Now()
			if err := c.Do(soon(t)); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took < 60*time.Millisecond {
				t.Errorf("the request took %s", took)
			}
		}
		c.Close()
	}
}
