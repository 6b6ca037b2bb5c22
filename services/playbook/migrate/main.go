// Command migrate brings the playbook service's database to the newest schema
// and exits. It is safe to run at any time, also twice at once.
package main

import (
	"io/fs"
	"os"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/libs/runtime/logging"
	"github.com/soketsugo/soketsugo/migrations/playbook/postgres"
	"github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/version"
)

type configuration struct {
	Database  config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres,postgresql,sqlite" doc:"the database to migrate"`
	Migration migration.Config
	Logging   logging.Config
}

func main() { os.Exit(run()) }

func run() int {
	ctx, cancel := lifecycle.Start().Context()
	defer cancel()
	program := config.Program{Name: "playbook-migrate", Summary: "brings the database to the newest schema", Version: version.Version}
	var cfg configuration
	if code, proceed := config.Load(&cfg, program); !proceed {
		return code
	}
	log := logging.New(os.Stderr, cfg.Logging)
	db, err := database.Open(string(cfg.Database))
	if err != nil {
		log.Error("cannot use DATABASE_URL", "error", err.Error())
		return migration.ExitConfiguration
	}
	defer db.Close()
	files := map[database.Dialect]fs.FS{database.PostgreSQL: postgres.Files, database.SQLite: sqlite.Files}
	result, err := migration.Up(ctx, db, files, cfg.Migration, log)
	if err != nil {
		log.Error("migration failed", "applied", result.Applied, "error", err.Error())
		return migration.ExitCode(err)
	}
	log.Info("migration done", "applied", result.Applied, "version", result.Version)
	return migration.ExitOK
}
