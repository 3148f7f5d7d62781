package cosbackend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxPartNumber = 10_000
	maxUploadID   = 256
)

// checkUploadID refuses what is not an id as COS gives them (A022).
func checkUploadID(field, id string) error {
	if id == "" {
		return invalid(field, "must be given, as it was returned when the upload was begun")
	}
	if !validUploadID(id) {
		return invalid(field, "must be an upload id of COS: 1 to 256 letters, digits and - _ . ~")
	}
	return nil
}

func validUploadID(id string) bool {
	for i := range len(id) {
		if !unreserved(id[i]) {
			return false
		}
	}
	return id != "" && len(id) <= maxUploadID
}

func (c *Client) checkUpload(u Upload) error {
	if err := c.checkObject(u.Location, u.Key, ""); err != nil {
		return err
	}
	return checkUploadID("upload_id", u.UploadID)
}

func checkPartNumber(field string, number int) error {
	if number < 1 || number > maxPartNumber {
		return invalid(field, "must be from 1 to 10000")
	}
	return nil
}

// part names the part and the upload of an operation.
func (op *operation) part(u Upload, number int) {
	op.query = []pair{{"partNumber", strconv.Itoa(number)}, {"uploadId", u.UploadID}}
}

// InitiateMultipartUpload begins an upload of any size.
//
// Once: each call begins another upload. One whose response was lost may be there
// nevertheless, which [Client.ListMultipartUploads] shows.
func (c *Client) InitiateMultipartUpload(ctx context.Context, loc Location, key string, o InitiateOptions) (InitiateResult, error) {
	op, begun, err := c.initiateOperation(ctx, loc, key, o)
	if err != nil {
		return InitiateResult{}, err
	}
	err = c.do(ctx, op)
	return *begun, err
}

// initiateOperation returns the operation that begins an upload, and where its result will
// be.
func (c *Client) initiateOperation(ctx context.Context, loc Location, key string, o InitiateOptions) (op operation, begun *InitiateResult, err error) {
	if err := c.checkObject(loc, key, ""); err != nil {
		return op, nil, err
	}
	if err := checkAttributes(o.Attributes); err != nil {
		return op, nil, err
	}
	if err := o.Settings.check(); err != nil {
		return op, nil, err
	}
	if op, err = c.newOperation(ctx, "InitiateMultipartUpload", http.MethodPost, loc, key); err != nil {
		return op, nil, err
	}
	op.query = []pair{{"uploads", ""}}
	op.header = o.headers(op.header)
	op.set(o.Settings)
	begun = new(InitiateResult)
	op.decode = func(ctx context.Context, r *response) (err error) {
		begun.UploadID, err = r.uploadID(ctx)
		begun.Encryption = headerEncryption(r.http.Header)
		return err
	}
	return op, begun, nil
}

var errUploadID = errors.New("the response holds no upload id that could be used")

func (r *response) uploadID(ctx context.Context) (string, error) {
	var wire struct {
		UploadID string `xml:"UploadId"`
	}
	if err := r.readXML(ctx, "InitiateMultipartUploadResult", &wire); err != nil {
		return "", err
	}
	if !validUploadID(wire.UploadID) {
		return "", r.malformed(errUploadID)
	}
	return wire.UploadID, nil
}

// UploadPart sends one part, number 1 to 10000, and does not close its reader. A
// part sent again replaces the one before. All parts but the last need 1 MiB or
// more, which COS checks when the upload is completed (A023).
//
// What PutObject says about the reader, retries and the checksum holds here, too:
// with Reopen it is idempotent, without it nothing is retried after the first byte
// was read.
func (c *Client) UploadPart(ctx context.Context, u Upload, number int, body Body, o PartOptions) (Part, error) {
	if err := c.checkPart(u, number, body, o); err != nil {
		return Part{}, err
	}
	op, err := c.newOperation(ctx, "UploadPart", http.MethodPut, u.Location, u.Key)
	if err != nil {
		return Part{}, err
	}
	op.part(u, number)
	op.carry(&body, o.ContentMD5)
	op.customerKey(customerHeaders, o.CustomerKey)
	op.traffic(o.TrafficLimit)
	part := Part{Number: number, Size: body.Size}
	op.decode = func(ctx context.Context, r *response) error {
		result, err := r.putResult(ctx, o.CRC64)
		if err != nil {
			return err
		}
		if result.ETag == "" {
			return r.malformed(errNoETag)
		}
		part.ETag, part.CRC64, part.HasCRC64, part.Encryption = result.ETag, result.CRC64, result.HasCRC64, result.Encryption
		return nil
	}
	if err := c.do(ctx, op); err != nil {
		return Part{}, err
	}
	return part, nil
}

func (c *Client) checkPart(u Upload, number int, body Body, o PartOptions) error {
	if err := c.checkUpload(u); err != nil {
		return err
	}
	if err := checkPartNumber("part_number", number); err != nil {
		return err
	}
	if err := o.CustomerKey.check(customerKeyField); err != nil {
		return err
	}
	if err := checkTraffic(o.TrafficLimit); err != nil {
		return err
	}
	return checkBody(body, o.ContentMD5, "must be at most 5 GiB for one part")
}

// UploadPartCopy makes a part from an object, or a range of it, inside COS. Its
// failures are those of CopyObject, and InvalidRange. Idempotent.
func (c *Client) UploadPartCopy(ctx context.Context, u Upload, number int, o PartCopyOptions) (Part, error) {
	if err := c.checkPartCopy(u, number, o); err != nil {
		return Part{}, err
	}
	op, err := c.copyOperation(ctx, "UploadPartCopy", u.Location, u.Key, o.Source)
	if err != nil {
		return Part{}, err
	}
	op.part(u, number)
	op.customerKey(customerHeaders, o.CustomerKey)
	if o.Range != nil {
		op.header = append(op.header, pair{"x-cos-copy-source-range", o.Range.header()})
	}
	part := Part{Number: number}
	op.decode = func(ctx context.Context, r *response) error {
		result, err := r.copyResult(ctx, "CopyPartResult", u.Key)
		part.ETag, part.LastModified = result.ETag, result.LastModified
		part.CRC64, part.HasCRC64, part.Encryption = result.CRC64, result.HasCRC64, result.Encryption
		part.SourceVersionID = result.SourceVersionID
		return err
	}
	if err := c.do(ctx, op); err != nil {
		return Part{}, err
	}
	return part, nil
}

func (c *Client) checkPartCopy(u Upload, number int, o PartCopyOptions) error {
	if err := c.checkUpload(u); err != nil {
		return err
	}
	if err := checkPartNumber("part_number", number); err != nil {
		return err
	}
	if err := c.checkSource(o.Source); err != nil {
		return err
	}
	if err := o.CustomerKey.check(customerKeyField); err != nil {
		return err
	}
	if o.Range == nil {
		return nil
	}
	if o.Range.Suffix != 0 || o.Range.Length == -1 {
		return invalid("source_range", "must have an offset and a length: COS documents no other form for a copy")
	}
	return checkRange("source_range", *o.Range)
}

// AbortMultipartUpload ends an upload and drops its parts. An upload that is not
// there is the [*Error] NoSuchUpload, unless an earlier attempt of this call may have
// ended it. Idempotent.
func (c *Client) AbortMultipartUpload(ctx context.Context, u Upload) error {
	if err := c.checkUpload(u); err != nil {
		return err
	}
	op, err := c.newOperation(ctx, "AbortMultipartUpload", http.MethodDelete, u.Location, u.Key)
	if err != nil {
		return err
	}
	op.query = []pair{{"uploadId", u.UploadID}}
	op.decode = readEmpty
	got := c.execute(ctx, op)
	if got.failure.code() == noSuchUpload && got.mayHaveBeenApplied {
		return nil
	}
	return got.err()
}

const noSuchUpload = "NoSuchUpload"

// An Upload names a multipart upload that was begun.
type Upload struct {
	Location
	Key string
	// UploadID is what InitiateMultipartUpload returned: 1 to 256 letters, digits
	// and - _ . ~ (A022).
	UploadID string
}

// InitiateOptions refine InitiateMultipartUpload. The attributes and
// settings of the object are fixed there.
type InitiateOptions struct {
	Attributes
	Settings
}

// InitiateResult is what COS returns for an upload that begins.
type InitiateResult struct {
	UploadID string
	// Encryption is how COS says that it will encrypt the object.
	Encryption EncryptionInfo
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
	// Encryption is how COS says that it encrypted the part; zero in a list.
	Encryption EncryptionInfo
	// SourceVersionID is the version that a copy was made of; "" when COS named none.
	SourceVersionID string
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
	// and it makes sure which object is found when a response was lost. Nil: not
	// compared.
	CRC64 *uint64
	// CustomerKey is what the upload was begun with, if it was the caller's. COS does not
	// want it here; the HEAD that looks at the object does.
	CustomerKey CustomerKey
	// Callback is what COS notifies. A failed one is not an error: the object exists.
	Callback *Callback
	// PicOperations is what COS does with an image: the JSON of its Pic-Operations.
	PicOperations string
}

// CompleteResult is what COS returns for a completed object.
type CompleteResult struct {
	ETag      string
	VersionID string
	// Location is COS's name of the object, host and key; "" when the response was
	// lost and the object was found by a HEAD.
	Location string
	CRC64    uint64
	HasCRC64 bool
	Checksums
	Encryption EncryptionInfo
	Expiration string // as in ObjectInfo
	// Callback is its outcome; nil when there was none, and when the response was
	// lost and the object was found by a HEAD.
	Callback *CallbackResult
	// Document is COS's response to PicOperations, unchanged; else empty.
	Document string
}

// ListPartsOptions refine ListParts.
type ListPartsOptions struct {
	// After is the number of the last part already seen.
	After int
	// Max is at most 1000; 0 leaves it to COS, whose default is 1000.
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
	// Owner is the account that the object will belong to, Initiator the one that began
	// the upload; zero when COS did not say.
	Owner, Initiator Owner
}

// ListUploadsOptions refine ListMultipartUploads.
type ListUploadsOptions struct {
	Prefix    string
	Delimiter string
	// KeyMarker and UploadIDMarker are the last entry already seen. UploadIDMarker
	// needs KeyMarker.
	KeyMarker      string
	UploadIDMarker string
	// Max is at most 1000; 0 leaves it to COS, whose default is 1000.
	Max int
}

// A MultipartUpload is one entry of ListMultipartUploads.
type MultipartUpload struct {
	Key          string
	UploadID     string
	StorageClass string
	Initiated    time.Time
	// Owner and Initiator are as in PartPage.
	Owner, Initiator Owner
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

const (
	// keepAliveStall is how long COS may send nothing while it joins parts. It sends
	// white space every few seconds, so silence means a broken connection (A025).
	stallLimit = time.Minute
	// clockSkew is how far COS's clock may be from ours: it refuses signatures
	// beyond that.
	clockSkew = 15 * time.Minute
)

// CompleteMultipartUpload makes the object from the parts named, 1 to 10000 of
// them by ascending number; COS treats a gap as a missing part (A023). COS may take
// minutes for it, during which only ctx limits the wait, as long as COS keeps the
// connection alive. It may hide a failure in a 200 response: the [*Error] then says
// InSuccessBody.
//
// A response that is lost, truncated or malformed, or a failure inside COS, does not
// say what became of the upload. Then, before anything is reported, ListParts is
// called. An upload that is still there is completed again. One that is missing, or
// that cannot be listed, was completed if a HEAD finds an object that was
// stored after the call began, give or take 15 minutes for the clocks, and that
// has the checksum CRC64 where that is given and known, and else an ETag that
// ends in "-" and the number of parts. That is a success. Anything else is the
// first failure, an Error with OutcomeUnknown.
//
// The object's checksum is compared with CRC64; when the response has none, with
// that of a HEAD which finds the same ETag. A difference is an [*IntegrityError]
// with Stored set. A callback that fails is part of the result: the object exists
// nevertheless.
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
	job := pendingCompletion{client: c, upload: u, parts: len(parts), o: o, crc64: o.CRC64, begun: c.clock()}
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
			return invalid(name, "must be the ETag that the part was returned with")
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

// A pendingCompletion is a CompleteMultipartUpload in progress.
type pendingCompletion struct {
	client    *Client
	upload    Upload
	parts     int
	o         CompleteOptions
	crc64     *uint64
	begun     time.Time
	result    CompleteResult
	requestID string
}

// read waits out the white space and reads the result.
func (j *pendingCompletion) read(ctx context.Context, r *response) error {
	r.http.Body = &spaceReader{ReadCloser: newStallReader(r.http.Body, stallLimit)}
	data, err := r.readDocument(ctx, configurationBounds())
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
		Callback:   wire.CallbackResult.result(r.attempt),
		Encryption: headerEncryption(h), Checksums: headerChecksums(h), Expiration: headerText(h, "X-Cos-Expiration"),
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
	info, err := j.client.headObject(ctx, j.upload.Location, j.upload.Key, ReadOptions{CustomerKey: j.o.CustomerKey}, false)
	if err != nil || !j.madeObject(info) {
		return unsettled
	}
	j.result = CompleteResult{
		ETag: info.ETag, VersionID: info.VersionID, CRC64: info.CRC64, HasCRC64: info.HasCRC64,
		Encryption: info.Encryption, Checksums: info.Checksums, Expiration: info.Expiration,
	}
	return applied
}

// madeObject reports whether info is of the object that the parts make.
func (j *pendingCompletion) madeObject(info ObjectInfo) bool {
	if info.LastModified.Before(j.begun.Add(-clockSkew)) {
		return false
	}
	if j.crc64 != nil && info.HasCRC64 {
		return *j.crc64 == info.CRC64
	}
	return strings.HasSuffix(info.ETag, "-"+strconv.Itoa(j.parts))
}

// verify compares checksums, and fetches COS's when the response had none.
func (j *pendingCompletion) verify(ctx context.Context, op *operation) error {
	if j.crc64 == nil {
		return nil
	}
	if !j.result.HasCRC64 {
		info, err := j.client.headObject(ctx, j.upload.Location, j.upload.Key, ReadOptions{VersionID: j.result.VersionID, CustomerKey: j.o.CustomerKey}, false)
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

// ListParts returns one page of the parts that an upload holds, by number.
// Idempotent.
func (c *Client) ListParts(ctx context.Context, u Upload, o ListPartsOptions) (PartPage, error) {
	if err := c.checkUpload(u); err != nil {
		return PartPage{}, err
	}
	if o.Max < 0 || o.Max > maxListKeys {
		return PartPage{}, invalid("page_size", "must be from 1 to 1000, or 0 for the default")
	}
	if o.After < 0 || o.After > maxPartNumber {
		return PartPage{}, invalid("after", "must be a part number, or 0 for the first page")
	}
	op, err := c.newOperation(ctx, "ListParts", http.MethodGet, u.Location, u.Key)
	if err != nil {
		return PartPage{}, err
	}
	op.query = []pair{{"uploadId", u.UploadID}, {"encoding-type", "url"}} // A019
	op.amount("part-number-marker", o.After)
	op.amount("max-parts", o.Max)
	var page PartPage
	op.decode = func(ctx context.Context, r *response) (err error) {
		page, err = r.partPage(ctx, o)
		return err
	}
	err = c.do(ctx, op)
	return page, err
}

// wirePartPage is COS's ListPartsResult.
type wirePartPage struct {
	StorageClass         string
	Owner, Initiator     Owner
	NextPartNumberMarker int
	IsTruncated          bool
	Part                 []struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
	}
}

func (r *response) partPage(ctx context.Context, o ListPartsOptions) (PartPage, error) {
	var wire wirePartPage
	n := cmp.Or(o.Max, maxListKeys)
	if err := r.readPage(ctx, pageBounds(n, maxEntry), "ListPartsResult", &wire); err != nil {
		return PartPage{}, err
	}
	if len(wire.Part) > n {
		return PartPage{}, r.malformed(errPageTooLong)
	}
	page := PartPage{
		Truncated: wire.IsTruncated, StorageClass: storageClass(wire.StorageClass),
		Owner: wire.Owner, Initiator: wire.Initiator, Parts: make([]Part, 0, len(wire.Part)),
	}
	last := 0
	for _, p := range wire.Part {
		page.Parts = append(page.Parts, Part{
			Number: p.PartNumber, Size: p.Size, ETag: unquoteETag(p.ETag), LastModified: r.date("LastModified", p.LastModified),
		})
		last = max(last, p.PartNumber)
	}
	if page.Truncated {
		page.NextAfter = max(wire.NextPartNumberMarker, last)
		if page.NextAfter <= o.After { // the next page would be this one again
			return PartPage{}, r.malformed(errNoMarker)
		}
	}
	return page, nil
}

// ListMultipartUploads returns one page of the uploads of a bucket that are
// neither completed nor aborted, by key and then by id, with keys that share a
// prefix up to Delimiter joined in CommonPrefixes. Idempotent.
func (c *Client) ListMultipartUploads(ctx context.Context, loc Location, o ListUploadsOptions) (UploadPage, error) {
	page, _, err := c.listMultipartUploads(ctx, loc, o)
	return page, err
}

// listMultipartUploads also returns COS's time; zero when the response has none.
func (c *Client) listMultipartUploads(ctx context.Context, loc Location, o ListUploadsOptions) (page UploadPage, date time.Time, err error) {
	if err := c.checkUploadList(loc, o); err != nil {
		return UploadPage{}, date, err
	}
	op, err := c.newOperation(ctx, "ListMultipartUploads", http.MethodGet, loc, "")
	if err != nil {
		return UploadPage{}, date, err
	}
	op.query = []pair{{"uploads", ""}, {"encoding-type", "url"}} // A019
	op.parameter("prefix", o.Prefix)
	op.parameter("delimiter", o.Delimiter)
	op.parameter("key-marker", o.KeyMarker)
	op.parameter("upload-id-marker", o.UploadIDMarker)
	op.amount("max-uploads", o.Max)
	op.decode = func(ctx context.Context, r *response) (err error) {
		date = r.headerDate("Date")
		page, err = r.uploadPage(ctx, o)
		return err
	}
	err = c.do(ctx, op)
	return page, date, err
}

func (c *Client) checkUploadList(loc Location, o ListUploadsOptions) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if o.Max < 0 || o.Max > maxListKeys {
		return invalid("page_size", "must be from 1 to 1000, or 0 for the default")
	}
	if len(o.KeyMarker) > maxListParam { // it may be a name that is not UTF-8
		return invalid("key_marker", "must be at most 1023 bytes")
	}
	for _, p := range []struct{ field, value string }{{"prefix", o.Prefix}, {"delimiter", o.Delimiter}} {
		if err := checkListParam(p.field, p.value); err != nil {
			return err
		}
	}
	switch {
	case o.UploadIDMarker == "":
		return nil
	case o.KeyMarker == "":
		return invalid("upload_id_marker", "must come with key_marker, the key it belongs to")
	}
	return checkUploadID("upload_id_marker", o.UploadIDMarker)
}

// wireUploadPage is COS's ListMultipartUploadsResult. Pages of COS spell two of
// its elements in more than one way (A024).
type wireUploadPage struct {
	EncodingType       string
	EncodingType2      string `xml:"Encoding-Type"`
	EncodingType3      string `xml:"Encoding-type"`
	NextKeyMarker      string
	NextUploadIDMarker string `xml:"NextUploadIdMarker"`
	IsTruncated        bool
	Upload             []struct {
		Key          string
		UploadID     string `xml:"UploadId"`
		StorageClass string
		Initiated    string

		Owner, Initiator Owner
	}
	CommonPrefixes  []struct{ Prefix string }
	CommonPrefixes2 []struct{ Prefix string } `xml:"CommonPrefixs"`
}

func (r *response) uploadPage(ctx context.Context, o ListUploadsOptions) (UploadPage, error) {
	var wire wireUploadPage
	n := cmp.Or(o.Max, maxListKeys)
	if err := r.readPage(ctx, pageBounds(n, maxEntry), "ListMultipartUploadsResult", &wire); err != nil {
		return UploadPage{}, err
	}
	if max(len(wire.Upload), len(wire.CommonPrefixes)+len(wire.CommonPrefixes2)) > n {
		return UploadPage{}, r.malformed(errPageTooLong)
	}
	names := nameEncoding{url: cmp.Or(wire.EncodingType, cmp.Or(wire.EncodingType2, wire.EncodingType3)) == "url"}
	page := UploadPage{Truncated: wire.IsTruncated, Uploads: make([]MultipartUpload, 0, len(wire.Upload))}
	for _, u := range wire.Upload {
		page.Uploads = append(page.Uploads, MultipartUpload{
			Key: names.decode(u.Key), UploadID: u.UploadID,
			StorageClass: storageClass(u.StorageClass), Initiated: r.date("Initiated", u.Initiated),
			Owner: u.Owner, Initiator: u.Initiator,
		})
	}
	for _, p := range append(wire.CommonPrefixes, wire.CommonPrefixes2...) {
		page.CommonPrefixes = append(page.CommonPrefixes, names.decode(p.Prefix))
	}
	if page.Truncated {
		page.NextKeyMarker, page.NextUploadIDMarker = names.decode(wire.NextKeyMarker), wire.NextUploadIDMarker
	}
	if page.Truncated && !page.advances(o) {
		return UploadPage{}, r.malformed(errNoMarker)
	}
	return page, nil
}

// advances reports whether the next page would begin elsewhere than this one did.
func (p UploadPage) advances(o ListUploadsOptions) bool {
	return p.NextKeyMarker != "" && (p.NextKeyMarker != o.KeyMarker || p.NextUploadIDMarker != o.UploadIDMarker)
}
