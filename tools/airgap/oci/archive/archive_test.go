package archive_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/archive"
	"github.com/soketsugo/soketsugo/tools/process/compression"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
)

// Another reader of docker archives finds the image under each tag, with the same configuration and layers, however
// the layers were compressed.
func TestDocker(t *testing.T) {
	for _, format := range []compression.Format{compression.None, compression.Gzip, compression.Zstd} {
		t.Run(string(format), func(t *testing.T) {
			image := imagedirtest.Good()
			image.Compression = format
			// The same layer twice is one file of the archive.
			image.Layers = append(image.Layers, image.Layers[0])
			image.Config.History = append(image.Config.History, image.Config.History[0])
			directory := open(t, imagedirtest.Write(t, image))
			images, err := directory.Images()
			if err != nil {
				t.Fatal(err)
			}
			raw := write(t, "docker", directory, "example/server:one", "example/server:two")
			opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
			manifest, err := tarball.LoadManifest(opener)
			if err != nil {
				t.Fatal(err)
			}
			if got := manifest[0].RepoTags; !slices.Equal(got, []string{"example/server:one", "example/server:two"}) {
				t.Errorf("tags %q", got)
			}
			loaded, err := tarball.Image(opener, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(loaded); err != nil {
				t.Error(err)
			}
			if got, err := loaded.ConfigName(); err != nil || got != images[0].Manifest.Config.Digest {
				t.Errorf("configuration %s, %v, want %s", got, err, images[0].Manifest.Config.Digest)
			}
		})
	}
}

// The OCI archive has every blob of every platform once, and an entry of index.json for each tag.
func TestOCI(t *testing.T) {
	arm := imagedirtest.Good()
	arm.Config.Architecture = "arm64"
	directory := open(t, imagedirtest.WriteIndex(t, imagedirtest.Good(), arm))
	files := read(t, write(t, "oci", directory, "server:one", "server:two"))
	// The platforms share their layer: an index, two manifests, two configurations, one layer.
	if got := len(files) - 2; got != 6 {
		t.Errorf("%d blobs, want 6", got)
	}
	for name, content := range files {
		if hex, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			if found, _, err := v1.SHA256(bytes.NewReader(content)); err != nil || found.Hex != hex {
				t.Errorf("%s has the digest %s, %v", name, found, err)
			}
		}
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, entry := range index.Manifests {
		tags = append(tags, entry.Annotations["org.opencontainers.image.ref.name"])
		if entry.Digest != directory.Root().Digest {
			t.Errorf("an entry for %s, want %s", entry.Digest, directory.Root().Digest)
		}
	}
	if !slices.Equal(tags, []string{"server:one", "server:two"}) {
		t.Errorf("tags %q", tags)
	}
}

// Two archives of the same image are the same.
func TestSameBytes(t *testing.T) {
	directory := open(t, imagedirtest.Write(t, imagedirtest.Good()))
	if !bytes.Equal(write(t, "docker", directory, "a:b"), write(t, "docker", directory, "a:b")) {
		t.Error("two archives of one image differ")
	}
}

// As in rules_oci, the format must fit: docker for an image, oci for an index.
func TestRefused(t *testing.T) {
	for format, layout := range map[string]string{
		"docker": imagedirtest.WriteIndex(t, imagedirtest.Good()),
		"oci":    imagedirtest.Write(t, imagedirtest.Good()),
	} {
		write, err := archive.Format(format)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(io.Discard, open(t, layout), nil); err == nil || !strings.Contains(err.Error(), "use format = ") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// An archive that cannot be written is an error.
func TestFullDisk(t *testing.T) {
	write, err := archive.Format("docker")
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if err := write(failing{full}, open(t, imagedirtest.Write(t, imagedirtest.Good())), nil); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func write(t *testing.T, format string, directory *imagedir.Directory, tags ...string) []byte {
	t.Helper()
	write, err := archive.Format(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := write(&out, directory, tags); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	archive := tar.NewReader(bytes.NewReader(raw))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files[header.Name]; ok {
			t.Errorf("%s is there twice", header.Name)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, layout string) *imagedir.Directory {
	t.Helper()
	directory, err := imagedir.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	return directory
}
