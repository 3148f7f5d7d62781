package cosbackend

import "context"

// An ObjectLockConfiguration keeps objects from being changed.
type ObjectLockConfiguration struct {
	ObjectLockEnabled string `xml:",omitempty"`
	Rule              *ObjectLockRule
	Unknown           []Unknown `xml:"-"`
}

// An ObjectLockRule locks new objects.
type ObjectLockRule struct {
	Days *int32 `xml:"DefaultRetention>Days"`
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
