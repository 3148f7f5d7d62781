package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slowStreams are many slow transfers at once.
type slowStreams struct {
	cancel  context.CancelFunc
	streams sync.WaitGroup
	bytes   atomic.Int64

	mu       sync.Mutex
	ending   bool
	failures int
	failure  string
}

// begin opens the streams and returns when each has moved some bytes or failed.
func (l *loader) begin(ctx context.Context, w work) {
	ctx, cancel := context.WithCancel(ctx)
	h := &slowStreams{cancel: cancel}
	l.held = h
	var begun sync.WaitGroup
	begun.Add(w.Streams)
	for range w.Streams {
		first := sync.OnceFunc(begun.Done)
		h.streams.Go(func() {
			err := l.moveSlowly(ctx, w, h, first)
			h.note(err)
			first()
		})
	}
	begun.Wait()
}

// moveSlowly transfers an object at the rate in w, or without one at full speed.
func (l *loader) moveSlowly(ctx context.Context, w work, h *slowStreams, first func()) error {
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

// note counts a stream that failed on its own.
func (h *slowStreams) note(err error) {
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

func (h *slowStreams) progress() done {
	h.mu.Lock()
	defer h.mu.Unlock()
	return done{Bytes: h.bytes.Load(), Failures: h.failures, Failure: h.failure}
}

// end cancels the streams. It may be called again.
func (h *slowStreams) end() done {
	h.mu.Lock()
	h.ending = true
	h.mu.Unlock()
	h.cancel()
	h.streams.Wait()
	return h.progress()
}
