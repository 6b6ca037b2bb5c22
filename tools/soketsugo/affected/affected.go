// Package affected tells which processes would deploy something else than
// before, by comparing what was built, and of which others only tests changed.
package affected

import (
	"maps"
	"slices"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
)

// What a change means for a process.
const (
	// Deploy says that its image or a manifest differs, or may differ because a
	// deploy to the environment came to no good end.
	Deploy = "deploy"
	// Test says that it deploys the same, but files that its tests read differ.
	Test = "test"
	// Same says that nothing about it differs.
	Same = "same"
	// Removed says that it is there no more.
	Removed = "removed"
	// Newer says that the environment runs a later commit's: to deploy would be to
	// go back.
	Newer = "newer"
)

// A Difference is a digest before and after. One that is empty was not there.
type Difference struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// A Process is what a change means for one process.
type Process struct {
	Process string `json:"process"`
	State   string `json:"state"`
	// Job says that it ends by itself; servers are deployed after it.
	Job bool `json:"job,omitempty"`
	// Image is there if the image differs.
	Image *Difference `json:"image,omitempty"`
	// Manifests are the rendered manifests that differ, by environment.
	Manifests map[string]Difference `json:"manifests,omitempty"`
	// Incomplete says that a later deploy than the one that is noted came to no good
	// end, so that what runs may differ from both.
	Incomplete bool `json:"incomplete,omitempty"`
	// Tests are the labels of tests that read a file that differs.
	Tests []string `json:"tests,omitempty"`
}

// A Report is what a change means for all processes.
type Report struct {
	// Base is the commit that was compared with, if it was a commit.
	Base string `json:"base,omitempty"`
	// Environment is the environment that was compared with, if it was one.
	Environment string    `json:"environment,omitempty"`
	Processes   []Process `json:"processes"`
	// Deploy and Test name the processes in these states.
	Deploy []string `json:"deploy"`
	Test   []string `json:"test"`
}

// ByRevision compares the deployments of two revisions. tests are the tests of
// each process that read a file that differs.
func ByRevision(base string, before, after map[string]deployment.Deployment, tests map[string][]string) Report {
	report := Report{Base: base}
	for _, process := range names(before, after) {
		old, isOld := before[process]
		current, isCurrent := after[process]
		found := Process{Process: process, State: Same, Job: current.Job, Tests: tests[process], Manifests: map[string]Difference{}}
		if old.Image != current.Image {
			found.Image = &Difference{Before: old.Image, After: current.Image}
		}
		for _, environment := range names(old.Manifests, current.Manifests) {
			if d := (Difference{old.Manifests[environment], current.Manifests[environment]}); d.Before != d.After {
				found.Manifests[environment] = d
			}
		}
		switch {
		case isOld && !isCurrent:
			found.State = Removed
		case found.Image != nil || len(found.Manifests) > 0:
			found.State = Deploy
		case len(found.Tests) > 0:
			found.State = Test
		}
		report.add(found)
	}
	return report
}

// ByEnvironment compares deployments with what an environment runs by its lock
// file. A deploy that failed is not in there and stays due; what was there before
// it is due too, as after a commit that takes back the one that failed. newer are
// the processes of which the environment runs a later commit's.
func ByEnvironment(environment string, running lock.Lock, newer map[string]bool, after map[string]deployment.Deployment) Report {
	report := Report{Environment: environment}
	for _, process := range names(running, after) {
		current, isCurrent := after[process]
		old, isOld := running[process]
		manifest, isDeployed := current.Manifests[environment]
		if isCurrent && !isDeployed && !isOld {
			continue // it does not run in this environment
		}
		found := Process{Process: process, State: Same, Job: current.Job, Incomplete: old.Incomplete, Manifests: map[string]Difference{}}
		if old.Image != current.Image {
			found.Image = &Difference{Before: old.Image, After: current.Image}
		}
		if old.Manifest != manifest {
			found.Manifests[environment] = Difference{Before: old.Manifest, After: manifest}
		}
		differs := found.Image != nil || len(found.Manifests) > 0 || found.Incomplete
		switch {
		case isOld && !isDeployed:
			found.State = Removed
		case newer[process] && differs:
			found.State = Newer
		case differs:
			found.State = Deploy
		}
		report.add(found)
	}
	return report
}

func (r *Report) add(p Process) {
	r.Processes = append(r.Processes, p)
	// Lists in JSON are never null.
	if r.Deploy == nil {
		r.Deploy, r.Test = []string{}, []string{}
	}
	switch p.State {
	case Deploy:
		r.Deploy = append(r.Deploy, p.Process)
	case Test:
		r.Test = append(r.Test, p.Process)
	}
}

// names returns the keys of two maps, sorted.
func names[A, B any](a map[string]A, b map[string]B) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
