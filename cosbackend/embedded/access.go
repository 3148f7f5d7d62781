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

// authorize refuses what a request may not do. A signed caller is the owner of
// everything, within the policy of its temporary credentials if it has any (E112); only
// a bucket policy that denies something to everyone applies to the owner too, and never to
// the configurations of the bucket (E089).
func (x *exchange) authorize(ctx context.Context) error {
	if err := x.checkStrictSignature(ctx); err != nil {
		return err
	}
	need := x.route.access
	switch {
	case need == everyone, need == byHandler, need == byForm:
		return nil
	case x.found.Name == "", need == ownerOnly && x.route.target != onObject:
		if err := x.ownersOnly(); err != nil {
			return err
		}
		return x.permitBySession(x.route.operation, x.listed())
	case x.route.operation == opDeleteObjects: // each key is asked for by the handler
		if !x.session.mentions(x.s.actions[opDeleteObjects]) {
			return fail(accessDenied, "")
		}
		return x.permitByBucket(ctx, need, x.route.operation, x.key)
	case x.route.target == onBucketItself:
		if err := x.permitBySession(x.route.operation, x.listed()); err != nil {
			return err
		}
		return x.permitByBucket(ctx, need, x.route.operation, x.key)
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

// permit refuses an operation on a key of the bucket that the caller's session, or the
// bucket with its policy and its ACLs, does not allow.
func (x *exchange) permit(ctx context.Context, need access, operation, key string) error {
	if err := x.permitBySession(operation, key); err != nil {
		return err
	}
	return x.permitByBucket(ctx, need, operation, key)
}

// permitBySession refuses what the policy of the caller's temporary credentials does not
// grant. It knows no other caller's limits.
func (x *exchange) permitBySession(operation, key string) error {
	if x.session == nil || x.session.allows(x.policyRequest(operation, key)) {
		return nil
	}
	return fail(accessDenied, "")
}

// permitSource refuses the source of a copy: reading it is a right of its own.
func (x *exchange) permitSource(region, bucket string, src copySource) error {
	if x.session == nil {
		return nil
	}
	r := policyRequest{actions: x.s.actions[opGetObject], region: region, bucket: bucket, key: src.key, context: x.conditionContext()}
	r.context.header, r.context.params, r.context.length = nil, nil, -1
	if src.version != "" {
		r.context.params = params{{name: paramVersion, lower: paramVersion, value: src.version}}
	}
	if !x.session.allows(r) {
		return fail(accessDenied, "You have no authority to read the source file")
	}
	return nil
}

// listed is what stands for the key in the resource of a request to a bucket: the prefix
// of a list, otherwise nothing (E112).
func (x *exchange) listed() string {
	switch x.route.operation {
	case opListObjects, opListObjectVersions, opListMultipartUploads:
		prefix, _ := x.params.get("prefix")
		return prefix
	}
	return x.key
}

// permitByBucket refuses what neither the policy of the bucket nor an ACL allows the
// caller, or that the policy denies.
func (x *exchange) permitByBucket(ctx context.Context, need access, operation, key string) error {
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
