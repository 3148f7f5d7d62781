package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// heldSize is the object that slow callers move; they never reach its end.
	heldSize = 1 << 30
	// heldConns is over how many connections they come.
	heldConns = 10
	// heldChunk is what a slow writer sends at a time.
	heldChunk = 64 << 10
	// heldSocketBuffer keeps the kernel from buffering for the upstream what is to
	// be seen in the gateway.
	heldSocketBuffer = 128 << 10
	// watchEvery is the time between two looks at the memory.
	watchEvery = 250 * time.Millisecond
)

// A memoryResult is the resident memory of one gateway under many slow streams.
type memoryResult struct {
	scenario string
	variant  variant
	streams  int
	idle     int64 // after the first calls
	peak     int64
	steady   int64 // median of the second half of the time
	moved    int64 // bytes
}

// perStream is the memory above the idle process, in KiB.
func (m memoryResult) perStream(rss int64) float64 {
	return float64(rss-m.idle) / 1024 / float64(m.streams)
}

// The scenarios.
const (
	slowReaders = "slow GET readers"
	slowWriters = "slow PUT writers"
	stalledPuts = "PUTs into a stalled upstream"
)

func (b *bench) memory(ctx context.Context, r *results) error {
	if !b.wants(measureMemory) {
		return nil
	}
	for _, scenario := range []string{slowReaders, slowWriters, stalledPuts} {
		for _, v := range []variant{onSDK(), cosgate()} {
			streams := b.slow
			if v.gateway == roleNaive {
				streams = b.slowNaive
			}
			b.say("%d %s, %s", streams, scenario, v.name)
			m, err := b.crowd(ctx, scenario, v, streams)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", scenario, v.name, err)
			}
			r.memory = append(r.memory, m)
		}
	}
	return nil
}

// crowd measures one scenario with processes of its own, so that no garbage of
// another one counts.
func (b *bench) crowd(ctx context.Context, scenario string, v variant, streams int) (m memoryResult, err error) {
	c, err := startCluster(ctx, []variant{v}, clusterSettings{
		socketBuffer: heldSocketBuffer, conns: heldConns, chunk: heldChunk, dir: b.dir,
	}, b.progress)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	gateway, client := c.gateways[v.gateway], c.clients[v.name]
	if _, err := gateway.ask(command{Op: opResetPeak}); err != nil {
		return m, err
	}
	idle, err := gateway.usage()
	if err != nil {
		return m, err
	}
	m = memoryResult{scenario: scenario, variant: v, streams: streams, idle: idle.RSS}
	if _, err := client.do(opHold, b.crowdWork(scenario, streams)); err != nil {
		return m, err
	}
	if err := b.watch(ctx, gateway, &m); err != nil {
		return m, err
	}
	progress, err := client.do(opHoldProgress, work{})
	if err != nil {
		return m, err
	}
	if progress.Failures > 0 {
		return m, fmt.Errorf("%d streams failed, the first with: %s", progress.Failures, progress.Failure)
	}
	m.moved = progress.Bytes
	_, err = client.do(opHoldEnd, work{})
	return m, err
}

func (b *bench) crowdWork(scenario string, streams int) work {
	w := work{Method: measurePut, Key: objectKey(plainKey, heldSize), Size: heldSize, Streams: streams, Rate: b.slowRate}
	switch scenario {
	case slowReaders:
		w.Method = measureGet
	case stalledPuts:
		w.Key, w.Rate = objectKey(stallKey, heldSize), 0
	}
	return w
}

// watch looks at the memory of the gateway until the time is over.
func (b *bench) watch(ctx context.Context, gateway *process, m *memoryResult) error {
	over := time.NewTimer(b.hold)
	defer over.Stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var seen series
	for running := true; running; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			running = false
		case <-tick.C:
		}
		u, err := gateway.usage()
		if err != nil {
			return err
		}
		seen = append(seen, float64(u.RSS))
		m.peak = u.Peak
	}
	m.steady = int64(seen[len(seen)/2:].median())
	return nil
}
