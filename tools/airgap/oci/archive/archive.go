// Package archive writes an image as one tar file that container engines load.
package archive

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/soketsugo/soketsugo/tools/process/compression"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
)

// Func writes the image of a folder under the given repository:tag names.
type Func func(w io.Writer, directory *imagedir.Directory, tags []string) error

// Format returns the function for an archive format of the oci_load rule.
func Format(name string) (Func, error) {
	switch name {
	case "docker":
		return docker, nil
	case "oci":
		return oci, nil
	}
	return nil, fmt.Errorf("format %q is not one of docker, oci", name)
}

// docker writes the format of `docker save`, which holds one image. Its layers are not compressed: every engine
// reads that, while older ones take neither zstd nor a mixture.
func docker(w io.Writer, directory *imagedir.Directory, tags []string) error {
	if directory.Root().MediaType.IsIndex() {
		return errors.New(`writing the archive: format docker holds one image and this is an index: use format = "oci"`)
	}
	images, err := directory.Images()
	if err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	image := images[0]
	out := &files{tar: tar.NewWriter(w)}

	entry := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: blobName(image.Manifest.Config.Digest), RepoTags: tags}
	out.blob(directory, image.Manifest.Config.Digest)
	seen := map[v1.Hash]bool{}
	for i, layer := range image.Manifest.Layers {
		if i >= len(image.Config.RootFS.DiffIDs) {
			return fmt.Errorf("writing the archive: the configuration of %s names %d layers, the manifest %d", image.Descriptor.Digest, len(image.Config.RootFS.DiffIDs), len(image.Manifest.Layers))
		}
		name := blobName(image.Config.RootFS.DiffIDs[i]) + ".tar"
		entry.Layers = append(entry.Layers, name)
		if !seen[image.Config.RootFS.DiffIDs[i]] {
			out.layer(directory, layer.Digest, name)
		}
		seen[image.Config.RootFS.DiffIDs[i]] = true
	}
	out.document("manifest.json", []any{entry})
	return out.close()
}

// oci writes an OCI layout with one entry in index.json for each tag.
func oci(w io.Writer, directory *imagedir.Directory, tags []string) error {
	if !directory.Root().MediaType.IsIndex() {
		return errors.New(`writing the archive: format oci is for an index and this is an image: use format = "docker"`)
	}
	images, err := directory.Images()
	if err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	out := &files{tar: tar.NewWriter(w)}
	out.document("oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"})
	seen := map[v1.Hash]bool{}
	add := func(digest v1.Hash) {
		if !seen[digest] {
			out.blob(directory, digest)
		}
		seen[digest] = true
	}
	add(directory.Root().Digest)
	for _, image := range images {
		add(image.Descriptor.Digest)
		add(image.Manifest.Config.Digest)
		for _, layer := range image.Manifest.Layers {
			add(layer.Digest)
		}
	}
	index := v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{}}
	for _, tag := range tags {
		descriptor := directory.Root()
		descriptor.Annotations = map[string]string{"org.opencontainers.image.ref.name": tag}
		index.Manifests = append(index.Manifests, descriptor)
	}
	if len(tags) == 0 {
		index.Manifests = append(index.Manifests, directory.Root())
	}
	out.document("index.json", index)
	return out.close()
}

// files adds files to a tar stream until the first error, which close returns.
type files struct {
	tar *tar.Writer
	err error
}

func (f *files) add(name string, size int64, content io.Reader) {
	if f.err != nil {
		return
	}
	header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o444, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := f.tar.WriteHeader(header); err != nil {
		f.fail(name, err)
		return
	}
	if _, err := io.Copy(f.tar, content); err != nil {
		f.fail(name, err)
	}
}

func (f *files) blob(directory *imagedir.Directory, digest v1.Hash) {
	f.open(directory, digest, func(blob *os.File) {
		info, err := blob.Stat()
		if err != nil {
			f.fail(digest.String(), err)
			return
		}
		f.add(blobName(digest), info.Size(), blob)
	})
}

// layer adds a layer without its compression. A tar entry starts with its size, so the layer is read twice.
func (f *files) layer(directory *imagedir.Directory, digest v1.Hash, name string) {
	var size int64
	f.open(directory, digest, func(blob *os.File) {
		f.decompress(blob, func(content io.Reader) {
			var err error
			if size, err = io.Copy(io.Discard, content); err != nil {
				f.fail(name, err)
			}
		})
	})
	f.open(directory, digest, func(blob *os.File) {
		f.decompress(blob, func(content io.Reader) { f.add(name, size, content) })
	})
}

func (f *files) decompress(blob *os.File, use func(io.Reader)) {
	content, _, err := compression.NewReader(blob)
	if err != nil {
		f.fail(blob.Name(), err)
		return
	}
	defer content.Close()
	use(content)
}

func (f *files) document(name string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		f.fail(name, err)
		return
	}
	f.add(name, int64(len(raw)), bytes.NewReader(raw))
}

func (f *files) open(directory *imagedir.Directory, digest v1.Hash, use func(*os.File)) {
	if f.err != nil {
		return
	}
	blob, err := directory.Blob(digest)
	if err != nil {
		f.fail(digest.String(), err)
		return
	}
	defer blob.Close()
	use(blob)
}

func (f *files) fail(name string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("writing %s into the archive: %w", name, err)
	}
}

func (f *files) close() error {
	if f.err != nil {
		return f.err
	}
	if err := f.tar.Close(); err != nil {
		return fmt.Errorf("ending the archive: %w", err)
	}
	return nil
}

func blobName(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }
