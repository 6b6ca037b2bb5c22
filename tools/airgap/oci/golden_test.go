package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/command"
)

// cases is testdata/cases.json. Its digests were written by rules_oci 2.3.0 itself: the image.sh, descriptor.sh and
// image_index.sh.tpl of that release were run on the attributes and layers of each case, with regctl 0.8.0 (the one
// that rules_oci 2.3.0 pins), jq 1.7.1 and the C locale, under which actions run. jq 1.8.2 and regctl 0.11 gave the same.
// An expectation here is never to be made anew from what our own program writes.
type cases struct {
	Images  []imageCase
	Indexes []indexCase
}

type imageCase struct {
	Name         string
	Why          string
	OS           string
	Architecture string
	Variant      string
	Layers       []struct{ File, Label string }
	Attributes   map[string]string
	// Digest is the digest of the image, Layout that of index.json.
	Digest, Layout string
}

type indexCase struct {
	Name           string
	Why            string
	Images         []string
	Digest, Layout string
}

// The image digests are those of rules_oci 2.3.0.
func TestImagesEqualRulesOCI(t *testing.T) {
	for _, test := range readCases(t).Images {
		t.Run(test.Name, func(t *testing.T) {
			compare(t, build(t, test), test.Why, test.Digest, test.Layout)
		})
	}
}

// The digests of indexes are those of rules_oci 2.3.0.
func TestIndexesEqualRulesOCI(t *testing.T) {
	all := readCases(t)
	for _, test := range all.Indexes {
		t.Run(test.Name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "index")
			args := []string{"index", "--output=" + folder}
			for _, name := range test.Images {
				args = append(args, "--image="+build(t, all.image(t, name)))
			}
			run(t, args...)
			compare(t, folder, test.Why, test.Digest, test.Layout)
		})
	}
}

// Every blob of a layout has the digest that its name says.
func TestBlobsAreWhatTheirNamesSay(t *testing.T) {
	folder := build(t, readCases(t).image(t, "process_amd64"))
	blobs, err := filepath.Glob(filepath.Join(folder, "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(blobs) != 4 {
		t.Errorf("%d blobs, want 4: two layers, a configuration and a manifest", len(blobs))
	}
	for _, blob := range blobs {
		if got := digestOf(t, blob); got != "sha256:"+filepath.Base(blob) {
			t.Errorf("blob %s has the digest %s", filepath.Base(blob), got)
		}
	}
}

// The digest command writes what the .digest target of the real rules holds: the digest and a line end.
func TestDigestFile(t *testing.T) {
	test := readCases(t).image(t, "process_amd64")
	file := filepath.Join(t.TempDir(), "image.json.sha256")
	run(t, "digest", "--image="+build(t, test), "--output="+file)
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != test.Digest+"\n" {
		t.Errorf("got %q, want %q", got, test.Digest+"\n")
	}
}

// Wrong calls exit with 2, what cannot be done with 1, and both say why.
func TestRefused(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "labels")
	if err := os.WriteFile(bad, []byte("title=\x7f"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := "--output=" + filepath.Join(t.TempDir(), "out")
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no command", nil, 2, "usage: oci COMMAND"},
		{"unknown command", []string{"push"}, 2, `unknown command "push"`},
		{"unknown flag", []string{"image", "--base=x"}, 2, "-base"},
		{"missing flag", []string{"image", out}, 2, "--os is missing"},
		{"argument", []string{"digest", "x"}, 2, `unexpected argument "x"`},
		{"layer without label", []string{"image", out, "--os=linux", "--architecture=amd64", "--layer=a"}, 2, "want them in pairs"},
		{"no such layer", []string{"image", out, "--os=linux", "--architecture=amd64", "--layer=a", "--layer-label=//a"}, 1, "measuring the layer"},
		{"unprintable label", []string{"image", out, "--os=linux", "--architecture=amd64", "--labels=" + bad}, 1, "U+007F"},
		{"no layout", []string{"index", out, "--image=" + t.TempDir()}, 1, "no OCI image layout"},
		{"unknown format", []string{"load", "--image=a", "--repo-tags=b", "--format=zip"}, 2, "not one of docker, oci"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := command.Run(context.Background(), test.args, &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stderr.String(), test.want) {
				t.Errorf("stderr %q does not say %q", stderr.String(), test.want)
			}
		})
	}
}

// An index has one image a platform.
func TestIndexRefusesTwoOfAPlatform(t *testing.T) {
	folder := build(t, readCases(t).image(t, "process_amd64"))
	var stderr bytes.Buffer
	args := []string{"index", "--output=" + t.TempDir(), "--image=" + folder, "--image=" + folder}
	if code := command.Run(context.Background(), args, &stderr, &stderr); code != 1 || !strings.Contains(stderr.String(), "second image for linux/amd64") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func readCases(t *testing.T) cases {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found cases
	if err := json.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func (c cases) image(t *testing.T, name string) imageCase {
	t.Helper()
	for _, test := range c.Images {
		if test.Name == name {
			return test
		}
	}
	t.Fatalf("no case %q", name)
	return imageCase{}
}

// build writes the image of a case and returns its folder.
func build(t *testing.T, test imageCase) string {
	t.Helper()
	work := t.TempDir()
	folder := filepath.Join(work, "image")
	args := []string{"image", "--output=" + folder, "--os=" + test.OS, "--architecture=" + test.Architecture, "--variant=" + test.Variant}
	for _, layer := range test.Layers {
		args = append(args, "--layer="+filepath.Join("testdata", "layers", layer.File), "--layer-label="+layer.Label)
	}
	for name, text := range test.Attributes {
		flag := "--" + strings.ReplaceAll(name, "_", "-") + "="
		if name == "user" || name == "workdir" {
			args = append(args, flag+text)
			continue
		}
		file := filepath.Join(work, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, flag+file)
	}
	run(t, args...)
	return folder
}

func run(t *testing.T, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := command.Run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("oci %s: exit code %d: %s", strings.Join(args, " "), code, stderr.String())
	}
}

// compare checks the digest of the image and of index.json, and prints the documents where they differ.
func compare(t *testing.T, folder, why, digest, layout string) {
	t.Helper()
	index := filepath.Join(folder, "index.json")
	raw, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	var found struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	if got := found.Manifests[0].Digest; got != digest {
		t.Errorf("%s: the digest is %s, want %s; the documents:", why, got, digest)
		blobs, _ := filepath.Glob(filepath.Join(folder, "blobs", "sha256", "*"))
		for _, blob := range blobs {
			if content, err := os.ReadFile(blob); err == nil && bytes.HasPrefix(content, []byte("{")) {
				t.Logf("%s\n%s", filepath.Base(blob), content)
			}
		}
	}
	if got := digestOf(t, index); got != layout {
		t.Errorf("%s: index.json has the digest %s, want %s:\n%s", why, got, layout, raw)
	}
}

func digestOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(content))
}
