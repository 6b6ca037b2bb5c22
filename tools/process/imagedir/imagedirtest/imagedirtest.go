// Package imagedirtest writes image folders for tests, good ones and bad ones.
package imagedirtest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/process/compression"
)

// Entry is an entry of a layer.
type Entry struct {
	Header  tar.Header
	Content []byte
}

// Image is an image to write.
type Image struct {
	Config v1.ConfigFile
	Layers [][]Entry
	// Compression is that of the layers.
	Compression compression.Format
}

// File returns an entry for a file.
func File(name string, mode int64, content []byte) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))}, content}
}

// Folder returns an entry for a folder.
func Folder(name string, mode int64) Entry {
	return Entry{tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: mode}, nil}
}

// Link returns an entry for a symbolic link.
func Link(name, target string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}, nil}
}

// Good returns an image that fulfils every rule: its program is /app/server and prints "server 1.2.3".
func Good() Image {
	epoch := v1.Time{Time: time.Unix(0, 0).UTC()}
	return Image{
		Config: v1.ConfigFile{
			Created:      epoch,
			OS:           "linux",
			Architecture: "amd64",
			History:      []v1.History{{Created: epoch, CreatedBy: "bazel build //server:layer"}},
			Config: v1.Config{
				User:       "65532",
				Entrypoint: []string{"/app/server"},
				Labels:     map[string]string{"org.opencontainers.image.title": "server", "org.opencontainers.image.version": "1.2.3"},
			},
		},
		Layers: [][]Entry{{
			Folder("app", 0o755),
			File("app/server", 0o555, Program{Machine: elf.EM_X86_64, Output: "server 1.2.3\ngo1\n"}.Bytes()),
		}},
		Compression: compression.Zstd,
	}
}

// Write writes the image into a new folder and returns that.
func Write(t testing.TB, image Image) string {
	t.Helper()
	folder := newFolder(t)
	writeIndex(t, folder, writeImage(t, folder, image))
	return folder
}

// WriteIndex writes an index of the images into a new folder and returns that.
func WriteIndex(t testing.TB, images ...Image) string {
	t.Helper()
	folder := newFolder(t)
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, image := range images {
		descriptor := writeImage(t, folder, image)
		descriptor.Platform = &v1.Platform{OS: image.Config.OS, Architecture: image.Config.Architecture}
		list.Manifests = append(list.Manifests, descriptor)
	}
	writeIndex(t, folder, writeJSON(t, folder, types.OCIImageIndex, list))
	return folder
}

// Blob returns the path of a blob.
func Blob(folder string, digest v1.Hash) string {
	return filepath.Join(folder, "blobs", digest.Algorithm, digest.Hex)
}

func writeImage(t testing.TB, folder string, image Image) v1.Descriptor {
	t.Helper()
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{}}
	config := image.Config
	config.RootFS = v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}
	for _, entries := range image.Layers {
		archive := Archive(t, entries)
		var out bytes.Buffer
		writer, err := compression.NewWriter(&out, image.Compression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(archive); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		mediaType := types.OCIUncompressedLayer
		if image.Compression != compression.None {
			mediaType += types.MediaType("+" + string(image.Compression))
		}
		manifest.Layers = append(manifest.Layers, writeBlob(t, folder, mediaType, out.Bytes()))
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest(archive))
	}
	manifest.Config = writeJSON(t, folder, types.OCIConfigJSON, config)
	return writeJSON(t, folder, types.OCIManifestSchema1, manifest)
}

// Archive returns the entries as a tar file.
func Archive(t testing.TB, entries []Entry) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, entry := range entries {
		if err := writer.WriteHeader(&entry.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(entry.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newFolder(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return folder
}

func writeIndex(t testing.TB, folder string, root v1.Descriptor) {
	t.Helper()
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{root}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "index.json"), raw)
}

func writeJSON(t testing.TB, folder string, mediaType types.MediaType, value any) v1.Descriptor {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return writeBlob(t, folder, mediaType, raw)
}

func writeBlob(t testing.TB, folder string, mediaType types.MediaType, content []byte) v1.Descriptor {
	t.Helper()
	hash := digest(content)
	writeFile(t, Blob(folder, hash), content)
	return v1.Descriptor{MediaType: mediaType, Size: int64(len(content)), Digest: hash}
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func digest(content []byte) v1.Hash {
	sum := sha256.Sum256(content)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}
