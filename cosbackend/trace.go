package cosbackend

import (
	"context"
	"sync"
)

// A Trace collects what happened on behalf of one context: service puts one into each
// RPC. It is neither a trace of OpenTelemetry nor COS's trace id. It is safe for
// concurrent use.
type Trace struct {
	mu   sync.Mutex
	info TraceInfo
}

// TraceInfo is what a Trace knows at one moment.
type TraceInfo struct {
	// RequestID, TraceID and HTTPStatus are of COS's last response.
	RequestID  string
	TraceID    string
	HTTPStatus int
	// Attempts counts every request made, also those of region lookups that were
	// made for this context alone.
	Attempts int
	// Operation is the last operation that was begun.
	Operation string
	Profile   string
	// CredentialsAccepted says that COS's last response showed that it considers the profile's
	// credentials valid. False means nothing: the response may just not show it, or
	// the caller's own credentials signed the request.
	CredentialsAccepted bool
}

type traceKey struct{}

// Value implements the Value method of a context: it returns t for the key of the Trace.
// It is for contexts that hold a Trace and other values; others begin with [WithTrace].
func (t *Trace) Value(key any) (value any, ok bool) {
	if key == (traceKey{}) {
		return t, true
	}
	return nil, false
}

// WithTrace returns a context whose calls are recorded in the returned Trace.
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{}
	return context.WithValue(ctx, traceKey{}, t), t
}

func traceFrom(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// Snapshot returns what was recorded so far.
func (t *Trace) Snapshot() TraceInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.info
}

// begin and the other recorders accept a nil Trace, because most contexts of
// tests and lookups have none.
func (t *Trace) begin(op, profile string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info.Operation, t.info.Profile = op, profile
}

func (t *Trace) attempt() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info.Attempts++
}

func (t *Trace) response(status int, requestID, traceID string, accepted bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info.HTTPStatus = status
	t.info.RequestID = requestID
	t.info.TraceID = traceID
	t.info.CredentialsAccepted = accepted
}
