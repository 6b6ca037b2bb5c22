// Package lock reads and writes the lock file of an environment: what each
// process runs there since its last deploy that succeeded, and whether a later one
// did not.
package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// Folder is where the files of environments and their locks are in a checkout.
const Folder = "k8s/environments"

// Path returns the lock file of an environment in the checkout at root.
func Path(root, environment string) string {
	return filepath.Join(root, filepath.FromSlash(Folder), environment+".lock")
}

// A Lock is what an environment runs, by process, such as "playbook/rest".
type Lock map[string]Entry

// An Entry is what was deployed of one process.
type Entry struct {
	// Image is the digest of the image.
	Image string `json:"image"`
	// Manifest is the digest of the rendered manifest.
	Manifest string `json:"manifest"`
	// Commit is what was checked out, with "-dirty" if files differed.
	Commit string `json:"commit"`
	// Time is when the rollout was complete; of an incomplete entry, when the later
	// deploy was begun.
	Time time.Time `json:"time"`
	// Incomplete says that a later deploy was begun and did not come to a good end,
	// so that what runs may be something else.
	Incomplete bool `json:"incomplete,omitempty"`
}

// digestPattern is how a digest looks.
var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Read reads a lock file. One that is missing is that of an environment which
// runs nothing yet.
func Read(path string) (Lock, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a lock file: %w", err)
	}
	l, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return l, nil
}

// Parse reads the content of a lock file.
func Parse(content []byte) (Lock, error) {
	l := Lock{}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return nil, fmt.Errorf("want JSON as the last apply wrote it: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("want JSON as the last apply wrote it: there is something behind it")
	}
	if l == nil {
		return Lock{}, nil
	}
	for process, entry := range l {
		if !digestPattern.MatchString(entry.Image) || !digestPattern.MatchString(entry.Manifest) {
			return nil, fmt.Errorf("%s: image %q and manifest %q: want digests, sha256: and 64 digits", process, entry.Image, entry.Manifest)
		}
	}
	return l, nil
}

// Format returns the content of a lock file: sorted, a process a block, so that
// deploys of two processes merge in git.
func (l Lock) Format() ([]byte, error) {
	content, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a lock file: %w", err)
	}
	return append(content, '\n'), nil
}

// Record notes what was deployed of a process. Several programs may do so at
// once, for one file; readers never see half of one.
func Record(path, process string, entry Entry) error {
	return change(path, process, func(l Lock) bool {
		l[process] = entry
		return true
	})
}

// Begin notes that a deploy of a process was begun, until Record notes its good
// end. A process without an entry stays without: nothing says that it runs.
func Begin(path, process string, now time.Time) error {
	return change(path, process, func(l Lock) bool {
		entry, ok := l[process]
		if ok {
			entry.Incomplete, entry.Time = true, now
			l[process] = entry
		}
		return ok
	})
}

// change changes the entry of a process, unless the function says that there is
// nothing to change.
func change(path, process string, to func(Lock) bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("recording %s: %w", process, err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("recording %s: %w", process, err)
	}
	defer folder.Close()
	// Held until the folder is closed.
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("recording %s: waiting for another deploy: %w", process, err)
	}
	l, err := Read(path)
	if err != nil {
		return err
	}
	if !to(l) {
		return nil
	}
	entry := l[process]
	entry.Time = entry.Time.UTC().Truncate(time.Second)
	l[process] = entry
	content, err := l.Format()
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, content, 0o644); err != nil {
		return fmt.Errorf("recording %s: %w", process, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("recording %s: %w", process, err)
	}
	return nil
}
