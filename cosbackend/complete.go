package cosbackend

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// keepAliveStall is how long COS may send nothing while it joins parts. It sends
	// white space every few seconds, so that silence is a broken connection (A025).
	stallLimit = time.Minute
	// clockSkew is how far COS's clock may be from ours: it refuses signatures
	// beyond that.
	clockSkew = 15 * time.Minute
)

// CompleteMultipartUpload makes the object from the parts named, 1 to 10000 of
// them by ascending number; COS takes a gap for a missing part (A023). COS may take
// minutes for it, during which only ctx limits the wait, as long as COS shows that
// it lives. It may hide a failure in a 200 answer: the [*Error] then says
// InSuccessBody.
//
// An answer that is lost, cut short, garbled, or a failure of COS's own does not
// say what became of the upload. Then, before anything is reported, ListParts is
// asked. An upload that is still there is completed again. One that is gone, or
// that cannot be asked for, was completed if a HEAD finds an object that was
// stored after the call began, give or take 15 minutes for the clocks, and that
// has the checksum CRC64 where that is given and known, and else an ETag that
// ends in "-" and the number of parts. That is a success. Anything else is the
// first failure, an Error with OutcomeUnknown.
//
// The object's checksum is compared with CRC64; when the answer has none, with
// that of a HEAD which finds the same ETag. A difference is an [*IntegrityError]
// with Stored set. A callback that fails is part of the result: the object is made
// all the same.
func (c *Client) CompleteMultipartUpload(ctx context.Context, u Upload, parts []CompletedPart, o CompleteOptions) (CompleteResult, error) {
	if err := c.checkComplete(u, parts, o); err != nil {
		return CompleteResult{}, err
	}
	op, err := c.newOperation(ctx, "CompleteMultipartUpload", http.MethodPost, u.Location, u.Key)
	if err != nil {
		return CompleteResult{}, err
	}
	op.query = []pair{{"uploadId", u.UploadID}}
	op.header = []pair{{"content-type", "application/xml"}}
	op.hide(o.CustomerKey)
	op.callback(o.Callback)
	op.picOperations(o.PicOperations)
	if o.ForbidOverwrite {
		op.forbidOverwrite()
	}
	op.payload = completeXML(parts)
	job := pendingCompletion{client: c, upload: u, parts: len(parts), o: o, crc64: o.CRC64, began: c.clock()}
	op.decode = job.read
	got := c.settle(ctx, op, func(last outcome) settlement { return job.inspect(ctx, last) })
	if got.failure != nil {
		return CompleteResult{}, got.err()
	}
	return job.result, job.verify(ctx, &op)
}

func (c *Client) checkComplete(u Upload, parts []CompletedPart, o CompleteOptions) error {
	if err := c.checkUpload(u); err != nil {
		return err
	}
	if err := o.Callback.check(); err != nil {
		return err
	}
	if err := checkPicOperations(o.PicOperations); err != nil {
		return err
	}
	if err := o.CustomerKey.check(customerKeyField); err != nil {
		return err
	}
	return checkParts(parts)
}

func checkParts(parts []CompletedPart) error {
	if len(parts) == 0 || len(parts) > maxPartNumber {
		return invalid("parts", "must be 1 to 10000 parts")
	}
	last := 0
	for i, p := range parts {
		if err := checkPartNumber(field("parts", i, "part_number"), p.Number); err != nil {
			return err
		}
		if p.Number <= last {
			return invalid(field("parts", i, "part_number"), "must be higher than that of the part before")
		}
		last = p.Number
		name := field("parts", i, "etag")
		if unquoteETag(p.ETag) == "" || len(p.ETag) > maxHeader {
			return invalid(name, "must be the ETag that the part was answered with")
		}
		if err := checkHeader(name, p.ETag); err != nil {
			return err
		}
	}
	return nil
}

func completeXML(parts []CompletedPart) []byte {
	var b bytes.Buffer
	b.WriteString("<CompleteMultipartUpload>")
	for _, p := range parts {
		b.WriteString("<Part><PartNumber>" + strconv.Itoa(p.Number) + "</PartNumber><ETag>")
		_ = xml.EscapeText(&b, []byte(`"`+unquoteETag(p.ETag)+`"`)) // a bytes.Buffer does not fail
		b.WriteString("</ETag></Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.Bytes()
}

// A completion is a CompleteMultipartUpload on its way.
type pendingCompletion struct {
	client    *Client
	upload    Upload
	parts     int
	o         CompleteOptions
	crc64     *uint64
	began     time.Time
	result    CompleteResult
	requestID string
}

// read waits out the white space and reads the result.
func (j *pendingCompletion) read(ctx context.Context, r *response) error {
	r.http.Body = &spaceReader{ReadCloser: newStallReader(r.http.Body, stallLimit)}
	data, err := r.readBody(ctx)
	if err != nil {
		return err
	}
	var wire struct {
		Location, ETag, CRC64 string
		CallbackResult        *wireCallback
	}
	if err := r.parseXML(data, "CompleteMultipartUploadResult", &wire); err != nil {
		return err
	}
	if wire.ETag == "" {
		return r.malformed(errNoETag)
	}
	h := r.http.Header
	j.requestID = r.requestID
	j.result = CompleteResult{
		ETag: unquoteETag(wire.ETag), Location: wire.Location, VersionID: headerText(h, "X-Cos-Version-Id"),
		Callback: wire.CallbackResult.result(r.attempt),
	}
	if j.o.PicOperations != "" {
		j.result.Document = strings.ToValidUTF8(string(data), "\uFFFD")
	}
	j.result.CRC64, j.result.HasCRC64 = headerCRC64(h)
	if !j.result.HasCRC64 {
		j.result.CRC64, j.result.HasCRC64 = parseCRC64(wire.CRC64)
	}
	return nil
}

// inspect looks for the upload, and then for the object that it became.
func (j *pendingCompletion) inspect(ctx context.Context, last outcome) settlement {
	if last.failure.code() != noSuchUpload {
		_, err := j.client.ListParts(ctx, j.upload, ListPartsOptions{Max: 1})
		if err == nil {
			return notApplied
		}
	}
	info, err := j.client.HeadObject(ctx, j.upload.Location, j.upload.Key, ReadOptions{CustomerKey: j.o.CustomerKey})
	if err != nil || !j.made(info) {
		return unsettled
	}
	j.result = CompleteResult{ETag: info.ETag, VersionID: info.VersionID, CRC64: info.CRC64, HasCRC64: info.HasCRC64}
	return applied
}

// made reports whether info is of the object that the parts make.
func (j *pendingCompletion) made(info ObjectInfo) bool {
	if info.LastModified.Before(j.began.Add(-clockSkew)) {
		return false
	}
	if j.crc64 != nil && info.HasCRC64 {
		return *j.crc64 == info.CRC64
	}
	return strings.HasSuffix(info.ETag, "-"+strconv.Itoa(j.parts))
}

// verify compares checksums, and fetches COS's when the answer had none.
func (j *pendingCompletion) verify(ctx context.Context, op *operation) error {
	if j.crc64 == nil {
		return nil
	}
	if !j.result.HasCRC64 {
		info, err := j.client.HeadObject(ctx, j.upload.Location, j.upload.Key, ReadOptions{VersionID: j.result.VersionID, CustomerKey: j.o.CustomerKey})
		traceFrom(ctx).begin(op.name, j.client.profile)
		if err == nil && info.ETag == j.result.ETag {
			j.result.CRC64, j.result.HasCRC64 = info.CRC64, info.HasCRC64
		}
	}
	if !j.result.HasCRC64 || j.result.CRC64 == *j.crc64 {
		return nil
	}
	return &IntegrityError{
		Op: op.name, Bucket: op.bucket, Key: op.key, RequestID: j.requestID,
		Want: *j.crc64, Got: j.result.CRC64, Stored: true,
	}
}
