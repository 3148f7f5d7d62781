//go:build e2e

package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const (
	crowdReaders = 1000
	crowdWriters = 200
	crowdConns   = 12
	// crowdWindow is the flow-control window of a caller. It does not grow, so that the
	// rest stays in the gateway.
	crowdWindow = 64 << 10
	crowdObject = 64 << 20
	// crowdSprint is after how much content messages of a fast reader are of the largest
	// size. A reader that is not done within crowdSprintTime gets small ones: the budget is used up.
	crowdSprint     = 18 << 20
	crowdSprintTime = 500 * time.Millisecond
	// crowdBurst is what an upload sends at once, less than one part.
	crowdBurst = 3 << 20
	// crowdPace is the time between two messages of a slow caller.
	crowdPace = 250 * time.Millisecond
	// crowdHold is how long all of them are there.
	crowdHold = 20 * time.Second

	// What the configuration of the gateway allows for content.
	crowdBudget = 32<<20 + 128<<20
)

// TestE2EMemoryUnderManySlowCallers compares the resident memory of the gateway with its
// configuration while 1,000 readers and 200 writers are slow: some from the beginning,
// some after they were fast, and some stop altogether.
func TestE2EMemoryUnderManySlowCallers(t *testing.T) {
	c := openCrowd(t)
	idle := c.gateway.memory(t, "VmRSS")
	sizes := c.gateway.watchMemory()
	c.begin(t)
	hold := time.NewTimer(crowdHold)
	<-hold.C
	seen := sizes()
	c.end()
	late := seen[len(seen)/2:]
	p := promisedSum(t)
	most := crowdBudget + p.process + crowdReaders*p.read + crowdWriters*p.upload + crowdConns*p.connection
	t.Logf("%d readers and %d writers, %d MiB moved: idle %d MiB, at most %d MiB, median of the second half %d MiB",
		crowdReaders, crowdWriters, c.moved.Load()>>20, idle>>20, slices.Max(seen)>>20, median(late)>>20)
	t.Logf("allowed: %d MiB = budget %d MiB + process %d MiB + %d KiB a reader + %d KiB a writer + %d KiB a connection",
		most>>20, crowdBudget>>20, p.process>>20, p.read>>10, p.upload>>10, p.connection>>10)
	if peak := slices.Max(seen); peak > most {
		t.Errorf("the gateway took %d MiB, want at most %d MiB", peak>>20, most>>20)
	}
	if n := len(c.failures); n > 0 {
		t.Errorf("%d callers failed, the first with %v", n, c.failures[0])
	}
}

// A crowd is many slow callers of one gateway.
type crowd struct {
	gateway *process
	objects []cosgatev1.ObjectServiceClient
	ctx     context.Context
	cancel  context.CancelFunc
	callers sync.WaitGroup
	begun   sync.WaitGroup
	moved   atomic.Int64

	mu       sync.Mutex
	failures []error
}

func openCrowd(t *testing.T) *crowd {
	t.Helper()
	_, gateway := startBefore(t, embedded.Options{Dir: t.TempDir()}, "limits: {read_memory: 32MiB, upload_memory: 128MiB}\n")
	c := &crowd{gateway: gateway}
	for range crowdConns {
		c.objects = append(c.objects, cosgatev1.NewObjectServiceClient(dial(t, c.gateway.value("gRPC"), grpc.WithStaticStreamWindowSize(crowdWindow))))
	}
	if err := putZeros(t.Context(), c.objects[0], "large", crowdObject); err != nil {
		t.Fatal(err)
	}
	c.ctx, c.cancel = context.WithCancel(t.Context())
	t.Cleanup(c.end)
	return c
}

// begin returns when every call has begun and the sprinters stand still. They take turns,
// so that each is as fast as it can be.
func (c *crowd) begin(t *testing.T) {
	t.Helper()
	track := make(chan struct{}, 2)
	for i := range crowdReaders {
		c.caller(i, func(objects cosgatev1.ObjectServiceClient, begun func()) error {
			switch i % 10 {
			case 0: // stops, too, with the largest messages on their way
				return c.read(objects, crowdSprint, track, time.Hour, begun)
			case 1, 2, 3:
				return c.read(objects, 1, nil, time.Hour, begun) // stops
			default:
				return c.read(objects, 1, nil, crowdPace, begun)
			}
		})
	}
	for i := range crowdWriters {
		c.caller(i, func(objects cosgatev1.ObjectServiceClient, begun func()) error {
			size, burst := new(int64(1<<30)), 0
			if i%2 == 0 {
				size = nil
			}
			if i%4 < 2 {
				burst = crowdBurst
			}
			return c.write(objects, size, burst, begun)
		})
	}
	c.begun.Wait()
}

// caller runs one of the crowd until the end.
func (c *crowd) caller(i int, run func(objects cosgatev1.ObjectServiceClient, begun func()) error) {
	c.begun.Add(1)
	begun := sync.OnceFunc(c.begun.Done)
	c.callers.Go(func() {
		defer begun()
		if err := run(c.objects[i%len(c.objects)], begun); c.ctx.Err() == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.failures = append(c.failures, err)
		}
	})
}

// read takes the first bytes as fast as it can, in its turn, and then a message at a time.
func (c *crowd) read(objects cosgatev1.ObjectServiceClient, fast int, turn chan struct{}, pace time.Duration, begun func()) error {
	if turn != nil {
		turn <- struct{}{}
	}
	stream, err := objects.GetObject(c.ctx, &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: "large", MessageSize: 2 << 20})
	if err != nil {
		return err
	}
	next := func() (int, error) {
		m, err := stream.Recv()
		n := len(m.GetChunk().GetData())
		c.moved.Add(int64(n))
		return n, err
	}
	started := time.Now()
	for taken := 0; taken < fast && err == nil && time.Since(started) < crowdSprintTime; {
		var n int
		n, err = next()
		taken += n
	}
	if turn != nil {
		<-turn
	}
	begun()
	return c.slowly(err, pace, func() error {
		_, err := next()
		return err
	})
}

// write sends the first bytes as fast as it can, and then a message at a time.
func (c *crowd) write(objects cosgatev1.ObjectServiceClient, size *int64, burst int, begun func()) error {
	stream, err := objects.PutObject(c.ctx)
	if err != nil {
		return err
	}
	piece := make([]byte, 16<<10)
	send := func() error {
		c.moved.Add(int64(len(piece)))
		return stream.Send(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Data: piece}})
	}
	err = stream.Send(&cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: "k", Size: size}})
	begun() // what follows may have to wait for memory
	for sent := 0; sent < burst && err == nil; sent += len(piece) {
		err = send()
	}
	if err = c.slowly(err, crowdPace, send); c.ctx.Err() == nil {
		_, err = stream.CloseAndRecv() // has the reason
	}
	return err
}

func (c *crowd) slowly(err error, pace time.Duration, step func() error) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for err == nil {
		select {
		case <-tick.C:
			err = step()
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	return err
}

// end cancels all calls. It may be called again.
func (c *crowd) end() {
	c.cancel()
	c.callers.Wait()
}
