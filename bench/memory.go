package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// heldSize is the size of the object that slow callers transfer; they never finish.
	heldSize = 1 << 30
	// heldConns is how many connections they share.
	heldConns = 10
	// heldChunk is what a slow writer sends at a time.
	heldChunk = 64 << 10
	// heldSocketBuffer limits what the kernel buffers for the upstream, so that content
	// accumulates in the gateway, where it is measured.
	heldSocketBuffer = 128 << 10
	// watchEvery is the time between two readings of the memory.
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
		for _, v := range []variant{naiveGateway(), cosgate()} {
			streams := b.slow
			if v.gateway == roleNaive {
				streams = b.slowNaive
			}
			b.logf("%d %s, %s", streams, scenario, v.name)
			m, err := b.slowCallers(ctx, scenario, v, streams)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", scenario, v.name, err)
			}
			r.memory = append(r.memory, m)
		}
	}
	return nil
}

// slowCallers measures one scenario with processes of its own, so that garbage of another
// one does not count.
func (b *bench) slowCallers(ctx context.Context, scenario string, v variant, streams int) (m memoryResult, err error) {
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
	if _, err := client.do(opHold, b.slowWork(scenario, streams)); err != nil {
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

func (b *bench) slowWork(scenario string, streams int) work {
	w := work{Method: measurePut, Key: objectKey(plainKey, heldSize), Size: heldSize, Streams: streams, Rate: b.slowRate}
	switch scenario {
	case slowReaders:
		w.Method = measureGet
	case stalledPuts:
		w.Key, w.Rate = objectKey(stallKey, heldSize), 0
	}
	return w
}

// watch reads the memory of the gateway until the time is over.
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
