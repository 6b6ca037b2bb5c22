package cluster

import (
	"cmp"
	"fmt"
)

// A Phase is how far a workload is.
type Phase int

// The phases of a workload.
const (
	Going Phase = iota
	Done
	Failed
)

// State tells how far the object is, and what to tell people of it. Everything
// but a Deployment and a Job is done once it is there. A Deployment is not before
// it has as many replicas as its autoscaler keeps at least; 0 if it has none.
func (o Object) State(least int32) (Phase, string) {
	switch o.Kind {
	case "Deployment":
		return o.deployment(least)
	case "Job":
		return o.job()
	}
	return Done, "is there"
}

// IsWorkload tells whether the object takes time.
func (o Object) IsWorkload() bool { return o.Kind == "Deployment" || o.Kind == "Job" }

// deployment reads the state as `kubectl rollout status` does: what counts is
// that the controller has seen the newest generation, and that of the replicas
// that run no old one is left. Beyond that it waits for the autoscaler, which owns
// the number of replicas and begins with the one that a new Deployment has. It
// leaves a Deployment alone that somebody has scaled to 0.
func (o Object) deployment(least int32) (Phase, string) {
	wanted := int32(1)
	if o.Spec.Replicas != nil {
		wanted = *o.Spec.Replicas
	}
	s := o.Status
	if s.ObservedGeneration < o.Metadata.Generation {
		return Going, "waits for the controller"
	}
	if c, ok := o.condition("Progressing", "False"); ok && c.Reason == "ProgressDeadlineExceeded" {
		return Failed, cmp.Or(c.Message, "makes no progress")
	}
	switch {
	case s.UpdatedReplicas < wanted:
		return Going, fmt.Sprintf("%d of %d new replicas are there", s.UpdatedReplicas, wanted)
	case s.Replicas > s.UpdatedReplicas:
		return Going, fmt.Sprintf("%d old replicas are still there", s.Replicas-s.UpdatedReplicas)
	case s.AvailableReplicas < s.UpdatedReplicas:
		return Going, fmt.Sprintf("%d of %d new replicas are available", s.AvailableReplicas, s.UpdatedReplicas)
	case wanted > 0 && wanted < least:
		return Going, fmt.Sprintf("%d replicas are available, and the autoscaler has yet to make them %d", s.AvailableReplicas, least)
	}
	return Done, fmt.Sprintf("%d replicas are available", s.AvailableReplicas)
}

// Least returns the numbers of replicas that the autoscalers among some objects
// keep at least, by the resources that they scale.
func Least(objects []Object) map[string]int32 {
	least := map[string]int32{}
	for _, object := range objects {
		if object.Kind != "HorizontalPodAutoscaler" {
			continue
		}
		t := object.Spec.Target
		scaled := Object{APIVersion: t.APIVersion, Kind: t.Kind, Metadata: Metadata{Name: t.Name}}
		least[scaled.Resource()] = 1
		if object.Spec.MinReplicas != nil {
			least[scaled.Resource()] = *object.Spec.MinReplicas
		}
	}
	return least
}

// job ends with whichever condition comes first.
func (o Object) job() (Phase, string) {
	if c, ok := o.condition("Failed", "True"); ok {
		return Failed, fmt.Sprintf("failed: %s: %s", c.Reason, c.Message)
	}
	if _, ok := o.condition("Complete", "True"); ok {
		return Done, "is complete"
	}
	if o.Status.Failed > 0 {
		return Going, fmt.Sprintf("runs, after %d failed attempts", o.Status.Failed)
	}
	if o.Status.Active > 0 {
		return Going, "runs"
	}
	return Going, "starts"
}
