package server_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/grpcserver"
	"github.com/soketsugo/soketsugo/libs/runtime/health"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/server"
	"github.com/soketsugo/soketsugo/libs/testing/document"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/lifecycle.md")

const page = "../../../docs/lifecycle.md"

// settings is everything that can be set about a process, whatever its kind.
type settings struct {
	GRPC   grpcserver.Config
	HTTP   httpserver.Config
	Server server.Config
}

// settingsTable is the table of all settings.
func settingsTable() string {
	var text strings.Builder
	text.WriteString("| setting | default | what it does |\n|---|---|---|\n")
	for _, s := range config.Describe(&settings{}) {
		value := s.Default
		if value == "" {
			value = "not set"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", s.Name, value, s.Doc)
	}
	return text.String()
}

// secondsTable is the table of what the grace period is made of.
func secondsTable() string {
	var laptop lifecycle.Config
	config.Defaults(&laptop)
	cluster := laptop
	cluster.DrainDelay = lifecycle.KubernetesDrainDelay
	closing := lifecycle.CloseTimeout
	margin := laptop.GracePeriod() - laptop.DrainDelay - laptop.ShutdownTimeout - closing
	var text strings.Builder
	text.WriteString("| | laptop | Kubernetes |\n|---|---|---|\n")
	row := func(name string, a, b time.Duration) { fmt.Fprintf(&text, "| %s | %s | %s |\n", name, a, b) }
	row("`DRAIN_DELAY`", laptop.DrainDelay, cluster.DrainDelay)
	row("`SHUTDOWN_TIMEOUT`", laptop.ShutdownTimeout, cluster.ShutdownTimeout)
	row("pools and exporters close", closing, closing)
	row("margin", margin, margin)
	row("`terminationGracePeriodSeconds`", laptop.GracePeriod(), cluster.GracePeriod())
	return text.String()
}

// livenessTable is the table of the constants about probes.
func livenessTable() string {
	return fmt.Sprintf("| what | how long |\n|---|---|\n| the heart beats every | %s |\n| without a beat the process is stuck after | %s |\n"+
		"| a failing check is repeated every | %s |\n", health.BeatInterval, health.StuckAfter, health.RetryInterval)
}

// Every number in the documentation is the one in the code.
func TestDocumentation(t *testing.T) {
	document.Check(t, page, *update, map[string]string{
		"settings": settingsTable(), "seconds": secondsTable(), "liveness": livenessTable(),
	})
}
