package cosbackend

import (
	"context"
	"crypto/md5" //nolint:gosec // COS asks for Content-MD5.
	"encoding/base64"
	"net/http"
)

// A RefererConfiguration allows or refuses downloads by the page that links to them.
type RefererConfiguration struct {
	Status                  string    `xml:",omitempty"`
	RefererType             string    `xml:",omitempty"`
	Domains                 []string  `xml:"DomainList>Domain"`
	EmptyReferConfiguration string    `xml:",omitempty"`
	VerifySignatureURL      string    `xml:",omitempty"`
	Unknown                 []Unknown `xml:"-"`
}

func bucketReferer() subresource[RefererConfiguration] {
	return subresource[RefererConfiguration]{noun: "BucketReferer", name: "referer", root: "RefererConfiguration", emptyIfMissing: true}
}

// GetBucketReferer returns the referer configuration of a bucket; without one the
// error is a [*NotConfiguredError] (A033). Idempotent.
func (c *Client) GetBucketReferer(ctx context.Context, loc Location) (*RefererConfiguration, error) {
	return bucketReferer().get(ctx, c, loc, nil)
}

// PutBucketReferer replaces the referer configuration of a bucket. Idempotent.
func (c *Client) PutBucketReferer(ctx context.Context, loc Location, doc *RefererConfiguration) error {
	return bucketReferer().put(ctx, c, loc, doc)
}

// DeleteBucketReferer removes the referer configuration of a bucket, by a PUT
// without content: COS has no DELETE of it (A036). Idempotent.
func (c *Client) DeleteBucketReferer(ctx context.Context, loc Location) error {
	op, err := c.configOperation(ctx, "DeleteBucketReferer", http.MethodPut, loc, pair{"referer", ""})
	if err != nil {
		return err
	}
	nothing := md5.Sum(nil) //nolint:gosec // COS asks for Content-MD5.
	op.header = []pair{{"content-md5", base64.StdEncoding.EncodeToString(nothing[:])}}
	return c.doRemoval(ctx, op)
}
