package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxErrorBody = 64 << 10
	maxXML       = 16 << 20
	maxHeaders   = 32
	maxHeaderOut = 256
)

var (
	errEarlyAnswer = errors.New("the answer came before the body was sent")
	errEmptyAnswer = errors.New("the answer is empty where XML was due")
	errHugeAnswer  = errors.New("the answer is larger than 16 MiB")
)

// An answer is what came back for one attempt.
type answer struct {
	client    *Client
	call      *call
	attempt   *attempt
	resp      *http.Response
	requestID string
	traceID   string
}

func (at *attempt) answeredBy(c *Client, cl *call, resp *http.Response) *answer {
	at.answer = answer{
		client: c, call: cl, attempt: at, resp: resp,
		requestID: at.cleanID(headerRequestID(resp.Header)),
		traceID:   at.cleanID(headerText(resp.Header, "X-Cos-Trace-Id")),
	}
	return &at.answer
}

func headerRequestID(h http.Header) string {
	return nameOr(headerText(h, "X-Cos-Request-Id"), headerText(h, "X-Ci-Request-Id"))
}

// decode sorts answers: COS's refusal, an answer that is not COS's, or one that
// the call can read.
func (a *answer) decode(ctx context.Context) error {
	if a.resp.StatusCode < 200 || a.resp.StatusCode > 299 || a.requestID == "" {
		return a.refusal()
	}
	return a.call.read(ctx, a)
}

// refusal reads the error that an answer is. A body that breaks off says what it
// said until then: the status is known all the same.
func (a *answer) refusal() error {
	var data []byte
	if a.call.method != http.MethodHead {
		a.resp.Body = newStallReader(a.resp.Body, keepAliveStall)
		data, _ = io.ReadAll(io.LimitReader(a.resp.Body, maxErrorBody))
	}
	body := parseErrorBody(data, a.attempt)
	if body.empty() && len(data) > 0 && !a.call.sealed {
		a.client.logger.Debug("cosbackend: error answer of unknown form", "operation", a.call.op,
			"http_status", a.resp.StatusCode, "content", a.attempt.clean(string(data), 300))
	}
	return a.refused(body)
}

// refused makes the Error of a body. Header ids count before those of the body.
func (a *answer) refused(body errorBody) *Error {
	a.requestID = nameOr(a.requestID, body.RequestID)
	a.traceID = nameOr(a.traceID, body.TraceID)
	a.attempt.answered = true
	e := a.newError()
	e.Code = nameOr(body.Code, a.attempt.clean(headerText(a.resp.Header, "X-Cos-Error-Code"), maxCode))
	e.Message = body.Message
	e.Resource = withoutQuery(body.Resource)
	e.InSuccessBody = a.resp.StatusCode >= 200 && a.resp.StatusCode <= 299
	if a.requestID == "" {
		a.attempt.answered = e.HTTPStatus >= 300 && e.HTTPStatus <= 499 && e.HTTPStatus != http.StatusRequestTimeout
		e.Origin, e.NotFromCOS, e.InSuccessBody = OriginTransport, true, false
	}
	e.forget(a.call.secret) // before anybody logs it
	return e
}

// newError begins the Error of an answer.
func (a *answer) newError() *Error {
	e := a.client.newError(a.call, a.attempt)
	e.HTTPStatus = a.resp.StatusCode
	// What refuses may quote: its ids are looked at again, more closely.
	if id := headerRequestID(a.resp.Header); id != "" {
		a.requestID = a.attempt.clean(id, maxID)
	}
	if id := headerText(a.resp.Header, "X-Cos-Trace-Id"); id != "" {
		a.traceID = a.attempt.clean(id, maxID)
	}
	e.RequestID, e.TraceID = a.requestID, a.traceID
	e.Headers = errorHeaders(a.resp.Header, a.attempt)
	return e
}

// cut is a 2xx answer that was not had to its end.
func (a *answer) cut(ctx context.Context, cause error) error {
	e := a.newError()
	e.Origin = OriginTransport
	e.Cause = transportCause(ctx, a.attempt, fmt.Errorf("read the answer: %w", cause))
	e.Retryable = true
	return e
}

// garbled is a 2xx answer of COS that does not say what it must. Whether a change
// was made is then not known.
func (a *answer) garbled(cause error) error {
	a.attempt.answered = false
	e := a.newError()
	e.Cause = fmt.Errorf("parse the answer: %w", cause)
	return e
}

// readBody reads all of a 2xx answer that is not an object, without space around it.
func (a *answer) readBody(ctx context.Context) ([]byte, error) {
	data, err := a.readRaw(ctx)
	return bytes.TrimSpace(data), err
}

// readRaw reads all of a 2xx answer that is not an object.
func (a *answer) readRaw(ctx context.Context) ([]byte, error) {
	if a.call.method == http.MethodHead {
		return nil, nil
	}
	// The time limit of the transport ends with the headers; a document that stops in
	// the middle must not be waited for for ever. A completion has a limit of its own.
	if _, limited := a.resp.Body.(*spaceReader); !limited {
		a.resp.Body = newStallReader(a.resp.Body, keepAliveStall)
	}
	data, err := io.ReadAll(io.LimitReader(a.resp.Body, maxXML+1))
	if err != nil {
		return nil, a.cut(ctx, err)
	}
	if len(data) > maxXML {
		return nil, a.garbled(errHugeAnswer)
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		if root, err := rootElement(data); err == nil && root == "Error" {
			return nil, a.refused(parseErrorXML(data, a.attempt))
		}
	}
	a.attempt.answered = true
	return data, nil
}

// readXML decodes an answer whose root element must be root.
func (a *answer) readXML(ctx context.Context, root string, into any) error {
	data, err := a.readBody(ctx)
	if err != nil {
		return err
	}
	return a.parseXML(data, root, into)
}

// parseXML decodes what readBody returned.
func (a *answer) parseXML(data []byte, root string, into any) error {
	if len(data) == 0 {
		return a.garbled(errEmptyAnswer)
	}
	got, err := rootElement(data)
	if err != nil {
		return a.garbled(err)
	}
	if got != root {
		return a.garbled(fmt.Errorf("element %q came where %q was due", a.attempt.clean(got, 64), root))
	}
	if err := tolerantDecoder(data).Decode(into); err != nil {
		return a.garbled(err)
	}
	return nil
}

// errorHeaders picks what may be passed on of an answer's headers. Those of COS
// come before the user's metadata, which may be long.
func errorHeaders(h http.Header, c cleaner) map[string]string {
	type entry struct{ order, name, value string }
	var entries []entry
	for name, values := range h {
		name = strings.ToLower(name)
		if order := headerOrder(name); order != "" && len(values) > 0 {
			entries = append(entries, entry{order, name, values[0]})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.order+a.name, b.order+b.name) })
	if len(entries) > maxHeaders {
		entries = entries[:maxHeaders]
	}
	out := make(map[string]string, len(entries))
	for _, e := range entries {
		if e.name == "location" {
			e.value = withoutQuery(e.value)
		}
		out[c.clean(e.name, maxHeaderOut)] = c.clean(e.value, maxHeaderOut)
	}
	return out
}

// headerOrder returns "" for a header that must not be passed on.
func headerOrder(name string) string {
	switch name {
	case "content-type", "content-length", "date", "server", "etag", "last-modified", "location", "retry-after", "x-ci-request-id":
		return "a"
	case "x-cos-security-token":
		return ""
	}
	switch {
	case strings.HasPrefix(name, "x-cos-meta-"):
		return "c"
	case strings.HasSuffix(name, "-customer-key"), strings.HasPrefix(name, "x-cos-callback"):
		return ""
	case strings.HasPrefix(name, "x-cos-"):
		return "b"
	}
	return ""
}

// withoutQuery takes from a URL what may hold secrets.
func withoutQuery(s string) string {
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = nil
		return u.String()
	}
	return s
}

// retryAfter returns how long the answer asks to wait. No page of COS knows the
// header; a proxy may (A016).
func retryAfter(e *Error, now time.Time) time.Duration {
	value := e.Headers["retry-after"]
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil {
		return t.Sub(now)
	}
	return 0
}
