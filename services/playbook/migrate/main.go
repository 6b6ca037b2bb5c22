// Command migrate brings the playbook service's database to the newest schema
// and exits. It is safe to run at any time, also many at once, and to kill.
package main

import (
	"io/fs"
	"os"

	"github.com/soketsugo/soketsugo/libs/migration/command"
	"github.com/soketsugo/soketsugo/libs/migration/database"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/migrations/playbook/postgres"
	"github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/version"
)

func main() {
	program := config.Program{Name: "playbook-migrate", Summary: "brings the database to the newest schema", Version: version.Version}
	os.Exit(command.Run(program, map[database.Dialect]fs.FS{database.PostgreSQL: postgres.Files, database.SQLite: sqlite.Files}))
}
