package experiment

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
	"github.com/soketsugo/soketsugo/tools/soketsugo/affected"
	"github.com/soketsugo/soketsugo/tools/soketsugo/deployment"
)

// environments are those that a repository deploys to.
type environments struct {
	Repository
	shop Workshop
	// names are theirs; all processes are deployed to all of them.
	names     []string
	processes []string
}

func newEnvironments(in Repository, shop Workshop, baseline map[string]deployment.Deployment) environments {
	names := map[string]bool{}
	for _, deployed := range baseline {
		for name := range deployed.Manifests {
			names[name] = true
		}
	}
	return environments{
		Repository: in, shop: shop,
		names: slices.Sorted(maps.Keys(names)), processes: slices.Sorted(maps.Keys(baseline)),
	}
}

// record notes a deploy that came to a good end, as apply does, in an
// environment.
func (e environments) record(environment string, deployed map[string]deployment.Deployment) error {
	for _, process := range e.processes {
		err := lock.Record(lock.Path(e.root, environment), process, lock.Entry{
			Image: deployed[process].Image, Manifest: deployed[process].Manifests[environment], Commit: base, Time: time.Now(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// due tells where what `affected --env` names is not what it should.
func (e environments) due(ctx context.Context, when, environment string, want []string) ([]string, error) {
	report, err := e.shop.ByEnvironment(ctx, environment, "")
	if err != nil {
		return nil, err
	}
	if slices.Equal(report.Deploy, want) {
		return nil, nil
	}
	return []string{fmt.Sprintf("%s: due in %s: got %q, want %q", when, environment, report.Deploy, want)}, nil
}

// begin deploys the baseline to all environments. Where nothing runs yet,
// everything is due.
func (e environments) begin(ctx context.Context, baseline map[string]deployment.Deployment) ([]string, error) {
	var surprises []string
	for _, name := range e.names {
		if err := os.RemoveAll(lock.Path(e.root, name)); err != nil {
			return nil, fmt.Errorf("forgetting what runs in %s: %w", name, err)
		}
		empty, err := e.due(ctx, "nothing runs", name, e.processes)
		if err != nil {
			return nil, err
		}
		if err := e.record(name, baseline); err != nil {
			return nil, err
		}
		full, err := e.due(ctx, "everything runs", name, nil)
		if err != nil {
			return nil, err
		}
		surprises = slices.Concat(surprises, empty, full)
	}
	return surprises, nil
}

// compare tells where another set of processes is due in an environment than a
// comparison with the base named.
func (e environments) compare(ctx context.Context, change string, report affected.Report) ([]string, error) {
	var surprises []string
	for _, name := range e.names {
		found, err := e.due(ctx, change, name, deployedTo(name, report))
		if err != nil {
			return nil, err
		}
		surprises = append(surprises, found...)
	}
	return surprises, nil
}

// deployedTo names the processes that differ in an environment.
func deployedTo(environment string, report affected.Report) []string {
	var names []string
	for _, p := range report.Processes {
		if _, ok := p.Manifests[environment]; ok || p.Image != nil {
			names = append(names, p.Process)
		}
	}
	return names
}

// deploy commits a change and deploys it to all environments, first without
// success: then it is due still, although nothing differs from the commit.
func (e environments) deploy(ctx context.Context, change string, report affected.Report, baseline map[string]deployment.Deployment) ([]string, error) {
	if err := e.commit(ctx); err != nil {
		return nil, err
	}
	var surprises []string
	committed, err := e.shop.ByRevision(ctx, "HEAD")
	if err != nil {
		return nil, err
	}
	if len(committed.Deploy) > 0 || len(committed.Test) > 0 {
		surprises = append(surprises, fmt.Sprintf("%s: committed, and %q differ from the commit", change, committed.Deploy))
	}
	current, err := e.shop.Deployments(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range e.names {
		failed, err := e.due(ctx, change+", after a deploy that failed", name, deployedTo(name, report))
		if err != nil {
			return nil, err
		}
		if err := e.record(name, current); err != nil {
			return nil, err
		}
		done, err := e.due(ctx, change+", after a deploy", name, nil)
		if err != nil {
			return nil, err
		}
		if err := e.record(name, baseline); err != nil {
			return nil, err
		}
		surprises = slices.Concat(surprises, failed, done)
	}
	return surprises, e.rewind(ctx)
}
