package processtest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/soketsugo/soketsugo/libs/testing/certificates"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
	"github.com/soketsugo/soketsugo/tools/manifests/objects"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/unpack"
)

var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// runfile returns the place of what a variable of the test names.
func runfile(t *testing.T, variable string) string {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skipf("%s is not set: run this test with ./bazelw", variable)
	}
	place, err := runfiles.Rlocation(os.Getenv(variable))
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// deployed is a process as its manifest has it, with its image unpacked.
type deployed struct {
	pod
	job         *batch.Job
	annotations map[string]string
}

// load reads the manifest of a process and unpacks the image.
func load(t *testing.T, process, environment, databaseURL string) deployed {
	t.Helper()
	process = strings.ToUpper(process)
	content, err := os.ReadFile(runfile(t, process+"_"+strings.ToUpper(environment)))
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	d := deployed{pod: pod{
		secrets: map[string]string{"playbook-database/url": databaseURL},
		mounts:  map[string]string{},
	}}
	var template *core.PodTemplateSpec
	configs := map[string]map[string]string{}
	for _, object := range all {
		switch object := object.(type) {
		case *core.ConfigMap:
			configs[object.Name] = object.Data
		case *apps.Deployment:
			template, d.annotations = &object.Spec.Template, object.Annotations
		case *batch.Job:
			template, d.annotations, d.job = &object.Spec.Template, object.Annotations, object
		}
	}
	d.spec = template.Spec
	name := d.container().EnvFrom[0].ConfigMapRef.Name
	if d.config = configs[name]; d.config == nil {
		t.Fatalf("the manifest has no ConfigMap %s", name)
	}
	image := open(t, runfile(t, process+"_IMAGE"))
	d.binary = image.entrypoint
	if _, digest, _ := strings.Cut(d.container().Image, "@"); digest != image.digest {
		t.Errorf("the manifest names the image %s, and that is %s", digest, image.digest)
	}
	if user := fmt.Sprintf("%d:%d", *d.spec.SecurityContext.RunAsUser, *d.spec.SecurityContext.RunAsGroup); user != image.user {
		t.Errorf("the manifest has user %s, the image %s", user, image.user)
	}
	return d
}

// image is an unpacked one.
type image struct{ entrypoint, user, digest string }

func open(t *testing.T, layout string) image {
	t.Helper()
	directory, err := imagedir.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	images, err := directory.Images()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if _, err := unpack.Image(folder, directory, images[0], unpack.Limits{Bytes: 1 << 30, Entries: 1000}); err != nil {
		t.Fatal(err)
	}
	config := images[0].Config.Config
	return image{
		entrypoint: filepath.Join(folder, config.Entrypoint[0]), user: config.User, digest: directory.Root().Digest.String(),
	}
}

// migrated returns the URL of a database with the newest schema, which the Job of
// the manifest has made.
func migrated(t *testing.T, environment string) string {
	t.Helper()
	url := cluster.Database(t)
	d := load(t, "migrate", environment, url)
	if code := d.end(t); code != 0 {
		t.Fatalf("the Job's container exited with %d", code)
	}
	return url
}

// end runs the container of a Job to its end.
func (d deployed) end(t *testing.T) int {
	t.Helper()
	process, _, err := d.start(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-process.Done():
		return process.ExitCode()
	case <-ctx.Done():
		t.Fatal("the container did not end")
		return 0
	}
}

// serve takes a server through its life by what its manifest says.
func serve(t *testing.T, process, environment string) {
	d := load(t, process, environment, migrated(t, environment))
	if certificateFolder := d.tlsFolder(t); certificateFolder != "" {
		d.mounts[objects.TLSFolder] = certificateFolder
	}
	e, err := d.run(t)
	if err != nil {
		t.Fatal(err)
	}
	delay, err := time.ParseDuration(d.config["DRAIN_DELAY"])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s in %s: unready %s after SIGTERM, gone after %s of %ds", process, environment,
		e.unready.Round(time.Millisecond), e.took.Round(time.Millisecond), *d.spec.TerminationGracePeriodSeconds)
	switch {
	case e.code != 0:
		t.Errorf("the exit code is %d", e.code)
	case e.took < delay:
		t.Errorf("it was gone after %s, before load balancers noticed, which takes %s", e.took, delay)
	case e.unready < 0 || e.unready > delay:
		t.Errorf("readiness turned false after %s", e.unready)
	}
	d.checkSchema(t, objects.SchemaRequired)
}

// tlsFolder returns a folder with certificates where the pod mounts them.
func (d deployed) tlsFolder(t *testing.T) string {
	t.Helper()
	mounts := d.container().VolumeMounts
	if len(mounts) == 0 {
		return ""
	}
	folder := t.TempDir()
	authority := certificates.NewAuthority(t)
	authority.Write(t, certificates.FilesIn(folder), authority.Issue(t, "server"))
	return folder
}

// checkSchema compares an annotation with what the binary says.
func (d deployed) checkSchema(t *testing.T, annotation string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), d.binary, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if line := "\nschema " + d.annotations[annotation] + "\n"; !strings.Contains(string(out), line) {
		t.Errorf("%s is %q, and the binary says %s", annotation, d.annotations[annotation], out)
	}
}

// The manifests drive the servers: with exactly the env of the manifest, the
// probes of the manifest pass, and SIGTERM ends it within the grace period of the
// manifest. Each test has the machine's ports for itself.
func TestGRPCInStaging(t *testing.T)    { serve(t, "grpc", "staging") }
func TestRESTInStaging(t *testing.T)    { serve(t, "rest", "staging") }
func TestGRPCInProduction(t *testing.T) { serve(t, "grpc", "production") }
func TestRESTInProduction(t *testing.T) { serve(t, "rest", "production") }

// The Job's container migrates an empty database, does nothing the second time,
// and ends with a code after which the Job is not tried again when nothing can
// help.
func TestMigrate(t *testing.T) {
	url := cluster.Database(t)
	d := load(t, "migrate", "staging", url)
	for range 2 {
		if code := d.end(t); code != 0 {
			t.Fatalf("the exit code is %d", code)
		}
	}
	d.checkSchema(t, objects.SchemaBrings)
	d.secrets["playbook-database/url"] = "nonsense"
	code := d.end(t)
	for _, rule := range d.job.Spec.PodFailurePolicy.Rules {
		if rule.OnExitCodes != nil && slices.Contains(rule.OnExitCodes.Values, int32(code)) {
			if rule.Action != batch.PodFailurePolicyActionFailJob {
				t.Errorf("after exit code %d the Job's action is %s", code, rule.Action)
			}
			return
		}
	}
	t.Errorf("the policy has no rule for exit code %d", code)
}

// What does not fit the binary is noticed.
func TestMisfits(t *testing.T) {
	url := migrated(t, "staging")
	for name, spoil := range map[string]func(*deployed){
		"a port":    func(d *deployed) { d.spec.Containers[0].Ports[0].ContainerPort += 100 },
		"a probe":   func(d *deployed) { d.spec.Containers[0].ReadinessProbe.HTTPGet.Path = "/healthz" },
		"liveness":  func(d *deployed) { d.spec.Containers[0].LivenessProbe.HTTPGet.Port = intstr.FromInt32(9) },
		"a setting": func(d *deployed) { d.config["DRAIN_DELAY"] = "soon" },
		"a Secret":  func(d *deployed) { delete(d.secrets, "playbook-database/url") },
		"the grace": func(d *deployed) { d.spec.TerminationGracePeriodSeconds = new(int64(1)) },
	} {
		d := load(t, "rest", "staging", url)
		// Fewer tries, or a mistake would take minutes to be sure of.
		c := &d.spec.Containers[0]
		c.StartupProbe.FailureThreshold = 3
		c.LivenessProbe.PeriodSeconds = 1
		spoil(&d)
		t.Run(name, func(t *testing.T) {
			if _, err := d.run(t); err == nil {
				t.Error("nothing was noticed")
			} else {
				t.Log(err)
			}
		})
	}
}
