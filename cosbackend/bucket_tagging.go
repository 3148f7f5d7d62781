package cosbackend

import (
	"context"

	"github.com/tencentyun/cos-go-sdk-v5"
)

// A Tag is a name with a value.
type Tag = cos.BucketTaggingTag

// BucketTagging is the tags of a bucket.
type BucketTagging = cos.BucketPutTaggingOptions

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
