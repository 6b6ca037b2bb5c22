package processtest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/child"
	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/relay"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
)

// While the database hangs, probes answer as fast as ever, liveness stays true,
// and readiness turns false after the tolerance. When the database answers again
// readiness returns by itself, whether the old connections still work or not.
func TestDatabaseHangs(t *testing.T) {
	long.Test(t)
	const (
		interval  = 200 * time.Millisecond
		timeout   = 300 * time.Millisecond
		tolerance = 500 * time.Millisecond
		// slack is for a machine that is busy.
		slack = time.Second
		hang  = tolerance + interval + timeout + slack
		// slowest is far below what a probe would take that waits for the database.
		slowest = 100 * time.Millisecond
	)
	for _, test := range []struct {
		name string
		p    process
		thaw func(*relay.Relay)
	}{
		{"grpc, its connections work again", grpcProcess, (*relay.Relay).Thaw},
		{"rest, its connections are cut", restProcess, func(r *relay.Relay) {
			r.Cut()
			r.Thaw()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, relayed, err := relay.Postgres(migrated(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.Close)
			c, log := start(t, test.p, map[string]string{
				"DATABASE_URL": relayed, "HEALTH_INTERVAL": interval.String(), "HEALTH_TIMEOUT": timeout.String(),
				"HEALTH_TOLERANCE": tolerance.String(),
			})
			if err := c.Ready(soon(t)); err != nil {
				t.Fatal(err)
			}
			probes := watchAll(t, c, test.p)
			frozen := time.Now()
			r.Freeze()
			// More than the pool has connections, so the check has to queue too.
			stuck(t, c, test.p, 50)
			time.Sleep(hang)
			thawed := time.Now()
			test.thaw(r)
			log.wait(t, `"ready again"`)
			time.Sleep(tolerance)

			for name, finish := range probes {
				samples := finish()
				p50, _ := times(samples, 0.5)
				p99, longest := times(samples, 0.99)
				t.Logf("%-28s %4d probes, p50 %s, p99 %s, longest %s", name, len(samples), p50, p99, longest)
				for _, s := range samples {
					if s.err != nil {
						t.Errorf("%s: %v", name, s.err)
					}
				}
				if p99 > slowest {
					t.Errorf("%s: p99 is %s while the database hangs", name, p99)
				}
				changes := flips(samples)
				if name == "liveness" || name == "/livez" || name == "/livez on the serving port" {
					if len(changes) != 1 || !changes[0].ok {
						t.Errorf("%s: liveness changed %d times", name, len(changes)-1)
					}
					continue
				}
				if len(changes) != 3 || !changes[0].ok {
					t.Errorf("%s: readiness changed %d times, want that it went and came back", name, len(changes)-1)
					continue
				}
				away, back := changes[1].at.Sub(frozen), changes[2].at.Sub(thawed)
				t.Logf("%-28s false %s after the freeze, true %s after the thaw", name, away.Round(time.Millisecond), back.Round(time.Millisecond))
				// The run of the check that noticed it may have begun before.
				if away < tolerance-timeout || away > hang {
					t.Errorf("%s: readiness turned false %s after the freeze, want soon after %s", name, away, tolerance)
				}
				if back > 2*time.Second {
					t.Errorf("%s: readiness came back %s after the thaw", name, back)
				}
			}
		})
	}
}

// stuck makes requests that wait for the database.
func stuck(t *testing.T, c *child.Child, p process, count int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		waiting.Wait()
	})
	read := func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Addr("http")+"/v1/playbooks", nil)
		if err != nil {
			return err
		}
		response, err := keytest.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	if p.name == grpcProcess.name {
		client := playbookv1.NewPlaybookServiceClient(dial(t, c.Addr("grpc")))
		read = func() error {
			_, err := client.ListPlaybooks(ctx, &playbookv1.ListPlaybooksRequest{})
			return err
		}
	}
	for range count {
		// What becomes of them is not what the test is about.
		waiting.Go(func() { _ = read() })
	}
}

// watchAll probes everything that a process answers probes on.
func watchAll(t *testing.T, c *child.Child, p process) map[string]func() []sample {
	t.Helper()
	const interval = 10 * time.Millisecond
	admin := "http://" + c.Addr("admin")
	probes := map[string]func() []sample{
		"/livez":  watch(interval, httpProbe(admin+"/livez")),
		"/readyz": watch(interval, httpProbe(admin+"/readyz?verbose")),
	}
	if p.name == restProcess.name {
		serving := "http://" + c.Addr("http")
		probes["/livez on the serving port"] = watch(interval, httpProbe(serving+"/livez"))
		probes["/readyz on the serving port"] = watch(interval, httpProbe(serving+"/readyz"))
		return probes
	}
	conn := dial(t, c.Addr("grpc"))
	for _, name := range []string{"liveness", "readiness", "playbook.api.v1.PlaybookService"} {
		probes[name] = watch(interval, grpcProbe(conn, name))
	}
	return probes
}
