package released

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/soketsugo/soketsugo/libs/migration/source"
)

// A Folder holds the migrations of one service for one kind of database.
type Folder struct {
	Service, Dialect string
	// Path is relative to the checkout.
	Path       string
	Migrations []source.Migration
	Sums       []byte
}

// Folders returns all folders of a checkout: migrations/SERVICE/DIALECT.
func Folders(root string) ([]Folder, error) {
	paths, err := filepath.Glob(filepath.Join(root, "migrations", "*", "*", SumsFile))
	if err != nil {
		return nil, fmt.Errorf("looking for migrations: %w", err)
	}
	var folders []Folder
	for _, path := range paths {
		folder := filepath.Dir(path)
		relative, err := filepath.Rel(root, folder)
		if err != nil {
			return nil, fmt.Errorf("looking for migrations: %w", err)
		}
		sums, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the checksums: %w", err)
		}
		migrations, err := source.Read(os.DirFS(folder))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", relative, err)
		}
		folders = append(folders, Folder{
			Service: filepath.Base(filepath.Dir(folder)), Dialect: filepath.Base(folder), Path: relative,
			Migrations: migrations, Sums: sums,
		})
	}
	if len(folders) == 0 {
		return nil, errors.New("looking for migrations: no folder migrations/SERVICE/DIALECT has a file " + SumsFile + "; a new one begins with an empty one")
	}
	return folders, nil
}

// RequiredPath is where Required of a service goes, relative to the checkout.
func RequiredPath(service string) string {
	return filepath.Join("libs", service, "store", "schema", "required.go")
}
