package cosbackend

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// checkObject refuses an address that cannot be, without sending anything.
func (c *Client) checkObject(loc Location, key, versionID string) error {
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
		return err
	}
	if err := checkKey("key", key); err != nil {
		return err
	}
	return checkVersionID("version_id", versionID)
}

func (op *operation) version(id string) {
	if id != "" {
		op.query = append(op.query, pair{"versionId", id})
	}
}

// HeadObject returns what COS says of an object without its content.
//
// A missing object, a condition that does not hold and a right that is missing
// are an [*Error] with the HTTP status 404, 412, 304 or 403 and no Code, because
// the answer to a HEAD has no body (A007). Idempotent.
func (c *Client) HeadObject(ctx context.Context, loc Location, key string, o ReadOptions) (ObjectInfo, error) {
	if o.Range != nil || o.TrafficLimit != 0 || o.ResponseHeaders != (ResponseHeaders{}) {
		return ObjectInfo{}, invalid("range", "cannot be given for the metadata of an object, nor a traffic limit, nor response headers")
	}
	op, err := c.readOperation(ctx, "HeadObject", http.MethodHead, loc, key, o)
	if err != nil {
		return ObjectInfo{}, err
	}
	var info ObjectInfo
	op.decode = func(_ context.Context, r *response) error {
		if r.http.ContentLength < 0 {
			return r.malformed(errNoLength)
		}
		info = objectInfo(key, r.http.Header, r.http.ContentLength)
		return nil
	}
	err = c.do(ctx, op)
	return info, err
}

var (
	errNoLength = errors.New("the answer does not say how long the object is") // A005
	errRange    = errors.New("the answer holds another range than was asked for")
)

// readOperation returns a HEAD or GET of an object.
func (c *Client) readOperation(ctx context.Context, name, method string, loc Location, key string, o ReadOptions) (operation, error) {
	if err := c.checkObject(loc, key, o.VersionID); err != nil {
		return operation{}, err
	}
	if err := checkConditions("preconditions.", o.Conditions); err != nil {
		return operation{}, err
	}
	if err := o.check(); err != nil {
		return operation{}, err
	}
	op, err := c.newOperation(ctx, name, method, loc, key)
	if err != nil {
		return operation{}, err
	}
	op.version(o.VersionID)
	op.replace(o.ResponseHeaders)
	op.customerKey(customerHeaders, o.CustomerKey)
	op.traffic(o.TrafficLimit)
	op.selection = o.headers("", nil)
	if o.Range != nil {
		op.selection = append(op.selection, pair{"range", o.Range.header()})
	}
	return op, nil
}

func (o ReadOptions) check() error {
	if o.Range != nil {
		if err := checkRange("range", *o.Range); err != nil {
			return err
		}
	}
	if err := o.CustomerKey.check(customerKeyField); err != nil {
		return err
	}
	if err := checkTraffic(o.TrafficLimit); err != nil {
		return err
	}
	return o.ResponseHeaders.check()
}

// GetObject opens an object, or a range of it. The caller closes Body, which
// obeys ctx until then.
//
// Until GetObject returns it is idempotent. After that Body goes on by itself when
// the connection breaks, stalls or COS fails, as often as o.Resume allows: with
// the same growing delay, from the next byte, of the same object only. What Body
// yields is not compared with CRC64: only who reads all of it can do that.
func (c *Client) GetObject(ctx context.Context, loc Location, key string, o ReadOptions) (*Object, error) {
	if o.Resume.Attempts < 0 || o.Resume.Stall < 0 {
		return nil, invalid("resume", "must not be negative")
	}
	op, err := c.readOperation(ctx, "GetObject", http.MethodGet, loc, key, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	body := &objectBody{client: c, ctx: ctx, cancel: cancel, resume: o.Resume}
	var object *Object
	op.streaming = true
	op.decode = func(ctx context.Context, r *response) error {
		info, offset, err := r.extent(ctx, key)
		if err != nil {
			return err
		}
		length := r.http.ContentLength
		asked := Range{Length: -1}
		if o.Range != nil {
			asked = *o.Range
		}
		if !asked.selects(offset, length, info.Size) {
			return r.malformed(errRange)
		}
		object = &Object{ObjectInfo: info, Offset: offset, Length: length, Body: body}
		body.object, body.segment = info, newBodySegment(ctx, r, o.Resume.Stall)
		body.next, body.end = offset, offset+length
		return nil
	}
	got := c.execute(ctx, op)
	if got.failure != nil {
		cancel()
		return nil, got.err()
	}
	body.op, body.attempts = op, got.attempts
	return object, nil
}

// extent reads which part of which object an answer holds. An object has an ETag; a
// document without one is an error that hides in a 200, and must not pass for content.
func (r *response) extent(ctx context.Context, key string) (info ObjectInfo, offset int64, err error) {
	if headerText(r.http.Header, "Etag") == "" && headerText(r.http.Header, "Content-Type") == "application/xml" {
		if _, err := r.readBody(ctx); err != nil {
			return info, 0, err
		}
		return info, 0, r.malformed(errNoETag)
	}
	length := r.http.ContentLength
	if length < 0 {
		return info, 0, r.malformed(errNoLength)
	}
	size := length
	if r.http.StatusCode == http.StatusPartialContent {
		var ok bool
		if offset, size, ok = parseContentRange(headerText(r.http.Header, "Content-Range"), length); !ok {
			return info, 0, r.malformed(errRange)
		}
	}
	return objectInfo(key, r.http.Header, size), offset, nil
}

// parseContentRange reads "bytes 0-9/100" of a body of length bytes.
func parseContentRange(s string, length int64) (offset, size int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, total, _ := strings.Cut(s, "/")
	first, last, _ := strings.Cut(span, "-")
	offset, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	ok = err1 == nil && err2 == nil && err3 == nil && offset >= 0 && end < size && end-offset == length-1
	return offset, size, ok
}

// PutObject stores body under key, replacing what was there, and does not close
// its reader. COS keeps all of it or nothing: a reader that fails or ends early is
// a [*BodyError] and stores nothing. When COS refuses while the body is still
// being sent, its answer is what is returned.
//
// After PutObject returns, no Read of the reader begins any more. A Read that is
// waiting at that moment cannot be interrupted, though: after an error, and only
// then, one may still be under way, so the reader must not be used for anything
// else before that Read has returned.
//
// With Reopen, or nothing to send, and without ForbidOverwrite it is idempotent,
// else once; without Reopen nothing is repeated after the first byte was taken
// from the reader. A checksum that COS computes differently than CRC64 is an
// [*IntegrityError] with Stored set, after the repeats that were possible. A callback
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
		result, refusal, err = r.putAnswer(ctx, o)
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

// putAnswer reads the answer to a PUT, with what it says of a callback; refusal is why
// that failed.
func (r *response) putAnswer(ctx context.Context, o PutOptions) (result PutResult, refusal *Error, err error) {
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

// putResult reads the answer to an upload and compares checksums.
func (r *response) putResult(ctx context.Context, crc64 func() uint64) (PutResult, error) {
	if _, err := r.readBody(ctx); err != nil {
		return PutResult{}, err
	}
	return r.stored(crc64)
}

// stored is putResult of an answer that was read already.
func (r *response) stored(crc64 func() uint64) (PutResult, error) {
	h := r.http.Header
	result := PutResult{
		ETag: unquoteETag(headerText(h, "Etag")), VersionID: headerText(h, "X-Cos-Version-Id"),
		Encryption: headerEncryption(h),
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

// DeleteObject deletes an object, or one version of it. A key that does not exist
// is no error (A013). Idempotent.
func (c *Client) DeleteObject(ctx context.Context, loc Location, key, versionID string) (DeletedObject, error) {
	if err := c.checkObject(loc, key, versionID); err != nil {
		return DeletedObject{}, err
	}
	op, err := c.newOperation(ctx, "DeleteObject", http.MethodDelete, loc, key)
	if err != nil {
		return DeletedObject{}, err
	}
	op.version(versionID)
	deleted := DeletedObject{Key: key, VersionID: versionID}
	op.decode = func(ctx context.Context, r *response) error {
		if _, err := r.readBody(ctx); err != nil {
			return err
		}
		deleted.DeleteMarker = headerText(r.http.Header, "X-Cos-Delete-Marker") == "true"
		if id := headerText(r.http.Header, "X-Cos-Version-Id"); deleted.DeleteMarker {
			deleted.DeleteMarkerVersionID = id
		} else {
			deleted.VersionID = cmp.Or(id, versionID)
		}
		return nil
	}
	err = c.do(ctx, op)
	return deleted, err
}

// field names one entry of a list.
func field(list string, i int, name string) string { return fmt.Sprintf("%s[%d].%s", list, i, name) }
