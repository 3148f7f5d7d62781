package embedded

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// An exchange is one request on its way to its answer.
type exchange struct {
	s      *Server
	r      *http.Request
	answer *answer
	params params
	route  *route
	host   hostName
	bucket string       // "" on the service
	key    string       // "" on the service and on buckets
	found  store.Bucket // the bucket, once it was looked up
	signed bool         // the caller is the owner: signed, or not asked to sign
	pace   pace         // of the bodies

	started time.Time // real time, for the duration
	entry   Entry     // for the journal
	number  uint64    // of the entry in the journal; 0 before it is there
}

// serveHTTP answers one request and writes it into the journal.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	serving(r)
	x := s.newExchange(w, r)
	defer x.finish()
	err := x.resolve()
	if x.applyFault() {
		return
	}
	if err == nil {
		err = x.admit(r.Context())
	}
	if err == nil {
		err = x.route.handle(s, x)
	}
	if err != nil {
		x.fail(err)
	}
	x.answer.end()
}

func (s *Server) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	now := s.opts.Clock()
	x := &exchange{s: s, r: r, started: time.Now()}
	x.answer = &answer{
		w: w, rc: http.NewResponseController(w), stop: s.stop, gone: r.Context().Done(),
		request: s.newRequestID(now), head: r.Method == http.MethodHead,
	}
	x.answer.last = func() { x.record(true) }
	x.entry = Entry{
		Time: now, Method: r.Method, Host: r.Host, Target: journalTarget(r.URL),
		RequestID: x.answer.request,
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	return x
}

// newRequestID makes an id that no other answer of this or another server has,
// shaped like COS's own: base64 of the time in hex and further hex numbers.
func (s *Server) newRequestID(now time.Time) string {
	text := fmt.Appendf(nil, "%08x_%08x_%04x_%x", now.Unix(), s.instance, s.instance>>16^s.instance&0xffff, s.requests.Add(1))
	return base64.StdEncoding.EncodeToString(text)
}

func newTraceID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(raw[:])))
}

// finish ends the exchange: it turns a panic into a 500 and keeps the journal.
func (x *exchange) finish() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic value too
		x.s.opts.Logger.Error("embedded: panic", "operation", x.entry.Operation,
			"request_id", x.entry.RequestID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		p = x.answerPanic()
	}
	x.record(p == nil && x.answer.err == nil)
	if p != nil {
		panic(p)
	}
}

// record brings the journal up to date.
func (x *exchange) record(delivered bool) {
	x.entry.Status = x.answer.status
	x.entry.AnswerDelivered = delivered
	x.entry.Duration = time.Since(x.started)
	x.number = x.s.journal.record(x.number, x.entry)
}

// answerPanic answers 500 when no answer was begun, and otherwise returns the
// value to panic with so that the connection is closed.
func (x *exchange) answerPanic() (p any) {
	if x.answer.status != 0 {
		return http.ErrAbortHandler
	}
	defer func() { p = recover() }() // a fault rule may end this answer too
	clear(x.answer.header())
	x.fail(fail(internalError, ""))
	x.answer.end()
	return nil
}

// fail answers with an error. Errors of the store get the COS error that says
// the same; the rest is an InternalError whose cause is in the log only.
func (x *exchange) fail(err error) {
	if x.r.Context().Err() != nil && !isAPIError(err) {
		x.answer.abort() // nobody is left to be told
	}
	if x.answer.status != 0 && !x.answer.streaming() { // in the middle of an answer there is no other way to say it
		x.s.opts.Logger.Warn("embedded: answer broken off", "operation", x.entry.Operation,
			"request_id", x.entry.RequestID, "error", err)
		_ = x.answer.rc.Flush()
		x.answer.abort()
	}
	x.answerError(x.toAPIError(err))
}

func isAPIError(err error) bool {
	_, ok := errors.AsType[*apiError](err)
	return ok
}

// toAPIError finds the COS error for an error of a handler.
func (x *exchange) toAPIError(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if e, ok := refusal(err); ok {
		return e
	}
	switch {
	case errors.Is(err, store.ErrNoSpace):
		x.s.opts.Logger.Error("embedded: storage is full", "request_id", x.entry.RequestID, "error", err)
		return fail(serviceUnavailable, "The storage of the embedded server is full. Delete objects or raise its limit.")
	case errors.Is(err, store.ErrClosed):
		return fail(serviceUnavailable, "The embedded server is shutting down.")
	default:
		x.s.opts.Logger.Error("embedded: internal error", "operation", x.entry.Operation,
			"request_id", x.entry.RequestID, "error", err)
		return fail(internalError, "")
	}
}

// answerError sends an error answer: XML, or the bare headers for a HEAD.
func (x *exchange) answerError(e *apiError) {
	row := e.row()
	x.entry.Code = row.code
	maps.Copy(x.answer.header(), e.header)
	x.sendError(row.status, row.code, e.text(), e.extra)
}

func (x *exchange) sendError(status int, code, message string, extra []element) {
	if x.r.ContentLength != 0 {
		_ = x.answer.rc.SetReadDeadline(time.Now().Add(refusedBodyTimeout))
	}
	doc := newXML()
	doc.open("Error")
	doc.text("Code", code)
	doc.text("Message", message)
	for _, el := range extra {
		doc.text(el.name, el.text)
	}
	doc.text("Resource", x.r.Host+"/"+x.key)
	if x.answer.request != "" {
		doc.text("RequestId", x.answer.request)
		doc.text("TraceId", x.answer.traceID())
	}
	doc.close("Error")
	x.sendXML(status, doc)
}

// sendXML sends a whole XML answer. A HEAD gets its headers with length 0, as
// COS does for errors (E003).
func (x *exchange) sendXML(status int, doc *xmlWriter) {
	if f := x.answer.fault; f != nil && f.KeepAlive != 0 && status == http.StatusOK && !x.answer.streaming() {
		x.startStream()
		x.holdStream(f.KeepAlive)
	}
	if x.answer.streaming() {
		x.endStream(doc)
		return
	}
	x.answer.header().Set("Content-Type", "application/xml")
	length := int64(len(doc.buf))
	if x.answer.head {
		length = 0
	}
	x.answer.begin(status, length)
	_, _ = x.answer.Write(doc.buf) // a failure is kept in answer.err
}

// sendEmpty sends an answer without a body.
func (x *exchange) sendEmpty(status int) { x.answer.begin(status, 0) }

// ctx ends when the client gives up.
func (x *exchange) ctx() context.Context { return x.r.Context() }

// header is a request header, with the values of repeated ones joined.
func (x *exchange) header(name string) string {
	return strings.Join(x.r.Header.Values(name), ",")
}
