package migrations_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/tools/migrations/lint"
	"github.com/soketsugo/soketsugo/tools/migrations/released"
)

// Released migrations are as they were released, new ones are noted, and the
// stores know which schema they need.
func TestReleased(t *testing.T) {
	for _, folder := range folders(t) {
		if err := released.Check(folder.Migrations, folder.Sums); err != nil {
			t.Errorf("%s:\n%v", folder.Path, err)
		}
		want := released.RequiredSource(folder.Service, folder.Migrations)
		got, err := os.ReadFile(filepath.Join("..", released.RequiredPath(folder.Service)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what migrations/%s makes of it: ./bazelw run //migrations:update", released.RequiredPath(folder.Service), folder.Service)
		}
	}
}

// Nothing in a migration makes servers wait or fail, as far as can be seen in it.
func TestLint(t *testing.T) {
	long.Test(t)
	for _, folder := range folders(t) {
		if folder.Dialect != "postgres" {
			continue
		}
		files, err := lint.ReadFolder(filepath.Join("..", folder.Path))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != len(folder.Migrations) {
			t.Errorf("%s: linted %d files of %d", folder.Path, len(files), len(folder.Migrations))
		}
		for _, finding := range lint.Files(files) {
			t.Error(finding)
		}
	}
}

func folders(t *testing.T) []released.Folder {
	t.Helper()
	found, err := released.Folders("..")
	if err != nil {
		t.Fatal(err)
	}
	return found
}
