package store

import (
	"context"
	"errors"
)

var errNotBuilt = errors.New("store: not built yet")

// Initiate starts a multipart upload with what its object is to look like. It
// fails with ErrNoSuchBucket. ForbidOverwrite is judged by Complete only.
func (s *Store) Initiate(ctx context.Context, bucket, key string, o PutOptions) (id string, err error) {
	return "", errNotBuilt
}

// CommitPart makes the body a part of a multipart upload, in the place of an
// earlier one with that number. It ends the upload of the body as Commit does
// and fails with ErrNoSuchBucket or ErrNoSuchUpload.
func (u *Upload) CommitPart(ctx context.Context, bucket, key, uploadID string, number int) (PartInfo, error) {
	return PartInfo{}, errNotBuilt
}

// CopyPart makes a part from length bytes at off of an object; length -1 means
// all that follow. The part refers to the bodies of the source. Its checksums
// are computed by reading the range, unless it is the whole of a source whose
// ETag is its MD5. check judges the source; nil means no condition, and its
// error comes back unchanged. CopyPart fails with ErrNoSuchBucket for either
// bucket, ErrNoSuchSource, ErrRange or ErrNoSuchUpload.
func (s *Store) CopyPart(ctx context.Context, srcBucket, srcKey string, off, length int64, check func(Object) error,
	bucket, key, uploadID string, number int,
) (PartInfo, error) {
	return PartInfo{}, errNotBuilt
}

// Parts returns an upload and up to limit of its parts with numbers above after,
// in order; limit 0 means 1000. It fails with ErrNoSuchBucket or ErrNoSuchUpload.
func (s *Store) Parts(ctx context.Context, bucket, key, uploadID string, after, limit int) (info UploadInfo, parts []PartInfo, truncated bool, err error) {
	return UploadInfo{}, nil, false, errNotBuilt
}

// Complete strings the parts together to one object, in one transaction and
// without copying a byte; parts that are not named are dropped. Every part but
// the last must have minPart bytes. It fails with ErrNoSuchBucket,
// ErrNoSuchUpload, ErrPartOrder, ErrInvalidPart, ErrPartTooSmall or ErrExists,
// and leaves the upload as it was.
func (s *Store) Complete(ctx context.Context, bucket, key, uploadID string, parts []CompletePart, forbidOverwrite bool, minPart int64) (Object, error) {
	return Object{}, errNotBuilt
}

// AbortUpload drops a multipart upload and its parts. It fails with
// ErrNoSuchBucket or ErrNoSuchUpload.
func (s *Store) AbortUpload(ctx context.Context, bucket, key, uploadID string) error {
	return errNotBuilt
}

// Uploads returns one page of the multipart uploads under way. It fails with
// ErrNoSuchBucket.
func (s *Store) Uploads(ctx context.Context, bucket string, o ListUploadsOptions) (UploadsPage, error) {
	return UploadsPage{}, errNotBuilt
}

// CommitAppend adds the body at the end of the object at key, which must be at
// position, or creates an appendable object when there is none and position is
// 0. Headers, ACL and class count when the object is created; ForbidOverwrite
// never does, because nothing is overwritten. It ends the upload as Commit does
// and fails with ErrNoSuchBucket, ErrNotAppendable or a [*PositionError].
func (u *Upload) CommitAppend(ctx context.Context, bucket, key string, position int64, o PutOptions) (Object, error) {
	return Object{}, errNotBuilt
}
