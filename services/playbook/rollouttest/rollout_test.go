// Package rollouttest replaces the real servers of the playbook service one by
// one under load and counts what is lost.
package rollouttest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/binary"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/libs/testing/relay"
	"github.com/soketsugo/soketsugo/libs/testing/rollout"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	module = "github.com/soketsugo/soketsugo/services/playbook/"
	// replicas is how many of each server run at once, beside the one that is being
	// replaced.
	replicas = 2
	// lag is the time from SIGTERM until a server gets no new connections any more.
	// The drain delay must be longer, and is.
	lag        = 300 * time.Millisecond
	drainDelay = time.Second
	// reuse is for how long clients that never retry use an idle connection again.
	// It must be shorter than the drain delay: within that the server says on each
	// connection which is used that it was the last time, and only those are left
	// to be closed that nobody will use any more.
	reuse = drainDelay * 3 / 4
	// work is what the database takes for each answer.
	work = 20 * time.Millisecond
	// interval is the time between two requests of a kind of client, and
	// costlyInterval that for kinds that take more of the machine.
	interval       = 20 * time.Millisecond
	costlyInterval = 40 * time.Millisecond
	// streams is how many streams of each kind are kept open.
	streams = 8
	// replaceTimeout bounds one replacement.
	replaceTimeout = 30 * time.Second
)

var (
	// rollouts is for the long variant: -rollouts=100.
	rollouts = flag.Int("rollouts", 20, "how many replicas of each server are replaced")

	cluster       postgrestest.Cluster
	grpcBinary    = &binary.Binary{Variable: "PLAYBOOK_GRPC_BINARY", Package: module + "grpc", Tags: "grpcnotrace"}
	restBinary    = &binary.Binary{Variable: "PLAYBOOK_REST_BINARY", Package: module + "rest"}
	migrateBinary = &binary.Binary{Variable: "PLAYBOOK_MIGRATE_BINARY", Package: module + "migrate"}
)

func TestMain(m *testing.M) {
	code := cluster.Run(m)
	for _, b := range []*binary.Binary{grpcBinary, restBinary, migrateBinary} {
		b.Remove()
	}
	os.Exit(code)
}

// Replicas that are replaced one by one, as a Deployment does it, lose no request
// of any kind of client, and end each stream with UNAVAILABLE, which tells
// clients to connect again.
func TestNothingIsLost(t *testing.T) {
	out := run(t, *rollouts, map[string]string{
		"DRAIN_DELAY": drainDelay.String(),
		// A quarter of it is the time over which streams are asked to end.
		"SHUTDOWN_TIMEOUT": "3s",
		// A machine that stands still for a moment gets all requests of that time at
		// once; to refuse them is right, and not what this is about.
		"MAX_REQUESTS": "2000",
		// Connections age all the time, not only when a replica stops.
		"GRPC_MAX_CONNECTION_AGE": "3s",
	})
	out.print(t)
	if out.latest > drainDelay {
		t.Errorf("this run says nothing about the servers: the machine was so busy that the proxy sent connections to a replica for %s after SIGTERM, longer than DRAIN_DELAY (%s)",
			out.latest, drainDelay)
	}
	for _, r := range slices.Concat(out.grpc, out.rest) {
		if r.Failed > 0 {
			t.Errorf("%s: %d of %d failed; the first are\n\t%s", r.Kind, r.Failed, r.Sent, strings.Join(r.Errors, "\n\t"))
		}
		if r.Answers == 0 {
			t.Errorf("%s: nothing was answered", r.Kind)
		}
	}
	for name, replacements := range out.replacements {
		for i, r := range replacements {
			if r.Code != 0 {
				t.Errorf("replica %d of %s: the exit code is %d; its log is\n%s", i, name, r.Code, r.Log)
			}
		}
	}
}

// The controls: with the drain switched off, and with a graceful stop alone, the
// same load loses requests, so the test above can fail.
func TestControl(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings map[string]string
	}{
		{"no drain", map[string]string{"DRAIN_DELAY": "0s", "SHUTDOWN_TIMEOUT": "1ms"}},
		{"a graceful stop without a delay", map[string]string{"DRAIN_DELAY": "0s", "SHUTDOWN_TIMEOUT": "2s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := run(t, 4, test.settings)
			out.print(t)
			for name, results := range map[string][]rollout.Result{"grpc": out.grpc, "rest": out.rest} {
				failed := 0
				for _, r := range results {
					failed += r.Failed
				}
				if failed == 0 {
					t.Errorf("%s: nothing was lost", name)
				}
			}
		})
	}
}

// outcome is what became of both deployments.
type outcome struct {
	grpc, rest   []rollout.Result
	replacements map[string][]rollout.Replacement
	// latest is the longest time that a replica was listed after SIGTERM.
	latest time.Duration
}

func (o outcome) print(t *testing.T) {
	t.Helper()
	var text strings.Builder
	rollout.Table(&text, slices.Concat(o.grpc, o.rest))
	for _, name := range []string{"grpc", "rest"} {
		var start, stop, drained []time.Duration
		codes := map[int]int{}
		for _, r := range o.replacements[name] {
			start, stop, drained = append(start, r.Start), append(stop, r.Stop), append(drained, r.Drained)
			codes[r.Code]++
		}
		fmt.Fprintf(&text, "%s: %d replaced, exit codes %v\n", name, len(stop), codes)
		for _, row := range []struct {
			what  string
			times []time.Duration
		}{{"start to listed", start}, {"SIGTERM to exit", stop}, {"of that, drained", drained}} {
			slices.Sort(row.times)
			fmt.Fprintf(&text, "  %s: median %s, longest %s\n", row.what,
				row.times[len(row.times)/2].Round(time.Millisecond), row.times[len(row.times)-1].Round(time.Millisecond))
		}
	}
	fmt.Fprintf(&text, "unlisted at the latest %s after SIGTERM\n", o.latest.Round(time.Millisecond))
	t.Logf("\n%s", &text)
}

// run replaces at least count replicas of both servers at the same time, under
// load.
func run(t *testing.T, count int, settings map[string]string) outcome {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a minute, and a machine of its own")
	}
	databaseURL := database(t)
	grpcProxy, restProxy := proxy(t), proxy(t)
	grpcReplicas := deploy(t, grpcProxy, "grpc", "grpc", grpcBinary.Path(t), databaseURL, settings)
	restReplicas := deploy(t, restProxy, "rest", "http", restBinary.Path(t), databaseURL, settings)
	id := create(t, restProxy.Addr())
	grpcLoads, restLoads := grpcLoads(t, grpcProxy.Addr(), id), restLoads(restProxy.Addr(), id)

	out := outcome{replacements: map[string][]rollout.Replacement{}}
	type replaced struct {
		name  string
		stops []rollout.Replacement
		err   error
	}
	done := make(chan replaced)
	for _, r := range []struct {
		name       string
		deployment *rollout.Deployment
		count      int
	}{
		{"grpc", grpcReplicas, count},
		// It stops in half the time, since it has no streams, and goes on until the
		// other is done.
		{"rest", restReplicas, 2 * count},
	} {
		go func() {
			stops, err := replace(t.Context(), r.deployment, r.count)
			done <- replaced{r.name, stops, err}
		}()
	}
	var errs []error
	for range 2 {
		r := <-done
		out.replacements[r.name] = r.stops
		errs = append(errs, r.err)
	}
	// The last one that stopped is as good as the others.
	time.Sleep(lag)
	out.latest = max(grpcProxy.Latest(), restProxy.Latest())
	out.grpc, out.rest = stop(grpcLoads), stop(restLoads)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return out
}

// database returns the URL of a database with the schema, which the real migrate
// process made, with an API key, and whose answers take as long as work.
func database(t *testing.T) string {
	t.Helper()
	databaseURL := cluster.Database(t)
	var log strings.Builder
	migrate, err := child.Start(child.Spec{
		Name: "migrate", Path: migrateBinary.Path(t), Env: []string{"DATABASE_URL=" + databaseURL},
		Output: func(line child.Line) { log.WriteString(line.Raw + "\n") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if <-migrate.Done(); migrate.ExitCode() != 0 {
		t.Fatalf("%v\n%s", migrate.Failure(), &log)
	}
	keytest.Add(t, databaseURL)
	slow, relayed, err := relay.Postgres(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slow.Close)
	slow.Delay(work)
	// The store's own limit is the number of CPUs, at least 4: too few for work.
	parsed, err := url.Parse(relayed)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	query.Set("pool_max_conns", "16")
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

func proxy(t *testing.T) *rollout.Proxy {
	t.Helper()
	p, err := rollout.NewProxy(lag)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func deploy(t *testing.T, proxy *rollout.Proxy, name, port, path, databaseURL string, settings map[string]string) *rollout.Deployment {
	t.Helper()
	env := []string{
		"DATABASE_URL=" + databaseURL, "GRPC_REFLECTION=true",
		"GRPC_ADDR=127.0.0.1:0", "GRPC_PLAINTEXT=true", "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
	}
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	ctx, cancel := context.WithTimeout(t.Context(), replaceTimeout)
	defer cancel()
	d, err := rollout.Deploy(ctx, proxy, rollout.Template{Spec: child.Spec{Name: name, Path: path, Env: env}, Port: port}, replicas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func replace(ctx context.Context, d *rollout.Deployment, count int) ([]rollout.Replacement, error) {
	var all []rollout.Replacement
	for range count {
		limited, cancel := context.WithTimeout(ctx, replaceTimeout)
		r, err := d.Replace(limited)
		cancel()
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

// create makes the playbook that all clients read, and returns its id.
func create(t *testing.T, addr string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/v1/playbooks", strings.NewReader(`{"name":"read by all"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := keytest.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var created struct{ ID string }
	if err := json.NewDecoder(response.Body).Decode(&created); err != nil || created.ID == "" {
		t.Fatalf("creating a playbook answered %s, %v", response.Status, err)
	}
	return created.ID
}

func grpcLoads(t *testing.T, addr, id string) []*rollout.Load {
	t.Helper()
	call := func(ctx context.Context, conn grpc.ClientConnInterface) error {
		ctx = metadata.AppendToOutgoingContext(ctx, "workspace", "default")
		_, err := playbookv1.NewPlaybookServiceClient(conn).GetPlaybook(ctx, &playbookv1.GetPlaybookRequest{Id: id})
		return err
	}
	pooled, err := rollout.PooledGRPC(addr, call)
	if err != nil {
		t.Fatal(err)
	}
	loads := []*rollout.Load{
		rollout.Start("gRPC pooled", interval, pooled),
		rollout.Start("gRPC new connection", costlyInterval, rollout.NewConnectionGRPC(addr, call)),
	}
	for _, s := range []struct {
		kind   string
		stream rollout.Stream
	}{{"gRPC watch", rollout.WatchHealth}, {"gRPC both ways", rollout.ListServices}} {
		load, err := rollout.StartStreams(s.kind, addr, streams, s.stream, ended)
		if err != nil {
			t.Fatal(err)
		}
		loads = append(loads, load)
	}
	return loads
}

// ended wants more than UNAVAILABLE: grpc-go makes that up itself when a
// connection breaks, and here the server must have said it.
func ended(err error) error {
	if err := rollout.EndedWell(err); err != nil {
		return err
	}
	if status.Code(err) == codes.Unavailable && !strings.Contains(err.Error(), "the server is stopping") {
		return fmt.Errorf("the stream broke: %w", err)
	}
	return nil
}

func restLoads(addr, id string) []*rollout.Load {
	read := rollout.Request{Method: http.MethodGet, Path: "/v1/playbooks/" + id, Authorization: keytest.Authorization(), Want: http.StatusOK}
	slow := rollout.Request{
		Method: http.MethodPost, Path: "/v1/playbooks", Authorization: keytest.Authorization(), Want: http.StatusCreated,
		Body: []string{`{"na`, `me":`, `"slo`, `w cl`, `ient`, `"}`}, Pause: 50 * time.Millisecond,
	}
	// Each of these has one connection, and uses it twice in a drain delay.
	const turns = int(drainDelay / 2 / interval)
	var inTurn []rollout.Client
	for range turns {
		inTurn = append(inTurn, rollout.NeverRetries(addr, read, reuse))
	}
	return []*rollout.Load{
		rollout.Start("HTTP pooled", interval, rollout.PooledHTTP(addr, read)),
		rollout.Start("HTTP never retries", interval, rollout.NeverRetries(addr, read, reuse)),
		rollout.Start(fmt.Sprintf("HTTP never retries, %d in turn", turns), interval, rollout.InTurn(inTurn...)),
		rollout.Start("HTTP slow, never retries", costlyInterval, rollout.NeverRetries(addr, slow, reuse)),
		rollout.Start("HTTP new connection", costlyInterval, rollout.NewConnectionHTTP(addr, read)),
	}
}

func stop(loads []*rollout.Load) []rollout.Result {
	var results []rollout.Result
	for _, load := range loads {
		results = append(results, load.Stop())
	}
	return results
}
