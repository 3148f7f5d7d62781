package cosbackend

import "context"

// An AccelerateConfiguration has a Status: "Enabled", "Suspended", or "" when it was never
// set.
type AccelerateConfiguration struct {
	Status  string    `xml:",omitempty"`
	Type    string    `xml:",omitempty"`
	Unknown []Unknown `xml:"-"`
}

func bucketAccelerate() subresource[AccelerateConfiguration] {
	return subresource[AccelerateConfiguration]{noun: "BucketAccelerate", name: "accelerate", root: "AccelerateConfiguration"}
}

// GetBucketAccelerate returns the global acceleration of a bucket. Where it was
// never set, Status is empty (A035). Idempotent.
func (c *Client) GetBucketAccelerate(ctx context.Context, loc Location) (*AccelerateConfiguration, error) {
	return bucketAccelerate().get(ctx, c, loc, nil)
}

// PutBucketAccelerate enables or suspends the global acceleration of a bucket.
// Idempotent.
func (c *Client) PutBucketAccelerate(ctx context.Context, loc Location, doc *AccelerateConfiguration) error {
	return bucketAccelerate().put(ctx, c, loc, doc)
}
