package cosbackend

import "context"

// An EncryptionConfiguration is the default encryption.
type EncryptionConfiguration struct {
	SSEAlgorithm   string    `xml:"Rule>ApplyServerSideEncryptionByDefault>SSEAlgorithm,omitempty"`
	KMSMasterKeyID string    `xml:"Rule>ApplyServerSideEncryptionByDefault>KMSMasterKeyID,omitempty"`
	KMSAlgorithm   string    `xml:"Rule>ApplyServerSideEncryptionByDefault>KMSAlgorithm,omitempty"`
	Unknown        []Unknown `xml:"-"`
}

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
