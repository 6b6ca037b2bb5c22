// Package upload sends the image or index of an image folder to a registry. Everything goes by digest, parts before
// what refers to them and the tags last, so that a push that stops in the middle changes nothing that anybody sees
// and the next one goes on where it stopped.
package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
	"github.com/soketsugo/soketsugo/tools/process/push/record"
)

// What was done with a part.
const (
	Uploaded = "uploaded"
	Present  = "present"
	Missing  = "missing" // in a dry run: it would be uploaded
	Moved    = "moved"   // a tag that pointed to another image before
)

// Step is one part of a push.
type Step struct {
	// Kind is layer, config, manifest, index, record or tag.
	Kind string `json:"kind"`
	// Action is Uploaded, Present, Missing or Moved.
	Action string `json:"action"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	// Tag is the name of the tag, for tags.
	Tag string `json:"tag,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Options say where and how to push.
type Options struct {
	Repository name.Repository
	// Tags are pointed to the image in the end.
	Tags []string
	// Commit is recorded beside the image. Nil records nothing.
	Commit *checkout.Commit
	// DryRun looks what is missing and writes nothing.
	DryRun bool
	// Insecure allows plain HTTP to other machines.
	Insecure bool
	// Keychain has the credentials.
	Keychain authn.Keychain
	// Backoff is how long to wait between attempts. The zero value means 5 attempts within about 15 seconds.
	Backoff remote.Backoff
	// Done is called after each step. Nil means that nobody listens.
	Done func(Step)
}

// patience is the default for Options.Backoff.
func patience() remote.Backoff {
	return remote.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.2, Steps: 5}
}

// Push pushes and returns the steps that it took, also when it fails.
func Push(ctx context.Context, directory *imagedir.Directory, options Options) ([]Step, error) {
	if options.Backoff.Steps == 0 {
		options.Backoff = patience()
	}
	var sender http.RoundTripper = remote.DefaultTransport
	if !options.Insecure {
		sender = encrypted{sender}
	}
	settings := []remote.Option{
		remote.WithContext(ctx),
		remote.WithTransport(sender),
		remote.WithAuthFromKeychain(options.Keychain),
		remote.WithRetryBackoff(options.Backoff),
		remote.WithUserAgent("soketsugo-push"),
	}
	pusher, err := remote.NewPusher(settings...)
	if err != nil {
		return nil, fmt.Errorf("preparing the push: %w", err)
	}
	puller, err := remote.NewPuller(settings...)
	if err != nil {
		return nil, fmt.Errorf("preparing the push: %w", err)
	}
	p := &push{Options: options, directory: directory, pusher: pusher, puller: puller, seen: map[v1.Hash]bool{}}
	err = p.run(ctx)
	return p.steps, err
}

type push struct {
	Options
	directory *imagedir.Directory
	pusher    *remote.Pusher
	puller    *remote.Puller
	seen      map[v1.Hash]bool
	steps     []Step
}

func (p *push) run(ctx context.Context) error {
	images, err := p.directory.Images()
	if err != nil {
		return err
	}
	for _, image := range images {
		for _, layer := range image.Manifest.Layers {
			if err := p.blob(ctx, "layer", fileBlob(p.directory, layer)); err != nil {
				return err
			}
		}
		if err := p.blob(ctx, "config", fileBlob(p.directory, image.Manifest.Config)); err != nil {
			return err
		}
		if err := p.fileManifest(ctx, "manifest", image.Descriptor); err != nil {
			return err
		}
	}
	root := p.directory.Root()
	if root.MediaType.IsIndex() {
		if err := p.fileManifest(ctx, "index", root); err != nil {
			return err
		}
	}
	if p.Commit != nil {
		if err := p.record(ctx, root); err != nil {
			return err
		}
	}
	for _, tag := range p.Tags {
		if err := p.tag(ctx, tag, root); err != nil {
			return err
		}
	}
	return nil
}

// blob uploads a layer or a configuration.
func (p *push) blob(ctx context.Context, kind string, content blob) error {
	digest := content.descriptor.Digest
	if p.seen[digest] {
		return nil
	}
	p.seen[digest] = true
	start := time.Now()
	step := Step{Kind: kind, Action: Uploaded, Digest: digest.String(), Size: content.descriptor.Size}
	there, err := p.hasBlob(ctx, digest)
	switch {
	case err != nil:
		return fmt.Errorf("looking for %s %s: %w", kind, digest, err)
	case there:
		step.Action = Present
	case p.DryRun:
		step.Action = Missing
	default:
		if err := p.pusher.Upload(ctx, p.Repository, content); err != nil {
			return fmt.Errorf("uploading %s %s (%d bytes): %w", kind, digest, content.descriptor.Size, err)
		}
	}
	p.done(step, start)
	return nil
}

func (p *push) hasBlob(ctx context.Context, digest v1.Hash) (bool, error) {
	remote, err := p.puller.Layer(ctx, p.Repository.Digest(digest.String()))
	if err != nil {
		return false, err
	}
	there, err := partial.Exists(remote)
	if isNotFound(err) {
		return false, nil
	}
	return there, err
}

// fileManifest uploads a manifest of the image folder under its digest.
func (p *push) fileManifest(ctx context.Context, kind string, descriptor v1.Descriptor) error {
	raw, err := p.directory.Document(descriptor.Digest)
	if err != nil {
		return err
	}
	return p.manifest(ctx, kind, descriptor.Digest, document{descriptor.MediaType, raw})
}

func (p *push) manifest(ctx context.Context, kind string, digest v1.Hash, content document) error {
	start := time.Now()
	reference := p.Repository.Digest(digest.String())
	step := Step{Kind: kind, Action: Uploaded, Digest: digest.String(), Size: int64(len(content.raw))}
	_, err := p.puller.Head(ctx, reference)
	switch {
	case err == nil:
		step.Action = Present
	case !isNotFound(err):
		return fmt.Errorf("looking for %s %s: %w", kind, digest, err)
	case p.DryRun:
		step.Action = Missing
	default:
		if err := p.pusher.Put(ctx, reference, content); err != nil {
			return fmt.Errorf("writing %s %s: %w", kind, digest, err)
		}
	}
	p.done(step, start)
	return nil
}

// record notes the commit beside the image.
func (p *push) record(ctx context.Context, subject v1.Descriptor) error {
	raw, err := record.Manifest(subject, *p.Commit)
	if err != nil {
		return err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("reading the source record: %w", err)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("reading the source record: %w", err)
	}
	if err := p.blob(ctx, "config", memoryBlob(manifest.Config, record.Empty())); err != nil {
		return err
	}
	return p.manifest(ctx, "record", digest, document{types.OCIManifestSchema1, raw})
}

// tag points a tag to the image.
func (p *push) tag(ctx context.Context, tag string, root v1.Descriptor) error {
	start := time.Now()
	reference := p.Repository.Tag(tag)
	step := Step{Kind: "tag", Action: Uploaded, Digest: root.Digest.String(), Size: root.Size, Tag: tag}
	before, err := p.puller.Head(ctx, reference)
	switch {
	case err == nil && before.Digest == root.Digest:
		step.Action = Present
		p.done(step, start)
		return nil
	case err == nil:
		step.Action = Moved
	case !isNotFound(err):
		return fmt.Errorf("looking for tag %q: %w", tag, err)
	}
	if p.DryRun {
		step.Action = Missing
		p.done(step, start)
		return nil
	}
	raw, err := p.directory.Document(root.Digest)
	if err != nil {
		return err
	}
	if err := p.pusher.Put(ctx, reference, document{root.MediaType, raw}); err != nil {
		return fmt.Errorf("writing tag %q: %w", tag, err)
	}
	p.done(step, start)
	return nil
}

func (p *push) done(step Step, start time.Time) {
	step.Seconds = time.Since(start).Seconds()
	p.steps = append(p.steps, step)
	if p.Done != nil {
		p.Done(step)
	}
}

// isNotFound says whether the registry answered that it does not have what was asked for. Some registries answer so
// for a repository that does not exist yet.
func isNotFound(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
