// Package reload reads files again when they change.
//
// Operators replace keys, tokens and policies by writing files. A [File] notices that
// within a second of its next use, without a goroutine and without a watcher, which would
// miss changes on network file systems. It takes a changed file once that is still: what a
// file that is being written says so far may be valid, and is not what its operator wants.
package reload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// checkInterval is how often a file in use is checked.
	checkInterval = time.Second
	// Settle is how long a changed file must have stayed the same before it is taken.
	Settle = 2 * time.Second
)

// Options say how a [File] reads. The zero value of every field but What is usable.
type Options struct {
	// What says what the file holds, for the log: "policies", "client CAs".
	What string
	// MaxSize bounds the file in bytes. 0 is 1 MiB.
	MaxSize int64
	// Logger gets a line when the file was read again, and when it is not usable. Nil
	// discards.
	Logger *slog.Logger
	// Clock measures the check interval and how long a file is still. Nil is time.Now.
	Clock func() time.Time
}

// A File is a value that was read from a file. It is safe for concurrent use: one
// caller reads a changed file, the others continue with the previous value.
type File[T any] struct {
	path  string
	parse func([]byte) (T, error)
	opts  Options

	value atomic.Pointer[T]
	next  atomic.Int64 // when the file is checked again, unix nanoseconds

	// reread guards what follows.
	reread  sync.Mutex
	decided reading // the last that was taken or refused, without its content
	refused error   // why it was refused; nil when it was taken
	settled Stillness
}

// A reading is a file as it was found.
type reading struct {
	info os.FileInfo // nil with err
	data []byte
	err  error
}

// same reports whether two readings are of a file that nobody has changed in between, as far
// as the file system can tell.
func (r reading) same(s reading) bool {
	if r.err != nil || s.err != nil {
		return r.err != nil && s.err != nil && r.err.Error() == s.err.Error()
	}
	return r.info != nil && s.info != nil && os.SameFile(r.info, s.info) && r.info.Size() == s.info.Size() && r.info.ModTime().Equal(s.info.ModTime())
}

// Open reads path and parses it; the file must be complete and usable now. When parse
// refuses a later content, that is logged once, and the previous value stays in force.
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
	if err := f.decide(f.read()); err != nil {
		return nil, err
	}
	f.next.Store(o.Clock().Add(checkInterval).UnixNano())
	return f, nil
}

// Value returns the value in force. It checks the file when the last check is a second old.
func (f *File[T]) Value() T {
	next := f.next.Load()
	now := f.opts.Clock()
	if now.UnixNano() >= next && f.next.CompareAndSwap(next, now.Add(checkInterval).UnixNano()) {
		_ = f.Check() // it was logged
	}
	return *f.value.Load()
}

// Check looks at the file, and takes it when it has changed and has then been still for
// the time Settle. When it is not usable Check returns why, and the previous value stays in
// force.
func (f *File[T]) Check() error { return f.look(false) }

// Reload is Check for a caller who knows that the file is complete: it does not wait until
// it is still.
func (f *File[T]) Reload() error { return f.look(true) }

func (f *File[T]) look(complete bool) error {
	f.reread.Lock()
	defer f.reread.Unlock()
	if info, err := os.Stat(f.path); err == nil && f.decided.same(reading{info: info}) {
		f.settled = Stillness{}
		return f.refused
	}
	found := f.read()
	if found.err != nil && found.same(f.decided) {
		return f.refused
	}
	if !complete && !f.settled.For(found.parts(), f.opts.Clock()) {
		return f.refused
	}
	f.settled = Stillness{}
	if err := f.decide(found); err != nil {
		f.opts.Logger.Error(f.opts.What+" are not usable, the previous ones stay in force", "path", f.path, "error", err)
		return err
	}
	f.opts.Logger.Info(f.opts.What+" were read again", "path", f.path)
	return nil
}

// parts are what must not change while the file is still.
func (r reading) parts() [][]byte {
	if r.err != nil {
		return [][]byte{[]byte(r.err.Error())}
	}
	written, err := r.info.ModTime().MarshalBinary()
	if err != nil {
		written = nil // the content tells
	}
	return [][]byte{r.data, written}
}

// decide takes what was read, or returns why it is not usable.
func (f *File[T]) decide(found reading) error {
	err := found.err
	if err == nil {
		var value T
		if value, err = f.parse(found.data); err == nil {
			f.value.Store(&value)
		}
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w", f.opts.What, f.path, err)
	}
	f.decided, f.refused = found, err
	f.decided.data = nil
	return err
}

// read takes the file info from the open file, so that a change while it is read is
// noticed at the next check.
func (f *File[T]) read() reading {
	file, err := os.Open(f.path)
	if err != nil {
		return reading{err: errors.Unwrap(err)} // the path is named by the caller
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return reading{err: fmt.Errorf("stat: %w", err)}
	}
	data, err := io.ReadAll(io.LimitReader(file, f.opts.MaxSize+1))
	if err != nil {
		return reading{err: fmt.Errorf("read: %w", err)}
	}
	if int64(len(data)) > f.opts.MaxSize {
		return reading{err: fmt.Errorf("it is larger than %d bytes", f.opts.MaxSize)}
	}
	return reading{info: info, data: data}
}

// Stillness says when files that change have come to rest. Its zero value has seen nothing.
type Stillness struct {
	seen  [][]byte
	since time.Time
}

// For reports whether the same content was seen for the time Settle, at now the last time.
// It keeps content.
func (s *Stillness) For(content [][]byte, now time.Time) bool {
	if !equal(s.seen, content) {
		s.seen, s.since = content, now
		return false
	}
	return now.Sub(s.since) >= Settle
}

func equal(a, b [][]byte) bool {
	if a == nil || len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
