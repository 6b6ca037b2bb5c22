// Package testprocess turns a test binary into a process that has every setting,
// for tests of what asks a binary for its settings.
package testprocess

import (
	"os"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/grpcserver"
	"github.com/soketsugo/soketsugo/libs/runtime/httpserver"
	"github.com/soketsugo/soketsugo/libs/runtime/server"
)

// Schema is the schema version that the process says it needs.
const Schema = 7

type settings struct {
	Database  config.SecretURL `config:"DATABASE_URL" required:"true" schemes:"postgres" doc:"where the data is"`
	GRPC      grpcserver.Config
	HTTP      httpserver.Config
	Server    server.Config
	Migration migration.Config
}

// Main answers as a process does and exits, when the test binary was called as
// one. TestMain calls it.
func Main() {
	if len(os.Args) != 2 || os.Args[1] != "--print-config" && os.Args[1] != "--version" {
		return
	}
	var s settings
	code, _ := config.Load(&s, config.Program{Name: "test-process", Summary: "is a test", Version: "1.2.3", Schema: Schema})
	os.Exit(code)
}
