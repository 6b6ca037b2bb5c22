package postgrestest

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
)

// programs are the two that a cluster needs.
type programs struct {
	initdb, postgres string
}

// find looks on the PATH and in the folder where Debian keeps one folder per
// major version, the newest first.
func find() (programs, error) {
	initdb, errInit := exec.LookPath("initdb")
	postgres, errServer := exec.LookPath("postgres")
	if errInit == nil && errServer == nil {
		return programs{initdb, postgres}, nil
	}
	newest, best := programs{}, -1
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, folder := range folders {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		if err != nil || version <= best {
			continue
		}
		initdb, errInit := exec.LookPath(filepath.Join(folder, "initdb"))
		postgres, errServer := exec.LookPath(filepath.Join(folder, "postgres"))
		if errInit == nil && errServer == nil {
			newest, best = programs{initdb, postgres}, version
		}
	}
	if best < 0 {
		return programs{}, errors.New("no PostgreSQL server is installed")
	}
	return newest, nil
}
