package bazel_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/bazel"
)

// What is built is on the disk, whatever the user's own flags say of a remote cache;
// the caller's flags say more, and stand last.
func TestBuildDownloads(t *testing.T) {
	checkout := t.TempDir()
	if err := os.WriteFile(filepath.Join(checkout, "bazelw"), []byte("#!/bin/sh\necho \"$@\" >called\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	server := bazel.New(checkout, filepath.Join(checkout, "output"), "--remote_download_outputs=all")
	if err := server.Build(t.Context(), []bazel.Output{{Label: "//a:b"}}); err != nil {
		t.Fatal(err)
	}
	called, err := os.ReadFile(filepath.Join(checkout, "called"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(called), " --remote_download_outputs=toplevel ")
	if !found || !strings.HasSuffix(rest, " --remote_download_outputs=all //a:b\n") {
		t.Errorf("bazel was called with %s", called)
	}
}
