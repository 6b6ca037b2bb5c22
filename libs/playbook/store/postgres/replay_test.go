package postgres_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
	"github.com/soketsugo/soketsugo/libs/playbook/store/storetest"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/pgreplay"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/postgres"
)

var update = flag.Bool("update", false, "record what the store sends at the newest schema version")

const (
	// recordings holds a file for each schema version: what the store of its time
	// sent, in the conformance suite, and what it was answered.
	recordings = "testdata/statements"
	remedy     = "run ./bazelw run //libs/playbook/store/postgres:postgres_test -- -test.run=TestRecording -update " +
		"(or go test ./libs/playbook/store/postgres -run TestRecording -update) and check the file in"
)

func readMigrations(t *testing.T) []source.Migration {
	t.Helper()
	all, err := source.Read(migrations.Files)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func newestVersion(t *testing.T) int64 {
	t.Helper()
	all := readMigrations(t)
	return all[len(all)-1].Version
}

func recordingPath(version int64) string {
	return filepath.Join(recordings, fmt.Sprintf("%04d.jsonl", version))
}

// readRecording returns false when a version has none.
func readRecording(t *testing.T, version int64) (pgreplay.Recording, bool) {
	t.Helper()
	file, err := os.Open(recordingPath(version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	recording, err := pgreplay.Read(file)
	if err != nil {
		t.Fatalf("%s: %v", recordingPath(version), err)
	}
	if len(recording) == 0 {
		t.Fatalf("%s is empty and proves nothing: put it back", recordingPath(version))
	}
	return recording, true
}

// currentRecording returns that of the newest version.
func currentRecording(t *testing.T) pgreplay.Recording {
	t.Helper()
	recording, found := readRecording(t, newestVersion(t))
	if !found {
		t.Fatalf("schema version %d has no recording of what the store sends: %s", newestVersion(t), remedy)
	}
	return recording
}

// record runs the conformance suite and returns what the store sent.
func record(t *testing.T) pgreplay.Recording {
	t.Helper()
	var recording pgreplay.Recording
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		recorder, err := pgreplay.Record(t.Context(), cluster.Database(t), filepath.Base(t.Name()))
		if err != nil {
			t.Fatal(err)
		}
		// It stops after the store was closed.
		t.Cleanup(func() {
			part, err := recorder.Stop()
			if err != nil {
				t.Error(err)
			}
			recording = append(recording, part...)
		})
		return open(t, recorder.URL())
	})
	return recording
}

// replay replays a recording on databases with the newest schema, each after
// change, up to the first that answers otherwise. Only the answer to which version
// the schema has may differ, since that it grows is its purpose, and what is in
// tasks, which have times by the database's clock.
func replay(t *testing.T, version int64, recording pgreplay.Recording, change string) error {
	t.Helper()
	for _, name := range recording.Databases() {
		databaseURL := cluster.Database(t)
		if change != "" {
			run(t, connect(t, databaseURL), change)
		}
		err := recording.Replay(t.Context(), name, databaseURL, func(statement string) bool {
			return strings.Contains(statement, history.Table) || strings.Contains(statement, "tasks t")
		})
		if err != nil {
			return fmt.Errorf("what servers of schema version %d send does not work as before: %w", version, err)
		}
	}
	return nil
}

// The recording of the newest version has every statement that the store sends.
// Those of older versions stay as they were when their servers were built.
func TestRecording(t *testing.T) {
	long.Test(t)
	version := newestVersion(t)
	files, err := filepath.Glob(filepath.Join(recordings, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		number, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(file), ".jsonl"), 10, 64)
		if err != nil || file != recordingPath(number) ||
			!slices.ContainsFunc(readMigrations(t), func(m source.Migration) bool { return m.Version == number }) {
			t.Fatalf("%s is of no migration: put the migration back, or remove the file if no release had it", file)
		}
	}
	sent := record(t)
	if t.Failed() || len(sent) == 0 {
		t.FailNow()
	}
	if *update {
		// What cannot be replayed now never can.
		if err := replay(t, version, sent, ""); err != nil {
			t.Fatal(err)
		}
		save(t, version, sent)
		return
	}
	recorded := currentRecording(t).Statements()
	for _, statement := range sent.Statements() {
		if !slices.Contains(recorded, statement) {
			t.Errorf("the store sends what the recording of schema version %d lacks: %s\n%s", version, statement, remedy)
		}
	}
}

// save writes the recording of the newest version, the only one that is still
// open, to the checkout.
func save(t *testing.T, version int64, recording pgreplay.Recording) {
	t.Helper()
	content, err := recording.Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := recordingPath(version)
	if root := os.Getenv("BUILD_WORKSPACE_DIRECTORY"); root != "" {
		path = filepath.Join(root, "libs/playbook/store/postgres", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("wrote %s: %d exchanges, %d bytes", recordingPath(version), len(recording), len(content))
}

// Servers of every version that no contract step has left behind get the same
// answers from the newest schema as from their own.
func TestOldServers(t *testing.T) {
	long.Test(t)
	for _, version := range source.Compatible(readMigrations(t)) {
		t.Run(fmt.Sprintf("%04d", version), func(t *testing.T) {
			recording, found := readRecording(t, version)
			if !found {
				// No servers were ever built for a migration that came together with
				// a newer one. TestRecording sees to the newest.
				t.Skipf("schema version %d has no recording", version)
			}
			if err := replay(t, version, recording, ""); err != nil {
				t.Errorf("%v\nTake away or tighten only what no server uses any more, in a contract step", err)
			}
		})
	}
}

// A change that old servers do not survive is noticed, and others are not.
func TestOldServersNoticeChanges(t *testing.T) {
	long.Test(t)
	version, recording := newestVersion(t), currentRecording(t)
	for _, test := range []struct {
		name, change string
		// want is in the error, beside the version; empty for a harmless change.
		want []string
	}{
		{"a column dropped", "ALTER TABLE playbooks DROP COLUMN description", []string{"INSERT INTO playbooks", "42703", `column "description"`}},
		{"a column renamed", "ALTER TABLE enrolments RENAME COLUMN due_at TO due", []string{"INSERT INTO enrolments", "42703", `column "due_at"`}},
		{"a table renamed", "ALTER TABLE enrolments RENAME TO runs", []string{"INSERT INTO enrolments", "42P01"}},
		{"a column that must be given", "ALTER TABLE playbooks ADD COLUMN owner text NOT NULL", []string{"INSERT INTO playbooks", "23502", `"owner"`}},
		{"a tightened check", "ALTER TABLE playbooks ADD CONSTRAINT named CHECK (length(name) > 1)", []string{"INSERT INTO playbooks", "23514", "named"}},
		{"a tightened type", "ALTER TABLE playbooks ALTER COLUMN name TYPE varchar(50)", []string{"playbooks", "character varying"}},
		{"a changed type", "ALTER TABLE playbooks ALTER COLUMN steps TYPE text", []string{"INSERT INTO playbooks", "jsonb"}},
		{"a changed type of a number", "ALTER TABLE enrolments ALTER COLUMN current_step TYPE bigint", []string{"INSERT INTO enrolments", "integer", "bigint"}},
		{"a constraint with another name", "ALTER INDEX enrolments_one_live RENAME TO live", []string{"INSERT INTO enrolments", "23505", "enrolments_one_live"}},
		{"a unique index dropped", "DROP INDEX enrolments_one_live", []string{"INSERT INTO enrolments", "23505", `is now {"row"`}},
		{"rows hidden", "ALTER TABLE playbooks RENAME TO everything; CREATE VIEW playbooks AS SELECT * FROM everything WHERE state = 'DRAFT'",
			[]string{"playbooks"}},
		{"the history dropped", "DROP TABLE soketsugo_migrations", []string{"soketsugo_migrations", "42P01"}},
		{"harmless changes", `ALTER TABLE playbooks ADD COLUMN owner text;
			ALTER TABLE enrolments ADD COLUMN attempts integer NOT NULL DEFAULT 0;
			CREATE INDEX enrolments_by_due_at ON enrolments (due_at);
			CREATE TABLE owners (id uuid PRIMARY KEY, workspace text, playbook_id uuid, FOREIGN KEY (workspace, playbook_id) REFERENCES playbooks (workspace, id));
			ALTER TABLE playbooks DROP CONSTRAINT playbooks_state_check;
			INSERT INTO soketsugo_migrations (version, name, checksum) VALUES (9999, '9999_later.sql', '')`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := replay(t, version, recording, test.change)
			if len(test.want) == 0 {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			if err == nil {
				t.Fatal("the replay noticed nothing")
			}
			t.Log(err)
			for _, want := range append(test.want, fmt.Sprintf("schema version %d ", version)) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}
