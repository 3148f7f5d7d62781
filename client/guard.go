package client

import (
	"sync"
	"sync/atomic"
)

// A guard lets one call use a Reader or Writer at a time, and lets any goroutine end it:
// what it holds is freed at once, or by the call that is under way when that returns.
type guard struct {
	mu   sync.Mutex
	done atomic.Bool
	free func() // called with the lock, possibly more than once
}

// enter begins a call, which leave ends. It reports false after the end; leave must be
// called all the same.
func (g *guard) enter() bool {
	g.mu.Lock()
	return !g.done.Load()
}

func (g *guard) leave() {
	g.mu.Unlock()
	g.sweep()
}

// end reports whether it is the first to say so.
func (g *guard) end() bool {
	first := !g.done.Swap(true)
	g.sweep()
	return first
}

// sweep frees. When the lock is taken, whoever has it comes here after giving it back.
func (g *guard) sweep() {
	if g.done.Load() && g.mu.TryLock() {
		g.free()
		g.mu.Unlock()
	}
}
