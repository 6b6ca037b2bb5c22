package unpack_test

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/process/compression"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/unpack"
)

var generous = unpack.Limits{Bytes: 1 << 20, Entries: 100}

// Later layers replace and delete what earlier ones hold.
func TestLayers(t *testing.T) {
	file := func(name, content string) imagedirtest.Entry { return imagedirtest.File(name, 0o444, []byte(content)) }
	for _, test := range []struct {
		name   string
		layers [][]imagedirtest.Entry
		want   []string
	}{
		{"one layer", [][]imagedirtest.Entry{{file("a", "1"), file("b/c", "2")}}, []string{"/a=1", "/b/c=2"}},
		{"replaced", [][]imagedirtest.Entry{{file("a", "1")}, {file("./a", "2")}}, []string{"/a=2"}},
		{"deleted", [][]imagedirtest.Entry{{file("a", "1"), file("b/c", "1")}, {file(".wh.b", "")}}, []string{"/a=1"}},
		{"folder emptied", [][]imagedirtest.Entry{{file("b/old", "1")}, {file("b/new", "2"), file("b/.wh..wh..opq", "")}}, []string{"/b/new=2"}},
		{"file in place of a folder", [][]imagedirtest.Entry{{file("b/c", "1")}, {file("b", "2")}}, []string{"/b=2"}},
		{"absolute path", [][]imagedirtest.Entry{{file("/a", "1")}}, []string{"/a=1"}},
		{"hard link", [][]imagedirtest.Entry{{file("a", "1"), {Header: tar.Header{Name: "b", Typeflag: tar.TypeLink, Linkname: "a"}}}}, []string{"/a=1", "/b=1"}},
	} {
		for _, format := range []compression.Format{compression.None, compression.Gzip, compression.Zstd} {
			t.Run(test.name+" "+string(format), func(t *testing.T) {
				folder := t.TempDir()
				tree, err := unpackImage(t, folder, imagedirtest.Image{Layers: test.layers, Compression: format}, generous)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, entry := range tree.Sorted() {
					if entry.Mode.IsDir() {
						continue
					}
					content, err := os.ReadFile(filepath.Join(folder, entry.Path))
					if err != nil {
						t.Error(err)
					}
					got = append(got, entry.Path+"="+string(content))
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	}
}

// An image cannot write outside its folder, fill the disk or make devices.
func TestHostile(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		entries []imagedirtest.Entry
		limits  unpack.Limits
		want    string
	}{
		{"path upwards", []imagedirtest.Entry{imagedirtest.File("a/../../b", 0o444, nil)}, generous, "leads out of the image"},
		{"through a link", []imagedirtest.Entry{imagedirtest.Link("a", outside), imagedirtest.File("a/b", 0o444, nil)}, generous, "a/b"},
		{"through a relative link", []imagedirtest.Entry{imagedirtest.Link("a", "../../../../tmp"), imagedirtest.File("a/b", 0o444, nil)}, generous, "a/b"},
		{"hard link upwards", []imagedirtest.Entry{{Header: tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}}}, generous, "leads out of the image"},
		{"hard link to nothing", []imagedirtest.Entry{{Header: tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "etc/passwd"}}}, generous, "which is not there"},
		{"device", []imagedirtest.Entry{{Header: tar.Header{Name: "null", Typeflag: tar.TypeChar}}}, generous, "neither a file"},
		{"too large", []imagedirtest.Entry{imagedirtest.File("a", 0o444, make([]byte, 1<<21))}, generous, "larger than this test unpacks"},
		{"too many", []imagedirtest.Entry{imagedirtest.File("a", 0o444, nil), imagedirtest.File("b", 0o444, nil)}, unpack.Limits{Bytes: 1 << 20, Entries: 1}, "more files than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := unpackImage(t, t.TempDir(), imagedirtest.Image{Layers: [][]imagedirtest.Entry{test.entries}, Compression: compression.Zstd}, test.limits)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if left, _ := os.ReadDir(outside); len(left) > 0 {
				t.Errorf("the image wrote %q outside its folder", left[0].Name())
			}
		})
	}
}

// A layer that is not what its digest says is refused.
func TestChangedLayer(t *testing.T) {
	image := imagedirtest.Good()
	image.Compression = compression.None
	layout := imagedirtest.Write(t, image)
	directory, images := open(t, layout)
	blob := imagedirtest.Blob(layout, images[0].Manifest.Layers[0].Digest)
	content, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string][]byte{
		"one byte":   append(append([]byte{}, content[:len(content)-1]...), 1),
		"appendix":   append(append([]byte{}, content...), 0),
		"cut in two": content[:len(content)/2],
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(blob, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := unpack.Image(t.TempDir(), directory, images[0], generous); err == nil {
				t.Error("the changed layer was unpacked")
			}
		})
	}
}

// A manifest or a configuration that is wrong about a layer is refused: a runtime would refuse it too.
func TestWrongDigests(t *testing.T) {
	image := imagedirtest.Good()
	image.Layers = append(image.Layers, []imagedirtest.Entry{imagedirtest.File("a", 0o444, []byte("1"))})
	directory, images := open(t, imagedirtest.Write(t, image))
	layers, diffIDs := images[0].Manifest.Layers, images[0].Config.RootFS.DiffIDs
	if len(layers) != 2 {
		t.Fatalf("the image has %d layers, want 2", len(layers))
	}
	diffIDs[0], diffIDs[1] = diffIDs[1], diffIDs[0]
	if _, err := unpack.Image(t.TempDir(), directory, images[0], generous); err == nil || !strings.Contains(err.Error(), "the configuration says") {
		t.Errorf("a configuration with the layers swapped: got %v", err)
	}
	diffIDs[0], diffIDs[1] = diffIDs[1], diffIDs[0]
	layers[1].Size++
	if _, err := unpack.Image(t.TempDir(), directory, images[0], generous); err == nil || !strings.Contains(err.Error(), "the manifest says") {
		t.Errorf("a manifest with another size: got %v", err)
	}
	layers[1].Size--

	// The same content, compressed in another way, under the name of the first.
	renamed := imagedirtest.Good()
	renamed.Compression = compression.None
	layout := imagedirtest.Write(t, renamed)
	directory, images = open(t, layout)
	compressed, others := open(t, imagedirtest.Write(t, imagedirtest.Good()))
	other := others[0].Manifest.Layers[0]
	content, err := compressed.Blob(other.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	data, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(imagedirtest.Blob(layout, images[0].Manifest.Layers[0].Digest), data, 0o600); err != nil {
		t.Fatal(err)
	}
	images[0].Manifest.Layers[0].Size = other.Size
	if _, err := unpack.Image(t.TempDir(), directory, images[0], generous); err == nil || !strings.Contains(err.Error(), "its content has the digest") {
		t.Errorf("a blob under another's name: got %v", err)
	}
}

func unpackImage(t *testing.T, folder string, image imagedirtest.Image, limits unpack.Limits) (unpack.Tree, error) {
	t.Helper()
	directory, images := open(t, imagedirtest.Write(t, image))
	return unpack.Image(folder, directory, images[0], limits)
}

func open(t *testing.T, layout string) (*imagedir.Directory, []imagedir.Image) {
	t.Helper()
	directory, err := imagedir.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	images, err := directory.Images()
	if err != nil {
		t.Fatal(err)
	}
	return directory, images
}
