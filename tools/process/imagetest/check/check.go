// Package check has what an image of ours must fulfil, one function a rule. Each returns nil or an error that says
// what is wrong and where.
package check

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/binary"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/unpack"
)

// shells are names under which an image may carry a shell, or a program that acts as one.
var shells = []string{
	"sh", "ash", "bash", "busybox", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "pwsh", "rbash", "tcsh", "toybox", "zsh",
}

// Label is a label that an image must have. With an empty value any value will do but an empty one.
type Label struct{ Key, Value string }

// OneExecutable reports an error unless exactly one file may be executed.
func OneExecutable(tree unpack.Tree) error {
	var found []string
	for _, entry := range tree.Sorted() {
		if entry.Mode.IsRegular() && entry.Mode.Perm()&0o111 != 0 {
			found = append(found, entry.Path)
		}
	}
	switch len(found) {
	case 1:
		return nil
	case 0:
		return errors.New("no file is executable")
	}
	return fmt.Errorf("%d files are executable, want one: %s", len(found), strings.Join(found, ", "))
}

// NoShell reports an error if a file or a link has the name of a shell.
func NoShell(tree unpack.Tree) error {
	for _, entry := range tree.Sorted() {
		if !entry.Mode.IsDir() && slices.Contains(shells, path.Base(entry.Path)) {
			return fmt.Errorf("%s has the name of a shell", entry.Path)
		}
	}
	return nil
}

// Modes reports an error if the user of the image could change a file or folder, or if a file changes the user that
// runs it.
func Modes(tree unpack.Tree, config *v1.ConfigFile) error {
	user, _, _ := strings.Cut(config.Config.User, ":")
	for _, entry := range tree.Sorted() {
		if entry.Mode&fs.ModeSymlink != 0 {
			continue
		}
		switch perm := entry.Mode.Perm(); {
		case entry.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
			return fmt.Errorf("%s is set-uid or set-gid (%s)", entry.Path, entry.Mode)
		case perm&0o022 != 0:
			return fmt.Errorf("%s can be written by its group or by all (%#o)", entry.Path, perm)
		case perm&0o200 != 0 && strconv.Itoa(entry.UID) == user:
			return fmt.Errorf("%s belongs to the user of the image, who can write it (%#o)", entry.Path, perm)
		}
	}
	return nil
}

// User reports an error unless the process runs as the wanted user, which must be a number other than root's: only
// of a number can Kubernetes tell that it is not root.
func User(config *v1.ConfigFile, want string) error {
	got := config.Config.User
	user, _, _ := strings.Cut(got, ":")
	if id, err := strconv.Atoi(user); err != nil || id <= 0 {
		return fmt.Errorf("the user is %q, which is no number over 0", got)
	}
	if got != want {
		return fmt.Errorf("the user is %q, want %q", got, want)
	}
	return nil
}

// Entrypoint reports an error unless the configuration has the wanted entrypoint, and its first word is an executable
// file of the image.
func Entrypoint(config *v1.ConfigFile, tree unpack.Tree, want []string) error {
	got := config.Config.Entrypoint
	if !slices.Equal(got, want) {
		return fmt.Errorf("the entrypoint is %q, want %q", got, want)
	}
	if len(got) == 0 {
		return errors.New("there is no entrypoint")
	}
	entry, ok := tree[got[0]]
	switch {
	case !ok:
		return fmt.Errorf("the entrypoint %q is not in the image", got[0])
	case !entry.Mode.IsRegular():
		return fmt.Errorf("the entrypoint %q is not a file", got[0])
	case entry.Mode.Perm()&0o001 == 0:
		return fmt.Errorf("the entrypoint %q cannot be executed by everybody (%#o)", got[0], entry.Mode.Perm())
	}
	return nil
}

// Static reports an error unless the entrypoint is a static executable for the architecture of the image.
func Static(config *v1.ConfigFile, folder string) error {
	if len(config.Config.Entrypoint) == 0 {
		return errors.New("there is no entrypoint")
	}
	entrypoint := config.Config.Entrypoint[0]
	local, err := filepath.Localize(strings.TrimPrefix(entrypoint, "/"))
	if err != nil {
		return fmt.Errorf("entrypoint %q: %w", entrypoint, err)
	}
	if err := binary.CheckStatic(filepath.Join(folder, local), config.Architecture); err != nil {
		return fmt.Errorf("entrypoint %q: %w", entrypoint, err)
	}
	return nil
}

// Labels reports all labels that are missing or have another value.
func Labels(config *v1.ConfigFile, want []Label) error {
	var wrong []error
	for _, label := range want {
		switch got := config.Config.Labels[label.Key]; {
		case got == "":
			wrong = append(wrong, fmt.Errorf("label %s is not set", label.Key))
		case label.Value != "" && got != label.Value:
			wrong = append(wrong, fmt.Errorf("label %s is %q, want %q", label.Key, got, label.Value))
		}
	}
	return errors.Join(wrong...)
}

// Created reports an error unless all times in the configuration are the epoch: any other time gives equal images
// unequal digests.
func Created(config *v1.ConfigFile) error {
	epoch := time.Unix(0, 0)
	if !config.Created.Equal(epoch) {
		return fmt.Errorf("the image was created %s, want the epoch", config.Created.UTC().Format(time.RFC3339))
	}
	for i, entry := range config.History {
		if !entry.Created.Equal(epoch) {
			return fmt.Errorf("layer %d was created %s, want the epoch", i+1, entry.Created.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// Size is what a machine downloads to run an image, compressed.
type Size struct {
	Layers int64
	Config int64
}

// SizeOf returns the size of an image.
func SizeOf(image imagedir.Image) Size {
	size := Size{Config: image.Manifest.Config.Size}
	for _, layer := range image.Manifest.Layers {
		size.Layers += layer.Size
	}
	return size
}

// Total is the number that the budget is about.
func (s Size) Total() int64 { return s.Layers + s.Config }

// Budget reports an error if the size is over the limit. A limit of 0 is none.
func Budget(size Size, limit int64) error {
	if over := size.Total() - limit; limit > 0 && over > 0 {
		return fmt.Errorf("the image has %d bytes compressed (layers %d, configuration %d), %d more than the %d that it may have",
			size.Total(), size.Layers, size.Config, over, limit)
	}
	return nil
}

// Platforms reports an error unless the images are for exactly the wanted platforms, like linux/amd64, in any order.
func Platforms(images []imagedir.Image, want []string) error {
	var got []string
	for _, image := range images {
		got = append(got, image.Config.OS+"/"+image.Config.Architecture)
	}
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		return fmt.Errorf("the image is for %s, want %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	return nil
}
