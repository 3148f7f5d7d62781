package store

import (
	"errors"
	"fmt"
)

// The errors of the store. They may be wrapped; compare them with errors.Is.
var (
	ErrNoSuchBucket   = errors.New("store: no such bucket")
	ErrBucketExists   = errors.New("store: the bucket exists already")
	ErrBucketNotEmpty = errors.New("store: the bucket is not empty")
	ErrNoSuchKey      = errors.New("store: no such key")
	ErrNoSuchSource   = errors.New("store: no such source key")
	ErrNoSuchVersion  = errors.New("store: no such version")
	// ErrExists refuses a write that must not overwrite an existing object.
	ErrExists       = errors.New("store: the object exists already")
	ErrNoSuchUpload = errors.New("store: no such multipart upload")
	// ErrRange refuses a part copy of bytes that the source does not have.
	ErrRange = errors.New("store: the range is not within the source")
	// ErrInvalidPart means that Complete names a part that was not uploaded, or
	// one with another ETag.
	ErrInvalidPart = errors.New("store: no such part")
	// ErrPartOrder means that Complete does not name the parts in ascending order.
	ErrPartOrder = errors.New("store: the parts are not in ascending order")
	// ErrPartTooSmall means that a part before the last one is too small.
	ErrPartTooSmall = errors.New("store: a part is too small")
	// ErrNotAppendable refuses to append to an object that was not made by append.
	ErrNotAppendable = errors.New("store: the object is not appendable")
	// ErrVersioned refuses to append where every write makes a version.
	ErrVersioned = errors.New("store: an object in a bucket with versioning cannot be appended to")
	// ErrNoSuchConfig means that the bucket has no such configuration document.
	ErrNoSuchConfig = errors.New("store: no such configuration")
	// ErrTooManyConfigs refuses more documents than a bucket may have.
	ErrTooManyConfigs = errors.New("store: too many configurations")
	// ErrLocked refuses to overwrite, delete or change a version before its time.
	ErrLocked = errors.New("store: the object is locked")
	// ErrBucketLocked refuses what a bucket with an object lock cannot have, and to
	// delete one that is not empty.
	ErrBucketLocked = errors.New("store: the bucket has an object lock")
	// ErrNotVersioned refuses what only a bucket with enabled versioning can have.
	ErrNotVersioned = errors.New("store: versioning of the bucket is not enabled")
	// ErrNoObjectLock refuses to lock an object where the bucket has no object lock.
	ErrNoObjectLock = errors.New("store: the bucket has no object lock")
	// ErrLockTime refuses a lock that would end before the one there is.
	ErrLockTime = errors.New("store: a lock can only be extended")
	// ErrSuspended keeps object locks and suspended versioning apart.
	ErrSuspended = errors.New("store: a bucket with an object lock cannot have suspended versioning")
	// ErrRestoring refuses to restore what is being restored.
	ErrRestoring = errors.New("store: the object is being restored")
	// ErrLinkToLink refuses to copy through more than one symbolic link.
	ErrLinkToLink = errors.New("store: the target of the link is a link")
	// ErrNoSpace means that the disk or the memory limit is full. Reads and deletes
	// still work.
	ErrNoSpace = errors.New("store: no space left")
	// ErrCorrupt means that stored bytes are missing or fail their checksum. It is
	// never reported as a missing key, and no wrong byte was returned.
	ErrCorrupt = errors.New("store: stored data is damaged")
	// ErrBusy means that the queue of the writer is full; nothing was done.
	ErrBusy = errors.New("store: too many writes are waiting")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store: closed")
)

// A LockedError says that another process holds the data folder.
type LockedError struct {
	Dir string
	PID int // as written by the holder; 0 when it could not be read
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("store: data folder %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("store: data folder %s is in use by process %d", e.Dir, e.PID)
}

// A MarkerError says that there is a delete marker in place of an object. It is an
// ErrNoSuchKey, or an ErrNoSuchSource when the object was to be copied.
type MarkerError struct {
	VersionID string // of the marker
	cause     error
}

func (e *MarkerError) Error() string {
	return fmt.Sprintf("%v: version %s is a delete marker", e.cause, e.VersionID)
}

// Unwrap returns ErrNoSuchKey or ErrNoSuchSource.
func (e *MarkerError) Unwrap() error { return e.cause }

// A PositionError refuses to append at a position that is not the end.
type PositionError struct {
	Size int64 // of the object now, which is the valid position; 0 when there is none
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("store: the next position to append at is %d", e.Size)
}
