package clustertest_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/testing/rollout"
)

const (
	// restarts is how often each server is restarted under load.
	restarts = 3
	// between is the time between two requests of a kind of client.
	between = 40 * time.Millisecond
	// reuse is for how long clients that never retry use an idle connection again:
	// shorter than the drain delay.
	reuse = 3 * time.Second
	// quiet is the time before the first and after the last restart.
	quiet = 2 * time.Second
)

// address is that of a Service, which this machine must reach.
func (p *place) address(process, port string) string {
	p.t.Helper()
	name := "playbook-" + process
	return net.JoinHostPort(p.kube("get", "service", name, "--output=jsonpath={.spec.clusterIP}"),
		p.kube("get", "service", name, `--output=jsonpath={.spec.ports[?(@.name=="`+port+`")].port}`))
}

// create makes the playbook that all clients read, and the API key with which they
// do over HTTP, and returns its ID and the header. The first requests through a
// new Service may come before its rules.
func (p *place) create(addr string) (id, authorization string) {
	p.t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(workspace(p.t.Context()), patience)
	defer cancel()
	playbook, err := playbookv1.NewPlaybookServiceClient(conn).CreatePlaybook(ctx,
		&playbookv1.CreatePlaybookRequest{Name: "read by all"}, grpc.WaitForReady(true))
	if err != nil {
		p.t.Fatalf("creating a playbook through the Service of grpc: %v", err)
	}
	key, err := playbookv1.NewKeyServiceClient(conn).CreateKey(ctx,
		&playbookv1.CreateKeyRequest{Name: "test", Scopes: []playbookv1.Scope{playbookv1.Scope_SCOPE_READ}})
	if err != nil {
		p.t.Fatalf("creating an API key through the Service of grpc: %v", err)
	}
	return playbook.GetPlaybook().GetId(), "Bearer " + key.GetToken()
}

func workspace(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "workspace", "default")
}

// loads are clients of both servers.
func (p *place) loads() []*rollout.Load {
	p.t.Helper()
	grpcAddr, restAddr := p.address("grpc", "grpc"), p.address("rest", "http")
	id, authorization := p.create(grpcAddr)
	call := func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := playbookv1.NewPlaybookServiceClient(conn).GetPlaybook(workspace(ctx), &playbookv1.GetPlaybookRequest{Id: id})
		return err
	}
	pooled, err := rollout.PooledGRPC(grpcAddr, call)
	if err != nil {
		p.t.Fatal(err)
	}
	read := rollout.Request{Method: http.MethodGet, Path: "/v1/playbooks/" + id, Authorization: authorization, Want: http.StatusOK}
	return []*rollout.Load{
		rollout.Start("gRPC pooled", between, pooled),
		rollout.Start("gRPC new connection", between, rollout.NewConnectionGRPC(grpcAddr, call)),
		rollout.Start("HTTP pooled", between, rollout.PooledHTTP(restAddr, read)),
		rollout.Start("HTTP never retries", between, rollout.NeverRetries(restAddr, read, reuse)),
		rollout.Start("HTTP new connection", between, rollout.NewConnectionHTTP(restAddr, read)),
	}
}

// restartUnderLoad restarts all replicas of both servers at once, a few times,
// and returns what became of the requests in that time.
func (p *place) restartUnderLoad(times int) []rollout.Result {
	p.t.Helper()
	loads := p.loads()
	time.Sleep(quiet)
	begin := time.Now()
	for range times {
		p.kube("rollout", "restart", "deployment/playbook-grpc", "deployment/playbook-rest")
		p.kube("rollout", "status", "deployment/playbook-grpc")
		p.kube("rollout", "status", "deployment/playbook-rest")
		// Pods that are about to go do not count for kubectl.
		p.settled("grpc")
		p.settled("rest")
	}
	took := time.Since(begin)
	time.Sleep(quiet)
	var results []rollout.Result
	for _, load := range loads {
		results = append(results, load.Stop())
	}
	var text strings.Builder
	rollout.Table(&text, results)
	p.t.Logf("drain delay %s: %d restarts of two replicas of each server in %s\n%s", p.drain, times, took.Round(100*time.Millisecond), &text)
	return results
}
