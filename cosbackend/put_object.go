package cosbackend

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
)

// A Body is what PutObject stores.
type Body struct {
	// Size is the exact number of bytes, at most 5 GiB. No more than that is read
	// from a reader.
	Size int64
	// Reader yields the bytes. It may be nil when Size is 0 or Reopen is set.
	//
	// One that implements io.WriterTo, and so each that Reopen returns, is called
	// to write itself instead, in one call, to a [BuffersWriter] where possible: what it
	// writes goes to the connection without a copy. It must return when a write fails,
	// must have the checksum of PutOptions.CRC64 ready before it writes the last
	// byte, and must report an error before that, too: later ones are ignored. Until
	// WriteTo returns, it may be running even after PutObject has returned.
	Reader io.Reader
	// Reopen returns a new, independent reader from the first byte, which makes
	// the upload retryable. Nil means that Reader can be read once: then nothing
	// is retried after its first byte was read.
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
	// CRC64 returns the CRC-64/ECMA-182 of the body. It is called after the whole
	// body was read and compared with COS's response; with Reopen it must speak of
	// the latest reader. Nil: not compared.
	CRC64 func() uint64
	// TrafficLimit is in bits per second, 819200 to 838860800; 0 is none (A059).
	TrafficLimit int64
	// Callback is what COS notifies. A failed one is not an error: the object is stored.
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
	Checksums
	Expiration string // as in ObjectInfo
	// Encryption is how COS says that it encrypted the object.
	Encryption EncryptionInfo
	// Callback is what became of it; nil when there was none, or COS says nothing.
	Callback *CallbackResult
	// Document is COS's response to PicOperations, unchanged; else empty.
	Document string
}

// PutObject stores body under key, replacing what was there, and does not close
// its reader. COS keeps all of it or nothing: a reader that fails or ends early is
// a [*BodyError] and stores nothing. When COS refuses while the body is still
// being sent, its response is what is returned.
//
// After PutObject returns, no Read of the reader begins any more. A Read that is
// waiting at that moment cannot be interrupted, though: after an error, and only
// then, one may still be under way, so the reader must not be used for anything
// else before that Read has returned.
//
// With Reopen, or nothing to send, and without ForbidOverwrite it is idempotent,
// else once; without Reopen nothing is retried after the first byte was read
// from the reader. A checksum that COS computes differently than CRC64 is an
// [*IntegrityError] with Stored set, after the retries that were possible. A callback
// that fails is part of the result: the object is stored all the same.
func (c *Client) PutObject(ctx context.Context, loc Location, key string, body Body, o PutOptions) (PutResult, error) {
	if err := c.checkPut(loc, key, body, o); err != nil {
		return PutResult{}, err
	}
	op, err := c.newOperation(ctx, "PutObject", http.MethodPut, loc, key)
	if err != nil {
		return PutResult{}, err
	}
	op.carry(&body, o.ContentMD5)
	op.header = o.headers(op.header)
	op.set(o.Settings)
	op.traffic(o.TrafficLimit)
	op.callback(o.Callback)
	op.picOperations(o.PicOperations)
	if o.ForbidOverwrite {
		op.forbidOverwrite()
	}
	var result PutResult
	var refusal *Error // of the callback
	op.decode = func(ctx context.Context, r *response) (err error) {
		result, refusal, err = r.readPut(ctx, o)
		return err
	}
	if err := c.do(ctx, op); err != nil {
		return PutResult{}, err
	}
	if refusal != nil && result.ETag == "" {
		err = c.confirm(ctx, loc, key, o, &result, refusal)
	}
	return result, err
}

func (c *Client) checkPut(loc Location, key string, body Body, o PutOptions) error {
	if err := c.checkObject(loc, key, ""); err != nil {
		return err
	}
	if err := checkBody(body, o.ContentMD5, "must be at most 5 GiB for one PUT; larger objects need a multipart upload"); err != nil {
		return err
	}
	if err := o.Settings.check(); err != nil {
		return err
	}
	if err := checkTraffic(o.TrafficLimit); err != nil {
		return err
	}
	if err := o.Callback.check(); err != nil {
		return err
	}
	if err := checkPicOperations(o.PicOperations); err != nil {
		return err
	}
	return checkAttributes(o.Attributes)
}

func checkBody(body Body, contentMD5 []byte, tooLarge string) error {
	switch {
	case body.Size < 0:
		return invalid("size", "must not be negative")
	case body.Size > maxObject:
		return invalid("size", tooLarge)
	case body.Size > 0 && body.Reader == nil && body.Reopen == nil:
		return invalid("body", "must have a reader")
	case contentMD5 != nil && len(contentMD5) != 16:
		return invalid("content_md5", "must be the 16 bytes of an MD5")
	}
	return nil
}

// carry gives the operation a checked body.
func (op *operation) carry(body *Body, contentMD5 []byte) {
	op.body = body
	if contentMD5 != nil {
		op.header = append(op.header, pair{"content-md5", base64.StdEncoding.EncodeToString(contentMD5)})
	}
}

// forbidOverwrite has COS refuse the write when the key exists. Sent again after it was
// applied, it would be refused for what it stored itself.
func (op *operation) forbidOverwrite() {
	if op.retry != settled {
		op.retry = once
	}
	op.header = append(op.header, pair{"x-cos-forbid-overwrite", "true"})
}

// readPut reads the response to a PUT, with the result of a callback; refusal is why
// that failed.
func (r *response) readPut(ctx context.Context, o PutOptions) (result PutResult, refusal *Error, err error) {
	data, err := r.readRaw(ctx)
	callback, refusal, err := r.putCallback(o.Callback, data, err)
	if err != nil {
		return PutResult{}, nil, err
	}
	result, err = r.stored(o.CRC64)
	result.Callback = callback
	if o.PicOperations != "" && refusal == nil {
		result.Document = strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return result, refusal, err
}

// putResult reads the response to an upload and compares checksums.
func (r *response) putResult(ctx context.Context, crc64 func() uint64) (PutResult, error) {
	if _, err := r.readRaw(ctx); err != nil {
		return PutResult{}, err
	}
	return r.stored(crc64)
}

// stored is putResult of a response that was read already.
func (r *response) stored(crc64 func() uint64) (PutResult, error) {
	h := r.http.Header
	result := PutResult{
		ETag: unquoteETag(headerText(h, "Etag")), VersionID: headerText(h, "X-Cos-Version-Id"),
		Encryption: headerEncryption(h), Checksums: headerChecksums(h), Expiration: headerText(h, "X-Cos-Expiration"),
	}
	result.CRC64, result.HasCRC64 = headerCRC64(h)
	if crc64 == nil || !result.HasCRC64 || !r.attempt.bodyReader.sent() {
		return result, nil
	}
	if want := crc64(); want != result.CRC64 {
		return PutResult{}, r.mismatch(want, result.CRC64)
	}
	return result, nil
}

func (r *response) mismatch(want, got uint64) error {
	return &IntegrityError{
		Op: r.op.name, Bucket: r.op.bucket, Key: r.op.key, RequestID: r.requestID,
		Want: want, Got: got, Stored: true,
	}
}
