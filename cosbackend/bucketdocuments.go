package cosbackend

import (
	"context"
	"crypto/md5" //nolint:gosec // COS asks for Content-MD5.
	"encoding/base64"
	"net/http"

	"github.com/tencentyun/cos-go-sdk-v5"
)

// The documents of which the official SDK's structs lose nothing. Their names there
// say what they are sent with; here they are the documents themselves.
type (
	// A Tag is a name with a value.
	Tag = cos.BucketTaggingTag
	// BucketTagging is the tags of a bucket.
	BucketTagging = cos.BucketPutTaggingOptions
	// VersioningConfiguration has a Status: "Enabled", "Suspended", or "" when it
	// was never set.
	VersioningConfiguration = cos.BucketPutVersionOptions
	// BucketLogging says where the access log goes; LoggingEnabled is nil when
	// there is none.
	BucketLogging = cos.BucketPutLoggingOptions
	// LoggingTarget is a part of BucketLogging.
	LoggingTarget = cos.BucketLoggingEnabled
	// EncryptionConfiguration is the default encryption.
	EncryptionConfiguration = cos.BucketPutEncryptionOptions
	// EncryptionRule is a part of EncryptionConfiguration.
	EncryptionRule = cos.BucketEncryptionConfiguration
	// RefererConfiguration allows or refuses downloads by where they are linked from.
	RefererConfiguration = cos.BucketPutRefererOptions
	// AccelerateConfiguration has a Status: "Enabled", "Suspended", or "" when it
	// was never set.
	AccelerateConfiguration = cos.BucketPutAccelerateOptions
	// ObjectLockConfiguration keeps objects from being changed.
	ObjectLockConfiguration = cos.BucketPutObjectLockOptions
	// ObjectLockRule is a part of ObjectLockConfiguration.
	ObjectLockRule = cos.ObjectLockRule
)

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

func bucketVersioning() subresource[VersioningConfiguration] {
	return subresource[VersioningConfiguration]{noun: "BucketVersioning", name: "versioning", root: "VersioningConfiguration"}
}

// GetBucketVersioning returns the versioning of a bucket. One that never had it
// answers with an empty Status (A035). Idempotent.
func (c *Client) GetBucketVersioning(ctx context.Context, loc Location) (*VersioningConfiguration, error) {
	return bucketVersioning().get(ctx, c, loc, nil)
}

// PutBucketVersioning enables or suspends the versioning of a bucket. Idempotent.
func (c *Client) PutBucketVersioning(ctx context.Context, loc Location, doc *VersioningConfiguration) error {
	return bucketVersioning().put(ctx, c, loc, doc)
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

func bucketReferer() subresource[RefererConfiguration] {
	return subresource[RefererConfiguration]{noun: "BucketReferer", name: "referer", root: "RefererConfiguration", blank: true}
}

// GetBucketReferer returns the referer configuration of a bucket; without one the
// error is a [*NotConfiguredError] (A033). Idempotent.
func (c *Client) GetBucketReferer(ctx context.Context, loc Location) (*RefererConfiguration, error) {
	return bucketReferer().get(ctx, c, loc, nil)
}

// PutBucketReferer replaces the referer configuration of a bucket. Idempotent.
func (c *Client) PutBucketReferer(ctx context.Context, loc Location, doc *RefererConfiguration) error {
	return bucketReferer().put(ctx, c, loc, doc)
}

// DeleteBucketReferer removes the referer configuration of a bucket, by a PUT
// without content: COS has no DELETE of it (A036). Idempotent.
func (c *Client) DeleteBucketReferer(ctx context.Context, loc Location) error {
	op, err := c.configOperation(ctx, "DeleteBucketReferer", http.MethodPut, loc, "referer")
	if err != nil {
		return err
	}
	nothing := md5.Sum(nil) //nolint:gosec // COS asks for Content-MD5.
	op.header = []pair{{"content-md5", base64.StdEncoding.EncodeToString(nothing[:])}}
	op.decode = readEmpty
	return c.do(ctx, op)
}

func bucketAccelerate() subresource[AccelerateConfiguration] {
	return subresource[AccelerateConfiguration]{noun: "BucketAccelerate", name: "accelerate", root: "AccelerateConfiguration"}
}

// GetBucketAccelerate returns the global acceleration of a bucket. One that never
// had it answers with an empty Status (A035). Idempotent.
func (c *Client) GetBucketAccelerate(ctx context.Context, loc Location) (*AccelerateConfiguration, error) {
	return bucketAccelerate().get(ctx, c, loc, nil)
}

// PutBucketAccelerate enables or suspends the global acceleration of a bucket.
// Idempotent.
func (c *Client) PutBucketAccelerate(ctx context.Context, loc Location, doc *AccelerateConfiguration) error {
	return bucketAccelerate().put(ctx, c, loc, doc)
}

func bucketObjectLock() subresource[ObjectLockConfiguration] {
	return subresource[ObjectLockConfiguration]{noun: "BucketObjectLock", name: "object-lock", root: "ObjectLockConfiguration", field: "object_lock"}
}

// GetBucketObjectLock returns the object lock of a bucket; without one the [*Error]
// is NoSuchObjectLockConfiguration. Idempotent.
func (c *Client) GetBucketObjectLock(ctx context.Context, loc Location) (*ObjectLockConfiguration, error) {
	return bucketObjectLock().get(ctx, c, loc, func(r *response, doc *ObjectLockConfiguration) error {
		if doc.ObjectLockEnabled == "" {
			return r.notConfigured()
		}
		return nil
	})
}

// PutBucketObjectLock locks a bucket, or makes its lock longer. Idempotent.
func (c *Client) PutBucketObjectLock(ctx context.Context, loc Location, doc *ObjectLockConfiguration) error {
	return bucketObjectLock().put(ctx, c, loc, doc)
}
