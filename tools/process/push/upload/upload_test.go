package upload_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/soketsugo/soketsugo/tools/process/imagedir"
	"github.com/soketsugo/soketsugo/tools/process/imagedir/imagedirtest"
	"github.com/soketsugo/soketsugo/tools/process/push/checkout"
	"github.com/soketsugo/soketsugo/tools/process/push/record"
	"github.com/soketsugo/soketsugo/tools/process/push/upload"
)

func testCommit() *checkout.Commit {
	return &checkout.Commit{Hash: strings.Repeat("a", 40), Time: time.Unix(1e9, 0), Source: "https://example.com/repo"}
}

// What is pushed comes back by digest and by tag, byte for byte, and is valid.
func TestRoundTrip(t *testing.T) {
	arm := imagedirtest.Good()
	arm.Config.Architecture = "arm64"
	for kind, layout := range map[string]string{
		"image": imagedirtest.Write(t, imagedirtest.Good()),
		"index": imagedirtest.WriteIndex(t, imagedirtest.Good(), arm),
	} {
		t.Run(kind, func(t *testing.T) {
			server := newServer(t)
			directory := open(t, layout)
			steps := server.push(t, directory, upload.Options{Tags: []string{"one", "two"}})
			if got, want := actions(steps), []string{upload.Uploaded}; !slices.Equal(got, want) {
				t.Errorf("actions %q, want %q alone", got, want)
			}
			root := directory.Root()
			for _, reference := range []name.Reference{server.repository.Digest(root.Digest.String()), server.repository.Tag("one"), server.repository.Tag("two")} {
				got, err := remote.Get(reference)
				if err != nil {
					t.Fatal(err)
				}
				want, err := directory.Document(root.Digest)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Manifest, want) || got.MediaType != root.MediaType {
					t.Errorf("%s came back as %s %s", reference, got.MediaType, got.Manifest)
				}
			}
			images, err := directory.Images()
			if err != nil {
				t.Fatal(err)
			}
			for _, image := range images {
				server.compareLayers(t, directory, image)
			}
		})
	}
}

// A second push writes nothing: not a single request but HEAD and GET.
func TestSecondPushWritesNothing(t *testing.T) {
	server := newServer(t)
	directory := open(t, imagedirtest.Write(t, imagedirtest.Good()))
	options := upload.Options{Tags: []string{"one"}, Commit: testCommit()}
	server.push(t, directory, options)
	before := server.writes()
	if before == 0 {
		t.Fatal("the first push wrote nothing")
	}
	steps := server.push(t, directory, options)
	if got := server.writes() - before; got != 0 {
		t.Errorf("the second push sent %d requests that write", got)
	}
	if got, want := actions(steps), []string{upload.Present}; !slices.Equal(got, want) {
		t.Errorf("actions %q, want %q alone", got, want)
	}
}

// A push whose uploads break off fails without tagging anything; the next one uploads what is missing.
func TestInterruptedPush(t *testing.T) {
	server := newServer(t)
	image := imagedirtest.Good()
	image.Layers = append(image.Layers, []imagedirtest.Entry{imagedirtest.File("second", 0o444, []byte("layer"))})
	directory := open(t, imagedirtest.Write(t, image))
	options := server.options(upload.Options{Tags: []string{"one"}})

	// The first layer gets through, the second breaks off in the middle, again and again.
	var uploads atomic.Int32
	server.setBroken(func(request *http.Request) bool {
		return request.Method == http.MethodPatch && uploads.Add(1) > 1
	})
	steps, err := upload.Push(context.Background(), directory, options)
	if err == nil || !strings.Contains(err.Error(), "uploading layer sha256:") {
		t.Errorf("the broken push ended with %v", err)
	}
	if len(steps) != 1 {
		t.Errorf("the broken push finished %d steps, want 1", len(steps))
	}
	if got := uploads.Load(); got < 3 {
		t.Errorf("%d uploads were tried, want retries", got)
	}
	if _, err := remote.Head(server.repository.Tag("one")); err == nil {
		t.Error("the broken push set the tag")
	}

	server.setBroken(nil)
	steps, err = upload.Push(context.Background(), directory, options)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, step := range steps {
		got = append(got, step.Action+" "+step.Kind)
	}
	want := []string{"present layer", "uploaded layer", "uploaded config", "uploaded manifest", "uploaded tag"}
	if !slices.Equal(got, want) {
		t.Errorf("steps %q, want %q", got, want)
	}
}

// A registry that is short of breath for a moment is tried again.
func TestRetry(t *testing.T) {
	server := newServer(t)
	failed := map[string]bool{}
	server.setBroken(func(request *http.Request) bool {
		first := request.Method != http.MethodHead && request.Method != http.MethodGet && !failed[request.Method]
		failed[request.Method] = true
		return first
	})
	server.push(t, open(t, imagedirtest.Write(t, imagedirtest.Good())), upload.Options{Tags: []string{"one"}})
}

// A dry run says what is missing and writes nothing.
func TestDryRun(t *testing.T) {
	server := newServer(t)
	steps := server.push(t, open(t, imagedirtest.Write(t, imagedirtest.Good())), upload.Options{Tags: []string{"one"}, Commit: testCommit(), DryRun: true})
	if got := server.writes(); got != 0 {
		t.Errorf("the dry run sent %d requests that write", got)
	}
	if got, want := actions(steps), []string{upload.Missing}; !slices.Equal(got, want) {
		t.Errorf("actions %q, want %q alone", got, want)
	}
}

// A tag that pointed elsewhere is reported as moved.
func TestMovedTag(t *testing.T) {
	server := newServer(t)
	server.push(t, open(t, imagedirtest.Write(t, imagedirtest.Good())), upload.Options{Tags: []string{"one"}})
	other := imagedirtest.Good()
	other.Config.Config.Labels["more"] = "1"
	directory := open(t, imagedirtest.Write(t, other))
	steps := server.push(t, directory, upload.Options{Tags: []string{"one"}})
	if last := steps[len(steps)-1]; last.Kind != "tag" || last.Action != upload.Moved {
		t.Errorf("the last step is %v, want the tag moved", last)
	}
	if found, err := remote.Head(server.repository.Tag("one")); err != nil || found.Digest != directory.Root().Digest {
		t.Errorf("the tag points to %v, %v", found, err)
	}
}

// The commit is found by asking the registry what refers to the image, with and without the referrers API, and the
// image's digest is what it was. Two commits may have made the same image.
func TestRecord(t *testing.T) {
	for kind, options := range map[string][]registry.Option{
		"referrers API": {registry.WithReferrersSupport(true)},
		"fallback tag":  nil,
	} {
		t.Run(kind, func(t *testing.T) {
			server := newServer(t, options...)
			directory := open(t, imagedirtest.Write(t, imagedirtest.Good()))
			server.push(t, directory, upload.Options{Commit: testCommit()})
			second := testCommit()
			second.Hash, second.Dirty = strings.Repeat("b", 40), true
			server.push(t, directory, upload.Options{Commit: second})

			index, err := remote.Referrers(server.repository.Digest(directory.Root().Digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			found, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			dirty := map[string]string{}
			for _, referrer := range found.Manifests {
				if referrer.ArtifactType != record.ArtifactType {
					t.Errorf("a referrer of type %q", referrer.ArtifactType)
				}
				// A registry may list referrers without their annotations.
				manifest, err := remote.Get(server.repository.Digest(referrer.Digest.String()))
				if err != nil {
					t.Fatal(err)
				}
				image, err := manifest.Image()
				if err != nil {
					t.Fatal(err)
				}
				content, err := image.Manifest()
				if err != nil {
					t.Fatal(err)
				}
				if content.Subject.Digest != directory.Root().Digest {
					t.Errorf("the record is about %s", content.Subject.Digest)
				}
				if content.Annotations[record.AnnotationCreated] != "2001-09-09T01:46:40Z" || content.Annotations[record.AnnotationSource] != "https://example.com/repo" {
					t.Errorf("annotations %v", content.Annotations)
				}
				dirty[content.Annotations[record.AnnotationRevision]] = content.Annotations[record.AnnotationDirty]
			}
			if len(dirty) != 2 || dirty[testCommit().Hash] != "" || dirty[second.Hash] != "true" {
				t.Errorf("the commits recorded are %v", dirty)
			}
		})
	}
}

// An image folder that was damaged after it was built does not reach the registry.
func TestDamagedLayout(t *testing.T) {
	server := newServer(t)
	layout := imagedirtest.Write(t, imagedirtest.Good())
	directory := open(t, layout)
	images, err := directory.Images()
	if err != nil {
		t.Fatal(err)
	}
	layer := images[0].Manifest.Layers[0].Digest
	if err := os.WriteFile(imagedirtest.Blob(layout, layer), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = upload.Push(context.Background(), directory, server.options(upload.Options{Tags: []string{"one"}}))
	if err == nil {
		t.Fatal("the damaged layer was pushed")
	}
	if _, err := remote.Head(server.repository.Tag("one")); err == nil {
		t.Error("the damaged image has a tag")
	}
}

// server is a registry that counts what it is asked and can break off.
// Nothing goes over plain HTTP to a host that may be another machine, unless that is asked for.
func TestPlainHTTP(t *testing.T) {
	server := newServer(t)
	_, port, _ := strings.Cut(server.repository.RegistryStr(), ":")
	// 0.0.0.0 leads to this machine without being a loopback address.
	repository, err := name.NewRepository("0.0.0.0:"+port+"/team/server", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	directory := open(t, imagedirtest.Write(t, imagedirtest.Good()))
	options := server.options(upload.Options{Tags: []string{"one"}})
	options.Repository = repository
	if _, err := upload.Push(context.Background(), directory, options); err == nil || !strings.Contains(err.Error(), "--insecure") {
		t.Errorf("got %v, want an error that names --insecure", err)
	}
	if got := server.writes(); got != 0 {
		t.Errorf("%d requests that write were sent", got)
	}
	options.Insecure = true
	if _, err := upload.Push(context.Background(), directory, options); err != nil {
		t.Errorf("with --insecure: %v", err)
	}
}

type server struct {
	repository name.Repository

	mu     sync.Mutex
	counts map[string]int
	broken func(*http.Request) bool
}

func newServer(t *testing.T, options ...registry.Option) *server {
	t.Helper()
	s := &server{counts: map[string]int{}}
	handler := registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...)
	test := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		s.mu.Lock()
		s.counts[request.Method]++
		broken := s.broken != nil && s.broken(request)
		s.mu.Unlock()
		if broken {
			// Read a little, then cut the line.
			_, _ = io.CopyN(io.Discard, request.Body, 10)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, request)
	}))
	t.Cleanup(test.Close)
	address, err := url.Parse(test.URL)
	if err != nil {
		t.Fatal(err)
	}
	if s.repository, err = name.NewRepository(address.Host + "/team/server"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) options(options upload.Options) upload.Options {
	options.Repository = s.repository
	options.Keychain = authn.NewMultiKeychain()
	options.Backoff = remote.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 5}
	return options
}

func (s *server) push(t *testing.T, directory *imagedir.Directory, options upload.Options) []upload.Step {
	t.Helper()
	steps, err := upload.Push(context.Background(), directory, s.options(options))
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func (s *server) setBroken(broken func(*http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// writes is how many requests wanted to change something.
func (s *server) writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[http.MethodPost] + s.counts[http.MethodPut] + s.counts[http.MethodPatch] + s.counts[http.MethodDelete]
}

func (s *server) compareLayers(t *testing.T, directory *imagedir.Directory, image imagedir.Image) {
	t.Helper()
	for _, layer := range image.Manifest.Layers {
		found, err := remote.Layer(s.repository.Digest(layer.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := found.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		want, err := directory.Blob(layer.Digest)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		if gotBytes, wantBytes := readAll(t, got), readAll(t, want); !bytes.Equal(gotBytes, wantBytes) {
			t.Errorf("layer %s came back with %d bytes, want %d", layer.Digest, len(gotBytes), len(wantBytes))
		}
	}
}

func readAll(t *testing.T, reader io.Reader) []byte {
	t.Helper()
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func open(t *testing.T, layout string) *imagedir.Directory {
	t.Helper()
	directory, err := imagedir.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

// actions returns the different actions of the steps.
func actions(steps []upload.Step) []string {
	var found []string
	for _, step := range steps {
		if !slices.Contains(found, step.Action) {
			found = append(found, step.Action)
		}
	}
	return found
}
