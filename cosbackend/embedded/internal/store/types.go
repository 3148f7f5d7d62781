package store

import "time"

// A Bucket is a named set of objects.
type Bucket struct {
	Name    string
	Region  string
	ACL     string
	Created time.Time
}

// An Object is what is known of one stored body. List fills Key, Size, ETag,
// Modified, StorageClass and Type only.
type Object struct {
	Key string
	// VersionID is "" while versioning was never set in the bucket.
	VersionID    string
	Size         int64
	ETag         string // without quotes
	CRC64        uint64
	Modified     time.Time
	StorageClass string
	Type         string // "normal", "appendable" or "symlink"
	ACL          string
	// Headers holds everything the client asked to have returned: content
	// headers and x-cos-meta-*, names in lower case.
	Headers     map[string]string
	Tags        []Tag
	Encryption  Encryption
	LinkTarget  string    // the key that a symlink stands for
	RetainUntil time.Time // when its lock ends; zero when it was never locked
	Restoration Restoration
}

// Sums are the checksums of a body.
type Sums struct {
	MD5   [16]byte
	SHA1  [20]byte // zero unless [Upload.WantSHA1] was called before the first Write
	CRC64 uint64
	Size  int64
}

// PutOptions says how a body becomes an object.
type PutOptions struct {
	StorageClass    string // "" = STANDARD
	ACL             string
	Headers         map[string]string
	Tags            []Tag
	Encryption      Encryption
	LinkTarget      string // makes a symlink; the body is to be this key
	ForbidOverwrite bool   // refuse with ErrExists when the key is taken
}

// CopyOptions says how an object becomes another one.
type CopyOptions struct {
	// SourceVersion is the version to be copied; "" is the newest.
	SourceVersion string
	// Check judges the source inside the transaction; nil means no condition.
	// Its error comes back unchanged. It must not call the store.
	Check func(src Object) error
	// Replace takes the headers of Put instead of those of the source.
	Replace bool
	// ReplaceTags takes the tags of Put instead of those of the source.
	ReplaceTags bool
	// Put is as for an upload, except that StorageClass "" keeps the source's.
	// The ACL, the encryption and a lock are never copied.
	Put PutOptions
}

// ListOptions selects one page of a listing.
type ListOptions struct {
	Prefix string
	// Delimiter rolls up keys that hold it after Prefix; it may be any string.
	Delimiter string
	// Marker is exclusive: only entries after it are listed. A marker that is a
	// common prefix skips all keys below that prefix.
	Marker string
	// MaxKeys bounds objects and common prefixes together; 0 means 1000.
	MaxKeys int
}

// A Page is one part of a listing in byte order.
type Page struct {
	Objects        []Object
	CommonPrefixes []string
	// NextMarker is the last entry of the page, a key or a common prefix; it is
	// set only when Truncated.
	NextMarker string
	Truncated  bool
}

// An UploadInfo is a multipart upload that is neither complete nor aborted.
type UploadInfo struct {
	Key          string
	ID           string
	Initiated    time.Time
	StorageClass string
	ACL          string
	Headers      map[string]string // as in Object; Uploads leaves it and what follows empty
	Tags         []Tag
	Encryption   Encryption
}

// A PartInfo is one part of a multipart upload.
type PartInfo struct {
	Number   int
	Size     int64
	ETag     string // the MD5 of its bytes, without quotes
	CRC64    uint64
	Modified time.Time
}

// A CompletePart names one part that Complete is to use.
type CompletePart struct {
	Number int
	ETag   string // without quotes
}

// ListUploadsOptions selects one page of the uploads under way.
type ListUploadsOptions struct {
	Prefix string
	// Delimiter rolls up keys as in ListOptions.
	Delimiter string
	// KeyMarker is exclusive. With UploadIDMarker, the uploads of that very key
	// with a greater ID are listed too.
	KeyMarker      string
	UploadIDMarker string // ignored without KeyMarker
	// Max bounds uploads and common prefixes together; 0 means 1000.
	Max int
}

// An UploadsPage is one part of a list of uploads, by key in byte order, then by
// ID, which is the order in which they were initiated.
type UploadsPage struct {
	Uploads        []UploadInfo
	CommonPrefixes []string
	// The markers of the next page are set only when Truncated. After a common
	// prefix NextUploadIDMarker is empty.
	NextKeyMarker      string
	NextUploadIDMarker string
	Truncated          bool
}
