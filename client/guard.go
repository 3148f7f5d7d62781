package client

import (
	"sync"
	"sync/atomic"
)

// A guard lets one call at a time use a Reader or Writer, and lets any goroutine end it.
// The buffers of an ended Reader or Writer are freed at once, or when the call in
// progress returns.
type guard struct {
	mu    sync.Mutex
	ended atomic.Bool
	free  func() // called with mu locked, possibly more than once
}

// enter begins a call. It reports whether the Reader or Writer is still open; leave must
// be called in any case.
func (g *guard) enter() bool {
	g.mu.Lock()
	return !g.ended.Load()
}

// leave ends a call.
func (g *guard) leave() {
	g.mu.Unlock()
	g.freeIfEnded()
}

// end reports whether this is the first call of end.
func (g *guard) end() bool {
	first := !g.ended.Swap(true)
	g.freeIfEnded()
	return first
}

// freeIfEnded frees the buffers after the end. When mu is locked, its holder gets here
// after unlocking it.
func (g *guard) freeIfEnded() {
	if g.ended.Load() && g.mu.TryLock() {
		g.free()
		g.mu.Unlock()
	}
}
