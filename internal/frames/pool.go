package frames

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

var _ mem.BufferPool = (*Pool)(nil)

// The buffers of a tier have the same power of two of bytes, up to the largest message
// of the contract with its headers; larger buffers are not reused. The smallest tier is
// small enough that the frames of a caller who sends little at a time take little more
// memory than they have bytes.
const (
	minTierBits = 11 // 2 KiB
	maxTierBits = 22 // 4 MiB
)

// A Pool reuses buffers for content and counts the bytes in use. Buffers are not
// cleared, so they must be filled before they are read. It is safe for concurrent use.
type Pool struct {
	tiers    [maxTierBits - minTierBits + 1]sync.Pool // of *[]byte
	inUse    atomic.Int64
	released func(buf []byte) // called with each buffer that is given back; nil for none
}

// NewPool makes a pool. It has one tier for each power of two: content and the room for
// its headers should have such a size together, or almost.
func NewPool() *Pool { return &Pool{} }

// NewPoolWithHook makes a pool that calls released with every buffer that is given back,
// before the buffer can be taken again.
func NewPoolWithHook(released func(buf []byte)) *Pool { return &Pool{released: released} }

// tier is the index of the tier for buffers of a length; there may be none.
func tier(length int) int {
	return max(bits.Len(uint(max(length, 1)-1)), minTierBits) - minTierBits
}

// room is how many bytes a buffer of a length occupies.
func room(length int) int64 {
	if t := tier(length); t <= maxTierBits-minTierBits {
		return 1 << (t + minTierBits)
	}
	return int64(length)
}

// Get returns a buffer of the given length with arbitrary content.
func (p *Pool) Get(length int) *[]byte {
	p.inUse.Add(room(length))
	t := tier(length)
	if t >= len(p.tiers) {
		b := make([]byte, length)
		return &b
	}
	if b, ok := p.tiers[t].Get().(*[]byte); ok {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, 1<<(t+minTierBits))
	return &b
}

// Put takes a buffer of Get back, with the length it had.
func (p *Pool) Put(b *[]byte) {
	p.inUse.Add(-room(len(*b)))
	if p.released != nil {
		p.released(*b)
	}
	if t := tier(cap(*b)); t < len(p.tiers) && cap(*b) == 1<<(t+minTierBits) {
		p.tiers[t].Put(b)
	}
}

// InUse is the size of the buffers that were taken and not given back, without those of
// closed accounts.
func (p *Pool) InUse() int64 { return p.inUse.Load() }

// A Budget is how many bytes of buffers several accounts should hold together. Only
// [NewContentWithin] respects it: other buffers count against it, but are handed out even
// when it is exceeded. It is safe for concurrent use.
type Budget struct {
	limit int64
	inUse atomic.Int64
}

// NewBudget makes a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// take counts n bytes unless that would exceed the limit. Concurrent callers do not
// exceed it together either.
func (b *Budget) take(n int64) bool {
	if b.inUse.Add(n) > b.limit {
		b.inUse.Add(-n)
		return false
	}
	return true
}

// An Account is one stream's use of a Pool. grpc does not free the messages that it
// has queued when a connection is lost. The garbage collector takes those, and Close
// corrects the count of the pool. It is safe for concurrent use.
type Account struct {
	pool      *Pool
	budgets   []*Budget
	mu        sync.Mutex
	inUse     int64
	closed    bool
	waiting   bool
	threshold int64         // Wait waits until inUse is at most that
	below     chan struct{} // has a token when inUse may be at most the threshold
}

var _ mem.BufferPool = (*Account)(nil)

// NewAccount opens an account that counts against the budgets. Its owner closes it when
// the stream ends.
func (p *Pool) NewAccount(budgets ...*Budget) *Account {
	return &Account{pool: p, budgets: budgets, below: make(chan struct{}, 1)}
}

// Get takes a buffer from the pool.
func (a *Account) Get(length int) *[]byte {
	n := room(length)
	a.spend(n)
	a.count(n)
	return a.pool.Get(length)
}

// getWithin takes a buffer unless one of the budgets has no room for it.
func (a *Account) getWithin(length int) (b *[]byte, ok bool) {
	n := room(length)
	for i, budget := range a.budgets {
		if !budget.take(n) {
			for _, taken := range a.budgets[:i] {
				taken.inUse.Add(-n)
			}
			return nil, false
		}
	}
	a.count(n)
	return a.pool.Get(length), true
}

// OverBudget reports whether more is in use than one of the budgets allows.
func (a *Account) OverBudget() bool {
	for _, b := range a.budgets {
		if b.inUse.Load() > b.limit {
			return true
		}
	}
	return false
}

// spend counts n bytes, which may be negative, in the budgets.
func (a *Account) spend(n int64) {
	for _, b := range a.budgets {
		b.inUse.Add(n)
	}
}

func (a *Account) count(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inUse += n
}

// Put gives a buffer back.
func (a *Account) Put(b *[]byte) {
	a.mu.Lock()
	if n := room(len(*b)); a.closed {
		a.pool.inUse.Add(n) // Close has counted it already, and Put counts it again
	} else {
		a.inUse -= n
		a.spend(-n)
	}
	if a.waiting && a.inUse <= a.threshold {
		a.waiting = false
		select {
		case a.below <- struct{}{}:
		default: // an earlier token is still there
		}
	}
	a.mu.Unlock()
	a.pool.Put(b)
}

// InUse is how many bytes the buffers of the account have that were not given back.
func (a *Account) InUse() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inUse
}

// Wait waits until at most limit bytes are in use, or the context ends. Only one
// goroutine may wait at a time.
func (a *Account) Wait(ctx context.Context, limit int64) error {
	for !a.atMost(limit) {
		select {
		case <-a.below:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// atMost reports whether at most limit bytes are in use. If not, Put signals when they
// are.
func (a *Account) atMost(limit int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting, a.threshold = a.inUse > limit, limit
	return !a.waiting
}

// Close counts the buffers that were not given back as given back. Put may still be
// called after it.
func (a *Account) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.pool.inUse.Add(-a.inUse)
		a.spend(-a.inUse)
	}
}
