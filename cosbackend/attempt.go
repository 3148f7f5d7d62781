package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"sync/atomic"
)

// expectAbove is the size from which a request first waits for COS's consent to send its
// body.
const expectAbove = 1 << 20

const userAgent = "cosgate"

// An attempt is one request of an operation and what became of it.
type attempt struct {
	client      *Client
	op          *operation
	number      int    // from 1, over all executions of the operation
	host        string // that of op, or its backup
	credentials Credentials
	// callerCredentials says that they are the caller's, not the profile's.
	callerCredentials bool
	// authorization is what was sent to prove them, and secrets all that must not appear
	// in any form, computed once that is needed.
	authorization string
	secrets       []string

	bodyReader *bodyReader
	body       bodyState   // when the attempt ended
	connected  atomic.Bool // a connection was established, so something may have been sent
	// responseReceived says that COS's response came to its end, earlyResponse that a
	// 2xx response began before the body was sent.
	responseReceived bool
	earlyResponse    bool
	observed         *observation // nil without an Observer
	response         response
}

// A failure is why an attempt did not succeed.
type failure struct {
	err error
	// response is the Error that err is or wraps; nil when the failure is neither COS's
	// nor the network's, such as a body that could not be read.
	response *Error
	// unsent says that no request could be made at all.
	unsent bool
	// inDoubt says that this attempt may have been applied nevertheless.
	inDoubt bool
	// echoed says that it may be the consequence of an earlier attempt of the same
	// execution that was applied.
	echoed bool
}

// failed returns the failure of an attempt that ended with err, which came from COS or
// from the way there.
func failed(err error) *failure {
	e, _ := errors.AsType[*Error](err)
	return &failure{err: err, response: e}
}

// code returns the COS error code; "" when there is none.
func (f *failure) code() string {
	if f == nil || f.response == nil {
		return ""
	}
	return f.response.Code
}

// send makes the attempt. It returns nil when the response was good and decoded.
func (at *attempt) send(ctx context.Context) *failure {
	c, op := at.client, at.op
	if f := at.authenticate(ctx); f != nil {
		return f
	}
	trace := traceFrom(ctx)
	trace.attempt()
	ctx = c.observe(ctx, at)
	resp, err := c.transport.RoundTrip(at.request(ctx))
	if err != nil {
		at.body = at.bodyReader.end()
		if at.body.err != nil {
			return &failure{err: at.body.err}
		}
		return failed(at.transportError(ctx, err))
	}
	r := at.receive(resp)
	at.observed.head(ctx, r)
	err = r.read(ctx)
	at.body = at.bodyReader.end()
	if err == nil && !at.body.sent {
		at.earlyResponse = true
		err = r.truncated(ctx, errEarlyResponse)
	}
	if err != nil || !op.streaming {
		_ = resp.Body.Close() // what was needed of it was read
	}
	if r.requestID != "" {
		trace.response(resp.StatusCode, r.requestID, r.traceID, !at.callerCredentials && accepted(resp.StatusCode, err))
	}
	if err != nil {
		return failed(err)
	}
	return nil
}

// authenticate finds the credentials to sign with: the caller's, else the profile's.
func (at *attempt) authenticate(ctx context.Context) *failure {
	at.credentials, at.callerCredentials = callerCredentials(ctx)
	if !at.callerCredentials {
		var err error
		if at.credentials, err = at.client.provider.Credentials(ctx); err != nil {
			return at.unsent(fmt.Errorf("credentials of profile %q: %w", at.client.profile, err))
		}
	}
	if err := at.credentials.check(); err != nil {
		return at.unsent(fmt.Errorf("credentials: %w", err))
	}
	return nil
}

// unsent is the failure of an attempt that could not even be made.
func (at *attempt) unsent(cause error) *failure {
	e := at.newError()
	e.Origin, e.Cause, e.Attempts = OriginTransport, cause, at.number-1
	return &failure{err: e, response: e, unsent: true}
}

// newError begins the Error of the attempt.
func (at *attempt) newError() *Error {
	return &Error{
		Op: at.op.name, Bucket: at.op.bucket, Key: at.op.key, Region: at.op.region, Profile: at.client.profile,
		Attempts: at.number, CallerCredentials: at.callerCredentials,
	}
}

// request builds and signs the request.
func (at *attempt) request(ctx context.Context) *http.Request {
	op := at.op
	req := http.Request{ // not on the heap: WithContext makes a copy
		Method: op.method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL:  &url.URL{Scheme: op.scheme, Host: at.host},
		Host: at.host,
	}
	var room [32]pair
	signed := append(append(room[:0], op.header...), op.selection...)
	signed = append(signed, pair{"host", at.host})
	if at.credentials.Token != "" {
		signed = append(signed, pair{"x-cos-security-token", at.credentials.Token})
	}
	if at.number > 1 {
		signed = append(signed, pair{"x-cos-sdk-retry", "true"})
	}
	if length, has := at.attachBody(&req); has {
		signed = append(signed, pair{"content-length", strconv.FormatInt(length, 10)})
	}
	path, raw := op.path()
	at.authorization = at.signingKey().authorization(op.method, path, op.query, signed)
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = path, raw, encodeQuery(op.query)
	req.Header = httpHeader(signed, at.authorization, req.ContentLength >= expectAbove)
	return req.WithContext(at.watchConnection(ctx))
}

// signingKey returns the key to sign with. Only the profile's is cached: callers'
// credentials would evict it.
func (at *attempt) signingKey() *signingKey {
	now := at.client.clock()
	if at.callerCredentials {
		return newSigningKey(at.credentials, window(now))
	}
	return at.client.signer.key(at.credentials, now)
}

// attachBody gives req its body and reports whether it has a Content-Length to sign.
func (at *attempt) attachBody(req *http.Request) (length int64, has bool) {
	op := at.op
	switch {
	case op.payload != nil:
		payload := op.payload
		req.ContentLength = int64(len(payload))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
		req.Body, _ = req.GetBody()
	case op.body != nil && op.body.Size > 0:
		at.bodyReader = &bodyReader{op: op.name, reader: op.body.reader(at.number), size: op.body.Size}
		req.ContentLength = op.body.Size
		req.Body, req.GetBody = at.bodyReader, at.bodyReader.reopen
	case op.method == http.MethodPut || op.method == http.MethodPost:
		req.Body = http.NoBody // net/http then sends Content-Length: 0
	default:
		return 0, false
	}
	return req.ContentLength, true
}

// watchConnection notes when a connection is established. Only operations that modify
// something, and those that have another host to turn to, need to know.
func (at *attempt) watchConnection(ctx context.Context) context.Context {
	if !at.op.retry.modifies() && !at.client.backup {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { at.connected.Store(true) },
	})
}

// httpHeader returns the signed headers as net/http wants them: without those it
// writes itself.
func httpHeader(signed []pair, authorization string, expect bool) http.Header {
	h := make(http.Header, len(signed)+3)
	values := make([]string, 0, len(signed)+3)
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for _, p := range signed {
		if p.name != "host" && p.name != "content-length" {
			set(textproto.CanonicalMIMEHeaderKey(p.name), p.value)
		}
	}
	set("Authorization", authorization)
	set("User-Agent", userAgent)
	if expect {
		set("Expect", "100-continue")
	}
	return h
}

// transportError is an attempt without a response.
func (at *attempt) transportError(ctx context.Context, cause error) *Error {
	e := at.newError()
	e.Origin, e.Cause = OriginTransport, at.transportCause(ctx, cause)
	return e
}

// transportCause makes a cause match the caller's context error exactly when that context
// has ended. net/http's own timeouts claim to be context.DeadlineExceeded, too.
func (at *attempt) transportCause(ctx context.Context, err error) error {
	cause := &networkError{err: err, text: at.clean(err.Error(), maxMessage)}
	if over := contextError(ctx); over != nil {
		return fmt.Errorf("%w: %w", over, cause)
	}
	return cause
}

// A networkError is a cause that is not the end of the caller's context, whatever it
// says of itself, and whose text holds no secret: net/http quotes what it could not
// parse.
type networkError struct {
	err  error
	text string
}

func (e *networkError) Error() string { return e.text }

// Is finds what is inside, except the errors of a context.
func (e *networkError) Is(target error) bool {
	if target == context.DeadlineExceeded || target == context.Canceled {
		return false
	}
	return errors.Is(e.err, target)
}

// As finds what is inside.
func (e *networkError) As(target any) bool { return errors.As(e.err, target) }

// accepted reports whether a response shows that COS considers the credentials valid.
// Errors that may come before the signature is checked do not.
func accepted(status int, err error) bool {
	switch status {
	case http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return true
	case http.StatusNotFound:
		e, ok := errors.AsType[*Error](err)
		return ok && e.Code == "NoSuchKey"
	}
	return status >= 200 && status <= 299
}
