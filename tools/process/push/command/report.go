package command

import (
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
	"github.com/soketsugo/soketsugo/tools/process/push/upload"
)

// summary is the report of a push, as --json prints it.
type summary struct {
	// Image is the reference to deploy: it names the digest.
	Image         string        `json:"image"`
	Digest        string        `json:"digest"`
	Tags          []string      `json:"tags"`
	Commit        string        `json:"commit,omitempty"`
	Dirty         bool          `json:"dirty"`
	DryRun        bool          `json:"dryRun"`
	UploadedBytes int64         `json:"uploadedBytes"`
	PresentBytes  int64         `json:"presentBytes"`
	Seconds       float64       `json:"seconds"`
	Steps         []upload.Step `json:"steps"`
}

func summarize(repository name.Repository, directory *imagedir.Directory, commit *checkout.Commit, steps []upload.Step, dryRun bool, took time.Duration) summary {
	digest := directory.Root().Digest.String()
	s := summary{
		Image:   repository.Digest(digest).String(),
		Digest:  digest,
		Tags:    []string{},
		DryRun:  dryRun,
		Seconds: took.Seconds(),
		Steps:   steps,
	}
	if commit != nil {
		s.Commit, s.Dirty = commit.Hash, commit.Dirty
	}
	for _, step := range steps {
		switch {
		case step.Kind == "tag":
			s.Tags = append(s.Tags, step.Tag)
		case step.Action == upload.Present:
			s.PresentBytes += step.Size
		default:
			s.UploadedBytes += step.Size
		}
	}
	return s
}

func printStep(w io.Writer, step upload.Step) {
	what := step.Digest
	if step.Kind == "tag" {
		what = step.Tag
	}
	fmt.Fprintf(w, "%-8s  %-8s  %9s  %5.2f s  %s\n", step.Action, step.Kind, bytes(step.Size), step.Seconds, what)
}

func (s summary) print(w io.Writer) {
	verb, sent := "pushed", "uploaded"
	if s.DryRun {
		verb, sent = "would push", "to upload"
	}
	fmt.Fprintf(w, "%s %s in %.2f s: %s %s, there before %s\n", verb, s.Image, s.Seconds, bytes(s.UploadedBytes), sent, bytes(s.PresentBytes))
}

// bytes prints a size for humans, in thousands.
func bytes(size int64) string {
	switch {
	case size >= 1_000_000:
		return fmt.Sprintf("%.2f MB", float64(size)/1e6)
	case size >= 1_000:
		return fmt.Sprintf("%.1f kB", float64(size)/1e3)
	}
	return fmt.Sprintf("%d B", size)
}
