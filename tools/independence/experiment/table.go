package experiment

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
)

// A table has a row per change and a column per process. Its rows are written
// as soon as they are known.
type table struct {
	out       io.Writer
	processes []string
	width     int
}

const baselineName = "nothing (the baseline)"

func newTable(out io.Writer, processes []string, changes []Change) *table {
	t := &table{out: out, processes: processes, width: len(baselineName)}
	for _, change := range changes {
		t.width = max(t.width, len(change.Name))
	}
	t.write("what was changed", processes, "seconds")
	return t
}

// baseline writes the row that the others are compared with.
func (t *table) baseline(built map[string]deployment.Deployment, took time.Duration) {
	var cells []string
	for _, process := range t.processes {
		digest := strings.TrimPrefix(built[process].Image, "sha256:")
		cells = append(cells, digest[:min(len(digest), 12)])
	}
	t.write(baselineName, cells, seconds(took))
}

// row writes what a change did.
func (t *table) row(name string, report affected.Report, took time.Duration) {
	var cells []string
	for _, p := range report.Processes {
		cells = append(cells, effect(p))
	}
	t.write(name, cells, seconds(took))
}

func (t *table) write(name string, cells []string, last string) {
	line := fmt.Sprintf("%-*s", t.width, name)
	for i, cell := range cells {
		line += fmt.Sprintf("  %-*s", max(len(t.processes[i]), 12), cell)
	}
	fmt.Fprintf(t.out, "%s  %7s\n", line, last)
}

func seconds(took time.Duration) string {
	return fmt.Sprintf("%.1f", took.Seconds())
}
