package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
	"github.com/soketsugo/soketsugo/tools/process/sbom/command"
)

// The bill of materials of an image comes from the program in it; here that is
// this test.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	image := imagedirtest.Good()
	image.Layers = [][]imagedirtest.Entry{{imagedirtest.Folder("app", 0o755), imagedirtest.File("app/server", 0o555, content)}}
	output := filepath.Join(t.TempDir(), "sbom.json")
	code, stderr := run("--layout="+imagedirtest.Write(t, image), "--name=server", "--output="+output)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	written, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Packages []struct{ Name, VersionInfo string }
	}
	if err := json.Unmarshal(written, &document); err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, found := range document.Packages {
		versions[found.Name] = found.VersionInfo
	}
	release, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	if found, _, _ := strings.Cut(versions["go"], " "); found != release || versions["server"] != "1.2.3" {
		t.Errorf("the versions are %q, want Go %s and server 1.2.3", versions, release)
	}
}

// An image without a Go program has none, and a wrong call exits with 2.
func TestErrors(t *testing.T) {
	layout := imagedirtest.Write(t, imagedirtest.Good())
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no Go program": {[]string{"--layout=" + layout, "--name=server"}, 1, "reading what /app/server is built from"},
		"no image":      {[]string{"--layout=" + t.TempDir(), "--name=server"}, 1, "no OCI image layout"},
		"no name":       {[]string{"--layout=" + layout}, 2, "give --layout and --name"},
		"unknown flag":  {[]string{"--picture=x"}, 2, "-picture"},
	} {
		if code, stderr := run(test.args...); code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, stderr %q, want %d and %q", name, code, stderr, test.code, test.want)
		}
	}
}

func run(args ...string) (int, string) {
	var stdout, stderr strings.Builder
	code := command.Run(args, &stdout, &stderr)
	return code, stderr.String()
}
