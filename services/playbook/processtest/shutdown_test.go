package processtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/soketsugo/soketsugo/libs/child"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/relay"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// stop sends SIGTERM, waits for the end, and returns how long that took.
func stop(t *testing.T, c *child.Child, wantCode int) time.Duration {
	t.Helper()
	begin := time.Now()
	c.Signal(syscall.SIGTERM)
	finish(t, c, wantCode)
	return time.Since(begin)
}

// lock keeps everybody from a table, until the test ends or it is released.
func lock(t *testing.T, databaseURL, table string) (release func()) {
	t.Helper()
	conn, err := pgconn.Connect(soon(t), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	release = func() { conn.Close(context.Background()) }
	t.Cleanup(release)
	if _, err := conn.Exec(soon(t), `BEGIN; LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return release
}

// inFlight waits until a process has a request in flight.
func inFlight(t *testing.T, c *child.Child) {
	t.Helper()
	eventually(t, func() bool {
		_, metrics := get(t, "http://"+c.Addr("admin")+"/metrics")
		return strings.Contains(metrics, "\nrequests_in_flight 1\n")
	}, "no request is in flight")
}

// drained returns what the one line of the log says that reports the drain.
func drained(t *testing.T, log *output) (waited, finished, cut int) {
	t.Helper()
	lines := log.with("drained")
	if len(lines) != 1 {
		t.Fatalf("the log has %d lines that report the drain, want 1", len(lines))
	}
	var line struct {
		Requests struct{ Waited, Finished, Cut int }
	}
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	return line.Requests.Waited, line.Requests.Finished, line.Requests.Cut
}

// A call that never ends is cut off at the deadline: the caller learns it, the
// log counts it, and the exit code is 3.
func TestSIGTERMWithCallThatNeverEnds(t *testing.T) {
	long.Test(t)
	t.Parallel()
	databaseURL := migrated(t)
	c, log := start(t, grpcProcess, map[string]string{"DATABASE_URL": databaseURL, "SHUTDOWN_TIMEOUT": "1s"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	lock(t, databaseURL, "playbooks")
	client := playbookv1.NewPlaybookServiceClient(dial(t, c.Addr("grpc")))
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetPlaybook(soon(t), &playbookv1.GetPlaybookRequest{Id: "00000000-0000-7000-8000-000000000000"})
		ended <- err
	}()
	inFlight(t, c)
	took := stop(t, c, 3)
	if took < time.Second || took > 3*time.Second {
		t.Errorf("the process ended after %s, want soon after SHUTDOWN_TIMEOUT", took)
	}
	if err := <-ended; status.Code(err) != codes.Unavailable {
		t.Errorf("the caller got %v, want UNAVAILABLE", err)
	}
	if waited, finished, cut := drained(t, log); waited != 1 || finished != 0 || cut != 1 {
		t.Errorf("the drain waited for %d, finished %d and cut %d; want 1, 0 and 1", waited, finished, cut)
	}
	t.Logf("cut off and gone after %s", took.Round(time.Millisecond))
}

// A call in flight at SIGTERM that ends gets its answer, and the log counts it.
func TestSIGTERMWithCallThatEnds(t *testing.T) {
	long.Test(t)
	t.Parallel()
	databaseURL := migrated(t)
	slow, relayed, err := relay.Postgres(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	c, log := start(t, grpcProcess, map[string]string{"DATABASE_URL": relayed})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	slow.Delay(300 * time.Millisecond)
	client := playbookv1.NewPlaybookServiceClient(dial(t, c.Addr("grpc")))
	ended := make(chan error, 1)
	go func() {
		_, err := client.CreatePlaybook(soon(t), &playbookv1.CreatePlaybookRequest{Name: "n"})
		ended <- err
	}()
	inFlight(t, c)
	stop(t, c, 0)
	if err := <-ended; err != nil {
		t.Errorf("the caller got %v, want an answer", err)
	}
	if waited, finished, cut := drained(t, log); waited != 1 || finished != 1 || cut != 0 {
		t.Errorf("the drain waited for %d, finished %d and cut %d; want 1, 1 and 0", waited, finished, cut)
	}
}

// A client that has nothing in flight loses nothing: one that does not even
// answer, because its machine is gone, is no reason for an exit code.
func TestSIGTERMWithClientThatIsGone(t *testing.T) {
	long.Test(t)
	t.Parallel()
	c, log := start(t, grpcProcess, map[string]string{"DATABASE_URL": migrated(t), "SHUTDOWN_TIMEOUT": "1s"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := settled(connectTo(t, c.Addr("grpc"))); err != nil {
		t.Fatal(err)
	}
	took := stop(t, c, 0)
	if _, _, cut := drained(t, log); cut != 0 {
		t.Errorf("the drain cut %d requests of a client that had none", cut)
	}
	t.Logf("gone after %s", took.Round(time.Millisecond))
}

// A stream that enrols contacts when its server stops gets the answer to the request
// that was begun, however long that takes, and none of the others is begun: whoever
// goes on elsewhere with what has no answer gets all of them enrolled once.
func TestSIGTERMWithStreamOfContacts(t *testing.T) {
	long.Test(t)
	t.Parallel()
	databaseURL := migrated(t)
	leaving, log := start(t, grpcProcess, map[string]string{"DATABASE_URL": databaseURL, "DRAIN_DELAY": "0s"})
	staying, _ := start(t, grpcProcess, map[string]string{"DATABASE_URL": databaseURL})
	if err := leaving.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := staying.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	playbook := activePlaybook(t, dial(t, staying.Addr("grpc")))
	release := lock(t, databaseURL, "enrolments")
	ctx := metadata.AppendToOutgoingContext(soon(t), "workspace", "default")
	stream, err := playbookv1.NewEnrolmentServiceClient(dial(t, leaving.Addr("grpc"))).EnrolContacts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const inRequest, requests = 25, 4
	var contacts []string
	for n := range requests {
		some := make([]string, inRequest)
		for i := range some {
			some[i] = fmt.Sprintf("crm:%d", n*inRequest+i)
		}
		contacts = append(contacts, some...)
		if err := stream.Send(&playbookv1.EnrolContactsRequest{PlaybookId: playbook, Contacts: some}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool {
		return slices.Equal(rows(t, databaseURL, `SELECT 'waits' FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`), []string{"waits"})
	}, "no request waits for the lock")
	leaving.Signal(syscall.SIGTERM)
	log.wait(t, "draining")
	// A stream is told to end within two seconds, and has as long again for a handler
	// that waits for its caller. This one does not.
	time.Sleep(5 * time.Second)
	release()

	var enrolled []string
	for {
		var answer *playbookv1.EnrolContactsResponse
		if answer, err = stream.Recv(); err != nil {
			break
		}
		for _, result := range answer.GetResults() {
			if result.GetCode() != 0 {
				t.Errorf("the first time: %v", result)
			}
			enrolled = append(enrolled, result.GetContact())
		}
	}
	if got := refusalOf(err); got.Code != codes.Unavailable || got.Reason != "STOPPING" {
		t.Errorf("the stream ended with %v, want UNAVAILABLE and STOPPING", err)
	}
	finish(t, leaving, 0)
	if !slices.Equal(enrolled, contacts[:inRequest]) {
		t.Errorf("the caller was told of %v, want the contacts of the first request", enrolled)
	}
	const stored = `SELECT contact FROM enrolments ORDER BY substr(contact, 5)::int`
	if got := rows(t, databaseURL, stored); !slices.Equal(got, enrolled) {
		t.Errorf("stored are %v, and the caller was told of %v", got, enrolled)
	}

	// The caller goes on, with everything that it has no result for.
	again, err := playbookv1.NewEnrolmentServiceClient(dial(t, staying.Addr("grpc"))).EnrolContacts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Send(&playbookv1.EnrolContactsRequest{PlaybookId: playbook, Contacts: contacts[len(enrolled):]}); err != nil {
		t.Fatal(err)
	}
	answer, err := again.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range answer.GetResults() {
		if result.GetCode() != 0 {
			t.Errorf("the second time: %v", result)
		}
	}
	if got := rows(t, databaseURL, stored); !slices.Equal(got, contacts) {
		t.Errorf("stored are %v in the end", got)
	}
}

// rows returns the first column of what a query finds.
func rows(t *testing.T, databaseURL, query string) []string {
	t.Helper()
	conn, err := pgconn.Connect(soon(t), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	results, err := conn.Exec(soon(t), query).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, row := range results[0].Rows {
		found = append(found, string(row[0]))
	}
	return found
}

// silent is the address of a server that accepts connections and says nothing.
func silent(t *testing.T) string {
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
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// A server that is told to stop before it was ever ready stops at once: nobody
// was sent to it, so there is nothing to wait for.
func TestSIGTERMDuringStart(t *testing.T) {
	addr := silent(t)
	for _, p := range []process{grpcProcess, restProcess} {
		for _, text := range []string{`"starting"`, `"name":"` + map[string]string{"grpc": "grpc", "rest": "http"}[p.name]} {
			t.Run(p.name+" at "+text, func(t *testing.T) {
				c, log := start(t, p, map[string]string{
					"DATABASE_URL": "postgres://u@" + addr + "/d?sslmode=disable", "DRAIN_DELAY": "1m", "SHUTDOWN_TIMEOUT": "1m",
				})
				log.wait(t, text)
				if took := stop(t, c, 0); took > time.Second {
					t.Errorf("the process ended after %s, want at once", took)
				} else {
					t.Logf("gone after %s", took.Round(10*time.Microsecond))
				}
			})
		}
	}
}

// A server whose database is gone stops as quickly as any other, and with 0:
// nothing of its own went wrong.
func TestSIGTERMWhileDatabaseIsGone(t *testing.T) {
	long.Test(t)
	const delay, timeout = 500 * time.Millisecond, 10 * time.Second
	for _, p := range []process{grpcProcess, restProcess} {
		for name, leave := range map[string]func(*relay.Relay){
			"refuses": (*relay.Relay).Close,
			"hangs":   (*relay.Relay).Freeze,
		} {
			t.Run(p.name+" "+name, func(t *testing.T) {
				t.Parallel()
				r, relayed, err := relay.Postgres(migrated(t))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(r.Close)
				c, log := start(t, p, map[string]string{
					"DATABASE_URL": relayed, "DRAIN_DELAY": delay.String(), "SHUTDOWN_TIMEOUT": timeout.String(),
					"HEALTH_INTERVAL": "100ms", "HEALTH_TIMEOUT": "300ms", "HEALTH_TOLERANCE": "0s",
				})
				if err := c.Ready(soon(t)); err != nil {
					t.Fatal(err)
				}
				leave(r)
				log.wait(t, `"not ready"`)
				took := stop(t, c, 0)
				if took > delay+2*time.Second {
					t.Errorf("the process ended after %s, want soon after DRAIN_DELAY (%s)", took, delay)
				}
				t.Logf("gone after %s", took.Round(time.Millisecond))
			})
		}
	}
}

// A request that waits for a database that hangs is cut off like any other, and
// the pool that it holds a connection of cannot keep the process.
func TestSIGTERMWithRequestOfDatabaseThatHangs(t *testing.T) {
	long.Test(t)
	t.Parallel()
	r, relayed, err := relay.Postgres(migrated(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, log := start(t, restProcess, map[string]string{"DATABASE_URL": relayed, "SHUTDOWN_TIMEOUT": "1s"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	r.Freeze()
	go func() {
		response, err := keytest.Get("http://" + c.Addr("http") + "/v1/playbooks")
		if err == nil {
			response.Body.Close()
		}
	}()
	inFlight(t, c)
	took := stop(t, c, 3)
	if took > 5*time.Second {
		t.Errorf("the process ended after %s", took)
	}
	if _, _, cut := drained(t, log); cut != 1 {
		t.Errorf("the drain cut %d, want 1", cut)
	}
	t.Logf("gone after %s", took.Round(time.Millisecond))
}

// What can be asked of a process about its configuration holds no secret.
func TestPrintConfig(t *testing.T) {
	for _, p := range []process{grpcProcess, restProcess, migrateProcess} {
		c, log := start(t, p, map[string]string{
			"DATABASE_URL": "postgres://user:hunter2@host/d", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter3",
		}, "--print-config")
		finish(t, c, 0)
		text := log.String()
		if !strings.Contains(text, "DATABASE_URL=") || strings.Contains(text, "hunter") {
			t.Errorf("%s printed %s", p.name, text)
		}
	}
	// A flag is no safer than a variable.
	c, log := start(t, restProcess, nil, "--database-url=postgres://user:hunter2@host/d", "--print-config")
	finish(t, c, 0)
	if text := log.String(); !strings.Contains(text, "DATABASE_URL=(redacted)") || strings.Contains(text, "hunter") {
		t.Errorf("rest printed %s", text)
	}
}
