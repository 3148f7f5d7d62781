package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// sweepBatch is how many segments one job of the sweeper removes, so that other writes
// need not wait long.
const sweepBatch = 256

// A sweeper removes manifests without references in the background, once they have no
// reader.
type sweeper struct {
	gate   *sync.RWMutex
	writer *writer
	warn   func(msg string, args ...any)
	wake   chan struct{}
	ended  chan struct{}

	mu     sync.Mutex
	idle   sync.Cond // queue is empty and no sweep is in progress
	busy   bool
	closed bool
	queue  []int64
	pins   map[int64]int      // readers of each manifest
	later  map[int64]struct{} // to be swept when the last reader is closed
	failed []int64            // tried again with the next ones
}

func newSweeper(gate *sync.RWMutex, w *writer, warn func(string, ...any)) *sweeper {
	s := &sweeper{
		gate: gate, writer: w, warn: warn,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		pins: map[int64]int{}, later: map[int64]struct{}{},
	}
	s.idle.L = &s.mu
	return s
}

// add queues manifests that may be without references. Those that have some are
// skipped.
func (s *sweeper) add(manifests ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(manifests) == 0 || s.closed { // the next start does it
		return
	}
	s.queue = append(s.queue, manifests...)
	s.signal()
}

// signal makes run look again. The caller holds mu and knows that closed is not set.
func (s *sweeper) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it will see the longer queue
	}
}

// pin keeps a manifest and its bodies until unpin. The caller holds the gate since
// before it read the row that named the manifest, or is in the transaction that makes
// the manifest.
func (s *sweeper) pin(manifest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[manifest]++
}

func (s *sweeper) unpin(manifest int64) {
	s.mu.Lock()
	s.pins[manifest]--
	unread := s.pins[manifest] == 0
	_, due := s.later[manifest]
	if unread {
		delete(s.pins, manifest)
		delete(s.later, manifest)
	}
	s.mu.Unlock()
	if unread && due {
		s.add(manifest)
	}
}

// pinned reports whether a manifest is being read. If so it is queued again afterwards.
func (s *sweeper) pinned(manifest int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[manifest] == 0 {
		return false
	}
	s.later[manifest] = struct{}{}
	return true
}

// settle waits until everything that was queued is swept or being read.
func (s *sweeper) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy || len(s.queue) > 0 {
		s.idle.Wait()
	}
}

// close sweeps what is queued and ends the sweeper.
func (s *sweeper) close() {
	s.mu.Lock()
	s.closed = true
	close(s.wake) // what is queued in it is still received
	s.mu.Unlock()
	<-s.ended
}

func (s *sweeper) run() {
	defer close(s.ended)
	for range s.wake {
		s.mu.Lock()
		due := map[int64]struct{}{}
		for _, m := range slices.Concat(s.failed, s.queue) {
			due[m] = struct{}{}
		}
		s.queue, s.failed, s.busy = nil, nil, true
		s.mu.Unlock()

		// A reader that saw the last reference holds the gate until it has pinned the
		// manifest.
		s.gate.Lock()
		s.gate.Unlock() //nolint:staticcheck // passing through is the point
		var failed []int64
		for m := range maps.Keys(due) {
			if err := s.sweep(m); err != nil {
				s.warn("parts of a removed object are not freed yet", "error", err)
				failed = append(failed, m)
			}
		}

		s.mu.Lock()
		s.failed, s.busy = failed, false
		if 0 < len(failed) && len(failed) < len(due) && !s.closed {
			s.signal() // the others made room
		}
		s.idle.Broadcast()
		s.mu.Unlock()
	}
}

// sweep removes one manifest, a batch at a time.
func (s *sweeper) sweep(manifest int64) error {
	for more := true; more; {
		j := &job{frees: true, do: func(t *txn) (err error) {
			if more = !s.pinned(manifest); more {
				more, err = t.dismantle(manifest, sweepBatch)
			}
			return err
		}}
		s.writer.submit(j)
		if err := j.wait(s.writer.ctx); err != nil {
			return err
		}
	}
	return nil
}

// dismantle removes up to limit segments of a manifest, and the manifest itself with the
// last one; more reports that segments are left. It does nothing to a manifest that has
// a reference.
func (t *txn) dismantle(manifest int64, limit int) (more bool, err error) {
	var one int
	unused, err := t.row("SELECT 1 FROM manifest WHERE id = ? AND refs = 0", []any{manifest}, &one)
	if err != nil || !unused {
		return false, err
	}
	segments, err := t.segments("SELECT pos, len, blob_id, off FROM segment WHERE manifest_id = ? ORDER BY pos LIMIT ?", manifest, limit)
	if err != nil {
		return false, err
	}
	for _, seg := range segments {
		if _, err := t.exec("DELETE FROM segment WHERE manifest_id = ? AND pos = ?", manifest, seg.pos); err != nil {
			return false, err
		}
		if err := t.unref(seg.blob); err != nil {
			return false, err
		}
	}
	if len(segments) == limit {
		return true, nil
	}
	_, err = t.exec("DELETE FROM manifest WHERE id = ?", manifest)
	return false, err
}

// unusedManifests are those that a crash left to be swept.
func (x *index) unusedManifests(ctx context.Context) ([]int64, error) {
	rows, err := x.writer.QueryContext(ctx, "SELECT id FROM manifest WHERE refs = 0")
	if err != nil {
		return nil, fmt.Errorf("store: scan index: %w", indexError(err))
	}
	defer func() { _ = rows.Close() }() // only read
	var all []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("store: scan index: %w", indexError(err))
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: scan index: %w", indexError(err))
	}
	return all, nil
}
