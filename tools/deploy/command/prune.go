package command

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
)

// Labels of all that manifests make. The first two tell a process in an
// environment from all others.
const (
	nameLabel     = "app.kubernetes.io/name"
	instanceLabel = "app.kubernetes.io/instance"
	managerLabel  = "app.kubernetes.io/managed-by"
)

// owner returns the labels of all objects of a process, read from those that the
// cluster has; nil if it has none.
func owner(objects []cluster.Object) map[string]string {
	for _, object := range objects {
		labels := object.Metadata.Labels
		if labels[managerLabel] != cluster.FieldManager || labels[nameLabel] == "" || labels[instanceLabel] == "" {
			continue
		}
		return map[string]string{
			nameLabel: labels[nameLabel], instanceLabel: labels[instanceLabel], managerLabel: labels[managerLabel],
		}
	}
	return nil
}

// look notes the ConfigMaps that a process has before it is applied. What somebody
// else makes after that is none of those to remove.
func (u *unit) look(ctx context.Context, c cluster.Cluster, before []cluster.Object) {
	if u.owner = owner(before); u.owner != nil {
		u.configs, u.blind = c.ConfigMaps(ctx, u.owner)
	}
}

// outdated returns the ConfigMaps of earlier contents that nothing uses any more.
// As long as there is a ReplicaSet to go back to, or a Job, what it names stays.
func (u *unit) outdated(ctx context.Context, c cluster.Cluster) ([]string, error) {
	if u.blind != nil {
		return nil, u.blind
	}
	// The hash that kustomize puts behind a name. What has none was made by hand.
	hashed := regexp.MustCompile("^" + regexp.QuoteMeta(u.owner[nameLabel]) + "-[a-z0-9]{10}$")
	var names []string
	for _, config := range u.configs {
		isApplied := slices.ContainsFunc(u.applied, func(o cluster.Object) bool { return o.Resource() == config.Resource() })
		if hashed.MatchString(config.Metadata.Name) && !isApplied {
			names = append(names, config.Metadata.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	used, err := c.Words(ctx, map[string]string{nameLabel: u.owner[nameLabel]})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool { return used[name] }), nil
}

// prune removes the outdated ConfigMaps of a process that runs. Where that fails,
// as where it is not allowed, the deploy has come to a good end all the same.
func (r *run) prune(ctx context.Context, c cluster.Cluster, u unit) {
	names, err := u.outdated(ctx, c)
	if err == nil && len(names) > 0 && !r.dryRun {
		err = c.RemoveConfigMaps(ctx, names)
	}
	if err != nil {
		fmt.Fprintf(r.stdout, "%s: old ConfigMaps stay: %v\n", u.name, err)
		return
	}
	for _, name := range names {
		fmt.Fprintf(r.stdout, "%s: configmap/%s %s\n", u.name, name, r.word(removed))
	}
}
