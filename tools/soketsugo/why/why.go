// Package why finds the files because of which something that was built differs
// from before, and the chains of targets that lead from them to it.
package why

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/bazel"
	"github.com/soketsugo/soketsugo/tools/soketsugo/graph"
)

// A Build is what some targets were built from, in one revision.
type Build struct {
	// Targets are the targets and everything below them.
	Targets graph.Graph
	// Contents are the digests of what the targets made. Source files are targets
	// too. A target that made no file has none.
	Contents map[string]string
}

// A Reader reads what was built. Of a file that is the same as when it was read
// last it remembers the digest.
type Reader struct {
	server *bazel.Server
	known  map[string]content
}

// NewReader returns a reader of what a server has built.
func NewReader(server *bazel.Server) *Reader {
	return &Reader{server: server, known: map[string]content{}}
}

// content is what a file holds.
type content struct {
	info   fs.FileInfo
	digest [sha256.Size]byte
}

// of tells whether it is what a file held that looks like this one. Bazel writes
// no file twice: it makes another one.
func (c content) of(info fs.FileInfo) bool {
	return os.SameFile(c.info, info) && c.info.ModTime().Equal(info.ModTime()) && c.info.Size() == info.Size()
}

// Read reads what targets were built from. They must have been built before.
func (r *Reader) Read(ctx context.Context, labels []string) (Build, error) {
	expression := "deps(set(" + strings.Join(labels, " ") + "))"
	lines, err := r.server.Configured(ctx, expression, "--output=graph", "--nograph:factored")
	if err != nil {
		return Build{}, err
	}
	targets, err := graph.Parse(lines)
	if err != nil {
		return Build{}, err
	}
	files, err := r.server.Files(ctx, expression)
	if err != nil {
		return Build{}, err
	}
	contents := map[string]string{}
	for label, paths := range files {
		digest, err := r.digest(paths)
		if err != nil {
			return Build{}, fmt.Errorf("reading what %s made: %w", label, err)
		}
		if digest != "" {
			contents[label] = digest
		}
	}
	return Build{Targets: targets, Contents: contents}, nil
}

// digest returns one digest for the files that are there, or nothing if none
// is: what no one needed is not built, and folders count as not built.
func (r *Reader) digest(paths []string) (string, error) {
	sum := sha256.New()
	read := false
	for _, path := range slices.Sorted(slices.Values(paths)) {
		switch digest, err := r.digestOf(path); {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNoFile):
		case err != nil:
			return "", err
		default:
			sum.Write(digest[:])
			read = true
		}
	}
	if !read {
		return "", nil
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

var errNoFile = errors.New("not a regular file")

func (r *Reader) digestOf(path string) ([sha256.Size]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	if !info.Mode().IsRegular() {
		return [sha256.Size]byte{}, errNoFile
	}
	if old, ok := r.known[path]; ok && old.of(info) {
		return old.digest, nil
	}
	now := content{info: info}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return [sha256.Size]byte{}, err
	}
	sum.Sum(now.digest[:0])
	r.known[path] = now
	return now.digest, nil
}

// A Chain leads from a cause to the target that differs; each of its targets
// depends on the one before and made something else than before.
type Chain struct {
	Labels []string
	// File tells whether the first is a file that changed. Otherwise it is a
	// target that differs although nothing below it does: its rule changed.
	File bool
}

// Chains returns the shortest chain from each cause to a target, those from
// files first.
func Chains(before, after Build, label string) []Chain {
	c := comparison{before: before, after: after, known: map[string]bool{}}
	label = bazel.Label(label)
	if !c.differs(label) {
		return nil
	}
	var chains []Chain
	parent := map[string]string{label: ""}
	for next := []string{label}; len(next) > 0; next = next[1:] {
		target := next[0]
		cause := true
		for _, below := range slices.Sorted(slices.Values(after.Targets[target])) {
			if !c.differs(below) {
				continue
			}
			cause = false
			if _, seen := parent[below]; !seen {
				parent[below] = target
				next = append(next, below)
			}
		}
		if !cause {
			continue
		}
		chain := Chain{File: len(after.Targets[target]) == 0}
		for at := target; at != ""; at = parent[at] {
			chain.Labels = append(chain.Labels, at)
		}
		chains = append(chains, chain)
	}
	slices.SortStableFunc(chains, func(a, b Chain) int {
		switch {
		case a.File && !b.File:
			return -1
		case b.File && !a.File:
			return 1
		}
		return strings.Compare(a.Labels[0], b.Labels[0])
	})
	return chains
}

type comparison struct {
	before, after Build
	known         map[string]bool
}

// differs tells whether a target made something else than before. One that makes
// no file of its own differs if something below it does.
func (c *comparison) differs(label string) bool {
	if answer, ok := c.known[label]; ok {
		return answer
	}
	// Configurations made one: there may be a circle.
	c.known[label] = false
	c.known[label] = c.compare(label)
	return c.known[label]
}

func (c *comparison) compare(label string) bool {
	old, wasMade := c.before.Contents[label]
	current, isMade := c.after.Contents[label]
	if wasMade && isMade {
		return old != current
	}
	if _, existed := c.before.Targets[label]; !existed {
		return true
	}
	return slices.ContainsFunc(c.after.Targets[label], c.differs)
}
