package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/postgrestest"
)

var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// Everything is measured, and both sides do something.
func TestQuick(t *testing.T) {
	long.Test(t)
	report, err := quickPlan.measure(t.Context(), cluster.Database(t), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(kinds) * len(quickPlan.clients); len(report.Results) != want {
		t.Errorf("%d results, want %d", len(report.Results), want)
	}
	for _, result := range report.Results {
		if result.Service.PerSecond <= 0 || result.Direct.PerSecond <= 0 || result.Service.P99 <= 0 || result.Direct.P99 <= 0 {
			t.Errorf("nothing was measured: %+v", result)
		}
	}
	var output bytes.Buffer
	if err := report.write(&output); err != nil {
		t.Fatal(err)
	}
	for _, want := range append([]string{"ratio"}, kinds...) {
		if !strings.Contains(output.String(), want) {
			t.Errorf("%q is not in:\n%s", want, output.String())
		}
	}
}

// Bad flags are refused, and help is no mistake.
func TestOptions(t *testing.T) {
	for _, test := range []struct {
		arg, want string
	}{{"-x", "--help"}, {"x", "not a flag"}, {"--help", "help requested"}} {
		var output bytes.Buffer
		_, err := parseOptions([]string{test.arg}, &output)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.arg, err)
		}
		if (test.arg == "--help") != strings.Contains(output.String(), "./bazelw run") {
			t.Errorf("%s printed %q", test.arg, output.String())
		}
	}
}
