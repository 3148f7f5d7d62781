package client

import (
	"context"
	"strconv"
	"time"
)

// How a Reader resumes after a failure. With growing delays, all attempts take about ten
// seconds, which is enough for a gateway to restart.
const (
	resumeAttempts = 8
	minResumeDelay = 100 * time.Millisecond
	maxResumeDelay = 5 * time.Second
	// progress is how much content resets the count of attempts. Without a minimum, a
	// Reader would never give up a connection that breaks after each byte.
	progress = 1 << 20
)

// A backoff says how often and when to try again.
type backoff struct {
	attempts int // in a row, including the first one
	min, max time.Duration
	jitter   func() float64 // in [0, 1)
	wait     func(context.Context, time.Duration) error
}

// delay is how long to wait after the nth failure in a row, counted from 1: a random time
// between half of and all of a delay that doubles with n.
func (b backoff) delay(n int) time.Duration {
	d := min(b.min<<min(n-1, 16), b.max)
	return d/2 + time.Duration(b.jitter()*float64(d/2))
}

// wait waits for d, or until ctx ends. When the deadline of ctx is earlier than that, it
// fails at once.
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

// pushback parses the values of the trailer grpc-retry-pushback-ms, if there are any: how
// long the gateway wants the caller to wait, or that it refuses a retry. As in gRPC,
// several values and a value that is not a number are a refusal.
func pushback(values []string) (delay time.Duration, present, refused bool) {
	if len(values) == 0 {
		return 0, false, false
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if len(values) > 1 || err != nil || ms < 0 {
		return 0, true, true
	}
	return time.Duration(ms) * time.Millisecond, true, false
}
