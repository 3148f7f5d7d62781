package frames

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/mem"
)

var _ mem.BufferPool = (*Pool)(nil)

// Tiers have a power of two of bytes each, up to the largest message of the contract
// with its headers; what is larger is not kept. The least is small enough that frames of
// a caller who sends little at a time do not take much more memory than they have.
const (
	leastTier = 11 // 2 KiB
	mostTier  = 22 // 4 MiB
)

// A Pool keeps buffers for content and knows how much of it is in use. Buffers are
// not cleared: who takes one fills it. It is safe for concurrent use.
type Pool struct {
	tiers  [mostTier - leastTier + 1]sync.Pool // of *[]byte
	inUse  atomic.Int64
	poison bool
}

// NewPool makes a pool. It has one tier for each power of two: content and the room for
// its headers should have such a size together, or almost.
func NewPool() *Pool { return &Pool{} }

// NewPoisonPool makes a pool for tests: it overwrites what is given back, so that use
// after that shows.
func NewPoisonPool() *Pool { return &Pool{poison: true} }

// Another makes a pool of the same kind that counts for itself.
func (p *Pool) Another() *Pool { return &Pool{poison: p.poison} }

// tier is the one for buffers of a length; it may not exist.
func tier(length int) int {
	return max(bits.Len(uint(max(length, 1)-1)), leastTier) - leastTier
}

// room is what a buffer of a length takes.
func room(length int) int64 {
	if t := tier(length); t <= mostTier-leastTier {
		return 1 << (t + leastTier)
	}
	return int64(length)
}

// Get returns a buffer of the given length with any content.
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
	b := make([]byte, length, 1<<(t+leastTier))
	return &b
}

// Put takes a buffer of Get back, with the length it had.
func (p *Pool) Put(b *[]byte) {
	p.inUse.Add(-room(len(*b)))
	if p.poison {
		for i := range *b {
			(*b)[i] = 0xDB
		}
	}
	if t := tier(cap(*b)); t < len(p.tiers) && cap(*b) == 1<<(t+leastTier) {
		p.tiers[t].Put(b)
	}
}

// InUse is how many bytes the buffers have that were taken and not given back, without
// those of accounts that were closed.
func (p *Pool) InUse() int64 { return p.inUse.Load() }

// A Budget is how many bytes of buffers several accounts should hold together. Only
// [NewContentWithin] keeps to it: what else they hold counts, and is given beyond it too.
// It is safe for concurrent use.
type Budget struct {
	limit int64
	inUse atomic.Int64
}

// NewBudget makes a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// take counts n bytes unless there would be more than the limit then. Any number of
// callers together keep to it.
func (b *Budget) take(n int64) bool {
	if b.inUse.Add(n) > b.limit {
		b.inUse.Add(-n)
		return false
	}
	return true
}

// An Account is one stream's use of a Pool. grpc does not free the messages that it
// has queued when a connection is lost; the garbage collector takes them then, and
// Close makes up for it in the count of the pool. It is safe for concurrent use.
type Account struct {
	pool    *Pool
	budgets []*Budget
	mu      sync.Mutex
	inUse   int64
	closed  bool
	waits   bool
	most    int64         // what Wait waits for
	less    chan struct{} // has a token when inUse may be at most that
}

var _ mem.BufferPool = (*Account)(nil)

// NewAccount opens an account that counts against the budgets. Its owner closes it when
// the stream ends.
func (p *Pool) NewAccount(budgets ...*Budget) *Account {
	return &Account{pool: p, budgets: budgets, less: make(chan struct{}, 1)}
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

// OverBudget says that more is in use than one of the budgets has.
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
	if a.waits && a.inUse <= a.most {
		a.waits = false
		select {
		case a.less <- struct{}{}:
		default: // one that nobody took in time is there
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

// Wait waits until at most so many bytes are in use, or the context ends. One goroutine
// waits at a time.
func (a *Account) Wait(ctx context.Context, most int64) error {
	for !a.atMost(most) {
		select {
		case <-a.less:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// atMost says whether at most so many bytes are in use. If not, Put tells when they are.
func (a *Account) atMost(most int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits, a.most = a.inUse > most, most
	return !a.waits
}

// Close counts what was not given back as given back. Buffers may still be put after
// it.
func (a *Account) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.pool.inUse.Add(-a.inUse)
		a.spend(-a.inUse)
	}
}
