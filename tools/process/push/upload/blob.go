package upload

import (
	"bytes"
	"errors"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
)

// blob is content to upload under a digest that is known; it is never decompressed.
type blob struct {
	descriptor v1.Descriptor
	open       func() (io.ReadCloser, error)
}

var _ v1.Layer = blob{}

func fileBlob(directory *imagedir.Directory, descriptor v1.Descriptor) blob {
	return blob{descriptor, func() (io.ReadCloser, error) { return directory.Blob(descriptor.Digest) }}
}

func memoryBlob(descriptor v1.Descriptor, content []byte) blob {
	return blob{descriptor, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

// Digest implements v1.Layer.
func (b blob) Digest() (v1.Hash, error) { return b.descriptor.Digest, nil }

// Compressed implements v1.Layer.
func (b blob) Compressed() (io.ReadCloser, error) { return b.open() }

// Size implements v1.Layer.
func (b blob) Size() (int64, error) { return b.descriptor.Size, nil }

// MediaType implements v1.Layer.
func (b blob) MediaType() (types.MediaType, error) { return b.descriptor.MediaType, nil }

// DiffID implements v1.Layer. An upload does not need it.
func (b blob) DiffID() (v1.Hash, error) { return v1.Hash{}, errors.ErrUnsupported }

// Uncompressed implements v1.Layer. An upload does not need it.
func (b blob) Uncompressed() (io.ReadCloser, error) { return nil, errors.ErrUnsupported }

// document is a manifest to write.
type document struct {
	mediaType types.MediaType
	raw       []byte
}

// RawManifest implements remote.Taggable.
func (d document) RawManifest() ([]byte, error) { return d.raw, nil }

// MediaType lets the registry library send the right content type.
func (d document) MediaType() (types.MediaType, error) { return d.mediaType, nil }
