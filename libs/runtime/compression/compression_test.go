package compression_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/compression"
)

var (
	large = strings.Repeat(`{"name":"a playbook"},`, 200)
	small = large[:1000]
)

// answering answers with some headers, by pairs, and a body in pieces.
func answering(status int, headers []string, pieces ...string) http.Handler {
	return compression.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		for _, piece := range pieces {
			if count, err := io.WriteString(w, piece); err != nil || count != len(piece) {
				panic(err)
			}
		}
	}))
}

// ask sends a request through a real server, and returns the answer and its body
// as it came.
func ask(t testing.TB, handler http.Handler, method string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequest(method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

func unzip(t testing.TB, data []byte) string {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is large, is text and is asked for comes compressed; nothing else does.
// Either way it is the same text, and caches are told what it depends on.
func TestWhatIsCompressed(t *testing.T) {
	json := []string{"Content-Type", "application/json"}
	with := func(more ...string) []string { return append(append([]string(nil), json...), more...) }
	for _, test := range []struct {
		name    string
		status  int
		headers []string
		pieces  []string
		method  string
		accept  string
		want    bool
	}{
		{"a large answer", 200, json, []string{large}, "GET", "gzip", true},
		{"in pieces", 201, json, strings.SplitAfter(large, ","), "POST", "gzip", true},
		{"one of several codings", 200, json, []string{large}, "GET", "br;q=1.0, GZIP ; q=0.5, *;q=0", true},
		{"a problem", 400, []string{"Content-Type", "application/problem+json"}, []string{large}, "GET", "gzip", true},
		{"text", 200, []string{"Content-Type", "text/html; charset=utf-8"}, []string{large}, "GET", "gzip", true},
		{"with its length", 200, with("Content-Length", strconv.Itoa(len(large))), []string{large}, "GET", "gzip", true},
		{"a small answer", 200, json, []string{small}, "GET", "gzip", false},
		{"a small one in pieces", 200, json, []string{small[:500], small[500:]}, "GET", "gzip", false},
		{"an empty one", 200, json, nil, "GET", "gzip", false},
		{"no coding", 200, json, []string{large}, "GET", "", false},
		{"another coding", 200, json, []string{large}, "GET", "br, gzipped", false},
		{"a coding that is refused", 200, json, []string{large}, "GET", "gzip;q=0", false},
		{"a weight that is none", 200, json, []string{large}, "GET", "gzip;q=x", false},
		{"HEAD", 200, json, nil, "HEAD", "gzip", false},
		{"what is compressed already", 200, with("Content-Encoding", "br"), []string{large}, "GET", "gzip", false},
		{"a picture", 200, []string{"Content-Type", "image/png"}, []string{large}, "GET", "gzip", false},
		{"a part", 206, with("Content-Range", "bytes 0-9/99"), []string{large}, "GET", "gzip", false},
		{"what must stay as it is", 200, with("Cache-Control", "private, no-transform"), []string{large}, "GET", "gzip", false},
		{"no content", 204, nil, nil, "GET", "gzip", false},
	} {
		answer, body := ask(t, answering(test.status, test.headers, test.pieces...), test.method, "Accept-Encoding", test.accept)
		compressed := answer.Header.Get("Content-Encoding") == "gzip"
		if compressed != test.want || answer.StatusCode != test.status || answer.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: got %d, %v", test.name, answer.StatusCode, answer.Header)
			continue
		}
		text := string(body)
		if compressed {
			text = unzip(t, body)
		}
		if text != strings.Join(test.pieces, "") {
			t.Errorf("%s: the text differs: %d bytes", test.name, len(text))
		}
	}
}

// The type of an answer is that of its text also where the handler does not say
// it.
func TestTypeIsFoundOut(t *testing.T) {
	answer, body := ask(t, compression.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>"+large)
	})), "GET", "Accept-Encoding", "gzip")
	if answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || unzip(t, body) != "<html>"+large {
		t.Errorf("got %v", answer.Header)
	}
}

// A compressed answer has a strong tag of its own, which can be sent back in any
// condition, and which the handler never sees.
func TestEntityTags(t *testing.T) {
	var match, noneMatch string
	handler := func(tag string) http.Handler {
		return compression.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			match, noneMatch = r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("ETag", tag)
			if strings.Contains(noneMatch, tag) {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			_, _ = io.WriteString(w, large)
		}))
	}
	for _, test := range []struct {
		name, tag, accept, match, noneMatch string
		status                              int
		want, wantMatch, wantNoneMatch      string
	}{
		{"compressed", `"3"`, "gzip", "", "", 200, `"3-gzip"`, "", ""},
		{"as it is", `"3"`, "", "", "", 200, `"3"`, "", ""},
		{"a weak tag", `W/"3"`, "gzip", "", "", 200, `W/"3"`, "", ""},
		{"If-Match", `"3"`, "", `"3-gzip"`, "", 200, `"3"`, `"3"`, ""},
		{"several", `"3"`, "gzip", "", `"1-gzip", "2"`, 200, `"3-gzip"`, "", `"1", "2"`},
		{"the same", `"3"`, "gzip", "", `"3-gzip"`, 304, `"3-gzip"`, "", `"3"`},
		{"the same, not compressed", `"3"`, "gzip", "", `"3"`, 304, `"3"`, "", `"3"`},
	} {
		answer, body := ask(t, handler(test.tag), "GET", "Accept-Encoding", test.accept, "If-Match", test.match, "If-None-Match", test.noneMatch)
		if got := answer.Header.Get("ETag"); answer.StatusCode != test.status || got != test.want || match != test.wantMatch || noneMatch != test.wantNoneMatch {
			t.Errorf("%s: got %d with ETag %s; the handler saw %q and %q", test.name, answer.StatusCode, got, match, noneMatch)
		}
		if answer.StatusCode == http.StatusNotModified && len(body) > 0 {
			t.Errorf("%s: 304 with a body", test.name)
		}
	}
}

// What is flushed arrives, compressed or not, before the answer ends.
func TestFlush(t *testing.T) {
	for name, first := range map[string]string{"small": small, "large": large} {
		arrived := make(chan struct{})
		server := httptest.NewServer(compression.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, first)
			w.(http.Flusher).Flush()
			<-arrived
			_, _ = io.WriteString(w, large)
		})))
		// The client's own decompression must be able to follow.
		answer, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Uncompressed != (name == "large") {
			t.Errorf("%s: compressed is %v", name, answer.Uncompressed)
		}
		begin := make([]byte, len(first))
		if _, err := io.ReadFull(answer.Body, begin); err != nil || string(begin) != first {
			t.Errorf("%s: the beginning: %v", name, err)
		}
		close(arrived)
		rest, err := io.ReadAll(answer.Body)
		if err != nil || string(rest) != large {
			t.Errorf("%s: the rest: %d bytes, %v", name, len(rest), err)
		}
		answer.Body.Close()
		server.Close()
	}
}

// After a panic nothing looks like a whole answer.
func TestPanic(t *testing.T) {
	handler := compression.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, r.Header.Get("Text"))
		panic(http.ErrAbortHandler)
	}))
	for _, text := range []string{small, large} {
		server := httptest.NewServer(handler)
		request, err := http.NewRequest("GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Text", text)
		answer, err := server.Client().Do(request)
		if err == nil {
			if _, err = io.ReadAll(answer.Body); err == nil {
				t.Errorf("%d bytes came as a whole answer", len(text))
			}
			answer.Body.Close()
		}
		server.Close()
	}
}

// Answers that are made at the same time do not mix.
func TestManyAtOnce(t *testing.T) {
	server := httptest.NewServer(compression.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 20 {
			_, _ = io.WriteString(w, strings.Repeat(r.URL.RawQuery, 20))
		}
	})))
	defer server.Close()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				query := strconv.Itoa(i*1000 + j)
				answer, err := server.Client().Get(server.URL + "?" + query)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if err != nil || string(body) != strings.Repeat(query, 400) {
					t.Errorf("%s: %d bytes, %v", query, len(body), err)
				}
			}
		})
	}
	all.Wait()
}

// Any Accept-Encoding gets an answer that its text can be read from.
func FuzzAcceptEncoding(f *testing.F) {
	f.Add("gzip")
	f.Add("gzip;q=1.5e-3,,;")
	handler := answering(http.StatusOK, []string{"Content-Type", "application/json"}, large)
	f.Fuzz(func(t *testing.T, accept string) {
		request := httptest.NewRequest("GET", "/", nil)
		request.Header["Accept-Encoding"] = []string{accept}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		text := answer.Body.String()
		if answer.Header().Get("Content-Encoding") == "gzip" {
			if !strings.Contains(strings.ToLower(accept), "gzip") {
				t.Errorf("%q: compressed", accept)
			}
			text = unzip(t, answer.Body.Bytes())
		}
		if text != large {
			t.Errorf("%q: got %d bytes", accept, len(text))
		}
	})
}

// BenchmarkHandler says what compression takes, and what it saves, beside the
// same answer without it.
func BenchmarkHandler(b *testing.B) {
	source := rand.New(rand.NewPCG(1, 2))
	list := []byte(`{"playbooks":[`)
	for range 50 {
		list = fmt.Appendf(list, `{"id":"%08x-7c3e-7b1a-8f1e-%012x","name":"Welcome %d","description":"","steps":[{"kind":"EMAIL","title":"Say hello","delay":"%ds"}],"state":"ACTIVE","revision":%d,`+
			`"created_at":"2026-01-02T03:04:05.%06dZ","updated_at":"2026-01-02T03:04:05.%06dZ"},`,
			source.Uint32(), source.Uint64()>>16, source.IntN(1000), source.IntN(90000), source.IntN(9), source.IntN(1e6), source.IntN(1e6))
	}
	for _, size := range []struct {
		name string
		text []byte
	}{{"small", list[:300]}, {"list", list}} {
		for _, accept := range []string{"identity", "gzip"} {
			b.Run(size.name+"/"+accept, func(b *testing.B) {
				inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write(size.text)
				})
				handler := compression.Handler(inner)
				request := httptest.NewRequest("GET", "/", nil)
				request.Header.Set("Accept-Encoding", accept)
				sink := &sink{header: http.Header{}}
				b.ReportAllocs()
				b.SetBytes(int64(len(size.text)))
				for b.Loop() {
					clear(sink.header)
					handler.ServeHTTP(sink, request)
				}
				b.ReportMetric(float64(sink.bytes)/float64(b.N), "sent/op")
			})
		}
	}
}

// sink is a client that takes everything.
type sink struct {
	header http.Header
	bytes  int64
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Write(data []byte) (int, error) {
	s.bytes += int64(len(data))
	return len(data), nil
}
