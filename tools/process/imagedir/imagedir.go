// Package imagedir reads the folder that an image target builds: an OCI image layout with one image, or with one
// index of images. Blobs may be links to the layers they were made of, which is how rules_oci writes them.
package imagedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxDocument is the size that manifests and configurations are read up to; registries refuse larger ones.
const maxDocument = 4 << 20

// Directory is an opened image folder.
type Directory struct {
	path string
	root v1.Descriptor
}

// Image is one image of a folder: all there is for one platform.
type Image struct {
	// Descriptor is how the folder or the index refers to the image.
	Descriptor v1.Descriptor
	// Manifest is what the descriptor points to.
	Manifest *v1.Manifest
	// Config is what the manifest's config descriptor points to.
	Config *v1.ConfigFile
}

// Open reads the folder's index.json. It must name exactly one image or index.
func Open(path string) (*Directory, error) {
	raw, err := readDocument(filepath.Join(path, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening the image: %q is no OCI image layout (it has no index.json): give the folder that an oci_image or oci_image_index target builds", path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the image: %w", err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("opening the image: parsing index.json: %w", err)
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("opening the image: index.json of %q names %d images, want one", path, len(index.Manifests))
	}
	root := index.Manifests[0]
	if !root.MediaType.IsImage() && !root.MediaType.IsIndex() {
		return nil, fmt.Errorf("opening the image: %q holds a %q, want an image or an index", path, root.MediaType)
	}
	return &Directory{path: path, root: root}, nil
}

// Root describes the one image or index that the folder is about.
func (d *Directory) Root() v1.Descriptor { return d.root }

// Blob opens a blob for reading. Its content is not checked: see Document for that.
func (d *Directory) Blob(digest v1.Hash) (*os.File, error) {
	file, err := os.Open(d.blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening blob %s: the folder does not hold it; where blobs are links, their targets must be there too: %w", digest, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening blob %s: %w", digest, err)
	}
	return file, nil
}

// Document reads a small blob, a manifest or a configuration, and checks that it is what its digest says.
func (d *Directory) Document(digest v1.Hash) ([]byte, error) {
	raw, err := readDocument(d.blobPath(digest))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", digest, err)
	}
	found, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", digest, err)
	}
	if found != digest {
		return nil, fmt.Errorf("reading %s: its content has the digest %s", digest, found)
	}
	return raw, nil
}

// Images returns the image of the folder, or those of its index in the index's order.
func (d *Directory) Images() ([]Image, error) {
	if d.root.MediaType.IsImage() {
		image, err := d.image(d.root)
		if err != nil {
			return nil, err
		}
		return []Image{image}, nil
	}
	index, err := d.Index()
	if err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(index.Manifests))
	for _, descriptor := range index.Manifests {
		image, err := d.image(descriptor)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

// Index returns the index that the folder is about; it is an error if that is an image.
func (d *Directory) Index() (*v1.IndexManifest, error) {
	if !d.root.MediaType.IsIndex() {
		return nil, fmt.Errorf("reading the index: %s is a %s", d.root.Digest, d.root.MediaType)
	}
	raw, err := d.Document(d.root.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parsing the index: %w", err)
	}
	return index, nil
}

func (d *Directory) image(descriptor v1.Descriptor) (Image, error) {
	if !descriptor.MediaType.IsImage() {
		return Image{}, fmt.Errorf("reading image %s: it is a %s, want a %s", descriptor.Digest, descriptor.MediaType, types.OCIManifestSchema1)
	}
	raw, err := d.Document(descriptor.Digest)
	if err != nil {
		return Image{}, fmt.Errorf("reading the manifest: %w", err)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return Image{}, fmt.Errorf("parsing the manifest: %w", err)
	}
	raw, err = d.Document(manifest.Config.Digest)
	if err != nil {
		return Image{}, fmt.Errorf("reading the configuration: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return Image{}, fmt.Errorf("parsing the configuration: %w", err)
	}
	return Image{Descriptor: descriptor, Manifest: manifest, Config: config}, nil
}

func (d *Directory) blobPath(digest v1.Hash) string {
	return filepath.Join(d.path, "blobs", digest.Algorithm, digest.Hex)
}

func readDocument(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("%q is larger than %d bytes", path, maxDocument)
	}
	return raw, nil
}
