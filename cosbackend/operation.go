package cosbackend

import "context"

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
	// preconditions. A read that is resumed asks with others.
	selection []pair

	payload []byte // a small body
	body    *Body  // or a streamed one

	// decode reads a 2xx response. It leaves the body open only when streaming is set
	// and it returned nil.
	decode    func(ctx context.Context, r *response) error
	streaming bool

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
