// Package command is the command line of every service's migrate process.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/migration/history"
	"github.com/soketsugo/soketsugo/libs/migration/source"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
)

// Configuration is what can be set about a migrate process.
type Configuration struct {
	Database  config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres,postgresql,sqlite" doc:"the database to migrate"`
	Migration migration.Config
	Logging   logging.Config
	To        string `flag:"to" doc:"up, plan: the last version to apply; down: the version to go back to, 0 for an empty database"`
	JSON      bool   `flag:"json" doc:"plan, status, version: print JSON"`
	Yes       bool   `flag:"yes" doc:"down: go ahead; what the migrations made is gone with its data"`
}

// The commands.
const (
	up     = "up"
	plan   = "plan"
	status = "status"
	verify = "verify"
	show   = "version"
	down   = "down"
)

// Commands are what the first argument of a migrate process can be.
func Commands() []config.Command {
	return []config.Command{
		{Name: up, Summary: "apply what the database lacks"},
		{Name: plan, Summary: "print the SQL that up would run"},
		{Name: status, Summary: "list what the database has and what this binary has"},
		{Name: verify, Summary: "exit with 0 only if the database has exactly what this binary has"},
		{Name: show, Summary: "print the schema versions of this binary and of the database"},
		{Name: down, Summary: "take migrations back, the newest first; needs --to and --yes"},
	}
}

// Run is the main of a migrate process. It returns the exit code, which is one of
// migration.Exits.
func Run(program config.Program, files map[database.Dialect]fs.FS) int {
	ctx, cancel := lifecycle.Start().Context()
	defer cancel()
	program.Commands = Commands()
	program.Schema = newest(files)
	var cfg Configuration
	name, code, proceed := config.LoadCommand(&cfg, program)
	if !proceed {
		return code
	}
	log := logging.New(os.Stderr, cfg.Logging)
	begin := time.Now()
	err := run(ctx, name, cfg, files, log, os.Stdout)
	code = migration.ExitCode(err)
	if err != nil {
		log.Error("migrate failed", "command", name, "exit_code", code, "seconds", time.Since(begin).Seconds(), "error", err.Error())
	}
	return code
}

// newest returns the schema version that the files bring. Both dialects have the
// same; files that cannot be read are reported when they are used.
func newest(files map[database.Dialect]fs.FS) int64 {
	migrations, err := source.Read(files[database.PostgreSQL])
	if err != nil || len(migrations) == 0 {
		return 0
	}
	return migrations[len(migrations)-1].Version
}

func run(ctx context.Context, name string, cfg Configuration, files map[database.Dialect]fs.FS, log *slog.Logger, out io.Writer) error {
	to, err := target(name, cfg)
	if err != nil {
		return err
	}
	db, err := database.Open(string(cfg.Database))
	if err != nil {
		return fmt.Errorf("%w: DATABASE_URL: %w", migration.ErrConfiguration, err)
	}
	defer db.Close()
	migrator, err := migration.New(db, files, cfg.Migration, log)
	if err != nil {
		return err
	}
	switch name {
	case plan:
		pending, err := migrator.Plan(ctx, to)
		if err != nil {
			return err
		}
		return printPlan(out, pending, cfg.JSON)
	case status:
		lines, err := migrator.Status(ctx)
		if err != nil {
			return err
		}
		return printStatus(out, lines, cfg.JSON)
	case verify:
		return migrator.Verify(ctx)
	case show:
		lines, err := migrator.Status(ctx)
		if err != nil {
			return err
		}
		return printVersions(out, migrator.Version(), lines, cfg.JSON)
	case down:
		return finish(log, "down", func() (migration.Result, error) { return migrator.Down(ctx, to) })
	default:
		return finish(log, "up", func() (migration.Result, error) { return migrator.Up(ctx, to) })
	}
}

// finish runs something and logs what it did, also when it failed.
func finish(log *slog.Logger, name string, do func() (migration.Result, error)) error {
	begin := time.Now()
	result, err := do()
	said := "done"
	if err != nil {
		said = "not done"
	}
	log.Info(said, "command", name, "applied", result.Applied, "version", result.Version, "retries", result.Retries,
		"seconds", time.Since(begin).Seconds())
	return err
}

// target reads --to, and refuses a down that is not meant.
func target(name string, cfg Configuration) (int64, error) {
	if name == down && (cfg.To == "" || !cfg.Yes) {
		return 0, fmt.Errorf("%w: down needs --to VERSION and --yes: it destroys what the migrations after VERSION made, with its data", migration.ErrConfiguration)
	}
	if cfg.To == "" {
		return migration.Newest, nil
	}
	to, err := strconv.ParseInt(cfg.To, 10, 64)
	if err != nil || to < 0 || to == 0 && name != down {
		return 0, fmt.Errorf("%w: --to is %q; it takes the number of a migration", migration.ErrConfiguration, cfg.To)
	}
	return to, nil
}

func printPlan(out io.Writer, pending []source.Migration, asJSON bool) error {
	type step struct {
		Version       int64  `json:"version"`
		Name          string `json:"name"`
		NoTransaction bool   `json:"no_transaction"`
		SQL           string `json:"sql"`
	}
	if asJSON {
		steps := []step{}
		for _, m := range pending {
			steps = append(steps, step{m.Version, m.Name, m.NoTransaction, m.Up})
		}
		return printJSON(out, steps)
	}
	if len(pending) == 0 {
		fmt.Fprintln(out, "-- nothing to do")
	}
	for _, m := range pending {
		how := "in a transaction"
		if m.NoTransaction {
			how = "without a transaction"
		}
		fmt.Fprintf(out, "-- %s, %s\n%s\n\n", m.Name, how, m.Up)
	}
	return nil
}

func printStatus(out io.Writer, lines []history.Line, asJSON bool) error {
	if asJSON {
		return printJSON(out, lines)
	}
	width := len("MIGRATION")
	for _, line := range lines {
		width = max(width, len(line.Name))
	}
	fmt.Fprintf(out, "%-*s  %-12s  %s\n", width, "MIGRATION", "STATE", "APPLIED")
	for _, line := range lines {
		at := "-"
		if line.AppliedAt != nil {
			at = line.AppliedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%-*s  %-12s  %s\n", width, line.Name, line.State, at)
	}
	return nil
}

func printVersions(out io.Writer, binary int64, lines []history.Line, asJSON bool) error {
	versions := struct {
		Binary   int64 `json:"binary"`
		Database int64 `json:"database"`
	}{Binary: binary}
	for _, line := range lines {
		if line.AppliedAt != nil {
			versions.Database = line.Version
		}
	}
	if asJSON {
		return printJSON(out, versions)
	}
	fmt.Fprintf(out, "binary %d\ndatabase %d\n", versions.Binary, versions.Database)
	return nil
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
