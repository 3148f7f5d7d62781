package cosbackend

import (
	"context"
	"strconv"
)

// An operation is one request to COS as its method meant it. It is complete before its
// first attempt and does not change from then on: whatever happens to it is the state
// of an [execution].
type operation struct {
	name   string // as COS calls it, such as "GetObject"
	method string
	retry  retryClass

	bucket string
	region string
	key    string // "" for a bucket

	scheme string
	host   string
	query  []pair
	header []pair
	// selection holds the headers of a read that choose what is read: range and
	// preconditions. A resumed read sends others.
	selection []pair

	payload []byte // a small body
	body    *Body  // or a streamed one

	// decode reads a 2xx response. It leaves the body open only when streaming is set
	// and it returned nil.
	decode    func(ctx context.Context, r *response) error
	streaming bool

	// explained says that somebody is told why it failed: see [execution.explain].
	explained bool

	confidential  []string // must not appear in errors and logs
	secretPayload bool     // payload holds a secret: a response that might quote it is not logged
	secret        string   // the secret, which may have several lines
}

// newOperation returns an operation on a bucket or, with a key, on an object. It looks
// the region up when it has to.
func (c *Client) newOperation(ctx context.Context, name, method string, loc Location, key string) (operation, error) {
	region, err := c.locate(ctx, loc.Bucket, loc.Region)
	if err != nil {
		return operation{}, err
	}
	return operation{
		name: name, method: method, retry: retryClassOf(name), bucket: loc.Bucket, region: region, key: key,
		scheme: c.endpoint.scheme, host: c.endpoint.host(loc.Bucket, region),
	}, nil
}

// path returns the decoded path and, when it differs, how it is written.
func (op *operation) path() (decoded, raw string) {
	decoded = "/" + op.key
	if escaped := escapeKey(op.key); escaped != op.key {
		raw = "/" + escaped
	}
	return decoded, raw
}

func (op *operation) version(id string) {
	if id != "" {
		op.query = append(op.query, pair{"versionId", id})
	}
}

// objectOperation returns an operation on a subresource of an object, such as its tags.
func (c *Client) objectOperation(ctx context.Context, name, method string, loc Location, key, subresource, versionID string) (operation, error) {
	if err := c.checkObject(loc, key, versionID); err != nil {
		return operation{}, err
	}
	op, err := c.newOperation(ctx, name, method, loc, key)
	if err != nil {
		return operation{}, err
	}
	op.query = []pair{{subresource, ""}}
	op.version(versionID)
	return op, nil
}

// versionOf reads a response that has only a status and a version.
func versionOf(versionID *string) func(context.Context, *response) error {
	return func(ctx context.Context, r *response) error {
		*versionID = headerText(r.http.Header, "X-Cos-Version-Id")
		return readEmpty(ctx, r)
	}
}

// parameter adds a query parameter that is not empty.
func (op *operation) parameter(name, value string) {
	if value != "" {
		op.query = append(op.query, pair{name, value})
	}
}

func (op *operation) amount(name string, n int) {
	if n != 0 {
		op.query = append(op.query, pair{name, strconv.Itoa(n)})
	}
}

// readEmpty reads a response that has only a status.
func readEmpty(ctx context.Context, r *response) error {
	_, err := r.readAll(ctx, maxErrorBody, nil)
	return err
}

// A pair is one header or one query parameter. The names of headers are in lower case.
type pair struct{ name, value string }
