package embedded

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Fault makes the server misbehave on purpose for the requests it matches.
//
// The zero value of each matching field matches every request. The actions are
// applied in the order of the fields; an action whose field is zero does nothing.
type Fault struct {
	Operation string // such as "GetObject"; see [Entry.Operation]
	Bucket    string // name-appid
	Key       string
	Nth       int // only the Nth request that matches, counted from 1; 0 is every one
	Count     int // at most this many hits; 0 has no limit

	Delay time.Duration // wait before anything else; ends early when the client gives up
	Reset bool          // close the connection without a response (RST over TCP)

	// EarlyResponse leaves the request's body unread when one of the responses below
	// is sent instead of doing the work. Without it the body is read first, so that
	// a client always sees the response.
	EarlyResponse bool
	// Status responds with a COS error of this HTTP status instead of doing the
	// work. With Code and Message empty the response has no body, as for a HEAD.
	Status  int
	Code    string // with Status zero, the status is the one the code has in ErrorCodes, else 400
	Message string
	// Body is sent as it is, as ContentType, instead of XML. BodySize above zero
	// repeats Body (or a space) until that many bytes are sent. Status zero means 200.
	ContentType string
	Body        []byte
	BodySize    int64
	// ErrorInSuccess responds with 200 and an <Error> body of this code.
	ErrorInSuccess string

	// SlowWork is how much longer a CompleteMultipartUpload takes. The server responds
	// as it does when it is slow by itself: with a 200 after a second, and a space
	// each second until the result or an <Error>. When the client gives up, the work
	// continues.
	SlowWork time.Duration
	// KeepAlive sends a 200 with XML in chunks: first a space each second for this
	// long, then the body, which is the result of the committed work or that of
	// ErrorInSuccess. Below zero the spaces continue until the client gives up.
	KeepAlive time.Duration

	Header      http.Header // set on the response, over what the server puts there
	DropHeader  []string    // removed from the response
	NoRequestID bool        // no x-cos-request-id, x-cos-trace-id, RequestId and TraceId
	WrongCRC64  bool        // another value in x-cos-hash-crc64ecma and in <CRC64>

	LoseResponse bool // do the work, commit it, then close the connection without a response
	// Truncate sends only the first bytes of the response body, announces the
	// full length, and closes the connection; -1 sends none of it.
	Truncate int64
	// StallAfter sends this many bytes of the response body and then nothing until
	// the client gives up; -1 stalls after the headers.
	StallAfter int64
	// FlipByte inverts the byte of the response body at this position, counted from 1.
	FlipByte int64
}

// Faults is the set of rules that one server applies. It is safe for concurrent
// use. Without rules it costs a request one atomic load.
type Faults struct {
	active atomic.Int32 // how many rules there are

	mu    sync.Mutex
	next  int
	rules []*faultRule // in the order they were added
	hits  map[int]int  // also of removed rules
}

type faultRule struct {
	id    int
	fault Fault
	seen  int // requests that matched
	hits  int // requests it was applied to
}

// Add puts a rule behind those already there and returns its id, which is never
// zero. When several rules match a request, the first one that is due is applied.
func (f *Faults) Add(fault Fault) (id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	fault.Header = fault.Header.Clone()
	fault.Body = slices.Clone(fault.Body)
	fault.DropHeader = slices.Clone(fault.DropHeader)
	f.rules = append(f.rules, &faultRule{id: f.next, fault: fault})
	f.active.Store(int32(len(f.rules))) //nolint:gosec // the number of rules set by a test fits
	return f.next
}

// Remove removes the rule with this id. Requests that it already applies to are not
// affected.
func (f *Faults) Remove(id int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = slices.DeleteFunc(f.rules, func(r *faultRule) bool { return r.id == id })
	f.active.Store(int32(len(f.rules))) //nolint:gosec // the number of rules set by a test fits
}

// Clear removes every rule. The hits counted so far stay readable.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	f.active.Store(0)
}

// Hits returns how many requests the rule with this id was applied to.
func (f *Faults) Hits(id int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits[id]
}

// match returns the rule that applies to a request, with its id, or nil.
func (f *Faults) match(operation, bucket, key string) (int, *Fault) {
	if f.active.Load() == 0 {
		return 0, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var due *faultRule
	for _, r := range f.rules {
		if !r.matches(operation, bucket, key) {
			continue
		}
		r.seen++ // counted also when an earlier rule is applied to this request
		if due == nil && r.due() {
			due = r
		}
	}
	if due == nil {
		return 0, nil
	}
	due.hits++
	if f.hits == nil {
		f.hits = make(map[int]int)
	}
	f.hits[due.id]++
	fault := due.fault
	return due.id, &fault
}

func (r *faultRule) matches(operation, bucket, key string) bool {
	return (r.fault.Operation == "" || r.fault.Operation == operation) &&
		(r.fault.Bucket == "" || r.fault.Bucket == bucket) &&
		(r.fault.Key == "" || r.fault.Key == key)
}

func (r *faultRule) due() bool {
	return (r.fault.Nth == 0 || r.fault.Nth == r.seen) &&
		(r.fault.Count == 0 || r.hits < r.fault.Count)
}

// applyFault applies the due fault rule, and reports whether that sent the
// response.
func (x *exchange) applyFault() bool {
	id, f := x.s.faults.match(x.entry.Operation, x.entry.Bucket, x.entry.Key)
	if f == nil {
		return false
	}
	x.entry.Fault, x.response.fault = id, f
	if f.NoRequestID {
		x.response.request = ""
	}
	if f.Delay > 0 {
		x.delay(f.Delay)
	}
	if f.Reset {
		x.response.reset(x.r)
	}
	if !f.responds() {
		return false
	}
	if !f.EarlyResponse {
		// An error here concerns the client; the response is sent all the same.
		_, _ = io.Copy(io.Discard, x.body())
	}
	x.sendFault(f)
	x.response.end()
	return true
}

func (x *exchange) delay(d time.Duration) {
	x.pause(d)
	if x.ctx().Err() != nil {
		x.response.abort()
	}
}

// responds reports whether the rule responds instead of the handler.
func (f *Fault) responds() bool {
	return f.Status != 0 || f.Code != "" || f.Body != nil || f.BodySize > 0 || f.ErrorInSuccess != ""
}

// sendFault sends the response that the rule describes.
func (x *exchange) sendFault(f *Fault) {
	switch {
	case f.ErrorInSuccess != "":
		x.entry.Code = f.ErrorInSuccess
		x.sendError(http.StatusOK, f.ErrorInSuccess, f.Message, nil)
	case f.Body != nil || f.BodySize > 0:
		x.sendRaw(f)
	case f.Code == "" && f.Message == "":
		x.response.header().Set("Content-Type", "application/xml")
		x.sendEmpty(f.Status)
	default:
		status := f.Status
		switch {
		case status == 0 && x.host.kind == hostSTS:
			status = http.StatusOK
		case status == 0:
			status = statusOfCode(f.Code)
		}
		x.entry.Code = f.Code
		x.sendError(status, f.Code, f.Message, nil)
	}
}

// sendRaw sends the rule's body, repeated up to its size.
func (x *exchange) sendRaw(f *Fault) {
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	piece, size := f.Body, f.BodySize
	if size <= 0 {
		size = int64(len(piece))
	}
	if len(piece) == 0 {
		piece = []byte{' '}
	}
	for size > int64(len(piece)) && len(piece) < transferChunk {
		piece = append(slices.Clip(piece), piece...)
	}
	if f.ContentType != "" {
		x.response.header().Set("Content-Type", f.ContentType)
	}
	x.response.begin(status, size)
	for size > 0 {
		n := min(size, int64(len(piece)))
		if _, err := x.response.Write(piece[:n]); err != nil {
			return
		}
		size -= n
	}
}

// changeHeader applies what a rule does to the headers of a response.
func (f *Fault) changeHeader(h http.Header) {
	if f.WrongCRC64 {
		if crc, err := strconv.ParseUint(h.Get(headerCRC64), 10, 64); err == nil {
			h.Set(headerCRC64, strconv.FormatUint(f.crc64(crc), 10))
		}
	}
	for name, values := range f.Header {
		h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	for _, name := range f.DropHeader {
		h.Del(name)
		if http.CanonicalHeaderKey(name) == "Date" {
			h["Date"] = nil // net/http would add its own
		}
	}
}

// crc64 is the checksum as this rule lets it be sent; f may be nil.
func (f *Fault) crc64(crc uint64) uint64 {
	if f != nil && f.WrongCRC64 {
		return ^crc
	}
	return crc
}
