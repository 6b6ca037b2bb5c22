package lock_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/deploy/lock"
)

func entry(digit string) lock.Entry {
	return lock.Entry{
		Image:    "sha256:" + strings.Repeat(digit, 64),
		Manifest: "sha256:" + strings.Repeat("f", 64),
		Commit:   strings.Repeat("c", 40),
		Time:     time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600)),
	}
}

// What is recorded of one process leaves the others as they are; times are whole
// seconds of UTC.
func TestRecord(t *testing.T) {
	path := lock.Path(t.TempDir(), "staging")
	for process, digit := range map[string]string{"s/b": "1", "s/a": "2"} {
		if err := lock.Record(path, process, entry(digit)); err != nil {
			t.Fatal(err)
		}
	}
	if err := lock.Record(path, "s/b", entry("3")); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := func(process, digit string) string {
		return `  "` + process + `": {
    "image": "sha256:` + strings.Repeat(digit, 64) + `",
    "manifest": "sha256:` + strings.Repeat("f", 64) + `",
    "commit": "` + strings.Repeat("c", 40) + `",
    "time": "2026-01-02T02:04:05Z"
  }`
	}
	want := "{\n" + block("s/a", "2") + ",\n" + block("s/b", "3") + "\n}\n"
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A deploy that was begun is incomplete until it is recorded. One of a process that
// was never complete leaves no trace.
func TestBegin(t *testing.T) {
	path := lock.Path(t.TempDir(), "staging")
	if err := lock.Begin(path, "s/a", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a lock file")
	}
	check := func(want lock.Entry) {
		t.Helper()
		want.Time = want.Time.UTC().Truncate(time.Second)
		l, err := lock.Read(path)
		if diff := cmp.Diff(lock.Lock{"s/a": want}, l); err != nil || diff != "" {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
	}
	good, begun := entry("1"), time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	if err := lock.Record(path, "s/a", good); err != nil {
		t.Fatal(err)
	}
	check(good)
	if err := lock.Begin(path, "s/a", begun); err != nil {
		t.Fatal(err)
	}
	incomplete := good
	incomplete.Incomplete, incomplete.Time = true, begun
	check(incomplete)
	if err := lock.Record(path, "s/a", good); err != nil {
		t.Fatal(err)
	}
	check(good)
}

// Deploys that end at the same time are all recorded.
func TestRecordAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "staging.lock")
	processes := []string{"s/a", "s/b", "s/c", "s/d", "s/e", "s/f", "s/g", "s/h"}
	var all sync.WaitGroup
	for _, process := range processes {
		all.Go(func() {
			if err := lock.Record(path, process, entry("1")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	l, err := lock.Read(path)
	if err != nil || len(l) != len(processes) {
		t.Errorf("%d of %d are recorded: %v", len(l), len(processes), err)
	}
}

// An environment without a lock file runs nothing. A broken one is an error,
// because reading it as empty would deploy everything.
func TestRead(t *testing.T) {
	if l, err := lock.Read(filepath.Join(t.TempDir(), "none.lock")); err != nil || len(l) != 0 {
		t.Errorf("no file: %v, %v", l, err)
	}
	good := `"s/a": {"image": "sha256:` + strings.Repeat("1", 64) + `", "manifest": "sha256:` + strings.Repeat("2", 64) + `"}`
	for name, content := range map[string]string{
		"empty":     "",
		"cut":       "{" + good,
		"not JSON":  "s/a:\n  image: x\n",
		"a list":    "[]",
		"more":      "{" + good + "} {}",
		"unknown":   `{"s/a": {"picture": "x"}}`,
		"no digest": `{"s/a": {"image": "latest", "manifest": "x"}}`,
		"a marker":  "<<<<<<< HEAD\n{" + good + "}",
	} {
		if l, err := lock.Parse([]byte(content)); err == nil {
			t.Errorf("%s was read as %v", name, l)
		}
	}
	if l, err := lock.Parse([]byte("{" + good + "}")); err != nil || len(l) != 1 {
		t.Errorf("a good one: %v, %v", l, err)
	}
}

// Any content is read or refused, and what is read can be written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"s/a": {"image": "sha256:` + strings.Repeat("1", 64) + `", "manifest": "sha256:` + strings.Repeat("2", 64) + `"}}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, content []byte) {
		l, err := lock.Parse(content)
		if err != nil {
			return
		}
		again, err := l.Format()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Parse(again); err != nil {
			t.Errorf("what was written of %q is refused: %v", content, err)
		}
	})
}
