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
	calls int
	err   error
}

func (c *countingReloader) Reload() error { c.calls++; return c.err }
func (c *countingReloader) Check() error  { return c.Reload() }

func TestFollowFilesChecksInIntervalsAndOnHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken, fine := &countingReloader{err: errors.New("broken")}, &countingReloader{}
		hangup := make(chan os.Signal, 1)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			followFiles(ctx, hangup, []reloader{broken, fine}, slog.New(slog.DiscardHandler))
		}()
		<-time.After(2*reloadInterval + time.Millisecond)
		synctest.Wait()
		if broken.calls != 2 || fine.calls != 2 {
			t.Errorf("%d and %d calls in two intervals, want 2", broken.calls, fine.calls)
		}
		hangup <- syscall.SIGHUP
		synctest.Wait()
		if broken.calls != 3 || fine.calls != 3 {
			t.Errorf("%d and %d calls after SIGHUP, want 3: a broken one must not hide the next", broken.calls, fine.calls)
		}
		cancel()
		<-ended
	})
}
