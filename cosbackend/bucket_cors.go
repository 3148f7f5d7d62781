package cosbackend

import "context"

// A CORSConfiguration says which web pages of other sites may use a bucket.
type CORSConfiguration struct {
	Rules        []CORSRule `xml:"CORSRule"`
	ResponseVary *bool
	Unknown      []Unknown `xml:"-"`
}

// A CORSRule allows some requests from the pages of some origins.
type CORSRule struct {
	ID             string    `xml:",omitempty"`
	AllowedOrigins []string  `xml:"AllowedOrigin"`
	AllowedMethods []string  `xml:"AllowedMethod"`
	AllowedHeaders []string  `xml:"AllowedHeader"`
	ExposeHeaders  []string  `xml:"ExposeHeader"`
	MaxAgeSeconds  *int32    // 0 forbids caching; without it that is up to the browser
	Unknown        []Unknown `xml:"-"`
}

func bucketCORS() subresource[CORSConfiguration] {
	return subresource[CORSConfiguration]{noun: "BucketCors", name: "cors", root: "CORSConfiguration"}
}

// GetBucketCORS returns the CORS rules of a bucket; without any the [*Error] is
// NoSuchCORSConfiguration. Idempotent.
func (c *Client) GetBucketCORS(ctx context.Context, loc Location) (*CORSConfiguration, error) {
	return bucketCORS().get(ctx, c, loc, nil)
}

// PutBucketCORS replaces the CORS rules of a bucket. Idempotent.
func (c *Client) PutBucketCORS(ctx context.Context, loc Location, doc *CORSConfiguration) error {
	return bucketCORS().put(ctx, c, loc, doc)
}

// DeleteBucketCORS removes the CORS rules of a bucket. Idempotent.
func (c *Client) DeleteBucketCORS(ctx context.Context, loc Location) error {
	return bucketCORS().remove(ctx, c, loc)
}
