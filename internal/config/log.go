package config

import (
	"io"
	"log/slog"

	"github.com/cosgate/cosgate/internal/logline"
)

// Log says what is logged to stderr, and how.
type Log struct {
	// The least severe level that is logged. It can change while the gateway runs.
	Level string `yaml:"level" default:"info" enum:"debug,info,warn,error"`
	// How a line is written.
	Format string `yaml:"format" default:"text" enum:"text,json"`
}

// SlogLevel is the level as slog has it.
func (l Log) SlogLevel() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // the enum has only names that slog has
	return level
}

// Build returns a logger of bounded lines to w and its level, which may be changed while the logger is in
// use.
func (l Log) Build(w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(l.SlogLevel())
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(logline.Bound(slog.NewJSONHandler(w, options))), level
	}
	return slog.New(logline.Bound(slog.NewTextHandler(w, options))), level
}
