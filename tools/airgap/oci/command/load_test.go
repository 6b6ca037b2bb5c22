package command_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/command"
	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
)

// An archive is written whole, where the user stands, or not at all.
func TestLoadWritesArchive(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("BUILD_WORKING_DIRECTORY", folder)
	tags := filepath.Join(t.TempDir(), "tags")
	if err := os.WriteFile(tags, []byte("it:latest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	layout := imagedirtest.Write(t, imagedirtest.Good())
	run := func() (int, string) {
		var stderr bytes.Buffer
		code := command.Run(t.Context(), []string{"load", "--image=" + layout, "--repo-tags=" + tags, "--output=it.tar"}, &stderr, &stderr)
		return code, stderr.String()
	}
	archive := filepath.Join(folder, "it.tar")
	if code, out := run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if content, err := os.ReadFile(archive); err != nil || !bytes.Contains(content, []byte(`"it:latest"`)) {
		t.Errorf("the archive has %d bytes without the tag, %v", len(content), err)
	}

	directory, err := imagedir.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	images, err := directory.Images()
	if err != nil {
		t.Fatal(err)
	}
	layers := images[0].Manifest.Layers
	if err := os.Remove(imagedirtest.Blob(layout, layers[len(layers)-1].Digest)); err != nil {
		t.Fatal(err)
	}
	if code, out := run(); code != 1 || !strings.Contains(out, "the folder does not hold it") {
		t.Errorf("an image without a layer: exit code %d: %s", code, out)
	}
	if _, err := os.Stat(archive); !os.IsNotExist(err) {
		t.Errorf("half an archive was left: %v", err)
	}
}
