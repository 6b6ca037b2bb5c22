// Package logging makes the one logger of a process.
package logging

import (
	"io"
	"log/slog"
)

// Config is what can be set about logs.
type Config struct {
	Level  string `config:"LOG_LEVEL" default:"info" enum:"debug,info,warn,error" doc:"the least important level that is written"`
	Format string `config:"LOG_FORMAT" default:"json" enum:"json,text" doc:"how a log line is written"`
}

// New returns a logger that writes to w. Config's values must have been
// checked, as package config does; an unknown level counts as info and an
// unknown format as JSON.
func New(w io.Writer, config Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(config.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if config.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
