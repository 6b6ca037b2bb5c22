package rollout

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
)

// How much a diagnosis shows.
const (
	shownEvents = 10
	shownPods   = 2
	shownLines  = 20
)

// Diagnose writes what the cluster knows of a workload that failed: its pods, the
// last events, and the last lines of pods that are not ready.
func Diagnose(ctx context.Context, c cluster.Cluster, workload cluster.Object, out io.Writer) {
	pods, err := c.Pods(ctx, workload.Selector())
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
	}
	slices.SortFunc(pods, func(a, b cluster.Object) int { return b.Metadata.Created.Compare(a.Metadata.Created) })
	for _, pod := range pods {
		fmt.Fprintf(out, "  pod %s: %s\n", pod.Metadata.Name, describe(pod))
	}
	events, err := c.Events(ctx)
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
	}
	for _, event := range last(events, workload, pods) {
		fmt.Fprintf(out, "  event %s %s/%s: %s: %s\n", strings.ToLower(event.Type), strings.ToLower(event.Involved.Kind), event.Involved.Name,
			event.Reason, strings.TrimSpace(event.Message))
	}
	shown := 0
	for _, pod := range pods {
		if pod.Ready() || pod.Status.Phase == "Pending" && !restarted(pod) || shown == shownPods {
			continue
		}
		shown++
		fmt.Fprintf(out, "  the last lines of pod %s:\n", pod.Metadata.Name)
		lines := &indented{out: out, atStart: true}
		if err := c.Logs(ctx, pod.Metadata.Name, shownLines, waits(pod), lines); err != nil {
			fmt.Fprintf(out, "    %v\n", err)
		}
	}
}

// describe says in a line what is the matter with a pod.
func describe(pod cluster.Object) string {
	parts := []string{strings.ToLower(cmp.Or(pod.Status.Phase, "unknown"))}
	if pod.Ready() {
		parts = append(parts, "ready")
	}
	for _, c := range pod.Status.Containers {
		switch {
		case c.State.Waiting != nil:
			parts = append(parts, fmt.Sprintf("%s waits: %s", c.Name, strings.TrimSpace(c.State.Waiting.Reason+" "+c.State.Waiting.Message)))
		case c.State.Terminated != nil:
			parts = append(parts, fmt.Sprintf("%s ended with exit code %d: %s", c.Name, c.State.Terminated.ExitCode, c.State.Terminated.Reason))
		case !c.Ready:
			parts = append(parts, c.Name+" is not ready")
		}
		if c.RestartCount > 0 {
			parts = append(parts, fmt.Sprintf("%d restarts", c.RestartCount))
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == "PodScheduled" && condition.Status == "False" {
			parts = append(parts, "no node takes it: "+condition.Message)
		}
	}
	return strings.Join(parts, ", ")
}

func restarted(pod cluster.Object) bool {
	return slices.ContainsFunc(pod.Status.Containers, func(c cluster.Container) bool { return c.RestartCount > 0 })
}

// waits tells whether what a pod has to say is in its previous containers.
func waits(pod cluster.Object) bool {
	return slices.ContainsFunc(pod.Status.Containers, func(c cluster.Container) bool {
		return c.RestartCount > 0 && c.State.Waiting != nil
	})
}

// last returns the last events of a workload, of the pods and of what stands
// between them (ReplicaSets have the workload's name and a hash).
func last(events []cluster.Event, workload cluster.Object, pods []cluster.Object) []cluster.Event {
	var found []cluster.Event
	for _, event := range events {
		name := event.Involved.Name
		isPod := slices.ContainsFunc(pods, func(pod cluster.Object) bool { return pod.Metadata.Name == name })
		if isPod || name == workload.Metadata.Name ||
			event.Involved.Kind == "ReplicaSet" && strings.HasPrefix(name, workload.Metadata.Name+"-") {
			found = append(found, event)
		}
	}
	slices.SortStableFunc(found, func(a, b cluster.Event) int { return a.When().Compare(b.When()) })
	return found[max(0, len(found)-shownEvents):]
}

// indented writes lines with an indent.
type indented struct {
	out     io.Writer
	atStart bool
}

func (i *indented) Write(data []byte) (int, error) {
	for line := range strings.Lines(string(data)) {
		if i.atStart {
			line = "    " + line
		}
		i.atStart = strings.HasSuffix(line, "\n")
		if _, err := io.WriteString(i.out, line); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}
