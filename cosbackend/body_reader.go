package cosbackend

import (
	"errors"
	"io"
	"sync"
)

var (
	errAttemptEnded = errors.New("the attempt has ended")
	errBodyTaken    = errors.New("part of the body was already sent")
)

// A bodyReader is the Body of one attempt. net/http reads it in a goroutine of
// its own that may outlive the attempt, so it stands between that goroutine and
// the caller's reader: after end no Read of the caller's reader begins any more.
type bodyReader struct {
	op     string
	reader io.Reader
	size   int64

	mu      sync.Mutex
	read    int64
	started bool // a Read of the reader has begun
	ended   bool
	err     *BodyError
}

// Read passes on exactly size bytes. What a reader yields together with an error
// is dropped: the attempt fails anyway, and must not look complete.
func (b *bodyReader) Read(p []byte) (int, error) {
	b.mu.Lock()
	left := b.size - b.read
	switch {
	case b.ended:
		b.mu.Unlock()
		return 0, errAttemptEnded
	case b.err != nil:
		b.mu.Unlock()
		return 0, b.err
	case left == 0:
		b.mu.Unlock()
		return 0, io.EOF
	}
	b.started = true
	b.mu.Unlock()

	// The lock is not held here: a reader that waits for its source must not delay the
	// response from COS.
	n, err := b.reader.Read(p[:min(int64(len(p)), left)])

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, errAttemptEnded
	}
	return b.account(n, err)
}

// account counts what the reader returned.
func (b *bodyReader) account(n int, err error) (int, error) {
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, b.fail(err)
	}
	b.read += int64(n)
	switch {
	case b.read == b.size:
		return n, io.EOF
	case err != nil:
		return 0, b.fail(io.ErrUnexpectedEOF)
	}
	return n, nil
}

func (b *bodyReader) fail(err error) error {
	b.err = &BodyError{Op: b.op, Want: b.size, Read: b.read, Err: err}
	return b.err
}

// Close does nothing: the caller's reader stays the caller's, and net/http may
// want the body again on another connection.
func (b *bodyReader) Close() error { return nil }

// reopen returns b for a connection that sent nothing.
func (b *bodyReader) reopen() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started {
		return nil, errBodyTaken
	}
	return b, nil
}

// An uploadState is where an attempt stood when it ended.
type bodyState struct {
	taken bool  // a Read of the reader has begun
	sent  bool  // all of it
	read  int64 // bytes read from the reader
	err   *BodyError
}

// end makes further Reads fail. A Read that waits in the caller's reader cannot
// be interrupted; what it yields is dropped. A nil bodyReader is a request without a
// streamed body, all of which counts as sent.
func (b *bodyReader) end() bodyState {
	if b == nil {
		return bodyState{sent: true}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	return bodyState{taken: b.started, sent: b.read == b.size, read: b.read, err: b.err}
}

// sent reports whether every byte was read from the reader.
func (b *bodyReader) sent() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read == b.size
}

// reader returns the reader of an attempt, or nil when there is none any more.
func (b *Body) reader(attempt int) io.Reader {
	if b.Reopen != nil && (attempt > 1 || b.Reader == nil) {
		return b.Reopen()
	}
	return b.Reader
}
