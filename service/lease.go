package service

import (
	"errors"
	"io"
	"sync"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/frames"
)

var errLeaseEnded = errors.New("service: the content was freed")

// A lease limits how long buffers may be read. net/http reads a body in a goroutine of
// its own that can outlive the request. So the end of the lease does not free the buffers
// while they are read; the last reader does.
type lease struct {
	mu      sync.Mutex
	readers int
	ended   bool
	free    func()
}

// enter begins to read. It returns false when the lease has ended.
func (l *lease) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.readers++
	return true
}

func (l *lease) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers--; l.ended && l.readers == 0 {
		l.free()
	}
}

// end lets no reader enter any more, and frees the buffers as soon as none reads. It may be
// called more than once.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	if l.readers == 0 {
		l.free()
	}
}

// leasedContent is content that can be read any number of times until its lease ends.
type leasedContent struct {
	lease
	views frames.Views
}

func newLeasedContent(views *frames.Views) *leasedContent {
	k := &leasedContent{}
	k.views.Append(views)
	k.free = k.views.Free
	return k
}

// reader returns a reader from the first byte.
func (k *leasedContent) reader() io.Reader { return &leasedContentReader{content: k} }

type leasedContentReader struct {
	content *leasedContent
	piece   int
	at      int // in the piece
}

// next returns the rest of the current piece, nil at the end.
func (r *leasedContentReader) next() []byte {
	pieces := r.content.views.Pieces()
	for r.piece < len(pieces) {
		if p := pieces[r.piece][r.at:]; len(p) > 0 {
			return p
		}
		r.piece, r.at = r.piece+1, 0
	}
	return nil
}

func (r *leasedContentReader) Read(p []byte) (int, error) {
	if !r.content.enter() {
		return 0, errLeaseEnded
	}
	defer r.content.leave()
	n := 0
	for n < len(p) {
		k := copy(p[n:], r.next())
		if k == 0 {
			break
		}
		r.at += k
		n += k
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo writes the pieces without copying them.
func (r *leasedContentReader) WriteTo(w io.Writer) (n int64, err error) {
	if !r.content.enter() {
		return 0, errLeaseEnded
	}
	defer r.content.leave()
	if b, ok := w.(cosbackend.BuffersWriter); ok && r.piece == 0 && r.at == 0 {
		r.piece = len(r.content.views.Pieces())
		return b.WriteBuffers(r.content.views.Pieces()...)
	}
	for p := r.next(); p != nil; p = r.next() {
		k, err := w.Write(p)
		r.at += k
		n += int64(k)
		if err == nil && k < len(p) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
