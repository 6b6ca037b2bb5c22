package processtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// These bound the resident memory of a server under each kind of abuse, in MiB.
// Behind them is what was measured at the highest; idle it is 12 for rest and 15
// for grpc.
const (
	slowHeadersMemory = 64  // 22
	bodiesMemory      = 64  // 29
	headersMemory     = 48  // 13
	messagesMemory    = 64  // 16
	idleHTTPMemory    = 320 // 209: 20 KiB for each connection
	idleGRPCMemory    = 320 // 180: 17 KiB for each connection
	rapidResetMemory  = 160 // 79
)

// abuse starts a server and watches its readiness until the function that it
// returns is called, which also checks its memory.
func abuse(t *testing.T, p process, limit int, settings map[string]string) (c *child.Child, check func()) {
	t.Helper()
	long.Test(t)
	env := map[string]string{"DATABASE_URL": migrated(t)}
	for name, value := range settings {
		env[name] = value
	}
	c, _ = start(t, p, env)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	idle, _ := memory(t, c.PID())
	finish := watch(20*time.Millisecond, httpProbe("http://"+c.Addr("admin")+"/readyz"))
	return c, func() {
		t.Helper()
		now, peak := memory(t, c.PID())
		steady(t, "/readyz", finish())
		t.Logf("resident memory: %d MiB before, %d at its highest, %d now", idle, peak, now)
		if peak > limit {
			t.Errorf("resident memory reached %d MiB, want at most %d", peak, limit)
		}
	}
}

func connectTo(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Clients that send their headers a byte at a time are thrown out when the time
// for headers is over, and keep nobody else from being served.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	const connections, timeout = 500, 5 * time.Second
	c, check := abuse(t, restProcess, slowHeadersMemory, nil)
	lived := make(chan time.Duration, connections)
	for range connections {
		conn := connectTo(t, c.Addr("http"))
		begin := time.Now()
		go func() {
			if _, err := io.WriteString(conn, "GET /v1/playbooks HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
				lived <- 0
				return
			}
			stop := make(chan struct{})
			go func() {
				tick := time.NewTicker(time.Second)
				defer tick.Stop()
				for {
					select {
					case <-stop:
						return
					case <-tick.C:
						// The reader sees when the connection is gone.
						_, _ = conn.Write([]byte("x"))
					}
				}
			}()
			_ = conn.SetReadDeadline(begin.Add(3 * timeout))
			_, _ = io.Copy(io.Discard, conn)
			close(stop)
			lived <- time.Since(begin)
		}()
	}
	var all []time.Duration
	for range connections {
		all = append(all, <-lived)
	}
	slices.Sort(all)
	t.Logf("%d connections were closed after %s to %s", connections, all[0].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond))
	if all[0] < timeout-time.Second || all[len(all)-1] > timeout+4*time.Second {
		t.Errorf("connections were closed after %s to %s, want soon after %s", all[0], all[len(all)-1], timeout)
	}
	check()
}

// problemOf reads an answer, which must be a problem document.
func problemOf(conn net.Conn) (int, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var document struct{ Status int }
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		return response.StatusCode, fmt.Errorf("reading the problem document: %w", err)
	}
	if response.Header.Get("Content-Type") != "application/problem+json" || document.Status != response.StatusCode {
		return response.StatusCode, fmt.Errorf("the answer is %s, status %d", response.Header.Get("Content-Type"), document.Status)
	}
	return response.StatusCode, nil
}

// Bodies over the limit are answered 413 and not read to their end, also when
// they say no length, or have none; what comes too slowly is cut.
func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	head := "POST /v1/playbooks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: " + keytest.Authorization() + "\r\n"
	const (
		limit   = 1 << 20
		timeout = 3 * time.Second
	)
	c, check := abuse(t, restProcess, bodiesMemory, map[string]string{"REQUEST_TIMEOUT": timeout.String()})
	addr := c.Addr("http")

	t.Run("with a length", func(t *testing.T) {
		conn := connectTo(t, addr)
		fmt.Fprintf(conn, head+"Content-Length: %d\r\n\r\n{\"name\":\"", 2*limit)
		go func() {
			// It fails when the server has heard enough.
			_, _ = conn.Write(bytes.Repeat([]byte("x"), 2*limit))
		}()
		if status, err := problemOf(conn); status != http.StatusRequestEntityTooLarge || err != nil {
			t.Errorf("the answer is %d, %v; want 413", status, err)
		}
	})

	t.Run("without end", func(t *testing.T) {
		const clients, most = 20, 64 << 20
		var sending sync.WaitGroup
		var sent atomic.Int64
		statuses := make(chan string, clients)
		chunk := []byte("10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n")
		for range clients {
			conn := connectTo(t, addr)
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprint(conn, head+"Transfer-Encoding: chunked\r\n\r\n9\r\n{\"name\":\"\r\n")
			sending.Go(func() {
				for range most / len(chunk) {
					count, err := conn.Write(chunk)
					sent.Add(int64(count))
					if err != nil {
						return
					}
				}
				t.Error("a body without end was read for 64 MiB")
			})
			go func() {
				status, err := problemOf(conn)
				statuses <- fmt.Sprint(status, err)
			}()
		}
		counts := map[string]int{}
		for range clients {
			counts[<-statuses]++
		}
		sending.Wait()
		t.Logf("%d bodies: %v; %.1f MiB each were taken", clients, counts, float64(sent.Load())/clients/(1<<20))
		if counts["413 <nil>"] != clients {
			t.Errorf("the answers are %v, want 413", counts)
		}
	})

	t.Run("trickled without end", func(t *testing.T) {
		conn := connectTo(t, addr)
		begin := time.Now()
		fmt.Fprint(conn, head+"Transfer-Encoding: chunked\r\n\r\n9\r\n{\"name\":\"\r\n")
		go func() {
			for {
				if _, err := io.WriteString(conn, "1\r\nx\r\n"); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}()
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		answer, err := io.ReadAll(conn)
		took := time.Since(begin)
		line, _, _ := strings.Cut(string(answer), "\r\n")
		t.Logf("cut after %s: %q, %v", took.Round(time.Millisecond), line, err)
		if took < timeout || took > timeout+3*time.Second {
			t.Errorf("the connection was closed after %s, want soon after REQUEST_TIMEOUT (%s)", took, timeout)
		}
	})
	check()
}

// Headers over the limit are answered 431.
func TestHeadersOverTheLimit(t *testing.T) {
	c, check := abuse(t, restProcess, headersMemory, nil)
	for range 50 {
		conn := connectTo(t, c.Addr("http"))
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		go func() {
			_, _ = io.WriteString(conn, "GET /v1/playbooks HTTP/1.1\r\nHost: x\r\n")
			for i := range 64 {
				// It fails when the server has heard enough.
				_, _ = fmt.Fprintf(conn, "X-%d: %s\r\n", i, strings.Repeat("x", 1000))
			}
			_, _ = io.WriteString(conn, "\r\n")
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Fatalf("the answer is %s, want 431", response.Status)
		}
	}
	check()
}

// A message over the limit is refused by gRPC too.
func TestMessageOverTheLimit(t *testing.T) {
	c, check := abuse(t, grpcProcess, messagesMemory, nil)
	client := playbookv1.NewPlaybookServiceClient(dial(t, c.Addr("grpc")))
	for range 10 {
		_, err := client.CreatePlaybook(soon(t), &playbookv1.CreatePlaybookRequest{Name: strings.Repeat("x", 5<<20)})
		if status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("got %v, want RESOURCE_EXHAUSTED", err)
		}
	}
	check()
}

// openAtOnce is how many connections are made at the same time.
const openAtOnce = 64

// openIdle opens as many connections as the test may, up to count. prepare does
// what makes a connection count as one that is idle.
func openIdle(t *testing.T, addr string, count int, prepare func(net.Conn) error) {
	t.Helper()
	// The rest is for the test itself, and its peer in the server.
	const spare = 500
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if want := uint64(count + spare); limit.Cur < want {
		raised := syscall.Rlimit{Cur: want, Max: max(limit.Max, want)}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) != nil {
			count = int(limit.Cur) - spare
			t.Logf("the system lets a process have %d open files: %d connections are made", limit.Cur, count)
		}
	}
	var mu sync.Mutex
	var conns []net.Conn
	t.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
	})
	var opening sync.WaitGroup
	numbers := make(chan int)
	var first atomic.Pointer[error]
	for range openAtOnce {
		opening.Go(func() {
			for range numbers {
				conn, err := net.Dial("tcp", addr)
				if err == nil {
					mu.Lock()
					conns = append(conns, conn)
					mu.Unlock()
					_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
					err = prepare(conn)
				}
				if err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	begin := time.Now()
	for i := range count {
		numbers <- i
	}
	close(numbers)
	opening.Wait()
	if err := first.Load(); err != nil {
		t.Fatalf("opening %d connections: %v", count, *err)
	}
	t.Logf("%d connections were opened in %s", len(conns), time.Since(begin).Round(time.Millisecond))
}

// preface is what an HTTP/2 client says first: that it is one, its settings, and
// that it has seen the server's.
func preface() []byte {
	var all bytes.Buffer
	all.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&all, nil)
	// A buffer takes everything.
	_ = framer.WriteSettings()
	_ = framer.WriteSettingsAck()
	return all.Bytes()
}

// settled makes a connection one of HTTP/2 on which there is nothing to do.
func settled(conn net.Conn) error {
	if _, err := conn.Write(preface()); err != nil {
		return err
	}
	// That the server has seen our settings shows that it has set up the connection.
	framer := http2.NewFramer(nil, conn)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && settings.IsAck() {
			return nil
		}
	}
}

// Ten thousand idle connections cost memory within bounds, leave room for
// others, and do not hold up the end.
func TestIdleConnections(t *testing.T) {
	const count, settle = 10_000, time.Second
	for _, test := range []struct {
		p       process
		port    string
		limit   int
		prepare func(net.Conn) error
		ask     func(*testing.T, string) error
	}{
		{restProcess, "http", idleHTTPMemory, func(conn net.Conn) error {
			// A connection on which there was no request yet would be closed like one with
			// slow headers.
			if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return err
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return err
			}
			return response.Body.Close()
		}, func(_ *testing.T, addr string) error {
			response, err := keytest.Get("http://" + addr + "/v1/playbooks")
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return errors.New(response.Status)
			}
			return nil
		}},
		{grpcProcess, "grpc", idleGRPCMemory, settled, func(t *testing.T, addr string) error {
			_, err := playbookv1.NewPlaybookServiceClient(dial(t, addr)).ListPlaybooks(soon(t), &playbookv1.ListPlaybooksRequest{})
			return err
		}},
	} {
		t.Run(test.p.name, func(t *testing.T) {
			c, check := abuse(t, test.p, test.limit, nil)
			openIdle(t, c.Addr(test.port), count, test.prepare)
			time.Sleep(settle)
			if err := test.ask(t, c.Addr(test.port)); err != nil {
				t.Errorf("a request beside the idle connections: %v", err)
			}
			_, metrics := get(t, "http://"+c.Addr("admin")+"/metrics")
			for line := range strings.Lines(metrics) {
				if strings.HasPrefix(line, "process_open_fds ") {
					t.Logf("the process has %s", strings.TrimSpace(line))
				}
			}
			check()
			took := stop(t, c, 0)
			t.Logf("gone %s after SIGTERM", took.Round(time.Millisecond))
			if took > 10*time.Second {
				t.Errorf("the process ended after %s", took)
			}
		})
	}
}

// Streams that are opened and reset as fast as a client can, the attack of
// CVE-2023-44487, neither fill the memory nor keep others from being served.
func TestRapidReset(t *testing.T) {
	const length, clients = 3 * time.Second, 4
	c, check := abuse(t, grpcProcess, rapidResetMemory, nil)
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var attacking sync.WaitGroup
	var resets, connections atomic.Int64
	for range clients {
		attacking.Go(func() {
			for ctx.Err() == nil {
				connections.Add(1)
				resets.Add(rapidReset(ctx, c.Addr("grpc")))
			}
		})
	}
	client := playbookv1.NewPlaybookServiceClient(dial(t, c.Addr("grpc")))
	var calls, refused int
	var longest time.Duration
	for ctx.Err() == nil {
		begin := time.Now()
		_, err := client.ListPlaybooks(soon(t), &playbookv1.ListPlaybooksRequest{})
		longest = max(longest, time.Since(begin))
		calls++
		if status.Code(err) == codes.ResourceExhausted {
			refused++
		} else if err != nil {
			t.Errorf("a call beside the attack: %v", err)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	attacking.Wait()
	t.Logf("%d streams were reset on %d connections in %s; beside them %d calls, %d refused, the longest %s",
		resets.Load(), connections.Load(), length, calls, refused, longest.Round(time.Millisecond))
	if resets.Load() < 1000 {
		t.Errorf("only %d streams were reset: that is no attack", resets.Load())
	}
	check()
	if _, err := client.ListPlaybooks(soon(t), &playbookv1.ListPlaybooksRequest{}); err != nil {
		t.Errorf("a call after the attack: %v", err)
	}
	stop(t, c, 0)
}

// rapidReset opens and resets streams on one connection until ctx ends or the
// server has enough, and returns how many.
func rapidReset(ctx context.Context, addr string) (resets int64) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	// An attacker would not read either, but a server that stops reading for that
	// reason would be spared.
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	if _, err := conn.Write(preface()); err != nil {
		return 0
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	writer := bufio.NewWriterSize(conn, 16<<10)
	framer := http2.NewFramer(writer, nil)
	for id := uint32(1); id < 1<<30; id += 2 {
		block.Reset()
		for _, field := range []hpack.HeaderField{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
			{Name: ":path", Value: "/playbook.api.v1.PlaybookService/ListPlaybooks"}, {Name: ":authority", Value: addr},
			{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		} {
			// A buffer takes everything.
			_ = encoder.WriteField(field)
		}
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
			return resets
		}
		// A whole message, so that the handler is called.
		if id%4 == 1 {
			if err := framer.WriteData(id, true, make([]byte, 5)); err != nil {
				return resets
			}
		}
		if err := framer.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
			return resets
		}
		resets++
	}
	return resets
}
