package cosbackend

import "context"

// A StrictSignatureConfiguration says which headers and parameters of a request its
// signature must cover.
type StrictSignatureConfiguration struct {
	Rules   []StrictSignatureRule `xml:"Rule"`
	Unknown []Unknown             `xml:"-"`
}

// A StrictSignatureRule is about some operations; without Actions about all.
type StrictSignatureRule struct {
	ID      string    `xml:",omitempty"`
	Actions []string  `xml:"actionlist>action"`
	Headers []string  `xml:"headerlist>header"`
	Params  []string  `xml:"paramlist>param"`
	Unknown []Unknown `xml:"-"`
}

func bucketStrictSignature() subresource[StrictSignatureConfiguration] {
	return subresource[StrictSignatureConfiguration]{
		noun: "BucketStrictSignature", name: "strict-signature", root: "StrictSignatureConfiguration", field: "strict_signature", emptyIfMissing: true,
	}
}

// GetBucketStrictSignature returns the rules of a bucket; without any the error is a
// [*NotConfiguredError] (A033). Idempotent.
func (c *Client) GetBucketStrictSignature(ctx context.Context, loc Location) (*StrictSignatureConfiguration, error) {
	return bucketStrictSignature().get(ctx, c, loc, func(r *response, doc *StrictSignatureConfiguration) error {
		if len(doc.Rules) == 0 && len(doc.Unknown) == 0 {
			return r.notConfigured()
		}
		return nil
	})
}

// PutBucketStrictSignature replaces the rules of a bucket. Idempotent.
func (c *Client) PutBucketStrictSignature(ctx context.Context, loc Location, doc *StrictSignatureConfiguration) error {
	return bucketStrictSignature().put(ctx, c, loc, doc)
}

// DeleteBucketStrictSignature removes the rules of a bucket. Idempotent.
func (c *Client) DeleteBucketStrictSignature(ctx context.Context, loc Location) error {
	return bucketStrictSignature().remove(ctx, c, loc)
}
