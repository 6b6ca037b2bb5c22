package main

import (
	"os"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// All engines get through the quick plan, and each row is in the table.
func TestQuick(t *testing.T) {
	b := &bench{server: cluster.Server(t), say: t.Logf}
	report, err := b.measure(t.Context(), quickPlan)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := report.write(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "nothing to do"); got != len(quickPlan.rounds) || !strings.Contains(out.String(), "on its disk") {
		t.Errorf("the report is\n%s", out.String())
	}
	for _, run := range report.Runs {
		for _, engine := range engines() {
			if run.Milliseconds[engine.name] <= 0 {
				t.Errorf("%d files, %s: no time for %s", run.Files, run.Kind, engine.name)
			}
		}
	}
}

// A mistake in the flags is told in words.
func TestFlags(t *testing.T) {
	var help strings.Builder
	if _, err := parseOptions([]string{"--help"}, &help); err == nil || !strings.Contains(help.String(), "-quick") {
		t.Errorf("--help: got %v, %q", err, help.String())
	}
	for _, args := range [][]string{{"--fast"}, {"goose"}} {
		if _, err := parseOptions(args, &help); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
