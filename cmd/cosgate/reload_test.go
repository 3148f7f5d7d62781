package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

type countingReloader struct {
	looks int
	err   error
}

func (c *countingReloader) Reload() error { c.looks++; return c.err }

func TestFilesAreLookedAtNowAndThenAndOnHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken, fine := &countingReloader{err: errors.New("broken")}, &countingReloader{}
		hangup := make(chan os.Signal, 1)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			keepInStep(ctx, hangup, []reloader{broken, fine}, slog.New(slog.DiscardHandler))
		}()
		<-time.After(2*lookEvery + time.Millisecond)
		synctest.Wait()
		if broken.looks != 2 || fine.looks != 2 {
			t.Errorf("%d and %d looks in twice the time, want 2", broken.looks, fine.looks)
		}
		hangup <- syscall.SIGHUP
		synctest.Wait()
		if broken.looks != 3 || fine.looks != 3 {
			t.Errorf("%d and %d looks after SIGHUP, want 3: one that is broken must not hide the next", broken.looks, fine.looks)
		}
		cancel()
		<-ended
	})
}
