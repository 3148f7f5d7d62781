package frames

import (
	"context"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

var _ mem.BufferPool = (*Pool)(nil)

// A Pool keeps buffers for content and knows how much of it is in use. Buffers are
// not cleared: who takes one fills it. It is safe for concurrent use.
type Pool struct {
	tiers  []tier
	inUse  atomic.Int64
	poison bool
}

type tier struct {
	size int
	free *sync.Pool // of *[]byte
}

// NewPool makes a pool with one tier for each power of two from 16 KiB to 2 MiB, each
// with the room for headers on top: a buffer of a power of two and a header would
// otherwise need the next, twice as large tier.
func NewPool() *Pool {
	p := &Pool{}
	for size := 16 << 10; size <= 2<<20; size *= 2 {
		p.tiers = append(p.tiers, tier{size: size + headRoom, free: &sync.Pool{}})
	}
	return p
}

// NewPoisonPool makes a pool for tests: it overwrites what is given back, so that use
// after that shows.
func NewPoisonPool() *Pool {
	p := NewPool()
	p.poison = true
	return p
}

// Get returns a buffer of the given length with any content.
func (p *Pool) Get(length int) *[]byte {
	p.inUse.Add(int64(length))
	for _, t := range p.tiers {
		if length > t.size {
			continue
		}
		if b, ok := t.free.Get().(*[]byte); ok {
			*b = (*b)[:length]
			return b
		}
		b := make([]byte, length, t.size)
		return &b
	}
	b := make([]byte, length)
	return &b
}

// Put takes a buffer of Get back, with the length it had.
func (p *Pool) Put(b *[]byte) {
	p.inUse.Add(-int64(len(*b)))
	if p.poison {
		for i := range *b {
			(*b)[i] = 0xDB
		}
	}
	for _, t := range p.tiers {
		if cap(*b) == t.size {
			t.free.Put(b)
			return
		}
	}
}

// InUse is how many bytes were taken and not given back, without those of accounts
// that were closed.
func (p *Pool) InUse() int64 { return p.inUse.Load() }

// An Account is one stream's use of a Pool. grpc does not free the messages that it
// has queued when a connection is lost; the garbage collector takes them then, and
// Close makes up for it in the count of the pool. It is safe for concurrent use.
type Account struct {
	pool   *Pool
	mu     sync.Mutex
	inUse  int64
	closed bool
	most   int64         // what Wait waits for
	room   chan struct{} // closed when inUse is at most that; nil when nobody waits
}

var _ mem.BufferPool = (*Account)(nil)

// NewAccount opens an account. Its owner closes it when the stream ends.
func (p *Pool) NewAccount() *Account { return &Account{pool: p} }

// Get takes a buffer from the pool.
func (a *Account) Get(length int) *[]byte {
	b := a.pool.Get(length)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inUse += int64(length)
	return b
}

// Put gives a buffer back.
func (a *Account) Put(b *[]byte) {
	a.mu.Lock()
	if n := int64(len(*b)); a.closed {
		a.pool.inUse.Add(n) // Close has counted it already, and Put counts it again
	} else {
		a.inUse -= n
	}
	if a.room != nil && a.inUse <= a.most {
		close(a.room)
		a.room = nil
	}
	a.mu.Unlock()
	a.pool.Put(b)
}

// InUse is how many bytes of the account were taken and not given back.
func (a *Account) InUse() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inUse
}

// Wait waits until at most so many bytes are in use, or the context ends. One goroutine
// waits at a time.
func (a *Account) Wait(ctx context.Context, most int64) error {
	a.mu.Lock()
	if a.inUse <= most {
		a.mu.Unlock()
		return nil
	}
	room := make(chan struct{})
	a.most, a.room = most, room
	a.mu.Unlock()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close counts what was not given back as given back. Buffers may still be put after
// it.
func (a *Account) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.pool.inUse.Add(-a.inUse)
	}
}
