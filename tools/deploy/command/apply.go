package command

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/deploy/manifest"
	"github.com/soketsugo/soketsugo/tools/deploy/rollout"
	"github.com/soketsugo/soketsugo/tools/manifests/environment"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
	push "github.com/soketsugo/soketsugo/tools/process/push/command"
)

// A unit is a process with what is to be applied of it.
type unit struct {
	process
	content []byte
	// applied are its objects in the cluster.
	applied []cluster.Object
	// owner are the labels of its objects, and configs the ConfigMaps that were there
	// before it was applied; nil where there was nothing. blind is why they are not
	// known.
	owner   map[string]string
	configs []cluster.Object
	blind   error
}

// confirm asks where the environment wants it, until ctx ends.
func (r *run) confirm(ctx context.Context, to environment.Environment, c cluster.Cluster) error {
	if !to.Confirm || r.yes || r.dryRun {
		return nil
	}
	var names []string
	for _, p := range r.processes {
		names = append(names, p.name)
	}
	fmt.Fprintf(r.stdout, "This changes %s in %s (context %s, namespace %s). To go on, type %s: ",
		strings.Join(names, ", "), to.Name, c.Context, c.Namespace, to.Name)
	var answer string
	var err error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answer, err = bufio.NewReader(r.stdin).ReadString('\n')
	}()
	select {
	case <-answered:
	case <-ctx.Done():
		// Nothing ends the reading but an answer; the program ends anyway.
		fmt.Fprintln(r.stdout)
		return misuse{fmt.Errorf("nothing was changed: %w", context.Cause(ctx))}
	}
	if strings.TrimSpace(answer) == to.Name {
		return nil
	}
	if err != nil {
		fmt.Fprintln(r.stdout)
		return misuse{fmt.Errorf("%s asks before anything changes, and nobody answered: give --yes", to.Name)}
	}
	return misuse{errors.New("nothing was changed")}
}

// apply brings all processes to the cluster: first all images, then the Jobs to
// their end, then the servers.
func (r *run) apply(ctx context.Context, to environment.Environment, c cluster.Cluster) error {
	units, err := r.units()
	if err != nil {
		return err
	}
	if !r.noPush {
		for _, u := range units {
			if err := r.push(ctx, to, u); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("gave up after %s (--timeout)", r.timeout))
	defer cancel()
	for _, jobs := range []bool{true, false} {
		stage := slices.DeleteFunc(slices.Clone(units), func(u unit) bool { return manifest.IsJob(u.content) != jobs })
		if err := r.stage(ctx, to, c, stage); err != nil {
			return err
		}
	}
	return nil
}

// units reads the manifests.
func (r *run) units() ([]unit, error) {
	var units []unit
	for _, p := range r.processes {
		content, err := os.ReadFile(p.manifest)
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of %s: %w", p.name, err)
		}
		units = append(units, unit{process: p, content: content})
	}
	return units, nil
}

// push uploads what the registry does not have of an image.
func (r *run) push(ctx context.Context, to environment.Environment, u unit) error {
	args := []string{"--repository=" + to.Registry}
	if r.dryRun {
		args = append(args, "--dry-run")
	}
	if code := r.pushImage(ctx, u.process, args); code != exitDone {
		return fmt.Errorf("pushing the image of %s failed; nothing was applied", u.name)
	}
	return nil
}

// pushAll pushes all images, with the caller's flags.
func (r *run) pushAll(ctx context.Context) error {
	for _, p := range r.processes {
		switch code := r.pushImage(ctx, p, r.ofPush); {
		case slices.Contains(r.ofPush, "--help"), slices.Contains(r.ofPush, "-h"):
			return flag.ErrHelp
		case code == exitUsage:
			return misuse{fmt.Errorf("pushing the image of %s: the call was wrong", p.name)}
		case code != exitDone:
			return fmt.Errorf("pushing the image of %s failed", p.name)
		}
	}
	return nil
}

func (r *run) pushImage(ctx context.Context, p process, args []string) int {
	own := []string{"--layout=" + p.layout, "--name=" + strings.ReplaceAll(p.name, "/", "-")}
	return push.Run(ctx, append(own, args...), r.getenv, r.stdout, r.stderr)
}

// stage applies some processes, waits for all of them, and notes those that are
// done.
func (r *run) stage(ctx context.Context, to environment.Environment, c cluster.Cluster, units []unit) error {
	var waiting, all []cluster.Object
	stuck := map[string]bool{}
	var failures []error
	for i := range units {
		u := &units[i]
		before, err := r.bring(ctx, to, c, u)
		if err != nil {
			// No more is applied; what was is waited for and noted.
			failures = append(failures, fmt.Errorf("%s: %w", u.name, err))
			units = units[:i]
			break
		}
		all = append(all, u.applied...)
		for _, object := range u.applied {
			change := changeOf(object, before)
			fmt.Fprintf(r.stdout, "%s: %s %s\n", u.name, object.Resource(), r.word(change))
			phase, text := object.State(0)
			if object.Kind == "Job" && change == unchanged && phase == cluster.Done {
				fmt.Fprintf(r.stdout, "%s: %s %s already\n", u.name, object.Resource(), text)
				continue
			}
			stuck[object.Resource()] = isStuck(object, before)
			if object.IsWorkload() {
				waiting = append(waiting, object)
			}
		}
	}
	if r.dryRun {
		for _, u := range units {
			r.prune(ctx, c, u)
		}
		return errors.Join(failures...)
	}
	if len(units) == 0 {
		return errors.Join(failures...)
	}
	watch := rollout.Watch{
		Cluster: c, Interval: time.Second, Patience: patience, Least: cluster.Least(all), Stuck: stuck, Grace: grace, Out: r.stdout,
	}
	problems := watch.Wait(ctx, waiting)
	// What came to a good end is noted, with its commit, and of the rest what the cluster
	// knows is worth a moment more.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnosisPatience)
	defer cancel()
	for _, u := range units {
		failed := false
		for _, object := range u.applied {
			problem, ok := problems[object.Resource()]
			if !ok {
				continue
			}
			failed = true
			failures = append(failures, fmt.Errorf("%s: %w", u.name, problem))
			fmt.Fprintf(r.stdout, "%s: what the cluster knows of %s:\n", u.name, object.Resource())
			rollout.Diagnose(asking, c, object, r.stdout)
		}
		if failed {
			continue
		}
		if err := r.record(asking, to, u); err != nil {
			failures = append(failures, err)
		}
		r.prune(ctx, c, u)
	}
	return errors.Join(failures...)
}

// bring applies a process, and returns what the cluster had of it before. Until it has
// come to a good end, the lock file says that it has not.
func (r *run) bring(ctx context.Context, to environment.Environment, c cluster.Cluster, u *unit) ([]cluster.Object, error) {
	before, err := c.Current(ctx, u.content)
	if err != nil {
		return nil, err
	}
	u.look(ctx, c, before)
	if !r.dryRun {
		if err := lock.Begin(r.lock(to), u.name, time.Now()); err != nil {
			return nil, err
		}
	}
	if before, err = r.again(ctx, c, *u, before); err != nil {
		return nil, err
	}
	u.applied, err = c.Apply(ctx, u.content, r.dryRun, r.force)
	return before, err
}

// again removes a Job that failed, so that applying it makes it anew: it has its
// name for a week, and as it is it would be found unchanged. It returns the other
// objects.
func (r *run) again(ctx context.Context, c cluster.Cluster, u unit, before []cluster.Object) ([]cluster.Object, error) {
	var others []cluster.Object
	for _, object := range before {
		phase, text := object.State(0)
		if object.Kind != "Job" || phase != cluster.Failed {
			others = append(others, object)
			continue
		}
		if !r.dryRun {
			if err := c.RemoveJob(ctx, object.Metadata.Name); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(r.stdout, "%s: %s %s: %s, to run again\n", u.name, object.Resource(), text, r.word(removed))
	}
	return others, nil
}

// patience is for how long the cluster may fail to answer: as long as the API server
// may be away while it is updated.
const patience = 5 * time.Minute

// grace is how long a Deployment may take that was stuck already: as long as
// Kubernetes waits at most before it starts a container again that crashed.
const grace = 5 * time.Minute

// diagnosisPatience is how long asking for reasons may take.
const diagnosisPatience = 30 * time.Second

// What a deploy did to an object.
type change string

const (
	created   change = "created"
	changed   change = "changed"
	unchanged change = "unchanged"
	removed   change = "removed"
)

func changeOf(object cluster.Object, before []cluster.Object) change {
	for _, old := range before {
		if old.Resource() == object.Resource() {
			if old.Metadata.ResourceVersion == object.Metadata.ResourceVersion {
				return unchanged
			}
			return changed
		}
	}
	return created
}

// isStuck tells whether an object is a Deployment that made no progress before it was
// applied and got the same pods. The cluster goes on saying so until it is complete.
func isStuck(object cluster.Object, before []cluster.Object) bool {
	return object.Kind == "Deployment" && slices.ContainsFunc(before, func(old cluster.Object) bool {
		phase, _ := old.State(0)
		return old.Resource() == object.Resource() && phase == cluster.Failed && old.SamePods(object)
	})
}

// word says what was done, or in a dry run would be.
func (r *run) word(c change) string {
	if r.dryRun && c != unchanged {
		return "would be " + string(c)
	}
	return string(c)
}

// lock is the lock file of an environment.
func (r *run) lock(to environment.Environment) string {
	return lock.Path(r.getenv(workspaceVariable), to.Name)
}

// record notes in the lock file what the environment now runs of a process.
func (r *run) record(ctx context.Context, to environment.Environment, u unit) error {
	directory, err := imagedir.Open(u.layout)
	if err != nil {
		return fmt.Errorf("recording %s: %w", u.name, err)
	}
	commit := "unknown"
	if found, err := checkout.Read(ctx, r.getenv(workspaceVariable)); err == nil {
		commit = found.Hash
		if found.Dirty {
			commit += "-dirty"
		}
	}
	image := directory.Root().Digest.String()
	err = lock.Record(r.lock(to), u.name, lock.Entry{
		Image:    image,
		Manifest: manifest.Digest(u.content),
		Commit:   commit,
		Time:     time.Now(),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.stdout, "%s: %s runs %s\n", u.name, to.Name, image)
	return nil
}
