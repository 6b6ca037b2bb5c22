package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/soketsugo/soketsugo/tools/deploy/cluster"
)

// render prints all manifests as one.
func (r *run) render() error {
	units, err := r.units()
	if err != nil {
		return err
	}
	for i, u := range units {
		if i > 0 {
			fmt.Fprintln(r.stdout, "---")
		}
		if _, err := r.stdout.Write(u.content); err != nil {
			return fmt.Errorf("rendering: %w", err)
		}
	}
	return nil
}

// diff prints how the cluster would change.
func (r *run) diff(ctx context.Context, c cluster.Cluster) error {
	units, err := r.units()
	if err != nil {
		return err
	}
	for _, u := range units {
		differs, err := c.Diff(ctx, u.content, r.force, r.stdout)
		if err != nil {
			return fmt.Errorf("%s: %w", u.name, err)
		}
		if !differs {
			fmt.Fprintf(r.stdout, "%s: nothing would change\n", u.name)
		}
	}
	return nil
}

// export writes each manifest to a file of its own: FOLDER/staging/playbook/rest.yaml.
// The process's name has the environment before it.
func (r *run) export() error {
	units, err := r.units()
	if err != nil {
		return err
	}
	for _, u := range units {
		file := filepath.Join(r.folder, filepath.FromSlash(u.name)+".yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("exporting %s: %w", u.name, err)
		}
		if err := os.WriteFile(file, u.content, 0o644); err != nil {
			return fmt.Errorf("exporting %s: %w", u.name, err)
		}
		fmt.Fprintln(r.stdout, "wrote", file)
	}
	return nil
}
