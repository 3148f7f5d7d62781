package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Log says what is logged to stderr, and how.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

func (l Log) check(r *report) {
	if _, ok := levels()[l.Level]; !ok {
		r.add("level", fmt.Sprintf("%q is not a level", l.Level), "use debug, info, warn or error")
	}
	if l.Format != "text" && l.Format != "json" {
		r.add("format", fmt.Sprintf("%q is not a format", l.Format), "use text or json")
	}
}

func levels() map[string]slog.Level {
	return map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
}

// SlogLevel is the level as slog knows it.
func (l Log) SlogLevel() slog.Level { return levels()[l.Level] }

// Build returns a logger to w whose level is that of the second result, which may be
// changed while it is in use.
func (l Log) Build(w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(l.SlogLevel())
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}
