// Package image writes an image from scratch as an OCI layout: the configuration, the manifest and the layers, in
// the bytes that the oci_image rule of rules_oci 2.3.0 gives them.
package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/jqjson"
	"github.com/soketsugo/soketsugo/tools/airgap/oci/layout"
)

const epoch = "1970-01-01T00:00:00Z"

// Layer is a tar file, compressed or not, and the label of the target that made it.
type Layer struct {
	Path  string
	Label string
}

// Attributes are what the attributes of the rule hold: the text of their files. Nil means that an attribute was not
// set, which an image can tell from an empty one.
type Attributes struct {
	Created      *string
	Entrypoint   *string
	Cmd          *string
	ExposedPorts *string
	Volumes      *string
	Env          *string
	Labels       *string
	Annotations  *string
}

// Spec is everything that an image is made of.
type Spec struct {
	OS           string
	Architecture string
	Variant      string
	User         string
	WorkDir      string
	Layers       []Layer
	Attributes   Attributes
}

// Write writes the image into the folder and returns its digest.
func Write(folder string, spec Spec) (v1.Hash, error) {
	if err := spec.check(); err != nil {
		return v1.Hash{}, fmt.Errorf("checking the image: %w", err)
	}
	writer, err := layout.Create(folder, `{"imageLayoutVersion":"1.0.0"}`)
	if err != nil {
		return v1.Hash{}, err
	}

	config := spec.config()
	layers := []layerDescriptor{}
	for _, layer := range spec.Layers {
		measured, err := measure(layer.Path)
		if err != nil {
			return v1.Hash{}, err
		}
		if err := copyLayer(writer, measured.digest, layer.Path); err != nil {
			return v1.Hash{}, err
		}
		config.History = append(config.History, history{Created: epoch, CreatedBy: "bazel build " + layer.Label})
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, measured.diffID)
		layers = append(layers, layerDescriptor{Size: measured.size, Digest: measured.digest, MediaType: measured.mediaType})
	}

	raw, err := jqjson.Print(config)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("printing the configuration: %w", err)
	}
	configDigest, err := writer.Put(raw)
	if err != nil {
		return v1.Hash{}, err
	}

	document := manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        configDescriptor{MediaType: types.OCIConfigJSON, Size: len(raw), Digest: configDigest},
		Layers:        layers,
	}
	if spec.Attributes.Annotations != nil {
		document.Annotations = pairs(*spec.Attributes.Annotations)
	}
	raw, err = jqjson.Print(document)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("printing the manifest: %w", err)
	}
	raw = append(raw, '\n')
	digest, err := writer.Put(raw)
	if err != nil {
		return v1.Hash{}, err
	}
	return digest, writer.Finish(layoutIndex{
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests:     []manifestDescriptor{{MediaType: types.OCIManifestSchema1, Digest: digest, Size: len(raw)}},
	})
}

func (s *Spec) check() error {
	if s.OS == "" || s.Architecture == "" {
		return errors.New("os and architecture must be set")
	}
	texts := []string{s.OS, s.Architecture, s.Variant, s.User, s.WorkDir}
	for _, layer := range s.Layers {
		texts = append(texts, layer.Label)
	}
	attributes := s.Attributes
	for _, text := range []*string{
		attributes.Created, attributes.Entrypoint, attributes.Cmd, attributes.ExposedPorts,
		attributes.Volumes, attributes.Env, attributes.Labels, attributes.Annotations,
	} {
		if text != nil {
			texts = append(texts, *text)
		}
	}
	return errors.Join(slices.Collect(func(yield func(error) bool) {
		for _, text := range texts {
			if err := jqjson.CheckText(text); err != nil && !yield(err) {
				return
			}
		}
	})...)
}

func (s *Spec) config() configFile {
	attributes := s.Attributes
	config := configFile{
		Created:      epoch,
		Config:       container{User: s.User, WorkingDir: s.WorkDir},
		History:      []history{},
		RootFS:       rootFS{Type: "layers", DiffIDs: []v1.Hash{}},
		Architecture: s.Architecture,
		OS:           s.OS,
		Variant:      s.Variant,
	}
	if attributes.Created != nil {
		config.Created = *attributes.Created
	}
	if attributes.Entrypoint != nil {
		config.Config.Entrypoint = words(*attributes.Entrypoint)
	}
	if attributes.Cmd != nil {
		config.Config.Cmd = words(*attributes.Cmd)
	}
	if attributes.ExposedPorts != nil {
		config.Config.ExposedPorts = set(*attributes.ExposedPorts)
	}
	if attributes.Volumes != nil {
		config.Config.Volumes = set(*attributes.Volumes)
	}
	if attributes.Env != nil {
		config.Config.Env = environment(*attributes.Env)
	}
	if attributes.Labels != nil {
		config.Config.Labels = pairs(*attributes.Labels)
	}
	return config
}

func copyLayer(writer *layout.Writer, digest v1.Hash, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("copying the layer: %w", err)
	}
	defer file.Close()
	return writer.Copy(digest, io.Reader(file))
}
