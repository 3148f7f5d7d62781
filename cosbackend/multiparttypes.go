package cosbackend

import "time"

// An Upload names a multipart upload that was begun.
type Upload struct {
	Location
	Key string
	// UploadID is what InitiateMultipartUpload returned: 1 to 256 letters, digits
	// and - _ . ~ (A022).
	UploadID string
}

// InitiateOptions refine InitiateMultipartUpload. What the object will have
// besides its bytes is fixed there.
type InitiateOptions struct {
	Attributes
	Settings
}

// PartOptions refine UploadPart.
type PartOptions struct {
	// ContentMD5 is the MD5 of the part, 16 bytes, which COS checks. Nil: none.
	ContentMD5 []byte
	// CRC64 returns the CRC-64/ECMA-182 of the part, as in PutOptions. Nil: not
	// compared.
	CRC64 func() uint64
	// CustomerKey is what the upload was begun with, if it was the caller's (A053).
	CustomerKey CustomerKey
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
}

// A Part is one piece of an upload, as COS knows it. A list has no CRC64, a copy
// no Size, and only a list and a copy have LastModified.
type Part struct {
	Number       int
	Size         int64
	ETag         string // without quotes
	CRC64        uint64 // of the part
	HasCRC64     bool
	LastModified time.Time
}

// PartCopyOptions refine UploadPartCopy.
type PartCopyOptions struct {
	Source CopySource
	// Range selects the bytes by Offset and Length, both ends named: COS documents
	// no other form here. Nil means the whole source.
	Range *Range
	// CustomerKey is what the upload was begun with, if it was the caller's. That of the
	// source stands in Source.
	CustomerKey CustomerKey
}

// A CompletedPart names a part for CompleteMultipartUpload.
type CompletedPart struct {
	Number int
	ETag   string // with or without quotes
}

// CompleteOptions refine CompleteMultipartUpload.
type CompleteOptions struct {
	// ForbidOverwrite is as in PutOptions.
	ForbidOverwrite bool
	// CRC64 is the CRC-64/ECMA-182 of the whole object. It is compared with COS's,
	// and it makes sure which object is found when an answer was lost. Nil: not
	// compared.
	CRC64 *uint64
	// CustomerKey is what the upload was begun with, if it was the caller's. COS does not
	// want it here; the HEAD that looks at the object does.
	CustomerKey CustomerKey
	// Callback is whom COS tells. One that fails is no error: the object is made.
	Callback *Callback
	// PicOperations is what COS does with an image: the JSON of its Pic-Operations.
	PicOperations string
}

// CompleteResult is what COS says of a completed object.
type CompleteResult struct {
	ETag      string
	VersionID string
	// Location is COS's name of the object, host and key; "" when the answer was
	// lost and the object was found by a HEAD.
	Location string
	CRC64    uint64
	HasCRC64 bool
	// Callback is what became of it; nil when there was none, and when the answer was
	// lost and the object was found by a HEAD.
	Callback *CallbackResult
	// Document is COS's answer to PicOperations, as it came; else empty.
	Document string
}

// ListPartsOptions refine ListParts.
type ListPartsOptions struct {
	// After is the number of the last part already seen.
	After int
	// Max is at most 1000; 0 leaves it to COS, which then takes 1000.
	Max int
}

// A PartPage is one page of the parts of an upload, by number.
type PartPage struct {
	Parts []Part
	// NextAfter continues the list; set exactly when Truncated.
	NextAfter int
	Truncated bool
	// StorageClass is what the object will have.
	StorageClass string
}

// ListUploadsOptions refine ListMultipartUploads.
type ListUploadsOptions struct {
	Prefix    string
	Delimiter string
	// KeyMarker and UploadIDMarker are the last entry already seen. UploadIDMarker
	// needs KeyMarker.
	KeyMarker      string
	UploadIDMarker string
	// Max is at most 1000; 0 leaves it to COS, which then takes 1000.
	Max int
}

// A MultipartUpload is one entry of ListMultipartUploads.
type MultipartUpload struct {
	Key          string
	UploadID     string
	StorageClass string
	Initiated    time.Time
}

// An UploadPage is one page of the uploads of a bucket that are neither completed
// nor aborted, by key and then by id.
type UploadPage struct {
	Uploads        []MultipartUpload
	CommonPrefixes []string
	// NextKeyMarker and NextUploadIDMarker continue the list; the first is set
	// exactly when Truncated.
	NextKeyMarker      string
	NextUploadIDMarker string
	Truncated          bool
}

// AppendOptions refine AppendObject.
type AppendOptions struct {
	// Attributes are stored by the append that makes the object, at position 0, and
	// refused at any other. So are Settings.
	Attributes
	Settings
	// ContentMD5 is the MD5 of the appended bytes, 16 bytes, which COS checks. Nil:
	// none.
	ContentMD5 []byte
	// CRC64 returns the CRC-64/ECMA-182 of the appended bytes. It is asked as that of
	// PutOptions. Nil: not compared.
	CRC64 func() uint64
	// BaseCRC64 is the CRC64 of the object as it is before the append, which the
	// append before it returned. COS answers with the checksum of the whole object,
	// so that without BaseCRC64 it can be compared at position 0 only.
	BaseCRC64 *uint64
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
}

// AppendResult is what COS says of an object after an append.
type AppendResult struct {
	// NextPosition is the size of the object now, where the next append begins.
	NextPosition int64
	ETag         string
	CRC64        uint64 // of the whole object
	HasCRC64     bool
}

// ResumeOptions say how the Body of GetObject goes on after a failure. The zero
// value never goes on and waits for each byte as long as the context allows.
type ResumeOptions struct {
	// Attempts is how many requests in a row may be made to go on without a single
	// new byte. 0 is none.
	Attempts int
	// Stall is how long a Read waits for a byte before the connection counts as
	// broken. 0 is no limit.
	Stall time.Duration
}
