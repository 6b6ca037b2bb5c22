// Package index joins the images of several platforms into one OCI layout, in the bytes that the oci_image_index
// rule of rules_oci 2.3.0 gives it.
package index

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/jqjson"
	"github.com/soketsugo/soketsugo/tools/airgap/oci/layout"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
)

type manifestList struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Manifests     []entry         `json:"manifests"`
}

type entry struct {
	MediaType types.MediaType `json:"mediaType"`
	Digest    v1.Hash         `json:"digest"`
	Size      int64           `json:"size"`
	Platform  platform        `json:"platform"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// layoutIndex has no schemaVersion, because the one that rules_oci writes has none.
type layoutIndex struct {
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	MediaType types.MediaType `json:"mediaType"`
	Size      int             `json:"size"`
	Digest    v1.Hash         `json:"digest"`
}

// Write writes an index of the images in the given folders, in that order, and returns its digest.
func Write(folder string, images []string) (v1.Hash, error) {
	if len(images) == 0 {
		return v1.Hash{}, errors.New("writing the index: no image given")
	}
	writer, err := layout.Create(folder, "{\"imageLayoutVersion\": \"1.0.0\"}\n")
	if err != nil {
		return v1.Hash{}, err
	}
	list := manifestList{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []entry{}}
	seen := map[platform]bool{}
	for _, path := range images {
		added, err := add(writer, path)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("adding image %q to the index: %w", path, err)
		}
		if seen[added.Platform] {
			return v1.Hash{}, fmt.Errorf("adding image %q to the index: it holds a second image for %s", path, added.Platform)
		}
		seen[added.Platform] = true
		list.Manifests = append(list.Manifests, added)
	}
	raw, err := jqjson.Print(list)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("printing the index: %w", err)
	}
	raw = append(raw, '\n')
	digest, err := writer.Put(raw)
	if err != nil {
		return v1.Hash{}, err
	}
	return digest, writer.Finish(layoutIndex{
		Manifests: []descriptor{{MediaType: types.OCIImageIndex, Size: len(raw), Digest: digest}},
	})
}

func add(writer *layout.Writer, path string) (entry, error) {
	directory, err := imagedir.Open(path)
	if err != nil {
		return entry{}, err
	}
	if directory.Root().MediaType.IsIndex() {
		return entry{}, errors.New("it is an index itself; give the images of the single platforms")
	}
	images, err := directory.Images()
	if err != nil {
		return entry{}, err
	}
	image := images[0]
	blobs := map[v1.Hash]bool{image.Descriptor.Digest: true, image.Manifest.Config.Digest: true}
	for _, layer := range image.Manifest.Layers {
		blobs[layer.Digest] = true
	}
	for _, digest := range slices.SortedFunc(maps.Keys(blobs), byHex) {
		if err := copyBlob(writer, directory, digest); err != nil {
			return entry{}, err
		}
	}
	return entry{
		MediaType: image.Descriptor.MediaType,
		Digest:    image.Descriptor.Digest,
		Size:      image.Descriptor.Size,
		Platform:  platform{OS: image.Config.OS, Architecture: image.Config.Architecture, Variant: image.Config.Variant},
	}, nil
}

func copyBlob(writer *layout.Writer, directory *imagedir.Directory, digest v1.Hash) error {
	blob, err := directory.Blob(digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	return writer.Copy(digest, blob)
}

func byHex(a, b v1.Hash) int { return strings.Compare(a.Hex, b.Hex) }

func (p platform) String() string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}
