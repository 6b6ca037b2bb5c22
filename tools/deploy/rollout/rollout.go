// Package rollout waits until workloads are what was applied, and tells what
// holds up those that are not.
package rollout

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
)

// A Watch is one wait for some workloads.
type Watch struct {
	Cluster cluster.Cluster
	// Interval is the time between two looks.
	Interval time.Duration
	// Patience is for how long the cluster may fail to answer, without an answer
	// between.
	Patience time.Duration
	// Least are the fewest replicas of Deployments that are scaled, by resource.
	Least map[string]int32
	// Stuck are the Deployments, by resource, that had come to a halt before they were
	// applied, with the pods that they have now. They count as failed after Grace.
	Stuck map[string]bool
	Grace time.Duration
	// Out gets a line for each step and what Jobs write.
	Out io.Writer

	lines    sync.Mutex
	followed map[string]bool
	follows  sync.WaitGroup
}

// Wait waits until each workload has come to an end, or ctx has. It returns what
// went wrong, by the workload's resource; workloads that are done are not in it.
func (w *Watch) Wait(ctx context.Context, workloads []cluster.Object) map[string]error {
	started := time.Now()
	w.followed = map[string]bool{}
	// What Jobs write is shown to its end, but not for ever.
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var open []string
	applied := map[string]cluster.Object{}
	for _, workload := range workloads {
		open = append(open, workload.Resource())
		applied[workload.Resource()] = workload
	}
	said, problems := map[string]string{}, map[string]error{}
	var silent time.Time // since when the cluster does not answer
	var complaint string
	for len(open) > 0 {
		objects, err := w.Cluster.Get(ctx, open...)
		switch {
		case err == nil:
			silent, complaint = time.Time{}, ""
		case ctx.Err() != nil: // kubectl was ended
		default:
			if silent.IsZero() {
				silent = time.Now()
			}
			if time.Since(silent) >= w.Patience {
				for _, resource := range open {
					problems[resource] = fmt.Errorf("%s: no answer for %s: %w", resource, w.Patience, err)
				}
				open = nil
			}
			if text := err.Error(); text != complaint {
				complaint = text
				w.print("%6.1f s  the cluster does not answer: %s", time.Since(started).Seconds(), text)
			}
		}
		for _, object := range objects {
			resource := object.Resource()
			phase, text := object.State(w.Least[resource])
			problem := fmt.Errorf("%s %s", resource, text)
			if phase == cluster.Failed && w.Stuck[resource] && time.Since(started) < w.Grace {
				phase, text = cluster.Going, text+" That was so before; what it lacked may be there now."
			}
			if object.Kind == "Deployment" && !object.SamePods(applied[resource]) {
				// Whatever comes of it, it is not what was applied.
				phase, text = cluster.Failed, "has other pods than were applied"
				problem = fmt.Errorf("somebody else changed %s meanwhile", resource)
			}
			if said[resource] != text {
				said[resource] = text
				w.print("%6.1f s  %s %s", time.Since(started).Seconds(), resource, text)
			}
			if object.Kind == "Job" {
				w.follow(ctx, following, object)
			}
			switch phase {
			case cluster.Failed:
				problems[resource] = problem
				fallthrough
			case cluster.Done:
				open = slices.DeleteFunc(open, func(name string) bool { return name == resource })
			}
		}
		if len(open) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			for _, resource := range open {
				problems[resource] = fmt.Errorf("%s %s: %w", resource, cmp.Or(complaint, said[resource], "was not looked at"), context.Cause(ctx))
			}
			open = nil
		case <-time.After(w.Interval):
		}
	}
	ended := make(chan struct{})
	go func() { w.follows.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(logPatience):
		stop()
		<-ended
	}
	return problems
}

// logPatience is how long a Job's last lines may take after its end.
const logPatience = 10 * time.Second

// follow starts to show what those pods of a Job write that have started since
// the last look.
func (w *Watch) follow(ctx, following context.Context, job cluster.Object) {
	pods, err := w.Cluster.Pods(ctx, job.Selector())
	if err != nil {
		return // the next look asks again
	}
	for _, pod := range pods {
		if w.followed[pod.Metadata.UID] || pod.Status.Phase == "Pending" {
			continue
		}
		w.followed[pod.Metadata.UID] = true
		w.follows.Go(func() {
			lines := &prefixed{watch: w, prefix: pod.Metadata.Name + " | "}
			if err := w.Cluster.Follow(following, pod.Metadata.Name, lines); err != nil {
				w.print("%s: %v", pod.Metadata.Name, err)
			}
			lines.flush()
		})
	}
}

func (w *Watch) print(format string, args ...any) {
	w.lines.Lock()
	defer w.lines.Unlock()
	fmt.Fprintf(w.Out, format+"\n", args...)
}

// prefixed writes whole lines with a prefix.
type prefixed struct {
	watch  *Watch
	prefix string
	rest   []byte
}

// longestLine bounds what is kept of a line without an end.
const longestLine = 64 << 10

func (p *prefixed) Write(data []byte) (int, error) {
	for _, b := range data {
		if b == '\n' || len(p.rest) >= longestLine {
			p.flush()
		}
		if b != '\n' {
			p.rest = append(p.rest, b)
		}
	}
	return len(data), nil
}

func (p *prefixed) flush() {
	if len(p.rest) > 0 {
		p.watch.print("%s%s", p.prefix, p.rest)
		p.rest = p.rest[:0]
	}
}
