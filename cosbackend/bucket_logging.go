package cosbackend

import (
	"context"

	"github.com/tencentyun/cos-go-sdk-v5"
)

// BucketLogging says where the access log goes; LoggingEnabled is nil when there is
// none.
type BucketLogging = cos.BucketPutLoggingOptions

// LoggingTarget is a part of BucketLogging.
type LoggingTarget = cos.BucketLoggingEnabled

func bucketLogging() subresource[BucketLogging] {
	return subresource[BucketLogging]{noun: "BucketLogging", name: "logging", root: "BucketLoggingStatus"}
}

// GetBucketLogging returns where the access log of a bucket goes. When there is none
// LoggingEnabled is nil (A035). Idempotent.
func (c *Client) GetBucketLogging(ctx context.Context, loc Location) (*BucketLogging, error) {
	return bucketLogging().get(ctx, c, loc, nil)
}

// PutBucketLogging sends the access log of a bucket somewhere, or without
// LoggingEnabled nowhere. Idempotent.
func (c *Client) PutBucketLogging(ctx context.Context, loc Location, doc *BucketLogging) error {
	return bucketLogging().put(ctx, c, loc, doc)
}
