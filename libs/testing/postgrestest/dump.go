package postgrestest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Dump returns the schema of a database as SQL, as pg_dump writes it: two
// databases with the same text have the same tables, indexes and constraints.
func Dump(t testing.TB, databaseURL string) string {
	t.Helper()
	programs, err := find()
	if err != nil {
		t.Fatal(err)
	}
	// It comes with the server, which may be reached through a link.
	server, err := filepath.EvalSymlinks(programs.postgres)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(server), "pg_dump")
	output, err := exec.CommandContext(t.Context(), program, "--schema-only", "--no-owner", "--restrict-key=x", "--dbname="+databaseURL).CombinedOutput()
	if err != nil {
		t.Fatalf("running pg_dump: %v: %s", err, output)
	}
	return string(output)
}
