package service

import (
	"context"
	"fmt"
	"sync"
	"time"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// defaultReceiveMemory is the default of Options.ReceiveMemory.
	defaultReceiveMemory = 128 << 20
	// smallRequest is what a request may take without being counted, twice its size. Only the
	// number of calls bounds those.
	smallRequest = 32 << 10
	// decodedItem is about what an item of a list takes once it is decoded, in addition to
	// its text.
	decodedItem = 96
	// receiveWait is how long a call waits for memory for its request.
	receiveWait = 2 * time.Second
	// callerShares is how many callers can have their full share at a time.
	callerShares = 4
)

// receiveMemory bounds what requests hold, from before they are read until their calls end.
// It is safe for concurrent use.
type receiveMemory struct {
	limit int64 // of all callers
	share int64 // of one
	wait  time.Duration

	mu      sync.Mutex
	inUse   int64
	callers map[string]int64 // by name
	freed   chan struct{}    // closed when something was given back
}

// newReceiveMemory makes a memory of which one caller may have a part. Without
// authentication all callers are one, which may have all of it.
func newReceiveMemory(limit int64, authenticated bool) *receiveMemory {
	m := &receiveMemory{limit: limit, share: limit, wait: receiveWait, callers: make(map[string]int64), freed: make(chan struct{})}
	if authenticated {
		m.share /= callerShares
	}
	return m
}

// acquire takes n bytes for a call, and waits a little while there are none. Release gives
// all back that the call has.
func (m *receiveMemory) acquire(ctx context.Context, c *call, n int64) error {
	taken, freed := m.try(c, n)
	if taken {
		return nil
	}
	timeout := time.NewTimer(m.wait)
	defer timeout.Stop()
	for {
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return m.exhausted(c, n)
		}
		if taken, freed = m.try(c, n); taken {
			return nil
		}
	}
}

func (m *receiveMemory) try(c *call, n int64) (taken bool, freed <-chan struct{}) {
	name := c.callerName()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inUse+n > m.limit || m.callers[name]+n > m.share {
		return false, m.freed
	}
	m.inUse += n
	m.callers[name] += n
	c.reserved += n
	return true, nil
}

// release gives back what a call has. It may have nothing.
func (m *receiveMemory) release(c *call) {
	if c.reserved == 0 {
		return
	}
	name := c.callerName()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inUse -= c.reserved
	if m.callers[name] -= c.reserved; m.callers[name] == 0 {
		delete(m.callers, name)
	}
	c.reserved = 0
	close(m.freed)
	m.freed = make(chan struct{})
}

// InUse is how many bytes requests hold.
func (m *receiveMemory) InUse() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inUse
}

func (m *receiveMemory) exhausted(c *call, n int64) error {
	m.mu.Lock()
	own := m.callers[c.callerName()]+n > m.share
	m.mu.Unlock()
	if own && m.share < m.limit {
		return overLimit("receive_memory", c.callerName(), fmt.Sprintf("its large requests hold %d MiB, which is the share of one caller", m.share>>20), cosstatus.SoonDelay)
	}
	return overLimit("receive_memory", "the gateway", fmt.Sprintf("large requests hold %d MiB, which is the limit", m.limit>>20), cosstatus.SoonDelay)
}

// An arrival is the request that a call is receiving. It is a [frames.Checker], which
// reserves memory for what decoding makes of the items.
type arrival struct {
	ctx    context.Context // a Checker has none
	call   *call
	bound  *messageBound
	memory *receiveMemory // nil for messages of uploads, whose content has limits of its own
}

// Check counts the items of a large message.
func (a *arrival) Check(wire []byte) error {
	if len(wire) < uncheckedBytes {
		return nil
	}
	items, err := a.bound.count(wire)
	if err != nil {
		return err
	}
	return a.reserve(int64(items) * decodedItem)
}

// Explain says why a message cannot be decoded.
func (a *arrival) Explain(wire []byte, _ error) error { return a.bound.explain(wire) }

// reserve takes memory for n bytes, unless that is too little to be counted.
func (a *arrival) reserve(n int64) error {
	if a.memory == nil || n <= smallRequest {
		return nil
	}
	return a.memory.acquire(a.ctx, a.call, n)
}
