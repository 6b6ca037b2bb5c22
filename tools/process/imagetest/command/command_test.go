package command_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
	"github.com/soketsugo/soketsugo/tools/process/imagetest/command"
)

const goodLabels = "org.opencontainers.image.title=server\norg.opencontainers.image.version=1.2.3\n"

// An image that fulfils every rule passes, and the report names its size and what the program printed.
func TestGood(t *testing.T) {
	code, out := run(t, imagedirtest.Write(t, imagedirtest.Good()), goodLabels, "--max-kib=5")
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, want := range []string{"linux/amd64 sha256:", "bazel build //server:layer", "of 5120", "good, 2 files"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if runtime.GOOS+runtime.GOARCH == "linuxamd64" && !strings.Contains(out, "version        server 1.2.3\n") {
		t.Error("the report lacks the version line")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// For every rule there is an image that breaks it, and the report says which rule and how.
func TestBad(t *testing.T) {
	good := func() []byte { return imagedirtest.Program{Machine: elf.EM_X86_64, Output: "server 1.2.3\n"}.Bytes() }
	layer := func(entries ...imagedirtest.Entry) func(*imagedirtest.Image) {
		return func(image *imagedirtest.Image) { image.Layers = append(image.Layers, entries) }
	}
	program := func(mode int64, program imagedirtest.Program) func(*imagedirtest.Image) {
		return layer(imagedirtest.File("app/server", mode, program.Bytes()))
	}
	config := func(change func(*v1.ConfigFile)) func(*imagedirtest.Image) {
		return func(image *imagedirtest.Image) { change(&image.Config) }
	}
	hour := v1.Time{Time: time.Unix(3600, 0)}
	for _, test := range []struct {
		name   string
		change func(*imagedirtest.Image)
		args   []string
		want   string
	}{
		{"second executable", layer(imagedirtest.File("app/tool", 0o555, good())), nil, "FAIL one executable: 2 files are executable, want one: /app/server, /app/tool"},
		{"executable script", layer(imagedirtest.File("run", 0o500, []byte("x"))), nil, "FAIL one executable: 2 files"},
		{"none executable", program(0o444, imagedirtest.Program{Machine: elf.EM_X86_64}), nil, "FAIL one executable: no file is executable"},
		{"shell", layer(imagedirtest.File("bin/dash", 0o444, nil)), nil, "FAIL no shell: /bin/dash"},
		{"shell by a link", layer(imagedirtest.Link("bin/sh", "../app/server")), nil, "FAIL no shell: /bin/sh"},
		{"busybox anywhere", layer(imagedirtest.File("opt/x/busybox", 0o444, nil)), nil, "FAIL no shell: /opt/x/busybox"},
		{"root", config(func(c *v1.ConfigFile) { c.Config.User = "0" }), nil, `FAIL user: the user is "0", which is no number over 0`},
		{"no user", config(func(c *v1.ConfigFile) { c.Config.User = "" }), nil, `FAIL user: the user is ""`},
		{"user by name", config(func(c *v1.ConfigFile) { c.Config.User = "nonroot" }), nil, `FAIL user: the user is "nonroot"`},
		{"another user", config(func(c *v1.ConfigFile) { c.Config.User = "1000" }), nil, `FAIL user: the user is "1000", want "65532"`},
		{"writable by all", layer(imagedirtest.File("data", 0o446, nil)), nil, "FAIL modes: /data can be written by its group or by all (0446)"},
		{"folder writable by group", layer(imagedirtest.Folder("srv", 0o775)), nil, "FAIL modes: /srv can be written"},
		{"set-uid", program(0o4555, imagedirtest.Program{Machine: elf.EM_X86_64}), nil, "FAIL modes: /app/server is set-uid or set-gid"},
		{"set-gid", program(0o2555, imagedirtest.Program{Machine: elf.EM_X86_64}), nil, "FAIL modes: /app/server is set-uid or set-gid"},
		{"owned by its user", layer(imagedirtest.Entry{Header: tar.Header{Name: "state", Typeflag: tar.TypeReg, Mode: 0o644, Uid: 65532}}), nil, "FAIL modes: /state belongs to the user of the image"},
		{"another entrypoint", config(func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/app/other"} }), nil, `FAIL entrypoint: the entrypoint is ["/app/other"], want ["/app/server"]`},
		{"entrypoint not there", config(func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/nowhere"} }), []string{"--entrypoint=/nowhere"}, `FAIL entrypoint: the entrypoint "/nowhere" is not in the image`},
		{"entrypoint outside", config(func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/../../bin/true"} }), []string{"--entrypoint=/../../bin/true"}, `not run: the entrypoint is wrong`},
		{"entrypoint a link", func(image *imagedirtest.Image) {
			image.Layers = append(image.Layers, []imagedirtest.Entry{imagedirtest.Link("app/link", "/bin/true")})
			image.Config.Config.Entrypoint = []string{"/app/link"}
		}, []string{"--entrypoint=/app/link"}, `FAIL entrypoint: the entrypoint "/app/link" is not a file`},
		{"entrypoint for root alone", program(0o500, imagedirtest.Program{Machine: elf.EM_X86_64}), nil, "FAIL entrypoint: the entrypoint \"/app/server\" cannot be executed by everybody"},
		{"script", layer(imagedirtest.File("app/server", 0o555, []byte("#!/bin/sh\n"))), []string{"--run=never"}, "FAIL static: entrypoint \"/app/server\": it is no ELF executable"},
		{"other processor", program(0o555, imagedirtest.Program{Machine: elf.EM_AARCH64}), []string{"--run=never"}, "FAIL static: entrypoint \"/app/server\": it is for EM_AARCH64, the image is for amd64"},
		{"dynamic", program(0o555, imagedirtest.Program{Machine: elf.EM_X86_64, Interpreter: true}), []string{"--run=never"}, "FAIL static: entrypoint \"/app/server\": it is not static"},
		{"label missing", config(func(c *v1.ConfigFile) { delete(c.Config.Labels, "org.opencontainers.image.title") }), nil, "FAIL labels: label org.opencontainers.image.title is not set"},
		{"label wrong", config(func(c *v1.ConfigFile) { c.Config.Labels["org.opencontainers.image.version"] = "9" }), nil, `FAIL labels: label org.opencontainers.image.version is "9", want "1.2.3"`},
		{"created now", config(func(c *v1.ConfigFile) { c.Created = hour }), nil, "FAIL created: the image was created 1970-01-01T01:00:00Z, want the epoch"},
		{"layer created now", config(func(c *v1.ConfigFile) { c.History[0].Created = hour }), nil, "FAIL created: layer 1 was created"},
		{"too large", layer(imagedirtest.File("noise", 0o444, noise(6000))), []string{"--max-kib=5"}, "FAIL size: the image has "},
		{"other platform", config(func(c *v1.ConfigFile) { c.Architecture = "arm64" }), []string{"--run=never"}, "FAIL platforms: the image is for linux/arm64, want linux/amd64"},
		{"exit code", program(0o555, imagedirtest.Program{Machine: elf.EM_X86_64, Output: "oh no\n", ExitCode: 3}), nil, `FAIL version: running /app/server --version: exit status 3: it printed "oh no\n"`},
		{"other version", program(0o555, imagedirtest.Program{Machine: elf.EM_X86_64, Output: "server 1.2.30\n"}), nil, `FAIL version: /app/server --version starts with the line "server 1.2.30", which lacks the version "1.2.3"`},
		{"version too late", program(0o555, imagedirtest.Program{Machine: elf.EM_X86_64, Output: "server\n1.2.3\n"}), nil, "which lacks the version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if strings.Contains(test.want, "FAIL version") || strings.Contains(test.want, "lacks the version") {
				if runtime.GOOS+runtime.GOARCH != "linuxamd64" {
					t.Skip("the program of the image does not run on this machine")
				}
			}
			image := imagedirtest.Good()
			test.change(&image)
			code, out := run(t, imagedirtest.Write(t, image), goodLabels, test.args...)
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if !strings.Contains(out, test.want) {
				t.Errorf("the report lacks %q", test.want)
			}
			if !strings.Contains(out, "BAD") && !strings.Contains(out, "FAIL platforms") {
				t.Error("the report does not end with BAD")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// An index is good if the images of all its platforms are, and only the one for this machine is run.
func TestIndex(t *testing.T) {
	arm := imagedirtest.Good()
	arm.Config.Architecture = "arm64"
	arm.Layers[0][1] = imagedirtest.File("app/server", 0o555, imagedirtest.Program{Machine: elf.EM_AARCH64}.Bytes())
	platforms := []string{"--platform=linux/amd64", "--platform=linux/arm64"}
	if code, out := run(t, imagedirtest.WriteIndex(t, imagedirtest.Good(), arm), goodLabels, platforms...); code != 0 || !strings.Contains(out, "not run: this machine is") {
		t.Errorf("exit code %d, want 0, and one program not run:\n%s", code, out)
	}
	arm.Config.Config.User = "root"
	if code, out := run(t, imagedirtest.WriteIndex(t, imagedirtest.Good(), arm), goodLabels, platforms...); code != 1 || !strings.Contains(out, "FAIL user") {
		t.Errorf("exit code %d, want 1 because of the second image:\n%s", code, out)
	}
}

// Wrong calls exit with 2 and say what is wrong.
func TestUsage(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no layout":     {[]string{"--entrypoint=/a"}, "--layout is missing"},
		"no entrypoint": {[]string{"--layout=a"}, "--entrypoint is missing"},
		"argument":      {[]string{"--layout=a", "b"}, `unexpected argument "b"`},
		"run":           {[]string{"--layout=a", "--entrypoint=/a", "--run=maybe"}, "--run=maybe is not one of"},
		"size":          {[]string{"--layout=a", "--entrypoint=/a", "--max-kib=-1"}, "--max-kib=-1 is less than 0"},
		"labels":        {[]string{"--layout=a", "--entrypoint=/a", "--labels=/nowhere"}, "reading the labels"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := command.Run(context.Background(), test.args, &out, &out); code != 2 || !strings.Contains(out.String(), test.want) {
				t.Errorf("exit code %d, want 2, and %q in %q", code, test.want, out.String())
			}
		})
	}
}

func run(t *testing.T, layout, labels string, args ...string) (int, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "labels.txt")
	if err := os.WriteFile(file, []byte(labels), 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{"--layout=" + layout, "--labels=" + file}
	if !strings.Contains(strings.Join(args, " "), "--entrypoint") {
		all = append(all, "--entrypoint=/app/server")
	}
	var out bytes.Buffer
	code := command.Run(context.Background(), append(all, args...), &out, &out)
	return code, out.String()
}

// noise does not compress.
func noise(size int) []byte {
	content := make([]byte, size)
	state := uint32(1)
	for i := range content {
		state = state*1664525 + 1013904223
		content[i] = byte(state >> 24)
	}
	return content
}
