package cosbackend

import (
	"context"

	"github.com/tencentyun/cos-go-sdk-v5"
)

// EncryptionConfiguration is the default encryption.
type EncryptionConfiguration = cos.BucketPutEncryptionOptions

// EncryptionRule is a part of EncryptionConfiguration.
type EncryptionRule = cos.BucketEncryptionConfiguration

func bucketEncryption() subresource[EncryptionConfiguration] {
	return subresource[EncryptionConfiguration]{noun: "BucketEncryption", name: "encryption", root: "ServerSideEncryptionConfiguration"}
}

// GetBucketEncryption returns the default encryption of a bucket; without one the
// [*Error] is NoSuchEncryptionConfiguration. Idempotent.
func (c *Client) GetBucketEncryption(ctx context.Context, loc Location) (*EncryptionConfiguration, error) {
	return bucketEncryption().get(ctx, c, loc, nil)
}

// PutBucketEncryption replaces the default encryption of a bucket. Idempotent.
func (c *Client) PutBucketEncryption(ctx context.Context, loc Location, doc *EncryptionConfiguration) error {
	return bucketEncryption().put(ctx, c, loc, doc)
}

// DeleteBucketEncryption removes the default encryption of a bucket. Idempotent.
func (c *Client) DeleteBucketEncryption(ctx context.Context, loc Location) error {
	return bucketEncryption().remove(ctx, c, loc)
}
