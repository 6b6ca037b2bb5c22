// Package cluster does with a Kubernetes cluster what a deploy needs, through
// kubectl: that knows every way to log in, and how the server merges.
package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// FieldManager is the name under which the cluster notes what a deploy has set,
// so that what others set, such as an autoscaler, stays.
const FieldManager = "soketsugo"

// patience is how long kubectl may take to end once it was told to.
const patience = 5 * time.Second

// A Cluster is one namespace of a cluster.
type Cluster struct {
	// Program is kubectl, as a path or a name on the PATH.
	Program string
	// Kubeconfig is the file with the address and the credentials.
	Kubeconfig string
	// Context is the one to use of those that the file has.
	Context string
	// Namespace is where everything is.
	Namespace string
}

// Apply makes the cluster hold the objects of a manifest and returns them as the
// cluster has them then. In a dry run the cluster only says what it would do. With
// force it takes over fields that others have set to something else.
func (c Cluster) Apply(ctx context.Context, manifest []byte, dryRun, force bool) ([]Object, error) {
	args := []string{"apply", "--server-side", "--field-manager=" + FieldManager, "--output=json", "--filename=-"}
	if dryRun {
		args = append(args, "--dry-run=server")
	}
	if force {
		args = append(args, "--force-conflicts")
	}
	output, err := c.output(ctx, manifest, args...)
	if err != nil {
		return nil, fmt.Errorf("applying: %w", err)
	}
	return decode(output)
}

// Current returns those objects of a manifest that the cluster has.
func (c Cluster) Current(ctx context.Context, manifest []byte) ([]Object, error) {
	output, err := c.output(ctx, manifest, "get", "--ignore-not-found", "--output=json", "--filename=-")
	if err != nil {
		return nil, fmt.Errorf("reading what is there: %w", err)
	}
	return decode(output)
}

// Diff writes how the objects of a manifest would change. With force it takes over
// fields that others have set to something else, as Apply does.
func (c Cluster) Diff(ctx context.Context, manifest []byte, force bool, out io.Writer) (differs bool, err error) {
	args := []string{"diff", "--server-side", "--field-manager=" + FieldManager, "--filename=-"}
	if force {
		args = append(args, "--force-conflicts")
	}
	command, problem := c.command(ctx, args...)
	command.Stdin, command.Stdout = bytes.NewReader(manifest), out
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("comparing: %w", reason(err, problem))
	}
	return false, nil
}

// Get returns the objects with these names, as "deployment.apps/playbook-rest".
// It is an error if one is missing.
func (c Cluster) Get(ctx context.Context, names ...string) ([]Object, error) {
	output, err := c.output(ctx, nil, append([]string{"get", "--output=json"}, names...)...)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return decode(output)
}

// Pods returns the pods with these labels.
func (c Cluster) Pods(ctx context.Context, labels map[string]string) ([]Object, error) {
	output, err := c.output(ctx, nil, "get", "pods", "--output=json", "--selector="+selector(labels))
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	return decode(output)
}

// ConfigMaps returns those with these labels.
func (c Cluster) ConfigMaps(ctx context.Context, labels map[string]string) ([]Object, error) {
	output, err := c.output(ctx, nil, "get", "configmaps", "--output=json", "--selector="+selector(labels))
	if err != nil {
		return nil, fmt.Errorf("listing ConfigMaps: %w", err)
	}
	return decode(output)
}

// RemoveConfigMaps removes those with these names, if they are there.
func (c Cluster) RemoveConfigMaps(ctx context.Context, names []string) error {
	args := append([]string{"delete", "configmaps", "--ignore-not-found", "--wait=false", "--output=name"}, names...)
	if _, err := c.output(ctx, nil, args...); err != nil {
		return fmt.Errorf("removing ConfigMaps: %w", err)
	}
	return nil
}

// RemoveJob removes a Job and waits until it is gone.
func (c Cluster) RemoveJob(ctx context.Context, name string) error {
	resource := "job.batch/" + name
	if _, err := c.output(ctx, nil, "delete", "--ignore-not-found", "--output=name", resource); err != nil {
		return fmt.Errorf("removing %s, which failed and would not run again: %w; somebody who may has to run kubectl --namespace=%s delete %s (docs/deploy.md has the Role)",
			resource, err, c.Namespace, resource)
	}
	return nil
}

// Words returns every string in the ReplicaSets, Jobs and pods with these labels:
// the names of all that they use are among them, wherever a pod can name it.
func (c Cluster) Words(ctx context.Context, labels map[string]string) (map[string]bool, error) {
	output, err := c.output(ctx, nil, "get", "replicasets.apps,jobs.batch,pods", "--output=json", "--selector="+selector(labels))
	if err != nil {
		return nil, fmt.Errorf("listing what runs: %w", err)
	}
	var found any
	if err := json.Unmarshal(output, &found); err != nil {
		return nil, fmt.Errorf("listing what runs: %w", err)
	}
	words := map[string]bool{}
	collect(found, words)
	return words, nil
}

func collect(value any, words map[string]bool) {
	switch value := value.(type) {
	case string:
		words[value] = true
	case []any:
		for _, element := range value {
			collect(element, words)
		}
	case map[string]any:
		for _, field := range value {
			collect(field, words)
		}
	}
}

// Events returns what happened lately.
func (c Cluster) Events(ctx context.Context) ([]Event, error) {
	output, err := c.output(ctx, nil, "get", "events", "--output=json")
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	var list struct {
		Items []Event `json:"items"`
	}
	if err := json.Unmarshal(output, &list); err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	return list.Items, nil
}

// Logs writes the last lines that the containers of a pod have written; with
// previous, those of the containers that ran before the last restart.
func (c Cluster) Logs(ctx context.Context, pod string, lines int, previous bool, out io.Writer) error {
	args := []string{"logs", pod, "--all-containers", fmt.Sprintf("--tail=%d", lines)}
	if previous {
		args = append(args, "--previous")
	}
	return c.logs(ctx, out, args)
}

// Follow writes all that the containers of a pod write, until they end.
func (c Cluster) Follow(ctx context.Context, pod string, out io.Writer) error {
	return c.logs(ctx, out, []string{"logs", pod, "--all-containers", "--follow"})
}

func (c Cluster) logs(ctx context.Context, out io.Writer, args []string) error {
	command, problem := c.command(ctx, args...)
	command.Stdout = out
	if err := command.Run(); err != nil {
		return fmt.Errorf("reading logs: %w", reason(err, problem))
	}
	return nil
}

func (c Cluster) output(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	command, problem := c.command(ctx, args...)
	var output bytes.Buffer
	command.Stdin, command.Stdout = bytes.NewReader(input), &output
	if err := command.Run(); err != nil {
		return nil, reason(err, problem)
	}
	return output.Bytes(), nil
}

// command prepares a call of kubectl, and where its messages go.
func (c Cluster) command(ctx context.Context, args ...string) (*exec.Cmd, *bytes.Buffer) {
	command := exec.CommandContext(ctx, c.Program, append([]string{
		"--kubeconfig=" + c.Kubeconfig,
		"--context=" + c.Context,
		"--namespace=" + c.Namespace,
	}, args...)...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = patience
	var problem bytes.Buffer
	command.Stderr = &problem
	return command, &problem
}

// reason makes an error of what kubectl said.
func reason(err error, problem *bytes.Buffer) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: install kubectl, or name it with --kubectl (docs/deploy.md)", err)
	}
	if said := strings.TrimSpace(problem.String()); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}
