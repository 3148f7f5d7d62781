package cosbackend

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // COS asks for Content-MD5.
	"encoding/base64"
	"errors"
	"net/http"
	"slices"

	"github.com/cosgate/cosgate/cosbackend/internal/document"
)

// A subresource is a configuration of a bucket: an XML document of the Go type T
// that is read, replaced and removed whole (A030).
//
// Reading, replacing and removing are idempotent. What COS sends and T has no field for is
// in the fields Unknown of T and of the items of its lists, and written back from there
// (docs/decisions/0029).
type subresource[T any] struct {
	noun string // in the names of the operations: Get, Put or Delete and this
	name string // the query parameter that chooses it
	root string // the root element of the document
	// field is the field of the requests that carry it; "" is name.
	field string
	// id chooses one of several documents; the zero pair where a bucket has one.
	id pair
	// emptyIfMissing says that COS returns an empty response when nothing was put (A033).
	emptyIfMissing bool
}

// query chooses the document.
func (s subresource[T]) query() []pair {
	if s.id.name == "" {
		return []pair{{s.name, ""}}
	}
	return []pair{{s.name, ""}, s.id}
}

// configOperation returns an operation on a configuration.
func (c *Client) configOperation(ctx context.Context, name, method string, loc Location, query ...pair) (operation, error) {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return operation{}, err
	}
	op, err := c.newOperation(ctx, name, method, loc, "")
	if err != nil {
		return operation{}, err
	}
	op.query = query
	return op, nil
}

// get reads the document. check, unless it is nil, examines it and the response; what it
// returns is the result of the call.
func (s subresource[T]) get(ctx context.Context, c *Client, loc Location, check func(*response, *T) error) (*T, error) {
	op, err := c.configOperation(ctx, "Get"+s.noun, http.MethodGet, loc, s.query()...)
	if err != nil {
		return nil, err
	}
	var doc *T
	op.decode = func(ctx context.Context, r *response) error {
		data, err := r.readDocument(ctx, configurationBounds())
		if err != nil {
			return err
		}
		if len(data) == 0 && s.emptyIfMissing {
			return r.notConfigured()
		}
		doc = new(T)
		if err := r.decodeDocument(data, s.root, doc); err != nil {
			return err
		}
		if check == nil {
			return nil
		}
		return check(r, doc)
	}
	if err := c.do(ctx, op); err != nil {
		return nil, err
	}
	return doc, nil
}

// errSeveral is a document that callers could not write back: they can express one of its
// conditions only, and without the others a rule would be for more than it is.
var errSeveral = errors.New("a rule has several of what COS documents as alternatives")

// several reports whether more than one is true.
func several(set ...bool) bool {
	first := slices.Index(set, true)
	return first >= 0 && slices.Contains(set[first+1:], true)
}

func (s subresource[T]) put(ctx context.Context, c *Client, loc Location, doc *T) error {
	op, err := s.write(ctx, c, "Put", http.MethodPut, loc, doc)
	if err != nil {
		return err
	}
	return c.do(ctx, op)
}

// write returns an operation that sends the document.
func (s subresource[T]) write(ctx context.Context, c *Client, verb, method string, loc Location, doc *T) (operation, error) {
	payload, err := encodeDocument(s.root, doc)
	if err != nil {
		return operation{}, invalidDocument(cmp.Or(s.field, s.name), err)
	}
	op, err := c.configOperation(ctx, verb+s.noun, method, loc, s.query()...)
	if err != nil {
		return operation{}, err
	}
	op.document("application/xml", payload)
	op.decode = readEmpty
	for _, u := range document.Unknowns(doc) {
		op.keepTexts(u.Texts()...)
	}
	return op, nil
}

// keepTexts keeps texts of the document out of errors and logs: they are secrets, or may be.
// A text of a few letters is none, and would be found in everything.
func (op *operation) keepTexts(texts ...string) {
	op.secretPayload = true
	for _, text := range texts {
		if len(text) >= minSecretLine {
			op.confidential = append(op.confidential, text)
		}
	}
}

// document gives an operation a body and the Content-MD5 that COS requires of configurations
// (A031).
func (op *operation) document(contentType string, payload []byte) {
	sum := md5.Sum(payload) //nolint:gosec // COS asks for Content-MD5.
	op.payload = payload
	op.header = append(
		op.header,
		pair{"content-type", contentType}, pair{"content-md5", base64.StdEncoding.EncodeToString(sum[:])},
	)
}

// remove deletes the document.
func (s subresource[T]) remove(ctx context.Context, c *Client, loc Location) error {
	op, err := c.configOperation(ctx, "Delete"+s.noun, http.MethodDelete, loc, s.query()...)
	if err != nil {
		return err
	}
	return c.doRemoval(ctx, op)
}

// doRemoval does an operation that removes a document. One that is not there is removed
// already, whether COS says OK to that (A032) or that there is none.
func (c *Client) doRemoval(ctx context.Context, op operation) error {
	op.decode = readEmpty
	if err := c.do(ctx, op); !NotConfigured(err) {
		return err
	}
	return nil
}

// notConfigured is the error for an empty response: nothing was put.
func (r *response) notConfigured() error {
	r.attempt.responseReceived = true
	return &NotConfiguredError{Err: r.newError()}
}

// A NotConfiguredError is a configuration that a bucket does not have, where COS has
// no error for that and returns nothing or an empty document.
type NotConfiguredError struct {
	// Err describes the response: its status is 200, and it has a request id.
	Err *Error
}

// Error names what is missing.
func (e *NotConfiguredError) Error() string { return e.Err.Error() + ": it is not configured" }

// Unwrap returns Err.
func (e *NotConfiguredError) Unwrap() error { return e.Err }

// NotConfigured reports whether err says that a bucket does not have the
// requested configuration, and nothing worse.
func NotConfigured(err error) bool {
	if _, ok := errors.AsType[*NotConfiguredError](err); ok {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Origin != OriginCOS {
		return false
	}
	code, _ := LookupCode(e.Code)
	return code.NotConfigured
}
