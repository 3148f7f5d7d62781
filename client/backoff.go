package client

import (
	"context"
	"strconv"
	"time"
)

// How a Reader goes on after a failure. With the delays growing from the first to the
// last, all attempts take about ten seconds: as long as a gateway needs to start anew.
const (
	resumeAttempts = 8
	resumeDelay    = 100 * time.Millisecond
	maxResumeDelay = 5 * time.Second
	// progress is how much content makes a Reader count its attempts anew. Without a
	// least amount, a connection that breaks after each byte would never be given up.
	progress = 1 << 20
)

// A backoff says how often and when to try again.
type backoff struct {
	attempts   int // in a row, the first one included
	base, most time.Duration
	jitter     func() float64 // in [0, 1)
	wait       func(context.Context, time.Duration) error
}

// delay is how long to wait after the nth failure in a row, counted from 1: between half
// and all of a time that doubles.
func (b backoff) delay(n int) time.Duration {
	d := min(b.base<<min(n-1, 16), b.most)
	return d/2 + time.Duration(b.jitter()*float64(d/2))
}

// wait waits for d, or until ctx ends. When ctx cannot last that long it does not wait
// at all.
func wait(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pushback reads the values of the trailer grpc-retry-pushback-ms: how long the gateway
// wants its caller to wait, or that it wants no repeat. Several values, or one that is
// no number, mean the latter, as gRPC has it.
func pushback(values []string) (d time.Duration, told, refused bool) {
	if len(values) == 0 {
		return 0, false, false
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if len(values) > 1 || err != nil || ms < 0 {
		return 0, true, true
	}
	return time.Duration(ms) * time.Millisecond, true, false
}
