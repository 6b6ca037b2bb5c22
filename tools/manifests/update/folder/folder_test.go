package folder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soketsugo/soketsugo/tools/manifests/update/folder"
)

// with returns a new folder with these files.
func with(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Compare tells of each file that is missing, too many or different, and Replace
// mends just those.
func TestReplace(t *testing.T) {
	made := with(t, map[string]string{"base/same": "1\n", "base/other": "2\n", "new": "3\n"})
	place := with(t, map[string]string{"base/same": "1\n", "base/other": "0\n", "old": "4\n"})
	differences, err := folder.Compare(made, place)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(differences, "")
	if len(differences) != 3 || !strings.Contains(text, "-0\n+2\n") || !strings.Contains(text, "+3\n") || !strings.Contains(text, "-4\n") {
		t.Errorf("the differences are:\n%s", text)
	}
	changed, err := folder.Replace(made, place)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"base/other", "new", "old"}, changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	differences, err = folder.Compare(made, place)
	if err != nil || len(differences) != 0 {
		t.Errorf("afterwards: %v, %v", differences, err)
	}
}

// A process that was never laid out has no folder, and gets one.
func TestNewPlace(t *testing.T) {
	made, place := with(t, map[string]string{"base/a": "1\n"}), filepath.Join(t.TempDir(), "none")
	if differences, err := folder.Compare(made, place); err != nil || len(differences) != 1 {
		t.Errorf("got %v, %v", differences, err)
	}
	if _, err := folder.Replace(made, place); err != nil {
		t.Error(err)
	}
	if differences, err := folder.Compare(made, place); err != nil || len(differences) != 0 {
		t.Errorf("afterwards: %v, %v", differences, err)
	}
}

// Nothing made is a mistake, not "nothing differs", and removes nothing.
func TestNothingMade(t *testing.T) {
	place := with(t, map[string]string{"a": "1\n"})
	if _, err := folder.Compare(filepath.Join(t.TempDir(), "none"), place); err == nil {
		t.Error("Compare found nothing wrong")
	}
	if _, err := folder.Replace(t.TempDir(), place); err == nil {
		t.Error("Replace found nothing wrong")
	}
	if _, err := os.Stat(filepath.Join(place, "a")); err != nil {
		t.Error(err)
	}
}
