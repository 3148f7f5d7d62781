package cosbackend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"sync/atomic"
)

// expectAbove is the size from which an upload asks COS first whether it may come.
const expectAbove = 1 << 20

const userAgent = "cosgate"

// A call is one operation on its way through the pipeline: signed, sent, repeated
// and decoded by [Client.do].
type call struct {
	op      string
	method  string
	once    bool // must not be repeated when it may have happened
	changes bool // changes something in COS

	bucket string
	region string
	key    string // "" for a bucket

	scheme string
	host   string
	query  []pair
	header []pair
	// lasting is how many of header go with every request of a download, which asks for
	// other ranges under other conditions when it goes on.
	lasting int

	hidden []string // must not show in what is said of the call

	payload []byte // a small body
	sealed  bool   // payload holds a secret: no answer, which might quote it, is logged
	secret  string // which one, in several lines
	body    *Body  // or a streamed one

	number  int  // attempts begun so far
	single  bool // one attempt for each do: who calls it repeats
	unknown bool // an attempt was sent whose answer was lost
	doubt   bool // an attempt may have done its work: unknown, or COS failed at it
	whole   bool // the latest attempt sent all of its body

	// read decodes a 2xx answer. It leaves the body open only when streams is set
	// and it returned nil.
	read    func(ctx context.Context, a *answer) error
	streams bool
	info    ObjectInfo // what HeadObject read

	first attempt // most calls have one, which is allocated with them
}

// An attempt is one request of a call and what became of it.
type attempt struct {
	number      int
	hidden      []string // of the call
	credentials Credentials
	// authorization is what was sent to prove them, and secrets all that must not show
	// in any form, once that was needed.
	authorization string
	secrets       []string
	own           bool // the caller's credentials, not the profile's
	upload        *upload
	connected     atomic.Bool // a connection was had, so something may have been sent
	state         uploadState
	answered      bool         // COS's whole answer was had
	early         bool         // a 2xx answer came before the body was sent
	observed      *observation // nil when nobody observes
	answer        answer
}

// reader returns the reader of the next attempt, or false when there is none any
// more.
func (b *Body) reader(number int) io.Reader {
	if b.Reopen != nil && (number > 1 || b.Reader == nil) {
		return b.Reopen()
	}
	return b.Reader
}

// path returns the decoded path and, when it differs, how it is written.
func (cl *call) path() (decoded, raw string) {
	decoded = "/" + cl.key
	if escaped := escapeKey(cl.key); escaped != cl.key {
		raw = "/" + escaped
	}
	return decoded, raw
}

// request builds and signs the request of one attempt.
func (c *Client) request(ctx context.Context, cl *call, at *attempt) *http.Request {
	req := http.Request{ // not on the heap: WithContext makes a copy
		Method: cl.method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL:  &url.URL{Scheme: cl.scheme, Host: cl.host},
		Host: cl.host,
	}
	var room [32]pair
	signed := append(room[:0], cl.header...)
	signed = append(signed, pair{"host", cl.host})
	if at.credentials.Token != "" {
		signed = append(signed, pair{"x-cos-security-token", at.credentials.Token})
	}
	if at.number > 1 {
		signed = append(signed, pair{"x-cos-sdk-retry", "true"})
	}
	if length, has := cl.attach(&req, at); has {
		signed = append(signed, pair{"content-length", strconv.FormatInt(length, 10)})
	}
	path, raw := cl.path()
	key := c.signingKey(at)
	authorization := key.authorization(cl.method, path, cl.query, signed)
	at.authorization = authorization
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = path, raw, encodeQuery(cl.query)
	req.Header = httpHeader(signed, authorization, req.ContentLength >= expectAbove)
	return req.WithContext(at.watch(ctx, cl))
}

// signingKey returns the key to sign with. Only the profile's is kept: callers'
// credentials would push it out.
func (c *Client) signingKey(at *attempt) *signingKey {
	now := c.clock()
	if at.own {
		return newSigningKey(at.credentials, window(now))
	}
	return c.signer.key(at.credentials, now)
}

// attach gives req its body and reports whether it has a Content-Length to sign.
func (cl *call) attach(req *http.Request, at *attempt) (length int64, has bool) {
	switch {
	case cl.payload != nil:
		payload := cl.payload
		req.ContentLength = int64(len(payload))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
		req.Body, _ = req.GetBody()
	case cl.body != nil && cl.body.Size > 0:
		at.upload = &upload{op: cl.op, reader: cl.body.reader(at.number), size: cl.body.Size}
		req.ContentLength = cl.body.Size
		req.Body, req.GetBody = at.upload, at.upload.again
	case cl.method == http.MethodPut || cl.method == http.MethodPost:
		req.Body = http.NoBody // net/http then sends Content-Length: 0
	default:
		return 0, false
	}
	return req.ContentLength, true
}

// watch notes when a connection is had. Only changes need to know.
func (at *attempt) watch(ctx context.Context, cl *call) context.Context {
	if !cl.changes {
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

// send makes one attempt.
func (c *Client) send(ctx context.Context, cl *call, at *attempt) error {
	credentials, own := callerCredentials(ctx)
	if !own {
		var err error
		if credentials, err = c.provider.Credentials(ctx); err != nil {
			return c.unsent(cl, at, fmt.Errorf("credentials of profile %q: %w", c.profile, err))
		}
	}
	at.credentials, at.own = credentials, own
	if err := credentials.check(); err != nil {
		return c.unsent(cl, at, fmt.Errorf("credentials: %w", err))
	}
	trace := traceFrom(ctx)
	trace.attempt()
	ctx = c.observe(ctx, cl, at)
	resp, err := c.transport.RoundTrip(c.request(ctx, cl, at))
	if err != nil {
		at.state = at.upload.end()
		if at.state.err != nil {
			return at.state.err
		}
		return c.failure(ctx, cl, at, err)
	}
	a := at.answeredBy(c, cl, resp)
	at.observed.head(ctx, a)
	err = a.decode(ctx)
	at.state = at.upload.end()
	if err == nil && !at.state.complete {
		at.early = true
		err = a.cut(ctx, errEarlyAnswer)
	}
	if err != nil || !cl.streams {
		_ = resp.Body.Close() // what was needed of it was read
	}
	if a.requestID != "" {
		trace.answer(resp.StatusCode, a.requestID, a.traceID, !own && accepted(resp.StatusCode, err))
	}
	return err
}

// unsent is an attempt that could not even be made.
func (c *Client) unsent(cl *call, at *attempt, cause error) error {
	e := c.newError(cl, at)
	e.Origin, e.Cause, e.Attempts = OriginTransport, cause, at.number-1
	return &unsentError{e}
}

// An unsentError carries an Error past the decision whether to repeat.
type unsentError struct{ err *Error }

func (u *unsentError) Error() string { return u.err.Error() }

// newError begins the Error of an attempt.
func (c *Client) newError(cl *call, at *attempt) *Error {
	return &Error{
		Op: cl.op, Bucket: cl.bucket, Key: cl.key, Region: cl.region, Profile: c.profile,
		Attempts: at.number, CallerCredentials: at.own,
	}
}
