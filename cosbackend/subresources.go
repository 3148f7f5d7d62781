package cosbackend

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // COS asks for Content-MD5.
	"encoding/base64"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

var errNotXML = errors.New("holds a character that cannot be written in XML")

// A subresource is a configuration of a bucket: an XML document of the Go type T
// that is read, replaced and removed whole (A030).
//
// Reading, replacing and removing may all be repeated: each says the same again.
type subresource[T any] struct {
	noun string // in the names of the operations: Get, Put or Delete and this
	name string // the query parameter that chooses it
	root string // the root element of the document
	// field is the field of the requests that carry it; "" is name.
	field string
	// id chooses one of several documents; the zero pair where a bucket has one.
	id pair
	// blank says that COS answers a GET with nothing when nothing was put (A033).
	blank bool
}

func (s subresource[T]) call(ctx context.Context, c *Client, verb, method string, loc Location) (*call, error) {
	cl, err := c.configCall(ctx, verb+s.noun, method, loc, s.name)
	if err == nil && s.id.name != "" {
		cl.query = append(cl.query, s.id)
	}
	return cl, err
}

// configCall begins a call on a configuration.
func (c *Client) configCall(ctx context.Context, op, method string, loc Location, name string) (*call, error) {
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
		return nil, err
	}
	cl, err := c.bucketCall(ctx, op, method, loc, "")
	if err != nil {
		return nil, err
	}
	cl.query = []pair{{name, ""}}
	return cl, nil
}

// get reads the document. then, unless it is nil, looks at it and at the answer it
// came with; what it returns is the result of the call.
func (s subresource[T]) get(ctx context.Context, c *Client, loc Location, then func(*answer, *T) error) (*T, error) {
	cl, err := s.call(ctx, c, "Get", http.MethodGet, loc)
	if err != nil {
		return nil, err
	}
	var doc *T
	cl.read = func(ctx context.Context, a *answer) error {
		data, err := a.readBody(ctx)
		if err != nil {
			return err
		}
		if len(data) == 0 && s.blank {
			return a.notConfigured()
		}
		doc = new(T)
		if err := a.parseXML(data, s.root, doc); err != nil {
			return err
		}
		a.reportUnknown(data, s.root, doc)
		if then == nil {
			return nil
		}
		return then(a, doc)
	}
	if err := c.do(ctx, cl); err != nil {
		return nil, err
	}
	return doc, nil
}

func (s subresource[T]) put(ctx context.Context, c *Client, loc Location, doc *T) error {
	cl, err := s.write(ctx, c, "Put", http.MethodPut, loc, doc)
	if err != nil {
		return err
	}
	return c.do(ctx, cl)
}

// write begins a call that carries the document.
func (s subresource[T]) write(ctx context.Context, c *Client, verb, method string, loc Location, doc *T) (*call, error) {
	payload, err := documentXML(s.root, doc)
	if err != nil {
		return nil, invalid(nameOr(s.field, s.name), err.Error())
	}
	cl, err := s.call(ctx, c, verb, method, loc)
	if err != nil {
		return nil, err
	}
	cl.document("application/xml", payload)
	cl.read = done
	return cl, nil
}

// document gives a call a body and the Content-MD5 that COS wants of configurations
// (A031).
func (cl *call) document(contentType string, payload []byte) {
	sum := md5.Sum(payload) //nolint:gosec // COS asks for Content-MD5.
	cl.payload = payload
	cl.header = append(
		cl.header,
		pair{"content-type", contentType}, pair{"content-md5", base64.StdEncoding.EncodeToString(sum[:])},
	)
}

// remove deletes the document. One that is not there is deleted already (A032).
func (s subresource[T]) remove(ctx context.Context, c *Client, loc Location) error {
	cl, err := s.call(ctx, c, "Delete", http.MethodDelete, loc)
	if err != nil {
		return err
	}
	cl.read = done
	return c.do(ctx, cl)
}

// documentXML writes a document. encoding/xml replaces what XML cannot express; a
// document that would arrive as another one is refused instead.
func documentXML(root string, doc any) ([]byte, error) {
	var b bytes.Buffer
	if err := xml.NewEncoder(&b).EncodeElement(doc, xml.StartElement{Name: xml.Name{Local: root}}); err != nil {
		return nil, errNotXML
	}
	if bytes.ContainsRune(b.Bytes(), utf8.RuneError) {
		return nil, errNotXML
	}
	return b.Bytes(), nil
}

// notConfigured is an answer that says without an error that nothing was put.
func (a *answer) notConfigured() error {
	a.attempt.answered = true
	return &NotConfiguredError{Err: a.newError()}
}

// reportUnknown logs the names of elements that came and would not go back. What
// they hold is not logged.
func (a *answer) reportUnknown(data []byte, root string, doc any) {
	again, err := documentXML(root, doc)
	if err != nil {
		return
	}
	known := filledElements(again)
	var unknown []string
	for path := range filledElements(data) {
		if !known[path] {
			unknown = append(unknown, cleanText(path, maxHeaderOut))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		a.client.logger.Warn("cosbackend: COS sent elements of a configuration that are not known here; writing it back drops them",
			"operation", a.call.op, "bucket", a.call.bucket, "elements", unknown[:min(len(unknown), maxHeaders)])
	}
}

// filledElements returns the paths of all elements that hold text.
func filledElements(data []byte) map[string]bool {
	paths := make(map[string]bool)
	var path []string
	d := tolerantDecoder(data)
	for {
		token, err := d.RawToken()
		if err != nil {
			return paths
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
		case xml.EndElement:
			path = path[:max(len(path)-1, 0)]
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				paths[strings.Join(path, "/")] = true
			}
		}
	}
}

// A NotConfiguredError is a configuration that a bucket does not have, where COS has
// no error for that and answers with nothing or with an empty document.
type NotConfiguredError struct {
	// Err describes the answer: its status is 200, and it has a request id.
	Err *Error
}

// Error says what is not there.
func (e *NotConfiguredError) Error() string { return e.Err.Error() + ": it is not configured" }

// Unwrap returns Err.
func (e *NotConfiguredError) Unwrap() error { return e.Err }

// NotConfigured reports whether err says that a bucket does not have the
// configuration that was asked for, and nothing worse.
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
