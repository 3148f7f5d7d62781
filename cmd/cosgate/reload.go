package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/cosgate/cosgate/internal/config"
	"github.com/cosgate/cosgate/internal/reload"
)

// reloadedFiles is what SIGHUP and a change of the files read again. The help of serve and
// the documents have the same words.
const reloadedFiles = "certificates and certificate authorities, static tokens, key sets of identity providers, policies, and the log level"

// reloadInterval is how often files are checked without a signal.
const reloadInterval = time.Second

// A reloader follows changes of files. Check takes them once they are still, Reload at once:
// whoever sends SIGHUP has written them. A file that is not usable is logged once for each
// change, the previous content stays in force, and the error says why.
type reloader interface {
	Check() error
	Reload() error
}

// followFiles calls every reloader in intervals, and at once on a signal from hangup, until
// ctx ends.
func followFiles(ctx context.Context, hangup <-chan os.Signal, reloads []reloader, log *slog.Logger) {
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, r := range reloads {
				_ = r.Check() // it was logged
			}
		case <-hangup:
			failed := 0
			for _, r := range reloads {
				if err := r.Reload(); err != nil {
					failed++
					log.Error("reload", "error", err)
				}
			}
			log.Info("SIGHUP: all files were checked again", "failed", failed)
		}
	}
}

// A liveConfig applies the part of the configuration that can change at run time, which is
// the log level, and logs which other changes need a restart.
type liveConfig struct {
	path      string
	overrides config.Overrides
	level     *slog.LevelVar
	log       *slog.Logger

	started *config.Config
	seen    os.FileInfo
	failed  error
	settled reload.Stillness
}

func newLiveConfig(cfg *config.Config, c serveCommand, level *slog.LevelVar, log *slog.Logger) *liveConfig {
	l := &liveConfig{path: c.Config, overrides: c.Overrides, level: level, log: log, started: cfg}
	l.seen, _ = os.Stat(c.Config) // when that fails, the next check finds a change
	return l
}

// Check implements reloader. It is called by one goroutine, as Reload is.
func (l *liveConfig) Check() error { return l.look(false) }

// Reload implements reloader.
func (l *liveConfig) Reload() error { return l.look(true) }

func (l *liveConfig) look(complete bool) error {
	info, err := os.Stat(l.path)
	if err == nil && l.seen != nil && os.SameFile(info, l.seen) && info.Size() == l.seen.Size() && info.ModTime().Equal(l.seen.ModTime()) {
		return l.failed
	}
	if err != nil && l.seen == nil && l.failed != nil {
		return l.failed
	}
	found := "gone"
	if err == nil {
		found = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	}
	if !complete && !l.settled.For([][]byte{[]byte(found)}, time.Now()) {
		return l.failed
	}
	l.settled = reload.Stillness{}
	cfg, err := config.Load(l.path, l.overrides)
	l.seen, l.failed = info, err
	if err != nil {
		l.log.Error("the changed configuration is not usable, the previous one stays in force", "error", err)
		return fmt.Errorf("configuration: %w", err)
	}
	l.level.Set(cfg.Log.SlogLevel())
	l.log.Info("the configuration was read again", "path", l.path, "log_level", cfg.Log.Level)
	cfg.Log.Level = l.started.Log.Level
	if keys := l.started.Changed(cfg); len(keys) > 0 {
		l.log.Warn("some changes of the configuration need a restart", "keys", strings.Join(keys, ", "))
	}
	return nil
}
