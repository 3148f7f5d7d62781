package cosbackend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/internal/document"
)

const (
	maxErrorBody = 64 << 10
	maxHeaders   = 32
	maxHeaderOut = 256
)

var (
	errEarlyResponse    = errors.New("the response came before the body was sent")
	errEmptyResponse    = errors.New("the response is empty where XML was expected")
	errResponseTooLarge = errors.New("the response is larger than what COS sends")
	errOutsideRoot      = errors.New("the document has something besides its root element")
)

// A response is what COS returned to one attempt.
type response struct {
	client    *Client
	op        *operation
	attempt   *attempt
	http      *http.Response
	requestID string
	traceID   string
}

// receive begins to read the response to an attempt.
func (at *attempt) receive(resp *http.Response) *response {
	at.response = response{
		client: at.client, op: at.op, attempt: at, http: resp,
		requestID: at.cleanID(headerRequestID(resp.Header)),
		traceID:   at.cleanID(headerText(resp.Header, "X-Cos-Trace-Id")),
	}
	return &at.response
}

func headerRequestID(h http.Header) string {
	return cmp.Or(headerText(h, "X-Cos-Request-Id"), headerText(h, "X-Ci-Request-Id"))
}

// read decodes a good response of COS and returns the Error that any other one is.
func (r *response) read(ctx context.Context) error {
	if r.http.StatusCode < 200 || r.http.StatusCode > 299 || r.requestID == "" {
		return r.readError()
	}
	return r.op.decode(ctx, r)
}

// readError reads an error response. A body that breaks off says what it said until
// then: the status is known all the same.
func (r *response) readError() error {
	var data []byte
	if r.op.method != http.MethodHead {
		r.http.Body = newStallReader(r.http.Body, stallLimit)
		data, _ = io.ReadAll(io.LimitReader(r.http.Body, maxErrorBody))
	}
	body := parseErrorBody(data, r.attempt)
	if body.empty() && len(data) > 0 && !r.op.secretPayload {
		r.client.logger.Debug("cosbackend: error response of unknown form", "operation", r.op.name,
			"http_status", r.http.StatusCode, "content", r.attempt.clean(string(data), 300))
	}
	return r.serverError(body)
}

// serverError returns the Error that a body says. Ids in headers count before those in
// the body.
func (r *response) serverError(body errorBody) *Error {
	r.requestID = cmp.Or(r.requestID, body.RequestID)
	r.traceID = cmp.Or(r.traceID, body.TraceID)
	r.attempt.responseReceived = true
	e := r.newError()
	e.Code = cmp.Or(body.Code, r.attempt.clean(headerText(r.http.Header, "X-Cos-Error-Code"), maxCode))
	e.Message = body.Message
	e.Resource = withoutQuery(body.Resource)
	e.ServerTime = r.date("ServerTime", body.ServerTime)
	r.logSigned(body)
	if signatureExpired(credentialCode(e)) {
		e.ClockSkew = r.clockSkew(e.ServerTime)
	}
	e.InSuccessBody = r.http.StatusCode >= 200 && r.http.StatusCode <= 299
	if r.requestID == "" {
		r.attempt.responseReceived = e.HTTPStatus >= 300 && e.HTTPStatus <= 499 && e.HTTPStatus != http.StatusRequestTimeout
		e.Origin, e.NotFromCOS, e.InSuccessBody = OriginTransport, true, false
	}
	e.removeSecret(r.op.secret) // before it is logged
	return e
}

// newError begins the Error of a response.
func (r *response) newError() *Error {
	e := r.attempt.newError()
	e.HTTPStatus = r.http.StatusCode
	// An error may quote what was sent: its ids are cleaned again, more thoroughly.
	if id := headerRequestID(r.http.Header); id != "" {
		r.requestID = r.attempt.clean(id, maxID)
	}
	if id := headerText(r.http.Header, "X-Cos-Trace-Id"); id != "" {
		r.traceID = r.attempt.clean(id, maxID)
	}
	e.RequestID, e.TraceID = r.requestID, r.traceID
	e.Headers = errorHeaders(r.http.Header, r.attempt)
	return e
}

// truncated is the error of a 2xx response that did not come to its end.
func (r *response) truncated(ctx context.Context, cause error) error {
	e := r.newError()
	e.Origin = OriginTransport
	e.Cause = r.attempt.transportCause(ctx, fmt.Errorf("read the response: %w", cause))
	e.Retryable = true
	return e
}

// malformed is the error of a 2xx response of COS that lacks what it must have. Whether
// the operation was applied is then not known.
func (r *response) malformed(cause error) error {
	r.attempt.responseReceived = false
	e := r.newError()
	e.Cause = fmt.Errorf("parse the response: %w", cause)
	return e
}

// readRaw reads all of a 2xx response that is not an object.
func (r *response) readRaw(ctx context.Context) ([]byte, error) {
	return r.readAll(ctx, maxDocument, nil)
}

// readDocument reads a 2xx response that is XML, as far as it keeps to its bounds, without
// space around it.
func (r *response) readDocument(ctx context.Context, bounds documentBounds) ([]byte, error) {
	scan := documentScan{documentBounds: bounds}
	data, err := r.readAll(ctx, bounds.bytes, scan.check)
	return bytes.TrimSpace(data), err
}

// readAll reads a 2xx response of at most limit bytes. check, unless it is nil, is given
// what arrived so far and ends the reading by an error.
func (r *response) readAll(ctx context.Context, limit int, check func([]byte) error) ([]byte, error) {
	if r.op.method == http.MethodHead {
		return nil, nil
	}
	// The time limit of the transport ends with the headers; a document that stops in
	// the middle must not be waited for forever. A completion has a limit of its own.
	if _, limited := r.http.Body.(*spaceReader); !limited {
		r.http.Body = newStallReader(r.http.Body, stallLimit)
	}
	data, err := r.receiveAll(ctx, limit, check)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		if root, err := rootElement(data); err == nil && root == "Error" {
			return nil, r.serverError(parseErrorXML(data[:min(len(data), maxErrorBody)], r.attempt))
		}
	}
	r.attempt.responseReceived = true
	return data, nil
}

func (r *response) receiveAll(ctx context.Context, limit int, check func([]byte) error) ([]byte, error) {
	size := r.http.ContentLength
	if size > int64(limit) {
		return nil, r.malformed(errResponseTooLarge)
	}
	data := make([]byte, 0, max(size, 512)+1) // the last read finds the end without growing it
	for {
		n, err := r.http.Body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if len(data) > limit {
			return nil, r.malformed(errResponseTooLarge)
		}
		if check != nil {
			if err := check(data); err != nil {
				return nil, r.malformed(err)
			}
		}
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, r.truncated(ctx, err)
		}
		if len(data) == cap(data) {
			data = slices.Grow(data, len(data))
		}
	}
}

// readXML decodes a response whose root element must be root. It is no list.
func (r *response) readXML(ctx context.Context, root string, into any) error {
	data, err := r.readDocument(ctx, configurationBounds())
	if err != nil {
		return err
	}
	return r.parseXML(data, root, into)
}

// readConfigurations is readXML that keeps what the structs in into have no field for, where
// these have a field of type []Unknown.
func (r *response) readConfigurations(ctx context.Context, root string, into any) error {
	data, err := r.readDocument(ctx, configurationBounds())
	if err != nil {
		return err
	}
	return r.decodeDocument(data, root, into)
}

// readPage is readXML for a list. The caller counts its entries.
func (r *response) readPage(ctx context.Context, bounds documentBounds, root string, into any) error {
	data, err := r.readDocument(ctx, bounds)
	if err != nil {
		return err
	}
	return r.parseXML(data, root, into)
}

// parseXML decodes what readDocument returned: one element, whose name must be root, and
// around it nothing but space and comments.
func (r *response) parseXML(data []byte, root string, into any) error {
	if len(data) == 0 {
		return r.malformed(errEmptyResponse)
	}
	d := document.NewDecoder(legalXML(data))
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return r.malformed(errNoRoot)
		case err != nil:
			return r.malformed(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			if !aroundRoot(token) {
				return r.malformed(errOutsideRoot)
			}
			continue
		}
		if start.Name.Local != root {
			return r.wrongRoot(start.Name.Local, root)
		}
		if err := d.DecodeElement(into, &start); err != nil {
			return r.malformed(err)
		}
		return r.endXML(d)
	}
}

// endXML checks that nothing follows the root element.
func (r *response) endXML(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return r.malformed(err)
		case !aroundRoot(token):
			return r.malformed(errOutsideRoot)
		}
	}
}

// aroundRoot reports whether the token may stand before and behind the root element.
func aroundRoot(token xml.Token) bool {
	switch t := token.(type) {
	case xml.CharData:
		return len(bytes.TrimSpace(t)) == 0
	case xml.Comment, xml.ProcInst:
		return true
	}
	return false
}

// decodeDocument decodes what readDocument returned, and keeps what into has no field for.
func (r *response) decodeDocument(data []byte, root string, into any) error {
	if len(data) == 0 {
		return r.malformed(errEmptyResponse)
	}
	e, err := document.Parse(legalXML(data))
	if err != nil {
		return r.malformed(err)
	}
	if e.Name != root {
		return r.wrongRoot(e.Name, root)
	}
	if err := document.Decode(e, into); err != nil {
		return r.malformed(err)
	}
	return nil
}

func (r *response) wrongRoot(got, root string) error {
	return r.malformed(fmt.Errorf("the element is %q where %q was expected", r.attempt.clean(got, 64), root))
}

// errorHeaders picks what may be passed on of a response's headers. Those of COS
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

// withoutQuery removes from a URL what may hold secrets.
func withoutQuery(s string) string {
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = nil
		return u.String()
	}
	return s
}

// retryAfter returns how long the response says to wait. No page of COS knows the
// header; a proxy may (A016).
func retryAfter(e *Error, now time.Time) time.Duration {
	value := e.Headers["retry-after"]
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if t, ok := parseDate(value); ok {
		return t.Sub(now)
	}
	return 0
}
