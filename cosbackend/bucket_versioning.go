package cosbackend

import "context"

// A VersioningConfiguration has a Status: "Enabled", "Suspended", or "" when it was never
// set.
type VersioningConfiguration struct {
	Status  string    `xml:",omitempty"`
	Unknown []Unknown `xml:"-"`
}

func bucketVersioning() subresource[VersioningConfiguration] {
	return subresource[VersioningConfiguration]{noun: "BucketVersioning", name: "versioning", root: "VersioningConfiguration"}
}

// GetBucketVersioning returns the versioning of a bucket. Where it was never
// set, Status is empty (A035). Idempotent.
func (c *Client) GetBucketVersioning(ctx context.Context, loc Location) (*VersioningConfiguration, error) {
	return bucketVersioning().get(ctx, c, loc, nil)
}

// PutBucketVersioning enables or suspends the versioning of a bucket. Idempotent.
func (c *Client) PutBucketVersioning(ctx context.Context, loc Location, doc *VersioningConfiguration) error {
	return bucketVersioning().put(ctx, c, loc, doc)
}
