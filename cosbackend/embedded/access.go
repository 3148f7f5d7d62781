package embedded

import (
	"context"
	"errors"

	"github.com/cosgate/cosgate/cosbackend/embedded/store"
)

// access is what a request needs when it does not come from the owner.
type access int

const (
	ownerOnly      access = iota // no ACL opens it
	readBucket                   // READ on the bucket
	writeBucket                  // WRITE on the bucket
	readBucketACP                // READ_ACP on the bucket
	writeBucketACP               // WRITE_ACP on the bucket
	readObject                   // READ on the object, or on the bucket when the object inherits
	readObjectACP                // READ_ACP on the object
	writeObjectACP               // WRITE_ACP on the object
	everyone                     // nothing, not even a right signature
)

// authorize refuses what an unsigned request may not do. Every signed caller is
// the owner of everything.
func (x *exchange) authorize(ctx context.Context) error {
	if x.signed || x.route.access == everyone {
		return nil
	}
	allowed, err := x.publicly(ctx, x.route.access)
	if err != nil {
		return err
	}
	if !allowed {
		return fail(accessDenied, "")
	}
	return nil
}

// publicly reports whether the ACLs open what the request needs to everyone.
func (x *exchange) publicly(ctx context.Context, need access) (bool, error) {
	bucket := parseACL(x.found.ACL)
	switch need {
	case readBucket:
		return bucket.opens(permitRead), nil
	case writeBucket:
		return bucket.opens(permitWrite), nil
	case readBucketACP:
		return bucket.opens(permitReadACP), nil
	case writeBucketACP:
		return bucket.opens(permitWriteACP), nil
	case readObject, readObjectACP, writeObjectACP:
		return x.objectOpens(ctx, bucket, need)
	default:
		return false, nil
	}
}

func (x *exchange) objectOpens(ctx context.Context, bucket acl, need access) (bool, error) {
	o, err := x.s.store.HeadVersion(ctx, x.bucket, x.key, x.version())
	if errors.Is(err, store.ErrNoSuchKey) || errors.Is(err, store.ErrNoSuchVersion) {
		return bucket.opens(permitRead), nil // who may list the bucket may know that the key is absent
	}
	if err != nil {
		return false, err
	}
	object := parseACL(o.ACL)
	switch need {
	case readObjectACP:
		return object.opens(permitReadACP), nil
	case writeObjectACP:
		return object.opens(permitWriteACP), nil
	default:
		return object.opens(permitRead) || object.inherits() && bucket.opens(permitRead), nil
	}
}
