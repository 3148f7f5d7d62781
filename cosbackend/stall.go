package cosbackend

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// A stallError is a connection on which nothing was received for too long.
type stallError struct{ limit time.Duration }

func (e *stallError) Error() string { return fmt.Sprintf("no byte was received for %v", e.limit) }

// A stallReader closes a response's body when a Read of it waits longer than limit
// for a byte. Waiting between Reads does not count.
type stallReader struct {
	io.ReadCloser
	limit   time.Duration
	timer   *time.Timer
	stalled atomic.Bool
}

func newStallReader(body io.ReadCloser, limit time.Duration) *stallReader {
	s := &stallReader{ReadCloser: body, limit: limit}
	s.timer = time.AfterFunc(limit, func() {
		s.stalled.Store(true)
		_ = s.ReadCloser.Close() // ends the Read that waits
	})
	s.timer.Stop()
	return s
}

func (s *stallReader) Read(p []byte) (int, error) {
	s.timer.Reset(s.limit)
	n, err := s.ReadCloser.Read(p)
	s.timer.Stop()
	if err != nil && err != io.EOF && s.stalled.Load() {
		err = &stallError{s.limit}
	}
	return n, err
}

// A spaceReader joins the white space that keeps a connection alive, so that an
// response that takes long needs no memory: of each run one character stays.
type spaceReader struct {
	io.ReadCloser
	inSpace bool
}

func (s *spaceReader) Read(p []byte) (int, error) {
	for {
		n, err := s.ReadCloser.Read(p)
		kept := 0
		for _, b := range p[:n] {
			space := b == ' ' || b == '\t' || b == '\r' || b == '\n'
			if !space || !s.inSpace {
				p[kept] = b
				kept++
			}
			s.inSpace = space
		}
		if kept > 0 || err != nil || len(p) == 0 {
			return kept, err
		}
	}
}
