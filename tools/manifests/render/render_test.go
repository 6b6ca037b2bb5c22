package render_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"

	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/manifests/objects"
	"github.com/soketsugo/soketsugo/tools/manifests/render"
	"github.com/soketsugo/soketsugo/tools/manifests/settings"
	"github.com/soketsugo/soketsugo/tools/manifests/testprocess"
	"github.com/soketsugo/soketsugo/tools/manifests/tree"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

func TestMain(m *testing.M) {
	testprocess.Main()
	os.Exit(m.Run())
}

// laidOut returns the tree of a process of that kind, and its one environment.
func laidOut(t *testing.T, kind, env string) (map[string][]byte, environment.Environment) {
	t.Helper()
	w, err := workload.Parse([]byte(`{"service":"shop","process":"` + kind + `","kind":"` + kind + `","replicas":{"min":2,"max":6},"deadline":"1h",
		"resources":{"cpu":"100m","memory":"64Mi","cpuLimit":"1","memoryLimit":"128Mi"},"secrets":{"DATABASE_URL":"db/url"},"env":` + env + `}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := environment.Parse("here", []byte(`
contexts: [here]
namespace: here
registry: registry.example.com/here
network: {database: {port: 5432, to: [{ipBlock: {cidr: 10.0.0.0/8}}]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	files, err := tree.Files(t.Context(), w, []environment.Environment{e}, func(ctx context.Context, env map[string]string, secrets []string) (settings.Settings, error) {
		return settings.Read(ctx, os.Args[0], env, secrets)
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, e
}

func digest(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

// rendered returns the workload of what is rendered.
func rendered(t *testing.T, kind, env, digest, component string) objects.Object {
	t.Helper()
	files, e := laidOut(t, kind, env)
	options := render.Options{Name: "shop-" + kind, Environment: e, Digest: digest, Component: component}
	content, err := render.Render(files, options)
	if err != nil {
		t.Fatal(err)
	}
	again, err := render.Render(files, options)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, again) {
		t.Error("the same is rendered in two ways")
	}
	all, err := objects.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range all {
		if objects.Pod(object) != nil {
			return object
		}
	}
	t.Fatal("nothing has pods")
	return nil
}

// The image is named by the digest that was built, with the environment's
// registry.
func TestImage(t *testing.T) {
	deployment, ok := rendered(t, "grpc", `{}`, digest("a"), "").(*apps.Deployment)
	if !ok {
		t.Fatal("grpc is no Deployment")
	}
	if got, want := deployment.Spec.Template.Spec.Containers[0].Image, "registry.example.com/here/shop-grpc@"+digest("a"); got != want {
		t.Errorf("the image is %s, want %s", got, want)
	}
}

// A new image, or another setting, makes another Job; the same makes the same.
// Who replaces Jobs by name finds one name.
func TestJobName(t *testing.T) {
	name := func(env, digest, component string) string {
		job, ok := rendered(t, "migrate", env, digest, component).(*batch.Job)
		if !ok {
			t.Fatal("migrate is no Job")
		}
		return job.Name
	}
	first := name(`{}`, digest("a"), "")
	if !strings.HasPrefix(first, "shop-migrate-v7-") || len(first) > 63 {
		t.Errorf("the Job is %s", first)
	}
	if again := name(`{}`, digest("a"), ""); again != first {
		t.Errorf("the same is %s and %s", first, again)
	}
	if other := name(`{}`, digest("b"), ""); other == first {
		t.Error("another image has the same name")
	}
	if other := name(`{"LOCK_WAIT":"1m"}`, digest("a"), ""); other == first {
		t.Error("another setting has the same name")
	}
	for _, component := range []string{tree.ArgoCD, tree.Flux} {
		if got := name(`{}`, digest("a"), component); got != "shop-migrate" {
			t.Errorf("with %s the Job is %s", component, got)
		}
	}
}

// What cannot be rendered is refused.
func TestRefuses(t *testing.T) {
	files, here := laidOut(t, "grpc", `{}`)
	elsewhere := here
	elsewhere.Name = "elsewhere"
	otherRegistry := here
	otherRegistry.Registry = "registry.example.com/other"
	otherNamespace := here
	otherNamespace.Namespace = "other"
	for _, test := range []struct {
		options render.Options
		want    string
	}{
		{render.Options{Name: "shop-grpc", Environment: here, Digest: "latest"}, "want sha256:"},
		{render.Options{Name: "shop-grpc", Environment: elsewhere, Digest: digest("a")}, `no environment "elsewhere"`},
		{render.Options{Name: "shop-grpc", Environment: otherRegistry, Digest: digest("a")}, "the image of the Deployment is"},
		{render.Options{Name: "shop-grpc", Environment: otherNamespace, Digest: digest("a")}, `is in namespace "here"`},
		{render.Options{Name: "shop-rest", Environment: here, Digest: digest("a")}, "not labelled as one of shop-rest"},
	} {
		if _, err := render.Render(files, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}
