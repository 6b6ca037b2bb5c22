// Package record makes the note that says which commit an image was built from. The note is an OCI artifact that
// refers to the image, so it changes neither the image nor its digest, and the same image may have the notes of
// many commits.
package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
)

// ArtifactType tells these notes from other artifacts that refer to an image.
const ArtifactType = "application/vnd.soketsugo.source.v1+json"

// The annotations of a note.
const (
	AnnotationRevision = "org.opencontainers.image.revision"
	AnnotationSource   = "org.opencontainers.image.source"
	AnnotationCreated  = "org.opencontainers.image.created"
	AnnotationDirty    = "vnd.soketsugo.source.dirty"
)

// emptyType is the media type of a blob that is there because a manifest must have one.
const emptyType types.MediaType = "application/vnd.oci.empty.v1+json"

// Empty is the one blob that a note refers to.
func Empty() []byte { return []byte("{}") }

// Manifest returns the note as an OCI manifest. It depends on the image and the commit alone.
func Manifest(subject v1.Descriptor, commit checkout.Commit) ([]byte, error) {
	hash, size, err := v1.SHA256(bytes.NewReader(Empty()))
	if err != nil {
		return nil, fmt.Errorf("making the source record: %w", err)
	}
	empty := v1.Descriptor{MediaType: emptyType, Size: size, Digest: hash}
	// Registries that know no artifactType list the type of the configuration instead.
	config := empty
	config.MediaType = ArtifactType
	annotations := map[string]string{
		AnnotationRevision: commit.Hash,
		AnnotationCreated:  commit.Time.UTC().Format(time.RFC3339),
	}
	if commit.Source != "" {
		annotations[AnnotationSource] = commit.Source
	}
	if commit.Dirty {
		annotations[AnnotationDirty] = "true"
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  ArtifactType,
		Config:        config,
		Layers:        []v1.Descriptor{empty},
		Subject:       &v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest},
		Annotations:   annotations,
	})
	if err != nil {
		return nil, fmt.Errorf("making the source record: %w", err)
	}
	return raw, nil
}
