// Package reload keeps what was read from files in step with the files.
//
// Operators replace certificates, keys and policies by writing files. A [File]
// notices that within a second of its next use, without a goroutine and without a
// watcher that a network file system would leave blind.
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

// checkEvery is how often a file is looked at when it is in use.
const checkEvery = time.Second

// Options say how a [File] reads. The zero value of every field but What is usable.
type Options struct {
	// What is what the file holds, for the log: "policies", "client CAs".
	What string
	// MaxSize bounds the file in bytes. 0 is 1 MiB.
	MaxSize int64
	// Logger is told when the file was read anew, and when it is not usable. Nil
	// discards.
	Logger *slog.Logger
	// Clock is what the second is measured by. Nil is time.Now.
	Clock func() time.Time
}

// A File is a value that was read from a file. It is safe for concurrent use: one
// caller reads a changed file, the others go on with the value they know.
type File[T any] struct {
	path  string
	parse func([]byte) (T, error)
	opts  Options

	state  atomic.Pointer[state[T]]
	next   atomic.Int64 // when the file is looked at again, unix nanoseconds
	reread sync.Mutex
}

// A state is the file as it was seen and the value in force with it.
type state[T any] struct {
	value T
	seen  os.FileInfo // nil when the file could not be looked at
}

// Open reads path and parses it; the file must be usable now. Later a file that
// parse refuses is reported to the log once, and the value before it stays.
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
	f.next.Store(o.Clock().Add(checkEvery).UnixNano())
	return f, nil
}

// Value returns the value in force, after a look at the file when the last one is a
// second old.
func (f *File[T]) Value() T {
	next := f.next.Load()
	now := f.opts.Clock()
	if now.UnixNano() >= next && f.next.CompareAndSwap(next, now.Add(checkEvery).UnixNano()) {
		_ = f.Reload() // it was logged
	}
	return f.state.Load().value
}

// Reload looks at the file now. It returns why a changed file is not usable; the
// value before it then stays.
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
			f.opts.Logger.Error(f.opts.What+" are not usable, those before stay in force", "path", f.path, "error", err)
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

// read takes the description together with the content, so that a change between
// the two is noticed at the next look.
func (f *File[T]) read() (*state[T], error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, errors.Unwrap(err) // the path is named by the caller
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at it: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, f.opts.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
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
