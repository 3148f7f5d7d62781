package cosbackend

import "context"

// BucketLogging says where the access log goes; LoggingEnabled is nil when there is
// none.
type BucketLogging struct {
	LoggingEnabled *LoggingTarget
	Unknown        []Unknown `xml:"-"`
}

// A LoggingTarget is a bucket, and what the keys of its logs begin with.
type LoggingTarget struct {
	TargetBucket string `xml:",omitempty"`
	TargetPrefix string // written when it is empty, too
}

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
