package cosbackend

import "strings"

// A retryClass says what sending an operation a second time may do. The table of
// docs/architecture.md lists the classes and their operations; a test holds it against
// retryClassOf.
type retryClass int

const (
	// once is for operations that can mislead when they are sent again after they were
	// applied: the response is then another one, or another thing is made. It is the
	// class of everything that has no other.
	once retryClass = iota
	// readOnly operations change nothing.
	readOnly
	// idempotent operations lead to the same state however often they are sent.
	idempotent
	// partOfUpload is idempotent, and a conflict is retried too: no other client writes the
	// parts of an upload.
	partOfUpload
	// settled operations are as those of class once, but COS can show whether they were
	// applied: [Client.settle] looks before anything is sent again or reported.
	settled
)

// modifies reports whether operations of the class change something in COS.
func (c retryClass) modifies() bool { return c != readOnly }

// retryable reports whether sending an operation again is harmless, whatever became of
// the attempt before.
func (c retryClass) retryable() bool {
	return c == readOnly || c == idempotent || c == partOfUpload
}

// String returns the name in docs/architecture.md.
func (c retryClass) String() string {
	switch c {
	case readOnly:
		return "read-only"
	case idempotent:
		return "idempotent"
	case partOfUpload:
		return "part"
	case settled:
		return "settled"
	default:
		return "once"
	}
}

// retryClassOf returns the class of an operation by its name. Writes that must not
// overwrite are of class once whatever their name, see [operation.forbidOverwrite], and
// an upload whose id only its writer knows is begun as an idempotent operation, see
// [Client.InitiatePrivateUpload].
func retryClassOf(name string) retryClass {
	switch name {
	case "CompleteMultipartUpload", "AppendObject":
		return settled
	case "CreateBucket", "DeleteBucket", "InitiateMultipartUpload", "PostBucketInventory":
		return once
	case "UploadPart", "UploadPartCopy":
		return partOfUpload
	case "PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "AbortMultipartUpload", "RestoreObject",
		"PutObjectTagging", "DeleteObjectTagging", "PutObjectAcl", "PutObjectRetention", "PutSymlink":
		return idempotent
	case "HeadObject", "GetObject", "SelectObjectContent", "OptionsObject", "GetObjectTagging", "GetObjectAcl",
		"GetObjectRetention", "GetSymlink", "HeadBucket":
		return readOnly
	}
	switch {
	case strings.HasPrefix(name, "List"), strings.HasPrefix(name, "GetBucket"):
		return readOnly
	case strings.HasPrefix(name, "PutBucket"), strings.HasPrefix(name, "DeleteBucket"): // a configuration, as a whole
		return idempotent
	}
	return once
}
