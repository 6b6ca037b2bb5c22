package processtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	core "k8s.io/api/core/v1"

	"github.com/soketsugo/soketsugo/libs/child"
)

// pod is what a kubelet knows of a pod with one container.
type pod struct {
	spec   core.PodSpec
	config map[string]string
	// secrets holds values by SECRET/KEY.
	secrets map[string]string
	// mounts holds folders by the path that they have in the container.
	mounts map[string]string
	binary string
}

func (p pod) container() core.Container { return p.spec.Containers[0] }

// env is the whole environment of the container.
func (p pod) env() ([]string, error) {
	c := p.container()
	var env []string
	add := func(name, value string) {
		for path, folder := range p.mounts {
			if rest, found := strings.CutPrefix(value, path+"/"); found {
				value = filepath.Join(folder, rest)
			}
		}
		env = append(env, name+"="+value)
	}
	for _, source := range c.EnvFrom {
		if source.ConfigMapRef == nil {
			return nil, errors.New("an envFrom is no ConfigMap")
		}
		for name, value := range p.config {
			add(name, value)
		}
	}
	for _, variable := range c.Env {
		reference := variable.ValueFrom.SecretKeyRef
		value, found := p.secrets[reference.Name+"/"+reference.Key]
		if !found && reference.Optional != nil && *reference.Optional {
			continue // as the kubelet does
		}
		if !found {
			return nil, fmt.Errorf("there is no Secret %s with a key %s", reference.Name, reference.Key)
		}
		add(variable.Name, value)
	}
	for _, mount := range c.VolumeMounts {
		if p.mounts[mount.MountPath] == "" {
			return nil, fmt.Errorf("nothing is mounted at %s", mount.MountPath)
		}
	}
	return env, nil
}

// log keeps what a process wrote.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(line child.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line.Text())
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (p pod) start(t *testing.T) (*child.Child, *log, error) {
	t.Helper()
	env, err := p.env()
	if err != nil {
		return nil, nil, err
	}
	c := p.container()
	written := &log{}
	process, err := child.Start(child.Spec{Name: c.Name, Path: p.binary, Args: c.Args, Env: env, Output: written.add})
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() {
		process.Signal(syscall.SIGKILL)
		<-process.Done()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", c.Name, written)
		}
	})
	return process, written, nil
}

// end is what a pod's end was like.
type end struct {
	code int
	took time.Duration
	// unready is how long after SIGTERM readiness was seen to be false; negative if
	// never.
	unready time.Duration
}

// run takes a server from its start to its end as a kubelet does.
func (p pod) run(t *testing.T) (end, error) {
	t.Helper()
	process, _, err := p.start(t)
	if err != nil {
		return end{}, err
	}
	c := p.container()
	if err := p.wait(process, c.StartupProbe); err != nil {
		return end{}, fmt.Errorf("startup: %w", err)
	}
	if err := p.wait(process, c.LivenessProbe); err != nil {
		return end{}, fmt.Errorf("liveness: %w", err)
	}
	if err := p.wait(process, c.ReadinessProbe); err != nil {
		return end{}, fmt.Errorf("readiness: %w", err)
	}
	process.Signal(syscall.SIGTERM)
	begin := time.Now()
	limit := time.After(time.Duration(*p.spec.TerminationGracePeriodSeconds) * time.Second)
	e := end{unready: -1}
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-process.Done():
			e.code, e.took = process.ExitCode(), time.Since(begin)
			return e, nil
		case <-limit:
			return end{}, fmt.Errorf("the process had to be killed after %ds", *p.spec.TerminationGracePeriodSeconds)
		case <-ticks.C:
			if e.unready < 0 && p.probe(c.ReadinessProbe) != nil {
				e.unready = time.Since(begin)
			}
		}
	}
}

// wait probes until the probe has passed, as often as it may fail.
func (p pod) wait(process *child.Child, probe *core.Probe) error {
	period := time.Duration(probe.PeriodSeconds) * time.Second
	var err error
	for range probe.FailureThreshold {
		if err = p.probe(probe); err == nil {
			return nil
		}
		select {
		case <-process.Done():
			return process.Failure()
		case <-time.After(period):
		}
	}
	return fmt.Errorf("the probe failed %d times: %w", probe.FailureThreshold, err)
}

// probe asks once.
func (p pod) probe(probe *core.Probe) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(probe.TimeoutSeconds)*time.Second)
	defer cancel()
	switch {
	case probe.GRPC != nil:
		return probeGRPC(ctx, probe.GRPC)
	case probe.HTTPGet != nil:
		return p.probeHTTP(ctx, probe.HTTPGet)
	}
	return errors.New("the probe is of a kind that is not known here")
}

func probeGRPC(ctx context.Context, action *core.GRPCAction) error {
	conn, err := grpc.NewClient(net.JoinHostPort("127.0.0.1", strconv.Itoa(int(action.Port))), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: *action.Service})
	if err != nil {
		return err
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is %s", *action.Service, answer.GetStatus())
	}
	return nil
}

func (p pod) probeHTTP(ctx context.Context, action *core.HTTPGetAction) error {
	number := action.Port.IntValue()
	for _, port := range p.container().Ports {
		if port.Name == action.Port.StrVal {
			number = int(port.ContainerPort)
		}
	}
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(number)) + action.Path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	// What the kubelet takes for success.
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("%s answered %s", action.Path, response.Status)
	}
	return nil
}
