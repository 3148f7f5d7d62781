// Package store stores buckets and objects in SQLite and immutable body files, so that
// what was acknowledged survives kill -9.
//
// It knows nothing of HTTP or COS error codes. A write is acknowledged only after
// everything it consists of is on stable storage; conditions are evaluated inside the
// transaction that makes the change.
package store

import (
	"context"
	"errors"
	"hash/crc32"
	"log/slog"
	"sync"
	"time"
)

const (
	defaultMaxBytes = 1 << 30
	defaultClass    = "STANDARD"
	typeNormal      = "normal"
	typeAppendable  = "appendable"
	typeSymlink     = "symlink"
	// smallIndex bounds the index that is checked at every start; a larger one is
	// checked only after a crash, to keep the start short.
	smallIndex = 64 << 20
)

// Options say where and how a store keeps its data. The zero value is a store in memory.
type Options struct {
	Dir      string           // data folder, created when absent; "" keeps everything in memory
	MaxBytes int64            // memory mode only: limit on the sum of stored bodies; 0 = 1 GiB
	Clock    func() time.Time // nil = time.Now
	Logger   *slog.Logger     // nil = discard
}

// A Store holds buckets and objects. Its methods may be called concurrently.
type Store struct {
	log        *slog.Logger
	clock      func() time.Time
	folder     *folder // nil in memory mode
	index      *index
	bodies     bodies
	writer     *writer
	sweeper    *sweeper
	pool       *blockPool
	castagnoli *crc32.Table
	sessionKey []byte

	// gate is held shared from reading a row until its body is open. In memory mode it
	// also separates readers from the writer, because SQLite's memory file system has
	// no write-ahead log.
	gate sync.RWMutex
	// open is held shared by every method, so that Close waits for them.
	open   sync.RWMutex
	closed bool

	stmts stmtCache
}

// Open opens the store, creates it when Dir is new, and recovers it after a
// crash. It refuses a folder that is in use ([*LockedError]), that a newer
// program wrote, or whose index is damaged.
func Open(opts Options) (*Store, error) {
	s := &Store{
		log: opts.Logger, clock: opts.Clock, pool: &blockPool{},
		castagnoli: crc32.MakeTable(crc32.Castagnoli),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if err := s.start(context.Background(), opts); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, opts Options) (err error) {
	dirty := false
	if opts.Dir != "" {
		if s.folder, err = openFolder(opts.Dir); err != nil {
			return err
		}
		dirty = s.folder.dirty()
	}
	err = s.withReserve(func() (err error) {
		s.index, err = openIndex(ctx, opts.Dir)
		return err
	})
	if err != nil {
		return err
	}
	if s.folder != nil && (dirty || s.folder.indexSize() <= smallIndex) {
		if err := s.index.check(ctx); err != nil {
			return err
		}
	}
	if err := s.withReserve(func() error { return s.index.migrate(ctx) }); err != nil {
		return err
	}
	if err := s.openSessionKey(); err != nil {
		return err
	}
	w := newWriter(ctx, s.index.writer)
	if s.folder == nil {
		s.bodies = newMemBodies(defaultTo(opts.MaxBytes, defaultMaxBytes))
		w.begin, w.end = s.gate.Lock, s.gate.Unlock
		w.makeRoom, w.keepRoom = func(bool) bool { return false }, func() {}
	} else {
		if err := s.folder.syncDir("."); err != nil { // the name index.db may be new
			return err
		}
		if err := s.recoverFolder(ctx); err != nil {
			return err
		}
		s.bodies = newDirBodies(s.folder, &s.gate, s.log.Warn, s.freeSpace)
		w.begin, w.end = func() {}, func() {}
		s.folder.keepReserve()
		w.makeRoom = func(frees bool) bool {
			return (!frees || s.folder.releaseReserve()) && s.index.checkpoint() == nil
		}
		w.keepRoom = s.folder.keepReserve
	}
	s.writer, s.sweeper = w, newSweeper(&s.gate, w, s.log.Warn)
	w.committed = func(t *txn) {
		s.bodies.drop(t.dropped)
		s.sweeper.add(t.unused...)
	}
	left, err := s.index.unusedManifests(ctx)
	go w.run()
	go s.sweeper.run()
	s.sweeper.add(left...)
	return err
}

func defaultTo[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Close waits for the calls in progress, checkpoints the write-ahead log and releases
// the folder. Open readers stay usable, except that one of an object of many parts
// fails with ErrClosed where the next part begins. Further calls of Close do nothing.
func (s *Store) Close() error {
	s.open.Lock()
	defer s.open.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.release()
}

// release releases what a complete or failed Open acquired.
func (s *Store) release() error {
	if s.writer != nil {
		s.sweeper.close()
		close(s.writer.queue)
		<-s.writer.ended
	}
	if s.bodies != nil {
		s.bodies.close()
	}
	var err error
	if s.index != nil {
		err = errors.Join(s.withReserve(s.index.checkpoint), s.index.close())
	}
	if s.folder != nil {
		s.folder.close()
	}
	return err
}

// enter starts a method; leave ends it.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.open.RLock()
	if s.closed {
		s.open.RUnlock()
		return ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.open.RUnlock() }

// freeSpace waits for the sweeper and empties the write-ahead log. It is called by
// uploads, which may be in a method of the store already, so it does not wait while the
// store is being closed.
func (s *Store) freeSpace() {
	if !s.open.TryRLock() {
		return
	}
	defer s.open.RUnlock()
	if s.closed {
		return
	}
	s.sweeper.settle()
	if j := (&job{do: func(*txn) error { return nil }, folds: true}); s.writer.enqueue(j) == nil {
		<-j.done
	}
}

// reserve counts bytes about to be stored. It waits for what the sweeper is about to
// free before it fails.
func (s *Store) reserve(n int64) error {
	err := s.bodies.reserve(n)
	if err != nil {
		s.sweeper.settle()
		err = s.bodies.reserve(n)
	}
	return err
}

// lockReads excludes the writer of a memory store.
func (s *Store) lockReads() (unlock func()) {
	if s.folder != nil {
		return func() {}
	}
	s.gate.RLock()
	return s.gate.RUnlock
}

// now is the time in the precision of the index.
func (s *Store) now() time.Time { return timeOf(s.clock().UnixNano()) }

func timeOf(nano int64) time.Time { return time.Unix(0, nano).UTC() }
