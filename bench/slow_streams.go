package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A hold is many slow streams at once.
type hold struct {
	cancel  context.CancelFunc
	streams sync.WaitGroup
	bytes   atomic.Int64

	mu       sync.Mutex
	ending   bool
	failures int
	failure  string
}

// begin opens the streams and returns when each has moved something or failed.
func (l *loader) begin(ctx context.Context, w work) {
	ctx, cancel := context.WithCancel(ctx)
	h := &hold{cancel: cancel}
	l.held = h
	var begun sync.WaitGroup
	begun.Add(w.Streams)
	for range w.Streams {
		first := sync.OnceFunc(begun.Done)
		h.streams.Go(func() {
			err := l.dawdle(ctx, w, h, first)
			h.note(err)
			first()
		})
	}
	begun.Wait()
}

// dawdle moves an object at the rate that w says, or as fast as it goes without one.
func (l *loader) dawdle(ctx context.Context, w work, h *hold, first func()) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	pace := func(n int) error {
		h.bytes.Add(int64(n))
		first()
		if w.Rate == 0 {
			return ctx.Err()
		}
		timer.Reset(time.Duration(float64(n) / float64(w.Rate) * float64(time.Second)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}
	var err error
	if w.Method == measurePut {
		_, err = l.client.put(ctx, w.Key, &source{content: l.content, size: w.Size, taken: pace})
	} else {
		_, err = l.client.get(ctx, w.Key, func(p []byte) error { return pace(len(p)) })
	}
	return err
}

// note counts a stream that failed by itself.
func (h *hold) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil || h.ending {
		return
	}
	if h.failures == 0 {
		h.failure = err.Error()
	}
	h.failures++
}

func (h *hold) progress() done {
	h.mu.Lock()
	defer h.mu.Unlock()
	return done{Bytes: h.bytes.Load(), Failures: h.failures, Failure: h.failure}
}

// end breaks the streams off. It may be called again.
func (h *hold) end() done {
	h.mu.Lock()
	h.ending = true
	h.mu.Unlock()
	h.cancel()
	h.streams.Wait()
	return h.progress()
}
