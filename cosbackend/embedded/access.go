package embedded

import (
	"context"
	"errors"

	"github.com/cosgate/cosgate/cosbackend/embedded/store"
)

// access is what a request needs when it does not come from the owner.
type access int

const (
	ownerOnly   access = iota // no ACL preset opens it
	readBucket                // public-read or public-read-write on the bucket
	writeBucket               // public-read-write on the bucket
	readObject                // public-read on the object, or inherited from the bucket
	byForm                    // what a form says, which its handler reads and judges
)

// The ACL presets. Grants to single users do not exist here.
const (
	aclDefault         = "default" // objects: as the bucket
	aclPrivate         = "private"
	aclPublicRead      = "public-read"
	aclPublicReadWrite = "public-read-write"
)

// bucketACLs and objectACLs are the presets COS has for each.
func bucketACLs() []string {
	return []string{aclPrivate, aclPublicRead, aclPublicReadWrite, "authenticated-read"}
}

func objectACLs() []string {
	return []string{aclDefault, aclPrivate, aclPublicRead, "authenticated-read", "bucket-owner-read", "bucket-owner-full-control"}
}

// authorize refuses what an unsigned request may not do. Every signed caller is
// the owner of everything.
func (x *exchange) authorize(ctx context.Context) error {
	if x.signed || x.route.access == byForm {
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

// publicly reports whether the ACL presets open what the request needs.
func (x *exchange) publicly(ctx context.Context, need access) (bool, error) {
	bucketReads := x.found.ACL == aclPublicRead || x.found.ACL == aclPublicReadWrite
	switch need {
	case readBucket:
		return bucketReads, nil
	case writeBucket:
		return x.found.ACL == aclPublicReadWrite, nil
	case readObject:
		o, err := x.s.store.Head(ctx, x.bucket, x.key)
		if errors.Is(err, store.ErrNoSuchKey) {
			return bucketReads, nil // who may list the bucket may know that the key is absent
		}
		if err != nil {
			return false, err
		}
		if o.ACL == "" || o.ACL == aclDefault {
			return bucketReads, nil
		}
		return o.ACL == aclPublicRead, nil
	default:
		return false, nil
	}
}
