package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
	"time"
)

// An Observer is notified of every request to COS, including those that look up regions
// and those that continue a download. What could not be sent for lack of credentials
// or time is not a request. It must be safe for concurrent use and quick, for
// requests wait for it.
type Observer interface {
	// Attempt is called before a request is made, with the context of the call. The
	// request is made with the context that is returned, so that a span can be its
	// parent. done, when it is not nil, is called exactly once: when the response was
	// read or refused, or none was received, and for a download when its body was read
	// or closed. That may be in another goroutine. done must not touch the body.
	Attempt(ctx context.Context, info AttemptInfo) (attemptCtx context.Context, done func(AttemptResult))
}

// AttemptInfo is what is known about a request before it is made.
type AttemptInfo struct {
	Operation string // the COS operation, such as "GetObject"
	Profile   string
	Method    string
	Host      string // as in the URL, which is where bucket and region stand, too
	Bucket    string // "" for ListBuckets
	Region    string // "" when the endpoint serves one region
	// Number counts the requests of a call from 1. One above 1 is a retry, or the
	// next segment of a download that broke off.
	Number int
	// Backup says that it goes to the backup domain.
	Backup bool
	// CallerCredentials says that the caller's own credentials sign it.
	CallerCredentials bool
}

// AttemptResult is the outcome of a request.
type AttemptResult struct {
	HTTPStatus int // 0 without a response
	// Code is the COS error code, "" when there is none, and "other" when it
	// does not look like one. It comes from outside: code that counts by it must know
	// which codes to expect.
	Code string
	// Origin says who produced Err. It is OriginTransport also for a reader of the
	// caller that failed.
	Origin    Origin
	RequestID string
	// Head is how long the head of the response took, 0 without one. Duration is
	// how long all of it took.
	Head     time.Duration
	Duration time.Duration
	// BytesSent and BytesReceived count content, without headers.
	BytesSent     int64
	BytesReceived int64
	// ConnectionReused says that no connection had to be opened.
	ConnectionReused bool
	// Retried says that the request will be made again, unless the caller's time ends
	// first. It is false where the state is read before that is decided, as by
	// CompleteMultipartUpload and AppendObject, and for a read that is resumed.
	Retried bool
	// Err is nil when the response was good, or the reader closed a body early. It is
	// valid until done returns.
	Err error
}

// An observation is one attempt as an Observer sees it. A nil one observes
// nothing.
type observation struct {
	client  *Client
	at      *attempt
	payload int64
	done    func(AttemptResult)
	begun   time.Time

	mu          sync.Mutex
	body        *observedBody
	result      AttemptResult
	connected   bool // a connection was obtained
	ownedByBody bool // by the body of a download
	ended       bool
}

// observe begins an observation when there is an Observer.
func (c *Client) observe(ctx context.Context, at *attempt) context.Context {
	if c.observer == nil {
		return ctx
	}
	op := at.op
	o := &observation{client: c, at: at, payload: int64(len(op.payload)), begun: time.Now()}
	at.observed = o
	ctx, o.done = c.observer.Attempt(ctx, AttemptInfo{
		Operation: op.name, Profile: c.profile, Method: op.method, Host: at.host, Bucket: op.bucket,
		Region: op.region, Number: at.number, Backup: at.host != op.host, CallerCredentials: at.callerCredentials,
	})
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: o.gotConn})
}

func (o *observation) gotConn(info httptrace.GotConnInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.result.ConnectionReused = info.Reused
	if !o.connected && !o.ended {
		o.connected = true
		o.client.connections.inUse.Add(1)
	}
}

// head records that the head of the response was received, and counts the body from now on.
func (o *observation) head(ctx context.Context, r *response) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.result.Head = max(time.Since(o.begun), 1) // 0 means that there was none
	o.result.HTTPStatus = r.http.StatusCode
	o.result.RequestID = r.requestID
	o.body = &observedBody{ReadCloser: r.http.Body, ctx: ctx, observed: o}
	r.http.Body = o.body
}

// end reports the end of the attempt, with f when it failed; only the first time counts.
func (o *observation) end(f *failure, retried bool) {
	if o == nil {
		return
	}
	o.mu.Lock()
	if o.ended {
		o.mu.Unlock()
		return
	}
	o.ended = true
	o.conclude(f, retried)
	result := o.result
	if o.connected {
		o.client.connections.inUse.Add(-1)
	}
	o.mu.Unlock()
	if o.done != nil {
		o.done(result)
	}
}

func (o *observation) conclude(f *failure, retried bool) {
	r := &o.result
	r.Duration = time.Since(o.begun)
	r.Retried = retried
	r.BytesSent = o.at.body.read
	if o.connected {
		r.BytesSent += o.payload
	}
	if o.body != nil {
		r.BytesReceived = o.body.count()
	}
	r.Origin = OriginCOS
	if f == nil {
		return
	}
	r.Err = f.err
	if e := f.response; e != nil {
		r.Code, r.Origin = codeLabel(e.Code), e.Origin
		r.RequestID = cmp.Or(e.RequestID, r.RequestID)
	} else if _, corrupted := errors.AsType[*IntegrityError](f.err); !corrupted {
		r.Origin = OriginTransport
	}
}

// succeeded ends the observation of a good attempt, or leaves that to the body.
func (at *attempt) succeeded() {
	if at.op.streaming {
		at.observed.passToBody()
	} else {
		at.observed.end(nil, false)
	}
}

// passToBody leaves the end of a read's observation to its body.
func (o *observation) passToBody() {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.ownedByBody = true
	body := o.body
	o.mu.Unlock()
	if body.isClosed() {
		body.end()
	}
}

func (o *observation) isOwnedByBody() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ownedByBody
}

// codeLabel lets through what looks like a code of COS.
func codeLabel(code string) string {
	if len(code) > 64 || !onlyWordCharsAnd(code, ".-") {
		return "other"
	}
	return code
}

// An observedBody counts what is read of a response. Of a download it also ends the
// observation: when it is closed, and while a Read waits when that returns.
type observedBody struct {
	io.ReadCloser
	ctx      context.Context // the context of the call is that of its body
	observed *observation

	mu      sync.Mutex
	read    int64
	reading bool
	closed  bool
	err     error
}

func (b *observedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.reading = true
	b.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	b.reading = false
	b.read += int64(n)
	if err != nil && err != io.EOF && b.err == nil {
		b.err = err
	}
	closed := b.closed
	b.mu.Unlock()
	if closed {
		b.end()
	}
	return n, err
}

func (b *observedBody) Close() error {
	err := b.ReadCloser.Close()
	b.mu.Lock()
	b.closed = true
	reading := b.reading
	b.mu.Unlock()
	if !reading {
		b.end()
	}
	return err
}

func (b *observedBody) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *observedBody) count() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// end ends the observation of a download. The others are ended by the attempt.
func (b *observedBody) end() {
	if !b.observed.isOwnedByBody() {
		return
	}
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err == nil {
		b.observed.end(nil, false)
		return
	}
	b.observed.end(failed(b.observed.at.transportCause(b.ctx, err)), false)
}

// PoolStats counts the connections to COS.
type PoolStats struct {
	// Opened and Failed count since the client was made: established connections, and
	// failed attempts to establish one.
	Opened int64
	Failed int64
	// Open counts the connections that are open now.
	Open int64
	// InUse counts those that a request holds now; the rest of Open is idle. It is 0
	// without an Observer.
	InUse int64
}

// Pool returns the state of the connections to COS.
func (c *Client) Pool() PoolStats { return c.connections.stats() }
