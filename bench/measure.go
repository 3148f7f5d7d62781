package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A results is everything that was measured.
type results struct {
	options     options
	environment environment
	transfers   []transferResult
	calls       []callResult
	memory      []memoryResult
	took        time.Duration
	others      string // CPU that other programs used
}

// A transferResult is one method with one number of streams.
type transferResult struct {
	method  string
	streams int
	rows    []row
}

// A callResult is HeadObject.
type callResult struct {
	callers int
	rows    []row
}

// A row is one variant over the rounds.
type row struct {
	variant variant
	costs   []cost
}

// series picks one figure from each round.
func (r row) series(pick func(cost) float64) series {
	out := make(series, len(r.costs))
	for i, c := range r.costs {
		out[i] = pick(c)
	}
	return out
}

// measure measures everything that o asks for. It reports to progress what it is doing.
func measure(ctx context.Context, o options, progress io.Writer) (*results, error) {
	begin, others := time.Now(), watchMachine()
	dir, err := os.MkdirTemp("", "cosgate-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // logs of the gateways
	b := &bench{options: o, progress: progress, dir: dir}
	r := &results{options: o, environment: readEnvironment()}
	if err := errors.Join(b.measureSpeed(ctx, r), b.memory(ctx, r)); err != nil {
		return nil, err
	}
	r.took, r.others = time.Since(begin), others.report(r.environment.cores)
	return r, nil
}

// A bench is one run of the driver.
type bench struct {
	options

	progress io.Writer
	dir      string
}

func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// measureSpeed measures transfers and calls, which share a cluster.
func (b *bench) measureSpeed(ctx context.Context, r *results) (err error) {
	if !b.wants(measureGet) && !b.wants(measurePut) && !b.wants(measureHead) {
		return nil
	}
	variants := append(transferVariants(measureGet), minimalGateway())
	c, err := startCluster(ctx, variants, clusterSettings{conns: b.conns, chunk: b.chunk, dir: b.dir}, b.progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	for _, method := range []string{measureGet, measurePut} {
		if !b.wants(method) {
			continue
		}
		for _, streams := range b.streams {
			w := work{Method: method, Key: objectKey(plainKey, b.size), Size: b.size, Streams: streams}
			rows, err := b.rounds(ctx, c, fmt.Sprintf("%s, streams: %d", method, streams), transferVariants(method), opTransfer, w)
			if err != nil {
				return err
			}
			r.transfers = append(r.transfers, transferResult{method, streams, rows})
		}
	}
	if b.wants(measureHead) {
		w := work{Key: objectKey(plainKey, b.size), Streams: b.callers, Calls: b.calls}
		rows, err := b.rounds(ctx, c, measureHead, callVariants(), opCalls, w)
		if err != nil {
			return err
		}
		r.calls = append(r.calls, callResult{b.callers, rows})
	}
	if b.profiles == "" {
		return nil
	}
	return b.profile(c)
}

// rounds runs every variant once in each round, in another order each time, after one run
// that is not measured.
func (b *bench) rounds(ctx context.Context, c *cluster, what string, variants []variant, op string, w work) ([]row, error) {
	rows := make([]row, len(variants))
	for i, v := range variants {
		rows[i].variant = v
		if _, err := c.run(v, op, w); err != nil {
			return nil, err
		}
	}
	for round := range b.options.rounds {
		b.logf("%s, round %d of %d", what, round+1, b.options.rounds)
		for i := range variants {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r := &rows[(i+round)%len(rows)]
			k, err := c.run(r.variant, op, w)
			if err != nil {
				return nil, err
			}
			r.costs = append(r.costs, k)
		}
	}
	return rows, nil
}

// profile takes profiles of the gateways, in runs that are not measured.
func (b *bench) profile(c *cluster) error {
	if err := os.MkdirAll(b.profiles, 0o750); err != nil {
		return err
	}
	for _, v := range []variant{cosgate(), tuned(), naiveGateway(), plainHTTP()} {
		for _, method := range []string{measureGet, measurePut, measureHead} {
			if !b.wants(method) {
				continue
			}
			path, err := filepath.Abs(filepath.Join(b.profiles, v.gateway+"-"+v.client+"-"+method))
			if err != nil {
				return err
			}
			b.logf("profile %s", path)
			if err := b.profileOne(c, v, method, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) profileOne(c *cluster, v variant, method, path string) error {
	gateway := c.gateways[v.gateway]
	if _, err := gateway.ask(command{Op: opProfile, Path: path}); err != nil {
		return err
	}
	op, w := opTransfer, work{Method: method, Key: objectKey(plainKey, b.profileSize), Size: b.profileSize, Streams: 1}
	if method == measureHead {
		op, w = opCalls, work{Key: objectKey(plainKey, b.size), Streams: b.callers, Calls: 5 * b.calls}
	}
	if _, err := c.clients[v.name].do(op, w); err != nil {
		return err
	}
	_, err := gateway.ask(command{Op: opProfileEnd})
	return err
}
