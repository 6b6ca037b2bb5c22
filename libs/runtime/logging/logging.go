// Package logging makes the one logger of a process.
package logging

import (
	"context"
	"io"
	"log/slog"
)

// Config is what can be set about logs.
type Config struct {
	Level  string `config:"LOG_LEVEL" default:"info" enum:"debug,info,warn,error" doc:"the least important level that is written"`
	Format string `config:"LOG_FORMAT" default:"json" enum:"json,text" doc:"how a log line is written"`
}

// Annotator adds to a record what the context knows, such as the request that
// it is about.
type Annotator func(context.Context, *slog.Record)

// New returns a logger that writes to w. Config's values must have been
// checked, as package config does; an unknown level counts as info and an
// unknown format as JSON.
func New(w io.Writer, config Config, annotators ...Annotator) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(config.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if config.Format == "text" {
		handler = slog.NewTextHandler(w, options)
	}
	for _, annotate := range annotators {
		handler = &annotated{Handler: handler, annotate: annotate}
	}
	return slog.New(handler)
}

// annotated is a handler whose records are annotated first.
type annotated struct {
	slog.Handler
	annotate Annotator
}

// Handle writes a record.
func (a *annotated) Handle(ctx context.Context, record slog.Record) error {
	a.annotate(ctx, &record)
	return a.Handler.Handle(ctx, record)
}

// WithAttrs returns a handler with more attributes.
func (a *annotated) WithAttrs(attributes []slog.Attr) slog.Handler {
	return &annotated{Handler: a.Handler.WithAttrs(attributes), annotate: a.annotate}
}

// WithGroup returns a handler with a group.
func (a *annotated) WithGroup(name string) slog.Handler {
	return &annotated{Handler: a.Handler.WithGroup(name), annotate: a.annotate}
}
