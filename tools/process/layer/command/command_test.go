package command_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/tools/process/compression"
	"github.com/soketsugo/soketsugo/tools/process/layer/command"
)

// The layer holds the files with their folders, sorted, at the epoch, owned by root, and nothing else.
func TestContent(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"executable", []string{"--executable=/app/bin/server=SOURCE"}, []string{"app/ 755 0:0", "app/bin/ 755 0:0", "app/bin/server 555 0:0"}},
		{"at the root", []string{"--executable=/server=SOURCE"}, []string{"server 555 0:0"}},
		{"mode and owner", []string{"--executable=/server=SOURCE", "--mode=0500", "--owner=10:20"}, []string{"server 500 10:20"}},
		{"other file, sorted", []string{"--executable=/b=SOURCE", "--file=/a=SOURCE"}, []string{"a 444 0:0", "b 555 0:0"}},
		{"certificates", []string{"--ca-certificates"}, []string{"etc/ 755 0:0", "etc/ssl/ 755 0:0", "etc/ssl/certs/ 755 0:0", "etc/ssl/certs/ca-certificates.crt 444 0:0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, header := range read(t, write(t, ".tar.zst", test.args...), nil) {
				got = append(got, fmt.Sprintf("%s %o %d:%d", header.Name, header.Mode, header.Uid, header.Gid))
				if !header.ModTime.Equal(time.Unix(0, 0)) {
					t.Errorf("%s was changed at %s, want the epoch", header.Name, header.ModTime)
				}
				if header.Uname+header.Gname != "" {
					t.Errorf("%s names its owner %q, %q", header.Name, header.Uname, header.Gname)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// The bytes are the same wherever and whenever the layer is made: neither the time nor the mode of the source, nor its
// path, nor the order of the flags matters. A digest here may change with a new version of Go or of the zstd library;
// the digests of all images change with it.
func TestSameBytes(t *testing.T) {
	for suffix, want := range map[string]string{
		".tar":     "sha256:85e9b4b2ac9613ac477c7f63c0fd7315fd1d4c647077d9ff3b69e6922e8409e3",
		".tar.gz":  "sha256:ee387a0b261fbfbf3e5eeebdabcaa4361dba52ac257458833790f266696f7ba7",
		".tar.zst": "sha256:d7c7cf6f96f241367fd74a6c5093219d809d973fc005c9ff1afdb7f6efb5b7c4",
	} {
		t.Run(suffix, func(t *testing.T) {
			first := digest(t, write(t, suffix, "--executable=/app/server=SOURCE", "--file=/etc/a=SOURCE"))
			second := digest(t, write(t, suffix, "--file=/etc/a=SOURCE", "--executable=/app/server=SOURCE"))
			if first != want || second != want {
				t.Errorf("got %s and %s, want %s", first, second, want)
			}
		})
	}
}

// The content of the executable arrives unchanged in each compression.
func TestRoundTrip(t *testing.T) {
	for _, suffix := range []string{".tar", ".tar.gz", ".tar.zst"} {
		t.Run(suffix, func(t *testing.T) {
			contents := map[string][]byte{}
			read(t, write(t, suffix, "--executable=/server=SOURCE"), contents)
			if string(contents["server"]) != source {
				t.Errorf("got %q, want %q", contents["server"], source)
			}
		})
	}
}

// The certificates are those of authorities, and none of them is there twice.
func TestCertificates(t *testing.T) {
	contents := map[string][]byte{}
	read(t, write(t, ".tar.zst", "--ca-certificates"), contents)
	rest := contents["etc/ssl/certs/ca-certificates.crt"]
	seen := map[string]bool{}
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if !certificate.IsCA {
			t.Errorf("%s is no authority", certificate.Subject)
		}
		if seen[string(certificate.Raw)] {
			t.Errorf("%s is there twice", certificate.Subject)
		}
		seen[string(certificate.Raw)] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d authorities, want the more than 100 of Mozilla", len(seen))
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(rest) {
		t.Error("the file cannot be used as a certificate pool")
	}
}

// Wrong calls exit with 2, what cannot be done with 1; both say why and leave no file.
func TestRefused(t *testing.T) {
	folder := t.TempDir()
	out := "--output=" + filepath.Join(folder, "layer.tar.zst")
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no output":        {[]string{"--ca-certificates"}, 2, "--output is missing"},
		"empty":            {[]string{out}, 2, "the layer is empty"},
		"compression":      {[]string{out, "--compression=xz"}, 2, `compression "xz" is not one of zstd, gzip, none`},
		"name":             {[]string{out, "--compression=gzip", "--ca-certificates"}, 2, "its name must end in .tar.gz"},
		"no source":        {[]string{out, "--executable=/a"}, 2, "is not of the form /path=source"},
		"relative":         {[]string{out, "--executable=a=b"}, 2, "is not absolute and clean"},
		"not clean":        {[]string{out, "--executable=/a/../b=b"}, 2, "is not absolute and clean"},
		"root":             {[]string{out, "--executable=/=b"}, 2, "is not absolute and clean"},
		"deletes":          {[]string{out, "--executable=/.wh.a=b"}, 2, "has the prefix .wh."},
		"twice":            {[]string{out, "--executable=/a=b", "--file=/a=b"}, 2, "is there twice"},
		"file as a folder": {[]string{out, "--executable=/a=b", "--file=/a/b=b"}, 2, `lies in "/a", which is a file`},
		"mode":             {[]string{out, "--executable=/a=b", "--mode=4755"}, 2, "--mode=4755 is not an octal mode"},
		"owner":            {[]string{out, "--executable=/a=b", "--owner=root"}, 2, "--owner=root is not of the form user:group"},
		"argument":         {[]string{out, "a"}, 2, `unexpected argument "a"`},
		"not there":        {[]string{out, "--executable=/a=" + filepath.Join(folder, "nowhere")}, 1, "no such file"},
		"a folder":         {[]string{out, "--executable=/a=" + folder}, 1, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := command.Run(test.args, io.Discard, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit code %d, want %d, and %q in %q", code, test.code, test.want, stderr.String())
			}
			if left, _ := os.ReadDir(folder); len(left) > 0 {
				t.Errorf("%s was left behind", left[0].Name())
			}
		})
	}
}

const source = "not much of a program\n"

// write makes a layer; SOURCE in the arguments becomes a file.
func write(t *testing.T, suffix string, args ...string) string {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "source")
	if err := os.WriteFile(file, []byte(source), 0o640); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(folder, "layer"+suffix)
	format := map[string]string{".tar": "none", ".tar.gz": "gzip", ".tar.zst": "zstd"}[suffix]
	all := []string{"--output=" + output, "--compression=" + format}
	for _, arg := range args {
		all = append(all, strings.ReplaceAll(arg, "SOURCE", file))
	}
	var stderr bytes.Buffer
	if code := command.Run(all, io.Discard, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	return output
}

// read returns the headers of a layer, and puts the contents into the map if there is one.
func read(t *testing.T, path string, contents map[string][]byte) []*tar.Header {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, _, err := compression.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	archive := tar.NewReader(reader)
	var headers []*tar.Header
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, header)
		if contents != nil {
			if contents[header.Name], err = io.ReadAll(archive); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(content))
}
