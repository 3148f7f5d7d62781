package embedded

import (
	"context"
	"errors"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// access is the permission that a request needs when it does not come from the owner.
type access int

const (
	ownerOnly      access = iota // no ACL and no policy grants it
	readBucket                   // READ on the bucket
	writeBucket                  // WRITE on the bucket
	readBucketACP                // READ_ACP on the bucket
	writeBucketACP               // WRITE_ACP on the bucket
	readObject                   // READ on the object, or on the bucket when the object inherits
	readObjectACP                // READ_ACP on the object
	writeObjectACP               // WRITE_ACP on the object
	everyone                     // nothing, not even a valid signature
	byHandler                    // the handler authorizes
	byForm                       // the handler of a form authorizes by its fields
)

// authorize refuses what a request may not do. Every signed caller is the owner of
// everything; only a policy that denies something to everyone applies to the owner
// too, and never to the configurations of the bucket (E089).
func (x *exchange) authorize(ctx context.Context) error {
	need := x.route.access
	switch {
	case need == everyone, need == byHandler, need == byForm:
		return nil
	case x.found.Name == "", need == ownerOnly && x.route.target != onObject:
		return x.ownersOnly()
	default:
		return x.permit(ctx, need, x.route.operation, x.key)
	}
}

func (x *exchange) ownersOnly() error {
	if !x.signed {
		return fail(accessDenied, "")
	}
	return nil
}

// permit refuses an operation on a key of the bucket that neither the policy nor an
// ACL allows the caller, or that the policy denies.
func (x *exchange) permit(ctx context.Context, need access, operation, key string) error {
	decision, err := x.policyDecision(ctx, operation, key)
	switch {
	case err != nil:
		return err
	case decision >= policyDenies:
		return denied(decision)
	case x.signed:
		return nil
	case decision == policyAllows && need != ownerOnly:
		return nil
	}
	allowed, err := x.publicly(ctx, need, key)
	if err != nil {
		return err
	}
	if !allowed {
		return fail(accessDenied, "")
	}
	return nil
}

// publicly reports whether the ACLs grant what the request needs to everyone.
func (x *exchange) publicly(ctx context.Context, need access, key string) (bool, error) {
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
		return x.objectOpens(ctx, bucket, need, key)
	default:
		return false, nil
	}
}

func (x *exchange) objectOpens(ctx context.Context, bucket acl, need access, key string) (bool, error) {
	version := x.version()
	if key != x.key { // a page of the website, which has no versions
		version = ""
	}
	o, err := x.s.store.HeadVersion(ctx, x.bucket, key, version)
	if errors.Is(err, store.ErrNoSuchKey) || errors.Is(err, store.ErrNoSuchVersion) {
		return bucket.opens(permitRead), nil // a caller who may list the bucket may learn that the key is missing
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
