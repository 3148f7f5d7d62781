package cosbackend

import "context"

// A Tag is a name with a value. Both are written when they are empty, too.
type Tag struct {
	Key   string
	Value string
}

// BucketTagging is the tags of a bucket.
type BucketTagging struct {
	Tags    []Tag     `xml:"TagSet>Tag"`
	Unknown []Unknown `xml:"-"`
}

func bucketTagging() subresource[BucketTagging] {
	return subresource[BucketTagging]{noun: "BucketTagging", name: "tagging", root: "Tagging"}
}

// GetBucketTagging returns the tags of a bucket; without any the [*Error] is
// NoSuchTagSet. Idempotent.
func (c *Client) GetBucketTagging(ctx context.Context, loc Location) (*BucketTagging, error) {
	return bucketTagging().get(ctx, c, loc, nil)
}

// PutBucketTagging replaces all tags of a bucket. Idempotent.
func (c *Client) PutBucketTagging(ctx context.Context, loc Location, doc *BucketTagging) error {
	return bucketTagging().put(ctx, c, loc, doc)
}

// DeleteBucketTagging removes all tags of a bucket. Idempotent.
func (c *Client) DeleteBucketTagging(ctx context.Context, loc Location) error {
	return bucketTagging().remove(ctx, c, loc)
}
