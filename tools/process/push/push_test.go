package main_test

import (
	"io"
	"log"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// The program that `bazel run …:push` starts brings an image that the build made to a registry; there it has the digest
// that the build gave it, and every layer comes back.
func TestPushedImageIsTheBuiltOne(t *testing.T) {
	push, layout, digestFile := runfile(t, "PUSH"), runfile(t, "IMAGE"), runfile(t, "IMAGE_DIGEST")
	digest, err := os.ReadFile(digestFile)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(string(digest))

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	repository := address.Host + "/team"

	command := exec.Command(push, "--layout="+layout, "--name=polyglot-c", "--repository="+repository, "--tag=v1")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("push: %v\n%s", err, output)
	}

	reference, err := name.NewDigest(repository + "/polyglot-c@" + want)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(reference)
	if err != nil {
		t.Fatalf("the digest that the build gave the image is not there: %v", err)
	}
	if got, err := image.Digest(); err != nil || got.String() != want {
		t.Errorf("the image came back as %v, %v, want %s", got, err, want)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		// The reader compares the content with the digest in the manifest.
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Errorf("a layer came back changed: %v", err)
		}
	}
	tag, err := name.NewTag(repository + "/polyglot-c:v1")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := remote.Head(tag); err != nil || found.Digest.String() != want {
		t.Errorf("the tag points to %v, %v, want %s", found, err, want)
	}
}

// runfile finds what a variable names; Bazel sets it.
func runfile(t *testing.T, variable string) string {
	t.Helper()
	location := os.Getenv(variable)
	if location == "" {
		t.Skipf("%s is not set: the image is built by Bazel (./bazelw test //tools/process/push:push_test)", variable)
	}
	path, err := runfiles.Rlocation(location)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
