package cosbackend

import (
	"context"
	"errors"
	"net/http"
	"strconv"
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

// part says which part of which upload a call is about.
func (op *operation) part(u Upload, number int) {
	op.query = []pair{{"partNumber", strconv.Itoa(number)}, {"uploadId", u.UploadID}}
}

// InitiateMultipartUpload begins an upload of any size and returns its id.
//
// Once: each call begins another upload. One whose answer was lost may be there
// all the same, which [Client.ListMultipartUploads] can tell.
func (c *Client) InitiateMultipartUpload(ctx context.Context, loc Location, key string, o InitiateOptions) (uploadID string, err error) {
	if err := c.checkObject(loc, key, ""); err != nil {
		return "", err
	}
	if err := checkAttributes(o.Attributes); err != nil {
		return "", err
	}
	if err := o.Settings.check(); err != nil {
		return "", err
	}
	op, err := c.newOperation(ctx, "InitiateMultipartUpload", http.MethodPost, loc, key)
	if err != nil {
		return "", err
	}
	op.query = []pair{{"uploads", ""}}
	op.header = o.headers(op.header)
	op.set(o.Settings)
	op.decode = func(ctx context.Context, r *response) (err error) {
		uploadID, err = r.uploadID(ctx)
		return err
	}
	err = c.do(ctx, op)
	return uploadID, err
}

var errUploadID = errors.New("the answer holds no upload id that could be used")

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
// What PutObject says of the reader, of repeats and of the checksum holds here,
// too: with Reopen it is idempotent, without it nothing is repeated after the
// first byte was taken.
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
		part.ETag, part.CRC64, part.HasCRC64 = result.ETag, result.CRC64, result.HasCRC64
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
		part.CRC64, part.HasCRC64 = result.CRC64, result.HasCRC64
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
