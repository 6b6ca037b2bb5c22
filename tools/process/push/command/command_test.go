package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
	"github.com/soketsugo/soketsugo/tools/process/push/command"
)

// The report for programs names the image by digest, the tags with that of the commit first, and what was sent.
func TestJSON(t *testing.T) {
	layout, host, workspace := imagedirtest.Write(t, imagedirtest.Good()), newRegistry(t), newCheckout(t)
	args := []string{"--layout=" + layout, "--name=server", "--repository=" + host + "/team/", "--tag=stable", "--json"}
	type report struct {
		Image, Digest, Commit       string
		Tags                        []string
		Dirty, DryRun               bool
		UploadedBytes, PresentBytes int64
		Steps                       []struct{ Kind, Action string }
	}
	push := func(args ...string) report {
		t.Helper()
		code, stdout, stderr := run(args, workspace)
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
		var found report
		if err := json.Unmarshal([]byte(stdout), &found); err != nil {
			t.Fatalf("%v in %q", err, stdout)
		}
		return found
	}

	if dry := push(append(args, "--dry-run")...); !dry.DryRun || dry.UploadedBytes == 0 || dry.PresentBytes != 0 {
		t.Errorf("dry run: %+v", dry)
	}
	first := push(args...)
	if want := host + "/team/server@" + first.Digest; first.Image != want {
		t.Errorf("image %q, want %q", first.Image, want)
	}
	if len(first.Tags) != 2 || first.Tags[0] != first.Commit[:12] || first.Tags[1] != "stable" || first.Dirty {
		t.Errorf("tags %q of commit %q, dirty %t", first.Tags, first.Commit, first.Dirty)
	}
	for _, tag := range first.Tags {
		reference, err := name.NewTag(host + "/team/server:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := remote.Head(reference); err != nil || found.Digest.String() != first.Digest {
			t.Errorf("tag %s points to %v, %v", tag, found, err)
		}
	}
	if second := push(args...); second.UploadedBytes != 0 || second.PresentBytes != first.UploadedBytes {
		t.Errorf("second push: %d bytes uploaded, %d present, want 0 and %d", second.UploadedBytes, second.PresentBytes, first.UploadedBytes)
	}
}

// The report for humans has a line for each part and ends with the reference to deploy.
func TestText(t *testing.T) {
	layout, host, workspace := imagedirtest.Write(t, imagedirtest.Good()), newRegistry(t), newCheckout(t)
	if err := os.WriteFile(filepath.Join(workspace, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run([]string{"--layout=" + layout, "--repository=" + host + "/server"}, workspace)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"uploaded  layer ", "uploaded  config ", "uploaded  manifest", "uploaded  record ", "uploaded  tag ", "-dirty\n", "\npushed " + host + "/server@sha256:"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report lacks %q:\n%s", want, stdout)
		}
	}
}

// Without a checkout an image needs a tag; with one it is pushed, and a warning says that no commit is recorded.
func TestNoCheckout(t *testing.T) {
	layout, host := imagedirtest.Write(t, imagedirtest.Good()), newRegistry(t)
	args := []string{"--layout=" + layout, "--repository=" + host + "/server"}
	if code, _, stderr := run(args, ""); code != 1 || !strings.Contains(stderr, "give the image a tag with --tag") {
		t.Errorf("without a tag: exit code %d, stderr %q", code, stderr)
	}
	if code, _, stderr := run(append(args, "--tag=v1"), ""); code != 0 || !strings.Contains(stderr, "warning: no commit is recorded") {
		t.Errorf("with a tag: exit code %d, stderr %q", code, stderr)
	}
}

// Wrong calls exit with 2 and say what is wanted; failures exit with 1 and say what to do.
func TestErrors(t *testing.T) {
	layout := imagedirtest.Write(t, imagedirtest.Good())
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(refusing.Close)
	// Credentials of whoever runs the test are none of its business.
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no layout":      {[]string{"--repository=localhost/a"}, 2, "--layout is missing"},
		"no repository":  {[]string{"--layout=" + layout}, 2, "--repository is missing"},
		"bad repository": {[]string{"--layout=" + layout, "--repository=localhost/UPPER"}, 2, "want registry/path"},
		"no registry":    {[]string{"--layout=" + layout, "--repository=server"}, 2, "want registry/path"},
		"bad tag":        {[]string{"--layout=" + layout, "--repository=localhost/a", "--tag=a b"}, 2, `tag "a b"`},
		"unknown flag":   {[]string{"--force"}, 2, "-force"},
		"argument":       {[]string{"--layout=" + layout, "--repository=localhost/a", "b"}, 2, `unexpected argument "b"`},
		"no image":       {[]string{"--layout=" + t.TempDir(), "--repository=localhost/a", "--tag=b"}, 1, "no OCI image layout"},
		"nobody there":   {[]string{"--layout=" + layout, "--repository=localhost:1/a", "--tag=b"}, 1, "check that the registry runs"},
		"not logged in":  {[]string{"--layout=" + layout, "--repository=" + refusing.Listener.Addr().String() + "/a", "--tag=b"}, 1, "docker login"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, stderr := run(test.args, ""); code != test.code || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, want %d, and %q in %q", code, test.code, test.want, stderr)
			}
		})
	}
}

// Help is no error and goes to the standard output.
func TestHelp(t *testing.T) {
	if code, stdout, stderr := run([]string{"--help"}, ""); code != 0 || stderr != "" || !strings.Contains(stdout, "-dry-run") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func run(args []string, workspace string) (code int, stdout, stderr string) {
	var out, errors bytes.Buffer
	getenv := func(string) string { return workspace }
	code = command.Run(context.Background(), args, getenv, &out, &errors)
	return code, out.String(), errors.String()
}

func newRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func newCheckout(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git on this machine")
	}
	folder := t.TempDir()
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty", "--message=first"},
	} {
		git := exec.Command("git", args...)
		git.Dir = folder
		git.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	return folder
}
