package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A loader is the client role: it executes the commands of the driver with one client.
type loader struct {
	client  client
	content *content
	held    *slowStreams
}

func newClientRole(s settings) (*runningRole, error) {
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	l := &loader{client: c, content: newContent()}
	return &runningRole{handle: l.handle, close: func() {
		if l.held != nil {
			l.held.end()
		}
		c.close()
	}}, nil
}

func (l *loader) handle(ctx context.Context, c command) (done, error) {
	switch c.Op {
	case opTransfer:
		return l.transfer(ctx, c.Work)
	case opCalls:
		return l.calls(ctx, c.Work)
	case opHold:
		l.begin(ctx, c.Work)
		return done{}, nil
	case opHoldProgress:
		return l.held.progress(), nil
	case opHoldEnd:
		return l.held.end(), nil
	}
	return done{}, fmt.Errorf("%w: operation %q", errUsage, c.Op)
}

// transfer moves an object on each of some streams at once.
func (l *loader) transfer(ctx context.Context, w work) (done, error) {
	l.content.crc64(w.Size) // before the time is measured
	var messages atomic.Int64
	errs := make([]error, w.Streams)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range w.Streams {
		all.Go(func() {
			n, err := l.move(ctx, w)
			messages.Add(n)
			errs[i] = err
		})
	}
	all.Wait()
	return done{
		Seconds:  time.Since(begin).Seconds(),
		Bytes:    w.Size * int64(w.Streams),
		Messages: messages.Load(),
	}, errors.Join(errs...)
}

func (l *loader) move(ctx context.Context, w work) (messages int64, err error) {
	if w.Method == measurePut {
		return l.client.put(ctx, w.Key, &source{content: l.content, size: w.Size})
	}
	var received int64
	var sum uint64
	messages, err = l.client.get(ctx, w.Key, func(p []byte) error {
		received += int64(len(p))
		if w.Verify {
			sum = crc64.Update(sum, l.content.ecma, p)
		}
		return nil
	})
	if err == nil && received != w.Size {
		err = fmt.Errorf("%d of %d bytes were received", received, w.Size)
	}
	if err == nil && w.Verify && sum != l.content.crc64(w.Size) {
		err = errors.New("the content is not what was sent")
	}
	return messages, err
}

// calls calls HeadObject, from some callers at a time.
func (l *loader) calls(ctx context.Context, w work) (done, error) {
	took := make([][]time.Duration, w.Streams)
	errs := make([]error, w.Streams)
	var left atomic.Int64
	left.Store(int64(w.Calls))
	var all sync.WaitGroup
	begin := time.Now()
	for i := range w.Streams {
		all.Go(func() {
			for errs[i] == nil && left.Add(-1) >= 0 {
				start := time.Now()
				errs[i] = l.client.head(ctx, w.Key)
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	all.Wait()
	elapsed := time.Since(begin).Seconds()
	sorted := slices.Concat(took...)
	slices.Sort(sorted)
	return done{
		Seconds: elapsed,
		Calls:   len(sorted),
		P50:     sorted[len(sorted)/2].Seconds(),
		P99:     sorted[len(sorted)*99/100].Seconds(),
	}, errors.Join(errs...)
}
