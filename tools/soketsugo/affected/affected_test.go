package affected_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
)

func deployed(image, staging, production string) deployment.Deployment {
	return deployment.Deployment{Image: image, Manifests: map[string]string{"staging": staging, "production": production}}
}

// What is deployed decides; tests count only where that is the same.
func TestByRevision(t *testing.T) {
	before := map[string]deployment.Deployment{
		"s/image":    deployed("1", "1s", "1p"),
		"s/manifest": deployed("2", "2s", "2p"),
		"s/test":     deployed("3", "3s", "3p"),
		"s/same":     deployed("4", "4s", "4p"),
		"s/removed":  deployed("5", "5s", "5p"),
	}
	after := map[string]deployment.Deployment{
		"s/image":    deployed("9", "9s", "9p"),
		"s/manifest": deployed("2", "2s", "9p"),
		"s/test":     deployed("3", "3s", "3p"),
		"s/same":     deployed("4", "4s", "4p"),
		"s/new":      {Image: "6"},
	}
	report := affected.ByRevision("abc", before, after, map[string][]string{"s/test": {"//a:a_test"}, "s/image": {"//a:a_test"}})
	want := map[string]string{
		"s/image": affected.Deploy, "s/manifest": affected.Deploy, "s/test": affected.Test,
		"s/same": affected.Same, "s/removed": affected.Removed, "s/new": affected.Deploy,
	}
	got := map[string]string{}
	for _, p := range report.Processes {
		got[p.Process] = p.State
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"s/image", "s/manifest", "s/new"}, report.Deploy); diff != "" {
		t.Errorf("deploy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"s/test"}, report.Test); diff != "" {
		t.Errorf("test (-want +got):\n%s", diff)
	}
	for _, p := range report.Processes {
		if p.Process == "s/manifest" && (p.Image != nil || len(p.Manifests) != 1 || p.Manifests["production"].Before != "2p" || p.Manifests["production"].After != "9p") {
			t.Errorf("what differs of s/manifest: %+v", p)
		}
	}
}

// The report for programs has lists that are empty, never null, so that a
// pipeline can loop over them.
func TestJSON(t *testing.T) {
	same := map[string]deployment.Deployment{"s/a": {Image: "1"}}
	text, err := json.Marshal(affected.ByRevision("abc", same, same, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"base":"abc","processes":[{"process":"s/a","state":"same"}],"deploy":[],"test":[]}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

// Whatever the lock does not have is due, be it because it is new or because its
// deploy failed; but not where it is behind what runs.
func TestByEnvironment(t *testing.T) {
	running := lock.Lock{
		"s/same":     {Image: "1", Manifest: "1s"},
		"s/image":    {Image: "2", Manifest: "2s"},
		"s/manifest": {Image: "3", Manifest: "3s"},
		"s/removed":  {Image: "4", Manifest: "4s"},
		"s/newer":    {Image: "7", Manifest: "7s"},
		"s/noted":    {Image: "8", Manifest: "8s"},
		// Its deploy failed, and a commit took that back.
		"s/incomplete": {Image: "9", Manifest: "9s", Incomplete: true},
		"s/behind":     {Image: "9", Manifest: "9s", Incomplete: true},
	}
	newer := map[string]bool{"s/newer": true, "s/noted": true, "s/behind": true}
	report := affected.ByEnvironment("staging", running, newer, map[string]deployment.Deployment{
		"s/incomplete": deployed("9", "9s", "9p"),
		"s/behind":     deployed("9", "9s", "9p"),
		"s/same":       deployed("1", "1s", "9p"),
		"s/image":      deployed("9", "9s", "9p"),
		"s/manifest":   deployed("3", "9s", "9p"),
		"s/new":        deployed("5", "5s", "5p"),
		"s/newer":      deployed("6", "6s", "6p"),
		"s/noted":      deployed("8", "8s", "8p"),
		"s/elsewhere":  {Image: "6", Manifests: map[string]string{"production": "6p"}},
	})
	got := map[string]string{}
	for _, p := range report.Processes {
		got[p.Process] = p.State
	}
	want := map[string]string{
		"s/same": affected.Same, "s/image": affected.Deploy, "s/manifest": affected.Deploy, "s/removed": affected.Removed, "s/new": affected.Deploy,
		"s/newer": affected.Newer, "s/noted": affected.Same, "s/incomplete": affected.Deploy, "s/behind": affected.Newer,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// A test is one of a process if it is about code that the process is built from,
// or runs the process.
func TestTests(t *testing.T) {
	targets := graph.Graph{
		"//services/s/rest:image":          {"//services/s/rest:rest"},
		"//services/s/grpc:image":          {"//services/s/grpc:grpc"},
		"//services/s/migrate:image":       {"//services/s/migrate:migrate"},
		"//services/s/rest:push":           {"//services/s/rest:image", "//tools/other:other"},
		"//services/s/rest:rest":           {"//services/s/rest:main.go", "//libs/s/usecase:usecase"},
		"//services/s/grpc:grpc":           {"//libs/s/usecase:usecase"},
		"//services/s/migrate:migrate":     {"//libs/migration:migration"},
		"//services/s/run:run_test":        {"//services/s/rest:rest", "//services/s/run:run_test.go"},
		"//libs/s/usecase:usecase":         {"//libs/s/usecase:usecase.go"},
		"//libs/s/usecase:usecase_test":    {"//libs/s/usecase:usecase", "//libs/s/usecase:usecase_test.go", "//libs/s/fake:fake"},
		"//libs/s/fake:fake":               {"//libs/s/fake:fake.go"},
		"//libs/migration:migration":       {"//libs/migration:migration.go"},
		"//libs/migration:migration_test":  {"//libs/migration:migration", "//libs/migration:migration_test.go"},
		"//tools/other:other_test":         {"//tools/other:other_test.go"},
		"//services/s/rest:main.go":        nil,
		"//libs/s/usecase:usecase.go":      nil,
		"//libs/s/usecase:usecase_test.go": nil,
	}
	tests := []string{"//services/s/run:run_test", "//libs/s/usecase:usecase_test", "//libs/migration:migration_test", "//tools/other:other_test"}
	deployed := map[string][]string{
		"s/rest":    {"//services/s/rest:image", "//services/s/rest:staging"},
		"s/grpc":    {"//services/s/grpc:image"},
		"s/migrate": {"//services/s/migrate:image"},
	}
	const run, usecase, migration = "//services/s/run:run_test", "//libs/s/usecase:usecase_test", "//libs/migration:migration_test"
	for name, test := range map[string]struct {
		changed []string
		want    map[string][]string
	}{
		"nothing": {nil, map[string][]string{}},
		"a test of what two share": {
			[]string{"libs/s/usecase/usecase_test.go"},
			map[string][]string{"s/rest": {usecase}, "s/grpc": {usecase}},
		},
		"a helper of that test": {
			[]string{"libs/s/fake/fake.go"},
			map[string][]string{"s/rest": {usecase}, "s/grpc": {usecase}},
		},
		"a test that runs one process": {
			[]string{"services/s/run/run_test.go"},
			map[string][]string{"s/rest": {run}},
		},
		"code that two share": {
			[]string{"libs/s/usecase/usecase.go"},
			map[string][]string{"s/rest": {usecase, run}, "s/grpc": {usecase}},
		},
		"a BUILD file": {
			[]string{"libs/migration/BUILD.bazel"},
			map[string][]string{"s/migrate": {migration}},
		},
		"a document":               {[]string{"README.md"}, map[string][]string{}},
		"a test of something else": {[]string{"tools/other/other_test.go"}, map[string][]string{}},
		"what all are built with": {
			[]string{"go.mod"},
			map[string][]string{"s/rest": {usecase, run}, "s/grpc": {usecase}, "s/migrate": {migration}},
		},
		"what tools are built with": {
			[]string{"tools/other/go.sum"},
			map[string][]string{"s/rest": {usecase, run}, "s/grpc": {usecase}, "s/migrate": {migration}},
		},
	} {
		if diff := cmp.Diff(test.want, affected.Tests(targets, tests, deployed, test.changed)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// People get a line a process, with what differs.
func TestPrint(t *testing.T) {
	before := map[string]deployment.Deployment{"s/rest": deployed("sha256:0123456789abcdef", "1", "1"), "s/migrate": deployed("3", "3", "3"), "s/grpc": deployed("4", "4", "4")}
	after := map[string]deployment.Deployment{"s/rest": deployed("sha256:fedcba9876543210", "2", "2"), "s/migrate": deployed("3", "3", "3"), "s/grpc": deployed("4", "4", "4")}
	var out strings.Builder
	affected.ByRevision("abc", before, after, map[string][]string{"s/grpc": {"//a:a_test", "//b:b_test", "//c:c_test", "//d:d_test"}}).Print(&out)
	want := `s/grpc     test     4 tests: //a:a_test //b:b_test //c:c_test …
s/migrate  same
s/rest     deploy   image 0123456789ab -> fedcba987654; manifest of production, staging
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out.Reset()
	incomplete := lock.Lock{"s/grpc": {Image: "4", Manifest: "4", Incomplete: true}}
	affected.ByEnvironment("staging", incomplete, nil, map[string]deployment.Deployment{"s/grpc": deployed("4", "4", "4")}).Print(&out)
	if want := "s/grpc  deploy   a deploy came to no good end\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
