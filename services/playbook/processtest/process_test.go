// Package processtest runs the real binaries of the playbook service over real
// sockets.
package processtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/binary"
	"github.com/soketsugo/soketsugo/libs/testing/certificates"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

var cluster postgrestest.Cluster

const module = "github.com/soketsugo/soketsugo/services/playbook/"

// process is a binary under test, built as for production.
type process struct {
	name   string
	binary *binary.Binary
}

var (
	grpcProcess    = process{"grpc", &binary.Binary{Variable: "PLAYBOOK_GRPC_BINARY", Package: module + "grpc", Tags: "grpcnotrace"}}
	restProcess    = process{"rest", &binary.Binary{Variable: "PLAYBOOK_REST_BINARY", Package: module + "rest"}}
	migrateProcess = process{"migrate", &binary.Binary{Variable: "PLAYBOOK_MIGRATE_BINARY", Package: module + "migrate"}}
)

func TestMain(m *testing.M) {
	code := cluster.Run(m)
	for _, p := range []process{grpcProcess, restProcess, migrateProcess} {
		p.binary.Remove()
	}
	os.Exit(code)
}

// output collects a process's log for the report of a failed test.
type output struct {
	mu       sync.Mutex
	lines    []string
	requests int
}

// keptRequests bounds the lines of a log that are about a request each.
const keptRequests = 1000

func (o *output) add(line child.Line) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if line.Message == "request" {
		if o.requests++; o.requests > keptRequests {
			return
		}
	}
	o.lines = append(o.lines, line.Raw)
}

// with returns the lines with a message.
func (o *output) with(message string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []string
	for _, line := range o.lines {
		var fields struct{ Msg string }
		if json.Unmarshal([]byte(line), &fields) == nil && fields.Msg == message {
			found = append(found, line)
		}
	}
	return found
}

// wait waits until a text is in the log.
func (o *output) wait(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(o.String(), text) }, "the log never had %q", text)
}

// eventually waits until something holds.
func eventually(t *testing.T, holds func() bool, format string, args ...any) {
	t.Helper()
	deadline := soon(t)
	for !holds() {
		select {
		case <-deadline.Done():
			t.Fatalf(format, args...)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}

// start starts a process on free ports.
func start(t *testing.T, p process, env map[string]string, args ...string) (*child.Child, *output) {
	t.Helper()
	settings := []string{"GRPC_ADDR=127.0.0.1:0", "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0"}
	if env["GRPC_TLS_CERT"] == "" {
		settings = append(settings, "GRPC_PLAINTEXT=true")
	}
	for name, value := range env {
		settings = append(settings, name+"="+value)
	}
	var log output
	c, err := child.Start(child.Spec{
		Name: p.name, Path: p.binary.Path(t), Args: args, Env: settings, Output: log.add,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.Stop(ctx)
		if t.Failed() {
			t.Logf("the log of %s:\n%s", p.name, &log)
		}
	})
	return c, &log
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// finish waits for a process to end by itself.
func finish(t *testing.T, c *child.Child, wantCode int) {
	t.Helper()
	select {
	case <-c.Done():
	case <-soon(t).Done():
		t.Fatal("the process did not end")
	}
	if got := c.ExitCode(); got != wantCode {
		t.Fatalf("the exit code is %d, want %d", got, wantCode)
	}
}

// migrated returns the URL of a database with the schema, which the real
// migrate process made, and with an API key.
func migrated(t *testing.T) string {
	t.Helper()
	databaseURL := cluster.Database(t)
	c, _ := start(t, migrateProcess, map[string]string{"DATABASE_URL": databaseURL})
	finish(t, c, 0)
	keytest.Add(t, databaseURL)
	return databaseURL
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(inWorkspace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// inWorkspace makes a call in the workspace that REST has too.
func inWorkspace(ctx context.Context, method string, request, response any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return invoke(metadata.AppendToOutgoingContext(ctx, "workspace", "default"), method, request, response, conn, options...)
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := keytest.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// With TLS the grpc process takes callers with certificates alone, probes have a
// port of their own, and new certificates are used without a restart.
func TestMutualTLS(t *testing.T) {
	long.Test(t)
	t.Parallel()
	authority := certificates.NewAuthority(t)
	files := certificates.FilesIn(t.TempDir())
	authority.Write(t, files, authority.Issue(t, "server"))
	c, log := start(t, grpcProcess, map[string]string{
		"DATABASE_URL": migrated(t), "HEALTH_ADDR": "127.0.0.1:0",
		"GRPC_TLS_CERT": files.Cert, "GRPC_TLS_KEY": files.Key, "GRPC_TLS_CLIENT_CA": files.CA,
	})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	list := func(with credentials.TransportCredentials) error {
		conn, err := grpc.NewClient(c.Addr("grpc"), grpc.WithTransportCredentials(with), grpc.WithUnaryInterceptor(inWorkspace))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = playbookv1.NewPlaybookServiceClient(conn).ListPlaybooks(soon(t), &playbookv1.ListPlaybooksRequest{})
		return err
	}
	caller := credentials.NewTLS(authority.Client(t, "caller", "workspace:default"))
	if err := list(caller); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	for _, uris := range [][]string{nil, {"workspace:acme"}, {"https://default", "workspace:default-2"}} {
		if err := list(credentials.NewTLS(authority.Client(t, "caller", uris...))); status.Code(err) != codes.PermissionDenied {
			t.Errorf("with a certificate of %q: got %v, want PERMISSION_DENIED", uris, err)
		}
	}
	if err := list(insecure.NewCredentials()); status.Code(err) != codes.Unavailable {
		t.Errorf("in plain text: got %v, want UNAVAILABLE", err)
	}
	probe, err := grpc_health_v1.NewHealthClient(dial(t, c.Addr("health"))).Check(soon(t), &grpc_health_v1.HealthCheckRequest{Service: "readiness"})
	if err != nil || probe.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("the probe says %v, %v", probe, err)
	}
	// An authority that nobody has trusted so far.
	successor := certificates.NewAuthority(t)
	successor.Write(t, files, successor.Issue(t, "server"))
	log.wait(t, "the certificates were read again")
	if err := list(credentials.NewTLS(successor.Client(t, "caller", "workspace:*"))); err != nil {
		t.Errorf("with new certificates: %v", err)
	}
	if err := list(caller); status.Code(err) != codes.Unavailable {
		t.Errorf("with an old certificate: got %v, want UNAVAILABLE", err)
	}
	stop(t, c, 0)
}

// The grpc process becomes ready, serves, reports its health on both of its
// ports, and ends with 0 on SIGTERM.
func TestGRPC(t *testing.T) {
	c, _ := start(t, grpcProcess, map[string]string{"DATABASE_URL": migrated(t), "GRPC_REFLECTION": "true"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, c.Addr("grpc"))
	for _, name := range []string{"", "liveness", "readiness", "playbook.api.v1.PlaybookService", "playbook.api.v1.EnrolmentService", "playbook.api.v1.TaskService"} {
		response, err := grpc_health_v1.NewHealthClient(conn).Check(soon(t), &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil || response.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("the health of %q is %v, %v", name, response, err)
		}
	}
	client := playbookv1.NewPlaybookServiceClient(conn)
	created, err := client.CreatePlaybook(soon(t), &playbookv1.CreatePlaybookRequest{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetPlaybook(soon(t), &playbookv1.GetPlaybookRequest{Id: created.GetPlaybook().GetId()}); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := get(t, "http://"+c.Addr("admin")+path); status != http.StatusOK {
			t.Errorf("%s answered %d, %q", path, status, body)
		}
	}
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	services, err := stream.Recv()
	if err != nil || !strings.Contains(services.String(), "playbook.api.v1.PlaybookService") {
		t.Errorf("reflection lists %v, %v", services, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	c.Signal(syscall.SIGTERM)
	finish(t, c, 0)
}

// The rest process becomes ready, serves, and ends with 0 on SIGINT.
func TestREST(t *testing.T) {
	c, _ := start(t, restProcess, map[string]string{"DATABASE_URL": migrated(t)})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	base := "http://" + c.Addr("http")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/playbooks", strings.NewReader(`{"name":"n"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := keytest.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Errorf("creating answered %s", response.Status)
	}
	if status, body := get(t, base+response.Header.Get("Location")); status != http.StatusOK {
		t.Errorf("reading answered %d, %q", status, body)
	}
	if status, body := get(t, base+"/readyz?verbose"); status != http.StatusOK || !strings.Contains(body, `"name":"database","ok":true`) {
		t.Errorf("/readyz answered %d, %q", status, body)
	}
	c.Signal(syscall.SIGINT)
	finish(t, c, 0)
}

// A server whose database has no schema is alive and not ready, and becomes
// ready by itself when migrate has run.
func TestServerBeforeMigrate(t *testing.T) {
	databaseURL := cluster.Database(t)
	c, log := start(t, restProcess, map[string]string{"DATABASE_URL": databaseURL})
	log.wait(t, "health check fails")
	eventually(t, func() bool { return c.Addr("http") != "" }, "the server does not listen")
	base := "http://" + c.Addr("http")
	if status, _ := get(t, base+"/livez"); status != http.StatusOK {
		t.Errorf("/livez answered %d", status)
	}
	if status, _ := get(t, base+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz answered %d before the migration", status)
	}
	m, _ := start(t, migrateProcess, map[string]string{"DATABASE_URL": databaseURL})
	finish(t, m, 0)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// A request in flight at SIGTERM gets its answer, and one that never ends is
// cut off at the deadline with exit code 3.
func TestSIGTERMWithRequestInFlight(t *testing.T) {
	databaseURL := migrated(t)
	for _, test := range []struct {
		name, rest string
		want       int
	}{
		{"one that ends", `n"}`, 0},
		{"one that never ends", ``, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, log := start(t, restProcess, map[string]string{"DATABASE_URL": databaseURL, "SHUTDOWN_TIMEOUT": "1s"})
			if err := c.Ready(soon(t)); err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", c.Addr("http"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// The handler waits for the rest of the body.
			fmt.Fprintf(conn, "POST /v1/playbooks HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n", keytest.Authorization())
			reply := make([]byte, 1024)
			if count, err := conn.Read(reply); err != nil || !strings.Contains(string(reply[:count]), "100 Continue") {
				t.Fatalf("the server did not ask for the body: %q, %v", reply[:count], err)
			}
			fmt.Fprint(conn, `{"name":"`)
			c.Signal(syscall.SIGTERM)
			log.wait(t, "draining")
			fmt.Fprint(conn, test.rest)
			if test.rest != "" {
				count, err := conn.Read(reply)
				if answer := string(reply[:count]); err != nil || !strings.Contains(answer, "201 Created") || !strings.Contains(answer, "Connection: close") {
					t.Errorf("the answer is %q, %v", answer, err)
				}
			}
			finish(t, c, test.want)
		})
	}
}

// A second signal ends a process at once.
func TestTwoSignals(t *testing.T) {
	c, log := start(t, restProcess, map[string]string{"DATABASE_URL": migrated(t), "DRAIN_DELAY": "1m"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	c.Signal(syscall.SIGTERM)
	log.wait(t, "draining")
	if status, _ := get(t, "http://"+c.Addr("http")+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz answered %d while draining", status)
	}
	c.Signal(syscall.SIGTERM)
	finish(t, c, 130)
}

// Every process answers --version and --help, and refuses a bad configuration
// with exit code 2 and one line per mistake that shows no secret.
func TestConfiguration(t *testing.T) {
	for _, p := range []process{grpcProcess, restProcess, migrateProcess} {
		t.Run(p.name, func(t *testing.T) {
			c, log := start(t, p, nil, "--version")
			finish(t, c, 0)
			if !strings.HasPrefix(log.String(), "playbook-"+p.name+" 0.") || !strings.Contains(log.String(), "\ngo 1.") {
				t.Errorf("--version printed %q", log)
			}
			c, log = start(t, p, nil, "--help")
			finish(t, c, 0)
			if !strings.Contains(log.String(), "DATABASE_URL, --database-url") {
				t.Errorf("--help printed %q", log)
			}
			c, log = start(t, p, map[string]string{"DATABASE_URL": "mysql://u:hunter2@h/d", "LOG_LEVEL": "loud"})
			finish(t, c, 2)
			if lines := strings.Split(log.String(), "\n"); len(lines) != 2 || strings.Contains(log.String(), "hunter2") {
				t.Errorf("a bad configuration printed %q", log)
			}
			c, log = start(t, p, map[string]string{"DATABASE_URL": "postgres://u:hunter2@h/d?connect_timeout=x"})
			finish(t, c, 2)
			if strings.Contains(log.String(), "hunter2") {
				t.Errorf("the password is in %q", log)
			}
		})
	}
}

// A production binary refuses SQLite and says what to do.
func TestSQLiteIsNotInProductionBinaries(t *testing.T) {
	for _, p := range []process{grpcProcess, restProcess, migrateProcess} {
		c, log := start(t, p, map[string]string{"DATABASE_URL": "sqlite:///x.db"})
		finish(t, c, 2)
		if !strings.Contains(log.String(), "PostgreSQL only") {
			t.Errorf("%s printed %q", p.name, log)
		}
	}
}

// A port that is taken ends a server with exit code 1 and its address.
func TestPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	addr := listener.Addr().String()
	for _, p := range []process{grpcProcess, restProcess} {
		c, log := start(t, p, map[string]string{
			"DATABASE_URL": "postgres://u@127.0.0.1:1/d", "GRPC_ADDR": addr, "HTTP_ADDR": addr,
		})
		finish(t, c, 1)
		if !strings.Contains(log.String(), addr) || !strings.Contains(log.String(), "in use") {
			t.Errorf("%s printed %q", p.name, log)
		}
	}
}

// The migrate process has the exit codes that the Job relies on.
func TestMigrateExitCodes(t *testing.T) {
	databaseURL := cluster.Database(t)
	for _, test := range []struct {
		name, url string
		want      int
		log       string
	}{
		{"an empty database", databaseURL, 0, `"applied":[1-9]`},
		{"nothing to do", databaseURL, 0, `"applied":0`},
		{"nobody answers", "postgres://u@127.0.0.1:1/d", 3, "did not answer in time"},
	} {
		c, log := start(t, migrateProcess, map[string]string{"DATABASE_URL": test.url, "DATABASE_WAIT": "500ms"})
		finish(t, c, test.want)
		if !regexp.MustCompile(test.log).MatchString(log.String()) {
			t.Errorf("%s: the log is %s, want %s in it", test.name, log, test.log)
		}
	}
	c, log := start(t, migrateProcess, map[string]string{"DATABASE_URL": "postgres://u@127.0.0.1:1/d"})
	log.wait(t, "waiting for the database")
	c.Signal(syscall.SIGTERM)
	finish(t, c, 7)
}

// Every line of a log is JSON with a message.
func TestLogIsJSON(t *testing.T) {
	c, log := start(t, grpcProcess, map[string]string{"DATABASE_URL": migrated(t), "LOG_LEVEL": "debug"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	c.Signal(syscall.SIGTERM)
	finish(t, c, 0)
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["msg"] == "" {
			t.Errorf("the line %q is not a JSON log line: %v", line, err)
		}
	}
}
