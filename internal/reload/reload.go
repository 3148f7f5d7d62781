// Package reload reads files again when they change.
//
// Operators replace keys, tokens and policies by writing files. A [File] notices that
// within a second of its next use, without a goroutine and without a watcher, which would
// miss changes on network file systems.
package reload

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkInterval is how often a file in use is checked.
const checkInterval = time.Second

// Options say how a [File] reads. The zero value of every field but What is usable.
type Options struct {
	// What says what the file holds, for the log: "policies", "client CAs".
	What string
	// MaxSize bounds the file in bytes. 0 is 1 MiB.
	MaxSize int64
	// Logger gets a line when the file was read again, and when it is not usable. Nil
	// discards.
	Logger *slog.Logger
	// Clock measures the check interval. Nil is time.Now.
	Clock func() time.Time
}

// A File is a value that was read from a file. It is safe for concurrent use: one
// caller reads a changed file, the others continue with the previous value.
type File[T any] struct {
	path  string
	parse func([]byte) (T, error)
	opts  Options

	state  atomic.Pointer[state[T]]
	next   atomic.Int64 // when the file is checked again, unix nanoseconds
	reread sync.Mutex
}

// A state is the value in force and the file it was read from.
type state[T any] struct {
	value T
	seen  os.FileInfo // nil when Stat failed
}

// Open reads path and parses it; the file must be usable now. When parse refuses a later
// content, that is logged once, and the previous value stays in force.
func Open[T any](path string, parse func([]byte) (T, error), o Options) (*File[T], error) {
	if o.MaxSize == 0 {
		o.MaxSize = 1 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	f := &File[T]{path: path, parse: parse, opts: o}
	s, err := f.read()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", o.What, path, err)
	}
	f.state.Store(s)
	f.next.Store(o.Clock().Add(checkInterval).UnixNano())
	return f, nil
}

// Value returns the value in force. It checks the file when the last check is a second old.
func (f *File[T]) Value() T {
	next := f.next.Load()
	now := f.opts.Clock()
	if now.UnixNano() >= next && f.next.CompareAndSwap(next, now.Add(checkInterval).UnixNano()) {
		_ = f.Reload() // it was logged
	}
	return f.state.Load().value
}

// Reload checks the file now. When a changed file is not usable it returns why, and the
// previous value stays in force.
func (f *File[T]) Reload() error {
	f.reread.Lock()
	defer f.reread.Unlock()
	old := f.state.Load()
	info, err := os.Stat(f.path)
	if err == nil && same(old.seen, info) {
		return nil
	}
	s, err := f.read()
	if err != nil {
		if old.seen != nil { // once for each change, not once a second
			f.opts.Logger.Error(f.opts.What+" are not usable, the previous ones stay in force", "path", f.path, "error", err)
		}
		f.state.Store(&state[T]{value: old.value, seen: info})
		return fmt.Errorf("%s %s: %w", f.opts.What, f.path, err)
	}
	f.opts.Logger.Info(f.opts.What+" were read again", "path", f.path)
	f.state.Store(s)
	return nil
}

func same(a, b os.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read takes the file info from the open file, so that a change while it is read is
// noticed at the next check.
func (f *File[T]) read() (*state[T], error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, errors.Unwrap(err) // the path is named by the caller
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, f.opts.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if int64(len(data)) > f.opts.MaxSize {
		return nil, fmt.Errorf("it is larger than %d bytes", f.opts.MaxSize)
	}
	value, err := f.parse(data)
	if err != nil {
		return nil, err
	}
	return &state[T]{value: value, seen: info}, nil
}
