package cosbackend

import (
	"errors"
	"io"
	"sync"
)

var (
	errUploadEnded = errors.New("the upload has ended")
	errBodyTaken   = errors.New("part of the body was already sent")
)

// An upload is one attempt to read a Body. net/http reads it in a goroutine of
// its own that may outlive the attempt, so it stands between that goroutine and
// the caller's reader: after end no Read of the caller's reader begins any more.
type upload struct {
	op     string
	reader io.Reader
	size   int64

	mu    sync.Mutex
	read  int64
	taken bool // a Read of the reader was begun
	ended bool
	err   *BodyError
}

// Read passes on exactly size bytes. What a reader yields together with an error
// is dropped: the upload fails anyway, and must not look complete.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	left := u.size - u.read
	switch {
	case u.ended:
		u.mu.Unlock()
		return 0, errUploadEnded
	case u.err != nil:
		u.mu.Unlock()
		return 0, u.err
	case left == 0:
		u.mu.Unlock()
		return 0, io.EOF
	}
	u.taken = true
	u.mu.Unlock()

	// The lock is not held here: a reader that waits for its source must not keep
	// the answer of COS from being returned.
	n, err := u.reader.Read(p[:min(int64(len(p)), left)])

	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return 0, errUploadEnded
	}
	return u.account(n, err)
}

// account judges what the reader returned.
func (u *upload) account(n int, err error) (int, error) {
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, u.fail(err)
	}
	u.read += int64(n)
	switch {
	case u.read == u.size:
		return n, io.EOF
	case err != nil:
		return 0, u.fail(io.ErrUnexpectedEOF)
	}
	return n, nil
}

func (u *upload) fail(err error) error {
	u.err = &BodyError{Op: u.op, Want: u.size, Read: u.read, Err: err}
	return u.err
}

// Close does nothing: the caller's reader stays the caller's, and net/http may
// ask for the body again on another connection.
func (u *upload) Close() error { return nil }

// again returns u for a connection that sent nothing.
func (u *upload) again() (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.taken {
		return nil, errBodyTaken
	}
	return u, nil
}

// An uploadState is where an attempt stood when it ended.
type uploadState struct {
	taken    bool
	complete bool
	read     int64 // bytes had from the reader
	err      *BodyError
}

// end makes further Reads fail. A Read that waits in the caller's reader cannot
// be interrupted; what it brings is dropped. Without an upload, everything there
// was to send counts as sent.
func (u *upload) end() uploadState {
	if u == nil {
		return uploadState{complete: true}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	return uploadState{taken: u.taken, complete: u.read == u.size, read: u.read, err: u.err}
}

// done reports whether every byte was had from the reader.
func (u *upload) done() bool {
	if u == nil {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read == u.size
}
