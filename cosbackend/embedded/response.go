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
	headerCRC64 = "X-Cos-Hash-Crc64ecma"

	// unknownLength is the length of a response that is begun before its end is known.
	unknownLength = -1

	// writeTimeout is how long one piece of a response may wait for its reader.
	writeTimeout = 2 * time.Minute
)

// A response carries all bytes back to the client. It adds the headers that every
// response has and applies the fault rule of its request, if there is one.
type response struct {
	w          http.ResponseWriter
	rc         *http.ResponseController
	fault      *Fault // nil for none
	stop       <-chan struct{}
	clientGone <-chan struct{} // closed when the client gave up
	request    string          // ids
	trace      string
	untraced   bool // no trace id, although it is an error
	method     string
	head       bool // a HEAD gets no body
	// onComplete is called before the bytes that complete the response are handed over.
	onComplete func()

	status   int   // 0 until begun
	length   int64 // of the whole body, or unknownLength
	sent     int64 // bytes of the body
	err      error // the first failure to hand bytes to the connection
	deadline time.Time
}

func (r *response) header() http.Header { return r.w.Header() }

// begin sends the status and the headers. length is that of the whole body;
// statuses that have none ignore it. A response of unknownLength is sent in chunks.
func (r *response) begin(status int, length int64) {
	r.status, r.length = status, length
	h := r.header()
	if r.request != "" {
		h.Set(headerRequestID, r.request)
		if trace := r.traceID(); trace != "" && r.tracedInHeader(status, length) {
			h.Set(headerTraceID, trace)
		}
	}
	h.Set("Server", "tencent-cos")
	if h.Get("Connection") == "" {
		h.Set("Connection", "keep-alive") // net/http makes it "close" where the connection ends
	}
	if length != unknownLength && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if r.fault != nil {
		if r.fault.LoseResponse {
			return
		}
		r.fault.changeHeader(h)
	}
	r.extendDeadline()
	r.w.WriteHeader(status)
}

// streaming reports whether the response was begun and its end is not known.
func (r *response) streaming() bool { return r.status != 0 && r.length == unknownLength }

// flush hands what was written to the connection.
func (r *response) flush() {
	if r.fault != nil && r.fault.LoseResponse {
		return
	}
	if err := r.rc.Flush(); err != nil && r.err == nil {
		r.err = err
	}
}

// Write sends a part of the body, as far as the fault rule lets it through.
func (r *response) Write(p []byte) (int, error) {
	if r.head || len(p) == 0 {
		return len(p), nil
	}
	if r.fault == nil {
		return r.write(p)
	}
	if r.fault.LoseResponse {
		return len(p), nil
	}
	n := int64(len(p))
	if i := r.fault.FlipByte - 1; i >= r.sent && i < r.sent+n {
		p = slices.Clone(p)
		p[i-r.sent] ^= 0xff
	}
	if limit, cut := r.limit(); cut && r.sent+n >= limit {
		_, _ = r.write(p[:max(limit-r.sent, 0)])
		r.cutShort()
	}
	return r.write(p)
}

// limit is how much of the body the fault rule lets through.
func (r *response) limit() (int64, bool) {
	switch {
	case r.fault.Truncate != 0:
		return max(r.fault.Truncate, 0), true
	case r.fault.StallAfter != 0:
		return max(r.fault.StallAfter, 0), true
	default:
		return 0, false
	}
}

// cutShort ends a response in the middle: what was sent arrives, nothing follows.
func (r *response) cutShort() {
	_ = r.rc.Flush()
	if r.fault.Truncate == 0 { // a stall
		select {
		case <-r.clientGone:
		case <-r.stop:
		}
	}
	r.abort()
}

func (r *response) write(p []byte) (int, error) {
	r.extendDeadline()
	if r.sent+int64(len(p)) == r.length {
		r.onComplete()
	}
	n, err := r.w.Write(p)
	r.sent += int64(n)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n, err
}

// extendDeadline lets a reader that is slow but alive go on.
func (r *response) extendDeadline() {
	now := time.Now()
	if r.deadline.Sub(now) > writeTimeout*3/4 {
		return
	}
	r.deadline = now.Add(writeTimeout)
	_ = r.rc.SetWriteDeadline(r.deadline) // a recorder in a test has no deadline
}

// end hands what is left to the connection, so that the journal knows whether
// the response was delivered.
func (r *response) end() {
	if r.fault != nil && r.fault.LoseResponse {
		r.abort()
	}
	if r.sent == 0 {
		r.onComplete()
	}
	r.flush()
	if !r.deadline.IsZero() {
		_ = r.rc.SetWriteDeadline(time.Time{}) // the next request on the connection starts afresh
	}
}

// abort closes the connection without completing the response. It does not return.
func (r *response) abort() {
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	panic(http.ErrAbortHandler)
}

// connKey finds the connection of a request in its context.
type connKey struct{}

// reset makes abort send RST when the request came over TCP.
func (r *response) reset(req *http.Request) {
	if c, ok := req.Context().Value(connKey{}).(net.Conn); ok {
		abortive(c)
	}
	r.abort()
}

// startStream sends a 200 before the outcome is known. From here on an error is
// reported inside the body.
func (x *exchange) startStream() {
	x.response.header().Set("Content-Type", "application/xml")
	x.response.begin(http.StatusOK, unknownLength)
	x.response.flush()
}

// space keeps the connection of a stream alive.
func (x *exchange) space() {
	if x.response.err == nil { // otherwise the client does not wait any more
		_, _ = x.response.Write([]byte{' '})
		x.response.flush()
	}
}

// holdStream sends a space at once and then each second for that long; below zero
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
			x.response.abort()
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
	x.response.length = x.response.sent + int64(len(text))
	_, _ = x.response.Write(text) // response.err has a failure
}
