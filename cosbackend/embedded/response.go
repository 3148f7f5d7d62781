package embedded

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	headerRequestID = "X-Cos-Request-Id"
	headerTraceID   = "X-Cos-Trace-Id"
	headerCRC64     = "X-Cos-Hash-Crc64ecma"

	// unknownLength is the length of an answer that is begun before its end is known.
	unknownLength = -1

	// writeTimeout is how long one piece of an answer may wait for its reader.
	writeTimeout = 2 * time.Minute
)

// An answer is the way of all bytes back to the client. It adds what every
// answer carries and applies the fault rule of its request, if there is one.
type answer struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	fault   *Fault // nil for none
	stop    <-chan struct{}
	gone    <-chan struct{} // closed when the client is
	request string          // ids
	trace   string
	head    bool // a HEAD gets no body
	// last is called before the bytes that complete the answer are handed over.
	last func()

	status   int   // 0 until begun
	length   int64 // of the whole body, or unknownLength
	sent     int64 // bytes of the body
	err      error // the first failure to hand bytes to the connection
	deadline time.Time
}

// traceID is made when an answer needs one: only errors carry it.
func (a *answer) traceID() string {
	if a.trace == "" {
		a.trace = newTraceID()
	}
	return a.trace
}

func (a *answer) header() http.Header { return a.w.Header() }

// begin sends the status and the headers. length is that of the whole body;
// statuses that have none ignore it. An answer of unknownLength is sent in chunks.
func (a *answer) begin(status int, length int64) {
	a.status, a.length = status, length
	h := a.header()
	if a.request != "" {
		h.Set(headerRequestID, a.request)
		if status >= http.StatusMultipleChoices {
			h.Set(headerTraceID, a.traceID())
		}
	}
	h.Set("Server", "tencent-cos")
	if length != unknownLength && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if a.fault != nil {
		if a.fault.LoseAnswer {
			return
		}
		a.fault.changeHeader(h)
	}
	a.extendDeadline()
	a.w.WriteHeader(status)
}

// streaming reports whether the answer is begun and its end not known.
func (a *answer) streaming() bool { return a.status != 0 && a.length == unknownLength }

// flush hands what was written to the connection.
func (a *answer) flush() {
	if a.fault != nil && a.fault.LoseAnswer {
		return
	}
	if err := a.rc.Flush(); err != nil && a.err == nil {
		a.err = err
	}
}

// Write sends a part of the body, as far as the fault rule lets it through.
func (a *answer) Write(p []byte) (int, error) {
	if a.head || len(p) == 0 {
		return len(p), nil
	}
	if a.fault == nil {
		return a.write(p)
	}
	if a.fault.LoseAnswer {
		return len(p), nil
	}
	n := int64(len(p))
	if i := a.fault.FlipByte - 1; i >= a.sent && i < a.sent+n {
		p = slices.Clone(p)
		p[i-a.sent] ^= 0xff
	}
	if limit, cut := a.limit(); cut && a.sent+n >= limit {
		_, _ = a.write(p[:max(limit-a.sent, 0)])
		a.breakOff()
	}
	return a.write(p)
}

// limit is how much of the body the fault rule lets through.
func (a *answer) limit() (int64, bool) {
	switch {
	case a.fault.Truncate != 0:
		return max(a.fault.Truncate, 0), true
	case a.fault.StallAfter != 0:
		return max(a.fault.StallAfter, 0), true
	default:
		return 0, false
	}
}

// breakOff ends an answer in the middle: what was sent arrives, nothing follows.
func (a *answer) breakOff() {
	_ = a.rc.Flush()
	if a.fault.Truncate == 0 { // a stall
		select {
		case <-a.gone:
		case <-a.stop:
		}
	}
	a.abort()
}

func (a *answer) write(p []byte) (int, error) {
	a.extendDeadline()
	if a.sent+int64(len(p)) == a.length {
		a.last()
	}
	n, err := a.w.Write(p)
	a.sent += int64(n)
	if err != nil && a.err == nil {
		a.err = err
	}
	return n, err
}

// extendDeadline lets a reader that is slow but alive go on.
func (a *answer) extendDeadline() {
	now := time.Now()
	if a.deadline.Sub(now) > writeTimeout*3/4 {
		return
	}
	a.deadline = now.Add(writeTimeout)
	_ = a.rc.SetWriteDeadline(a.deadline) // a recorder in a test has no deadline
}

// end hands what is left to the connection, so that the journal knows whether
// the answer was delivered.
func (a *answer) end() {
	if a.fault != nil && a.fault.LoseAnswer {
		a.abort()
	}
	if a.sent == 0 {
		a.last()
	}
	a.flush()
	if !a.deadline.IsZero() {
		_ = a.rc.SetWriteDeadline(time.Time{}) // the next request on the connection starts afresh
	}
}

// abort closes the connection without completing the answer. It does not return.
func (a *answer) abort() {
	if a.err == nil {
		a.err = io.ErrClosedPipe
	}
	panic(http.ErrAbortHandler)
}

// connKey finds the connection of a request in its context.
type connKey struct{}

// reset makes abort send RST when the request came over TCP.
func (a *answer) reset(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		abortive(c)
	}
	a.abort()
}

// startStream answers 200 before the outcome is known. From here on an error is
// told inside the body.
func (x *exchange) startStream() {
	x.answer.header().Set("Content-Type", "application/xml")
	x.answer.begin(http.StatusOK, unknownLength)
	x.answer.flush()
}

// space keeps the connection of a stream alive.
func (x *exchange) space() {
	if x.answer.err == nil { // else nobody is left to be kept waiting
		_, _ = x.answer.Write([]byte{' '})
		x.answer.flush()
	}
}

// holdStream sends a space at once and then each second for so long; below zero
// until the client gives up or the server closes.
func (x *exchange) holdStream(d time.Duration) {
	for end := time.Now().Add(d); ; {
		x.space()
		next := keepAlive
		if d > 0 {
			next = min(next, time.Until(end))
		}
		x.pause(next)
		if x.ctx().Err() != nil {
			x.answer.abort()
		}
		if x.s.closing() || d > 0 && !time.Now().Before(end) {
			return
		}
	}
}

// endStream sends the outcome. It has no XML declaration, which may stand at the
// very beginning of a document only (E040).
func (x *exchange) endStream(doc *xmlWriter) {
	text := bytes.TrimPrefix(doc.buf, []byte(xmlHeader))
	x.answer.length = x.answer.sent + int64(len(text))
	_, _ = x.answer.Write(text) // a failure is kept in answer.err
}
