package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/cosgate/cosgate/internal/config"
)

// lookEvery is how often files are looked at without a signal.
const lookEvery = 5 * time.Second

// A reloader keeps something in step with its files. Reload looks at them now. What is
// not usable it logs once for each change, goes on with what it had, and returns why.
type reloader interface{ Reload() error }

// keepInStep calls every reloader now and then, and at once when asked to by hangup,
// until ctx ends.
func keepInStep(ctx context.Context, hangup <-chan os.Signal, reloads []reloader, log *slog.Logger) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			for _, r := range reloads {
				_ = r.Reload() // it was logged
			}
		case <-hangup:
			failed := 0
			for _, r := range reloads {
				if err := r.Reload(); err != nil {
					failed++
					log.Error("reload", "error", err)
				}
			}
			log.Info("SIGHUP: everything was looked at again", "failed", failed)
		}
	}
}

// A liveConfig applies what may change of a configuration while it is in use: the log
// level. It says what else has changed and needs a new start.
type liveConfig struct {
	path      string
	overrides config.Overrides
	level     *slog.LevelVar
	log       *slog.Logger

	started *config.Config
	seen    os.FileInfo
	failed  error
}

func newLiveConfig(cfg *config.Config, c serveCommand, level *slog.LevelVar, log *slog.Logger) *liveConfig {
	l := &liveConfig{path: c.Config, overrides: c.Overrides, level: level, log: log, started: cfg}
	l.seen, _ = os.Stat(c.Config) // when that fails, the next look is a change
	return l
}

// Reload implements reloader. It is called by one goroutine.
func (l *liveConfig) Reload() error {
	info, err := os.Stat(l.path)
	if err == nil && l.seen != nil && os.SameFile(info, l.seen) && info.Size() == l.seen.Size() && info.ModTime().Equal(l.seen.ModTime()) {
		return l.failed
	}
	if err != nil && l.seen == nil && l.failed != nil {
		return l.failed
	}
	cfg, err := config.Load(l.path, l.overrides)
	l.seen, l.failed = info, err
	if err != nil {
		l.log.Error("the changed configuration is not usable, the one before stays in force", "error", err)
		return fmt.Errorf("configuration: %w", err)
	}
	l.level.Set(cfg.Log.SlogLevel())
	l.log.Info("the configuration was read again", "path", l.path, "log_level", cfg.Log.Level)
	cfg.Log.Level = l.started.Log.Level
	if keys := l.started.Changed(cfg); len(keys) > 0 {
		l.log.Warn("some of what changed in the configuration needs a new start", "keys", strings.Join(keys, ", "))
	}
	return nil
}
