package imagedir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
)

// An image folder holds one image, an index folder one for each platform, in the index's order.
func TestImages(t *testing.T) {
	arm := imagedirtest.Good()
	arm.Config.Architecture = "arm64"
	for name, test := range map[string]struct {
		folder string
		want   []string
	}{
		"image": {imagedirtest.Write(t, imagedirtest.Good()), []string{"amd64"}},
		"index": {imagedirtest.WriteIndex(t, arm, imagedirtest.Good()), []string{"arm64", "amd64"}},
	} {
		t.Run(name, func(t *testing.T) {
			directory, err := imagedir.Open(test.folder)
			if err != nil {
				t.Fatal(err)
			}
			images, err := directory.Images()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, image := range images {
				got = append(got, image.Config.Architecture)
				if len(image.Manifest.Layers) != 1 {
					t.Errorf("%d layers, want 1", len(image.Manifest.Layers))
				}
			}
			if strings.Join(got, " ") != strings.Join(test.want, " ") {
				t.Errorf("images for %v, want %v", got, test.want)
			}
		})
	}
}

// Layer blobs may be links out of the folder, which is how rules_oci writes them.
func TestLinkedBlob(t *testing.T) {
	folder := imagedirtest.Write(t, imagedirtest.Good())
	directory, err := imagedir.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	images, err := directory.Images()
	if err != nil {
		t.Fatal(err)
	}
	blob := imagedirtest.Blob(folder, images[0].Manifest.Layers[0].Digest)
	elsewhere := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.Rename(blob, elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.Blob(images[0].Manifest.Layers[0].Digest); err == nil || !strings.Contains(err.Error(), "does not hold it") {
		t.Errorf("opening a blob that is not there: %v", err)
	}
	if err := os.Symlink(elsewhere, blob); err != nil {
		t.Fatal(err)
	}
	file, err := directory.Blob(images[0].Manifest.Layers[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

// What is no image folder, or was changed, is refused with the reason.
func TestRefused(t *testing.T) {
	write := func(content string) string {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "index.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	changed := imagedirtest.Write(t, imagedirtest.Good())
	directory, err := imagedir.Open(changed)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(imagedirtest.Blob(changed, directory.Root().Digest), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ folder, want string }{
		"no index":       {t.TempDir(), "no OCI image layout"},
		"no JSON":        {write("x"), "parsing index.json"},
		"empty index":    {write(`{"manifests":[]}`), "names 0 images"},
		"something else": {write(`{"manifests":[{"mediaType":"text/plain","digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`), `a "text/plain"`},
		"bad digest":     {write(`{"manifests":[{"digest":"sha256:../../etc/passwd"}]}`), "parsing index.json"},
		"changed blob":   {changed, "its content has the digest"},
	} {
		t.Run(name, func(t *testing.T) {
			directory, err := imagedir.Open(test.folder)
			if err == nil {
				_, err = directory.Images()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
