package cosbackend

import (
	"io"
	"time"
)

// A Location says where an object or bucket is.
type Location struct {
	// Bucket is the full name, such as "photos-1250000000".
	Bucket string
	// Region is where the bucket is, such as "ap-guangzhou". Empty means the
	// client's default region, and without one a lookup by ListBuckets whose
	// answer is kept for five minutes.
	Region string
}

// Conditions restrict a read or the source of a copy. Empty strings and zero
// times are not sent. ETags may be given with or without quotes; "*" and lists
// separated by commas are passed on.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

// Attributes are what is stored with an object besides its bytes. Empty fields
// are not sent.
type Attributes struct {
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string // as sent in the Expires header; COS does not judge it
	// Metadata is the user metadata, by name in lower case and without the prefix
	// "x-cos-meta-". Names and values together may hold at most 2 KiB.
	Metadata map[string]string
	// StorageClass is a class of COS, such as "STANDARD" or "ARCHIVE". An answer
	// always holds one: COS leaves it out for STANDARD (A011).
	StorageClass string
}

// ObjectInfo describes a stored object. A list fills Key, ETag, Size,
// LastModified, StorageClass and StorageTier only.
type ObjectInfo struct {
	Key          string
	VersionID    string // "" when COS named none
	ETag         string // without quotes; opaque (A010)
	Size         int64  // of the whole object
	CRC64        uint64 // CRC-64/ECMA-182 of the whole object
	HasCRC64     bool
	LastModified time.Time // zero when COS named none
	Attributes
	StorageTier string // of an INTELLIGENT_TIERING object
	Type        string // "normal" or "appendable"; "" when COS did not say
	Encryption  EncryptionInfo
	Restore     *RestoreInfo // nil when nobody restores it
	// TagCount is how many tags it has; HasTagCount says that COS said so.
	TagCount    int
	HasTagCount bool
	// ReplicationStatus is "" when it is not replicated.
	ReplicationStatus string
	Retention         Retention // zero when it has none, or COS did not say
}

// A Range selects part of an object: Length bytes from Offset, or everything
// from Offset with Length -1, or the last Suffix bytes with the other two zero.
// A range that begins past the end is COS's error InvalidRange.
type Range struct {
	Offset int64
	Length int64
	Suffix int64
}

// ReadOptions refine HeadObject and GetObject.
type ReadOptions struct {
	VersionID string
	Conditions
	// CustomerKey is what the object was encrypted with, if it was the caller's (A053).
	CustomerKey CustomerKey
	// Range is for GetObject; HeadObject refuses it, and the next two.
	Range *Range
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
	// ResponseHeaders are what COS answers instead of what is stored.
	ResponseHeaders ResponseHeaders
	// Resume is for the Body of GetObject; to HeadObject it means nothing.
	Resume ResumeOptions
}

// ResponseHeaders replace the content headers of one answer. Empty ones stay as they
// are stored (A062).
type ResponseHeaders struct {
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string
}

// An Object is an open download.
type Object struct {
	ObjectInfo
	// Offset and Length say which bytes of the object Body holds.
	Offset int64
	Length int64
	// Body yields exactly Length bytes and then io.EOF, never an early io.EOF. When
	// the connection breaks, or COS fails, and Resume allows no more, the error is a
	// [*ReadBrokenError]. An object that turns out to be replaced or deleted is a
	// [*ChangedError]. A context that ended is an [*Error] for which errors.Is finds
	// the context's error, and any other refusal of COS is an Error, too.
	//
	// The caller closes it, also after an error. Close may be called while a Read
	// waits, and ends it.
	Body io.ReadCloser
}

// A Body is what PutObject stores.
type Body struct {
	// Size is the exact number of bytes, at most 5 GiB. Not one byte more is taken
	// from a reader.
	Size int64
	// Reader yields the bytes. It may be nil when Size is 0 or Reopen is set.
	//
	// One that implements io.WriterTo, and so each that Reopen returns, may be asked
	// to write itself instead, in one call, to a [BuffersWriter]: what it writes goes
	// to the connection without a copy between. It must return when a write fails,
	// must have a checksum that PutOptions ask for ready before it writes the last
	// byte, and must report an error before that, too: later ones are ignored. Until
	// WriteTo returns, it may be running even after PutObject has returned.
	Reader io.Reader
	// Reopen returns a new, independent reader from the first byte, which makes
	// the upload repeatable. Nil means that Reader can be read once: then nothing
	// is repeated after its first byte was taken.
	Reopen func() io.Reader
}

// PutOptions refine PutObject.
type PutOptions struct {
	Attributes
	Settings
	// ForbidOverwrite makes COS refuse with FileAlreadyExists when the key exists.
	// It has no effect in a bucket that ever had versioning (A014).
	ForbidOverwrite bool
	// ContentMD5 is the MD5 of the whole body, 16 bytes, which COS checks. Nil: none.
	ContentMD5 []byte
	// CRC64 returns the CRC-64/ECMA-182 of the body. It is asked after the whole
	// body was read and compared with COS's answer; with Reopen it must speak of
	// the latest reader. Nil: not compared.
	CRC64 func() uint64
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
	// Callback is whom COS tells. One that fails is no error: the object is stored.
	Callback *Callback
	// PicOperations is what COS does with an image: the JSON of its Pic-Operations.
	PicOperations string
}

// PutResult is what COS says of a stored object.
type PutResult struct {
	ETag      string
	VersionID string
	CRC64     uint64
	HasCRC64  bool
	// Encryption is how COS says that it encrypted the object.
	Encryption EncryptionInfo
	// Callback is what became of it; nil when there was none, or COS says nothing.
	Callback *CallbackResult
	// Document is COS's answer to PicOperations, as it came; else empty.
	Document string
}

// A CopySource names the object that CopyObject copies.
type CopySource struct {
	Bucket    string
	Key       string
	VersionID string
	// Region of the source bucket. Empty means the default region or a lookup, as
	// in Location.
	Region string
	Conditions
	// CustomerKey is what the source was encrypted with, if it was the caller's.
	CustomerKey CustomerKey
}

// CopyOptions refine CopyObject.
type CopyOptions struct {
	Source CopySource
	// Replace stores Attributes instead of those of the source. Without it only
	// Attributes.StorageClass may be set. A copy onto itself needs it (A015).
	Replace bool
	Attributes
	// ReplaceTags gives the copy the Tags of Settings, or none, instead of those of the
	// source. Without it there must be none.
	ReplaceTags bool
	// Settings are always those of the copy; the source's do not come along.
	Settings
}

// CopyResult is what COS says of a copy: ETag, CRC64, LastModified and VersionID.
type CopyResult struct {
	ObjectInfo
	SourceVersionID string
}

// ListOptions refine ListObjects.
type ListOptions struct {
	Prefix    string
	Delimiter string
	// Marker is the last entry already seen; the page begins after it.
	Marker string
	// MaxKeys is at most 1000; 0 leaves it to COS, which then takes 1000.
	MaxKeys int
}

// An ObjectPage is one page of a list, in byte order of the keys.
type ObjectPage struct {
	Objects        []ObjectInfo
	CommonPrefixes []string
	// NextMarker continues the list; set exactly when Truncated.
	NextMarker string
	Truncated  bool
}

// An ObjectID names an object, or one version of it.
type ObjectID struct {
	Key       string
	VersionID string
}

// A DeletedObject is what a delete did. A key that did not exist counts as deleted.
type DeletedObject struct {
	Key       string
	VersionID string
	// DeleteMarkerVersionID is the version of the marker made or removed.
	DeleteMarkerVersionID string
	DeleteMarker          bool
}

// A DeleteFailure is one key that DeleteObjects could not delete, in COS's words.
type DeleteFailure struct {
	Key       string
	VersionID string
	Code      string
	Message   string
}

// DeleteResult is what DeleteObjects did, key by key.
type DeleteResult struct {
	// Deleted is empty when the call was quiet.
	Deleted   []DeletedObject
	Failures  []DeleteFailure
	RequestID string
	TraceID   string
}

// BucketInfo is one entry of ListBuckets.
type BucketInfo struct {
	Name    string
	Region  string
	Type    string // "cos" or "ofs"; "" when COS did not say
	Created time.Time
}

// ListBucketsOptions refine ListBuckets.
type ListBucketsOptions struct {
	// Region restricts the list to one region. Empty lists all.
	Region string
	// Marker is the NextMarker of the page before.
	Marker string
	// MaxKeys is at most 2000; 0 leaves it to COS.
	MaxKeys int
}

// A BucketPage is one page of ListBuckets.
type BucketPage struct {
	Buckets    []BucketInfo
	NextMarker string
	Truncated  bool
	Owner      Owner
}

// CreateBucketOptions refine CreateBucket.
type CreateBucketOptions struct {
	// ACL is a preset: "private", "public-read", "public-read-write" or
	// "authenticated-read". Empty is COS's default, private.
	ACL string
	// Grants are given in addition to those of ACL.
	Grants *GrantHeaders
}

// BucketHead is what HeadBucket says.
type BucketHead struct {
	Region string
	AZType string // "MAZ" for a bucket in several availability zones, else ""
	Arch   string // "OFS" for a bucket with metadata acceleration, else ""
}
