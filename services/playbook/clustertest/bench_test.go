package clustertest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// applyTimeout bounds one apply.
	applyTimeout = 5 * time.Minute
	// patience bounds everything else that a cluster does.
	patience = 3 * time.Minute
	// interval is the time between two looks.
	interval = 500 * time.Millisecond
)

// processes are in the order in which they are applied.
var processes = []string{"migrate", "grpc", "rest"}

// A bench is the cluster under test, and how to get there.
type bench struct {
	kubectl, kubeconfig, context string
	// database is that of whoever may create others.
	database string
	// registry is where apply pushes to; load is the program that brings an image
	// to the nodes where there is none.
	registry, load string
	// deploy and manifests are the commands under test.
	deploy, manifests string
}

// newBench reads the environment. Who names this test wants it to run, so what is
// missing is a failure.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		kubectl:    os.Getenv("KUBECTL"),
		kubeconfig: os.Getenv("KUBECONFIG"),
		database:   os.Getenv("DATABASE_URL"),
		registry:   os.Getenv("REGISTRY"),
		load:       os.Getenv("LOAD_IMAGE"),
		deploy:     runfile(t, "DEPLOY"),
		manifests:  runfile(t, "MANIFESTS"),
	}
	switch {
	case b.kubeconfig == "":
		t.Fatal("KUBECONFIG is not set: name the file of a cluster that may be changed")
	case b.database == "":
		t.Fatal("DATABASE_URL is not set: name a PostgreSQL that this machine and the cluster's pods reach, with a user that may create databases")
	case b.registry == "" && b.load == "":
		t.Fatal("set REGISTRY, where images are pushed to, or LOAD_IMAGE, a program that is called with an OCI layout and the image's name")
	}
	if b.kubectl == "" {
		b.kubectl = "kubectl"
	}
	if b.load != "" && b.registry == "" {
		b.registry = "registry.invalid/test"
	}
	var err error
	if b.context, err = b.call(t.Context(), "config", "current-context"); err != nil {
		t.Fatal(err)
	}
	return b
}

// runfile returns the place of what a variable of the test names.
func runfile(t *testing.T, variable string) string {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skip("outside Bazel, which builds what is deployed")
	}
	place, err := runfiles.Rlocation(os.Getenv(variable))
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	if place, err = filepath.EvalSymlinks(place); err != nil {
		t.Fatal(err)
	}
	return place
}

// call runs kubectl and returns what it prints.
func (b *bench) call(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := exec.CommandContext(ctx, b.kubectl, append([]string{"--kubeconfig=" + b.kubeconfig}, args...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// A place is a namespace with a database, where nothing runs yet.
type place struct {
	*bench
	t         *testing.T
	namespace string
	// port is the database's.
	port   string
	images map[string]image
	folder string
	// drain is how long servers go on serving after SIGTERM.
	drain time.Duration
}

// newPlace makes one that ends with the test.
func newPlace(t *testing.T, b *bench) *place {
	t.Helper()
	p := &place{
		bench: b, t: t, namespace: "soketsugo-test-" + strings.ToLower(rand.Text()[:8]), images: map[string]image{}, folder: t.TempDir(),
		drain: 5 * time.Second,
	}
	database := strings.ReplaceAll(p.namespace, "-", "_")
	p.query("CREATE DATABASE " + database)
	t.Cleanup(func() { p.query("DROP DATABASE IF EXISTS " + database + " WITH (FORCE)") })
	own, err := url.Parse(b.database)
	if err != nil {
		t.Fatalf("DATABASE_URL: %v", err)
	}
	own.Path = "/" + database
	if p.port = own.Port(); p.port == "" {
		p.port = "5432"
	}
	p.kube("create", "namespace", p.namespace)
	t.Cleanup(func() {
		if t.Failed() {
			p.explain()
		}
		// The namespace goes after the test, with all that is in it.
		if _, err := b.call(context.Background(), "delete", "namespace", p.namespace); err != nil {
			t.Error(err)
		}
	})
	p.kube("create", "secret", "generic", "playbook-database", "--from-literal=url="+own.String())
	for _, process := range processes {
		p.images[process] = open(t, runfile(t, strings.ToUpper(process)+"_IMAGE"))
		p.bring("playbook-"+process, p.images[process])
	}
	return p
}

// query asks the database server.
func (p *place) query(statement string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgconn.Connect(ctx, p.database)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
		p.t.Fatalf("%s: %v", statement, err)
	}
}

// kube runs kubectl in the namespace.
func (p *place) kube(args ...string) string {
	p.t.Helper()
	output, err := p.call(p.t.Context(), append([]string{"--namespace=" + p.namespace}, args...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	return output
}

// explain prints what the cluster knows.
func (p *place) explain() {
	for _, what := range [][]string{{"get", "pods,deployments,jobs,endpointslices", "--output=wide"}, {"get", "events"}} {
		output, err := p.call(context.Background(), append([]string{"--namespace=" + p.namespace}, what...)...)
		p.t.Logf("%s %v\n%s", strings.Join(what, " "), err, output)
	}
}

// bring makes the nodes have an image, unless apply pushes it.
func (p *place) bring(name string, i image) {
	p.t.Helper()
	if p.load == "" {
		return
	}
	command := exec.CommandContext(p.t.Context(), p.load, i.layout, p.registry+"/"+name+"@"+i.digest)
	if output, err := command.CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", p.load, err, output)
	}
}

// file writes the environment and returns its file.
func (p *place) file() string {
	p.t.Helper()
	content, err := os.ReadFile("testdata/environment.yaml")
	if err != nil {
		p.t.Fatal(err)
	}
	filled := strings.NewReplacer(
		"CONTEXT", p.context, "NAMESPACE", p.namespace, "REGISTRY", p.registry, "DRAIN", p.drain.String(), "PORT", p.port,
	).Replace(string(content))
	return p.write("test.yaml", filled)
}

// write writes a file of the test and returns its path.
func (p *place) write(name, content string) string {
	p.t.Helper()
	path := filepath.Join(p.folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// render makes what is applied of a process in the environment, with the commands
// that the build uses for those that are checked in.
func (p *place) render(process, environment string) string {
	p.t.Helper()
	files, err := os.MkdirTemp(p.folder, process)
	if err != nil {
		p.t.Fatal(err)
	}
	output := filepath.Join(p.folder, process+".yaml")
	for _, args := range [][]string{
		{
			"tree", "--workload=" + runfile(p.t, strings.ToUpper(process)+"_DECLARATION"),
			"--binary=" + runfile(p.t, strings.ToUpper(process)+"_BINARY"), "--output=" + files,
		},
		{
			"render", "--name=playbook-" + process, "--tree=" + files, "--output=" + output,
			"--digest=" + p.write(process+".digest", p.images[process].digest),
		},
	} {
		args = append(args, "--environment="+environment)
		if text, err := exec.CommandContext(p.t.Context(), p.manifests, args...).CombinedOutput(); err != nil {
			p.t.Fatalf("manifests %s: %v\n%s", strings.Join(args, " "), err, text)
		}
	}
	return output
}

// An applying is an apply that may still go on.
type applying struct {
	t      *testing.T
	wait   func() error
	what   string
	mu     sync.Mutex
	output bytes.Buffer
}

func (a *applying) Write(data []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.output.Write(data)
}

// end waits for a good end and returns what was printed.
func (a *applying) end() string {
	a.t.Helper()
	begin := time.Now()
	err := a.wait()
	text := a.output.String()
	a.t.Logf("apply %s: waited %s\n%s", a.what, time.Since(begin).Round(100*time.Millisecond), text)
	if err != nil {
		a.t.Fatalf("apply %s: %v", a.what, err)
	}
	return text
}

// start starts the apply of some processes.
func (p *place) start(names ...string) *applying {
	p.t.Helper()
	file := p.file()
	args := []string{
		"apply", "--environment=" + file, "--kubeconfig=" + p.kubeconfig, "--context=" + p.context,
		"--kubectl=" + p.kubectl, "--timeout=" + applyTimeout.String(),
	}
	if p.load != "" {
		args = append(args, "--no-push")
	}
	for _, name := range names {
		args = append(args, fmt.Sprintf("--process=playbook/%s=%s,%s", name, p.render(name, file), p.images[name].layout))
	}
	command := exec.CommandContext(p.t.Context(), p.deploy, args...)
	// The lock file goes where the checkout would be.
	command.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY="+p.folder)
	a := &applying{t: p.t, wait: command.Wait, what: strings.Join(names, ", ")}
	command.Stdout, command.Stderr = a, a
	if err := command.Start(); err != nil {
		p.t.Fatal(err)
	}
	return a
}

// apply applies processes and returns what it printed.
func (p *place) apply(names ...string) string {
	p.t.Helper()
	return p.start(names...).end()
}

// A pod is what the test reads of one.
type pod struct {
	Metadata struct {
		Name, UID         string
		DeletionTimestamp string
	}
	Spec struct {
		NodeName string
	}
	Status struct {
		Phase             string
		ContainerStatuses []struct {
			Ready        bool
			RestartCount int
		}
	}
}

func (p pod) ready() bool {
	return len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].Ready
}

func (p pod) restarts() int {
	total := 0
	for _, c := range p.Status.ContainerStatuses {
		total += c.RestartCount
	}
	return total
}

// pods returns those of a process.
func (p *place) pods(process string) []pod {
	p.t.Helper()
	var list struct{ Items []pod }
	output := p.kube("get", "pods", "--output=json", "--selector=app.kubernetes.io/name=playbook-"+process)
	if err := json.Unmarshal([]byte(output), &list); err != nil {
		p.t.Fatal(err)
	}
	return list.Items
}

// uids tells which pods of a process there are.
func (p *place) uids(process string) map[string]bool {
	p.t.Helper()
	all := map[string]bool{}
	for _, pod := range p.pods(process) {
		all[pod.Metadata.UID] = true
	}
	return all
}

// restarts counts those of all containers of a process.
func (p *place) restarts(process string) int {
	p.t.Helper()
	total := 0
	for _, pod := range p.pods(process) {
		total += pod.restarts()
	}
	return total
}

// generation tells how often what is asked of a Deployment has changed.
func (p *place) generation(process string) string {
	p.t.Helper()
	return p.kube("get", "deployment", "playbook-"+process, "--output=jsonpath={.metadata.generation}")
}

// names returns the objects of a kind that a process has, as "configmap/name".
func (p *place) names(kind, process string) []string {
	p.t.Helper()
	return strings.Fields(p.kube("get", kind, "--output=name", "--selector=app.kubernetes.io/name=playbook-"+process))
}

// configs returns the ConfigMaps of a process.
func (p *place) configs(process string) []string {
	p.t.Helper()
	return p.names("configmaps", process)
}

// ready makes sure that two pods of a server are, without a wait.
func (p *place) ready(process string) {
	p.t.Helper()
	ready := 0
	for _, pod := range p.pods(process) {
		if pod.ready() {
			ready++
		}
	}
	if ready != 2 {
		p.t.Errorf("%d pods of %s are ready when apply has ended, want 2", ready, process)
	}
}

// settled waits until a server has two ready pods and none that is about to go.
func (p *place) settled(process string) {
	p.t.Helper()
	p.until("two pods of "+process+" are ready, and no others are there", func() bool {
		pods := p.pods(process)
		return len(pods) == 2 && pods[0].ready() && pods[1].ready()
	})
}

// until waits for something.
func (p *place) until(what string, holds func() bool) {
	p.t.Helper()
	begin := time.Now()
	for !holds() {
		if time.Since(begin) > patience {
			p.t.Fatalf("it did not happen within %s that %s", patience, what)
		}
		time.Sleep(interval)
	}
}
