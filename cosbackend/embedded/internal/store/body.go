package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

const (
	blockSize = 64 << 10 // unit of checksums
	maxInline = 32 << 10 // up to this size a body is a row of the index
)

// bodies stores the bodies that are too large for the index. A body is immutable and
// has a name that is never reused.
type bodies interface {
	create() (bodyWriter, error)
	// open pins the body: it stays readable until the source is closed, whatever is
	// dropped meanwhile. A body that is missing or has another size is ErrCorrupt.
	open(name string, size int64) (blockSource, error)
	// drop removes bodies without references.
	drop(dropped []droppedBody)
	// reserve counts bytes about to be stored, including inline ones, against the limit.
	reserve(n int64) error
	release(n int64)
	close()
}

// A bodyWriter accepts the blocks of one body in order.
type bodyWriter interface {
	// write may not retain the block.
	write(block []byte) error
	// finish makes the body durable and readable under the name it returns.
	finish() (name string, err error)
	// abort removes the body, also after finish.
	abort()
}

// A blockSource reads the blocks of one body.
type blockSource interface {
	// block returns the bytes from off on; buf has room for them and may be used.
	block(buf []byte, off int64) ([]byte, error)
	close() error
}

// A droppedBody lost its last reference. Without a name it was inline.
type droppedBody struct {
	name string
	size int64
}

// dirBodies stores each body in one file. Files are unlinked in the background.
type dirBodies struct {
	folder *folder
	gate   *sync.RWMutex
	warn   func(msg string, args ...any)
	// freeSpace frees space for a body: that of removed objects of many parts, and of
	// the write-ahead log.
	freeSpace func()

	dirs  sync.Mutex
	known map[string]bool // sub-folders of blobs/ that exist durably

	mu      sync.Mutex
	idle    sync.Cond // nothing is pending and no file is being unlinked
	busy    bool
	pending []string
	wake    chan struct{}
	ended   chan struct{}
}

func newDirBodies(f *folder, gate *sync.RWMutex, warn func(string, ...any), freeSpace func()) *dirBodies {
	b := &dirBodies{
		folder: f, gate: gate, warn: warn, freeSpace: freeSpace,
		known: map[string]bool{}, wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	b.idle.L = &b.mu
	go b.collect()
	return b
}

func (b *dirBodies) reserve(int64) error { return nil }
func (b *dirBodies) release(int64)       {}

func (b *dirBodies) create() (bodyWriter, error) {
	name := newName()
	var f *os.File
	err := b.withRoom(func() (err error) {
		if f, err = b.folder.root.OpenFile(tmpDir+"/"+name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile); err != nil {
			return fmt.Errorf("store: create body: %w", diskError(err))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &fileWriter{bodies: b, name: name, path: tmpDir + "/" + name, file: f}, nil
}

// withRoom runs do again when the disk was full, after freeing everything that earlier
// deletes released. Their files are unlinked in the background, and the write-ahead log
// may take a large part of a small disk until the index is written again.
func (b *dirBodies) withRoom(do func() error) error {
	err := do()
	if errors.Is(err, ErrNoSpace) {
		b.freeSpace()
		b.settle()
		err = do()
	}
	return err
}

func (b *dirBodies) open(name string, size int64) (blockSource, error) {
	f, err := b.folder.root.Open(blobPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: body %s is missing", ErrCorrupt, name)
	}
	if err != nil {
		return nil, fmt.Errorf("store: open body: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%w: body %s has %d bytes, want %d", ErrCorrupt, name, info.Size(), size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return fileSource{f}, nil
}

// drop queues the files for the collector: the writer does not wait for unlink.
func (b *dirBodies) drop(dropped []droppedBody) {
	b.mu.Lock()
	for _, d := range dropped {
		if d.name != "" {
			b.pending = append(b.pending, d.name)
		}
	}
	idle := len(b.pending) == 0
	b.mu.Unlock()
	if idle {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default: // collect will see the longer list
	}
}

// collect unlinks files that no row names any more. A reader that saw the old row
// holds the gate until it has opened the file, and an open file outlives its name; so
// passing through the gate once is all the waiting needed.
func (b *dirBodies) collect() {
	defer close(b.ended)
	for range b.wake {
		b.mu.Lock()
		names := b.pending
		b.pending, b.busy = nil, true
		b.mu.Unlock()
		b.gate.Lock()
		b.gate.Unlock() //nolint:staticcheck // passing through is the point
		for _, name := range names {
			if err := b.folder.root.Remove(blobPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				b.warn("body file not removed; the next start does it", "body", name, "error", err)
			}
		}
		b.folder.keepReserve()
		b.mu.Lock()
		b.busy = false
		b.idle.Broadcast()
		b.mu.Unlock()
	}
}

// settle waits until all files that were dropped are unlinked.
func (b *dirBodies) settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.busy || len(b.pending) > 0 {
		b.idle.Wait()
	}
}

func (b *dirBodies) close() {
	close(b.wake) // what is queued in it is still received
	<-b.ended
}

// makeDir creates the sub-folder of blobs/ for a name, once.
func (b *dirBodies) makeDir(sub string) error {
	b.dirs.Lock()
	defer b.dirs.Unlock()
	if b.known[sub] {
		return nil
	}
	err := b.withRoom(func() error {
		if err := b.folder.root.Mkdir(blobsDir+"/"+sub, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("store: create body folder: %w", diskError(err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.folder.syncDir(blobsDir); err != nil {
		return err
	}
	b.known[sub] = true
	return nil
}

type fileWriter struct {
	bodies *dirBodies
	name   string
	path   string
	file   *os.File
}

func (w *fileWriter) write(block []byte) error {
	return w.bodies.withRoom(func() error {
		n, err := w.file.Write(block)
		block = block[n:] // what was written stays
		if err != nil {
			return fmt.Errorf("store: write body: %w", diskError(err))
		}
		return nil
	})
}

func (w *fileWriter) finish() (string, error) {
	err := w.file.Sync()
	if err = errors.Join(err, w.file.Close()); err != nil {
		return "", fmt.Errorf("store: write body: %w", diskError(err))
	}
	sub := w.name[:2]
	if err := w.bodies.makeDir(sub); err != nil {
		return "", err
	}
	if err := w.bodies.folder.root.Rename(w.path, blobPath(w.name)); err != nil {
		return "", fmt.Errorf("store: write body: %w", diskError(err))
	}
	w.path = blobPath(w.name)
	return w.name, w.bodies.folder.syncDir(blobsDir + "/" + sub)
}

func (w *fileWriter) abort() {
	_ = w.file.Close() // it is removed anyway, and may be closed already
	if err := w.bodies.folder.root.Remove(w.path); err != nil {
		w.bodies.warn("unfinished body file not removed; the next start does it", "body", w.name, "error", err)
	}
}

type fileSource struct{ file *os.File }

func (s fileSource) block(buf []byte, off int64) ([]byte, error) {
	n, err := s.file.ReadAt(buf, off)
	if n == len(buf) {
		return buf, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: a body file became shorter", ErrCorrupt)
	}
	return nil, fmt.Errorf("store: read body: %w", err)
}

func (s fileSource) close() error { return s.file.Close() }

// memBodies stores bodies in memory, up to a limit.
type memBodies struct {
	max  int64
	used atomic.Int64
	mu   sync.Mutex
	held map[string]*memBody
}

// A memBody counts against the limit until it is dropped and has no reader.
type memBody struct {
	bodies *memBodies
	name   string
	blocks [][]byte
	size   int64
	pins   atomic.Int64 // readers, and 1 while it is stored
}

func newMemBodies(limit int64) *memBodies {
	return &memBodies{max: limit, held: map[string]*memBody{}}
}

func (b *memBodies) reserve(n int64) error {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return fmt.Errorf("%w: the memory store is limited to %d bytes", ErrNoSpace, b.max)
	}
	return nil
}

func (b *memBodies) release(n int64) { b.used.Add(-n) }

func (b *memBodies) create() (bodyWriter, error) {
	return &memBody{bodies: b, name: newName()}, nil
}

func (b *memBodies) open(name string, size int64) (blockSource, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, ok := b.held[name]
	if !ok || body.size != size {
		return nil, fmt.Errorf("%w: body %s is missing or of wrong size", ErrCorrupt, name)
	}
	body.pins.Add(1)
	return &memSource{body: body}, nil
}

func (b *memBodies) drop(dropped []droppedBody) {
	for _, d := range dropped {
		if d.name == "" {
			b.release(d.size)
			continue
		}
		b.mu.Lock()
		body := b.held[d.name]
		delete(b.held, d.name)
		b.mu.Unlock()
		body.unpin()
	}
}

func (b *memBodies) close() {}

func (m *memBody) unpin() {
	if m.pins.Add(-1) == 0 {
		m.bodies.release(m.size)
	}
}

func (m *memBody) write(block []byte) error {
	m.blocks = append(m.blocks, append(make([]byte, 0, len(block)), block...))
	m.size += int64(len(block))
	return nil
}

func (m *memBody) finish() (string, error) {
	m.pins.Store(1)
	m.bodies.mu.Lock()
	defer m.bodies.mu.Unlock()
	m.bodies.held[m.name] = m
	return m.name, nil
}

// abort does not release the bytes: the upload reserved them and releases them.
func (m *memBody) abort() {
	m.bodies.mu.Lock()
	defer m.bodies.mu.Unlock()
	delete(m.bodies.held, m.name)
}

type memSource struct {
	body *memBody
	once sync.Once
}

func (s *memSource) block(_ []byte, off int64) ([]byte, error) {
	return s.body.blocks[off/blockSize], nil
}

func (s *memSource) close() error {
	s.once.Do(s.body.unpin)
	return nil
}
