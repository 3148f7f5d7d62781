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
func (cl *call) part(u Upload, number int) {
	cl.query = []pair{{"partNumber", strconv.Itoa(number)}, {"uploadId", u.UploadID}}
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
	cl, err := c.bucketCall(ctx, "InitiateMultipartUpload", http.MethodPost, loc, key)
	if err != nil {
		return "", err
	}
	cl.once = true
	cl.query = []pair{{"uploads", ""}}
	cl.header = o.headers(cl.header)
	cl.set(o.Settings)
	cl.read = func(ctx context.Context, a *answer) (err error) {
		uploadID, err = a.uploadID(ctx)
		return err
	}
	err = c.do(ctx, cl)
	return uploadID, err
}

var errUploadID = errors.New("the answer holds no upload id that could be used")

func (a *answer) uploadID(ctx context.Context) (string, error) {
	var wire struct {
		UploadID string `xml:"UploadId"`
	}
	if err := a.readXML(ctx, "InitiateMultipartUploadResult", &wire); err != nil {
		return "", err
	}
	if !validUploadID(wire.UploadID) {
		return "", a.garbled(errUploadID)
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
	cl, err := c.bucketCall(ctx, "UploadPart", http.MethodPut, u.Location, u.Key)
	if err != nil {
		return Part{}, err
	}
	cl.part(u, number)
	cl.carry(&body, o.ContentMD5)
	cl.customerKey(customerHeaders, o.CustomerKey)
	cl.traffic(o.TrafficLimit)
	part := Part{Number: number, Size: body.Size}
	cl.read = func(ctx context.Context, a *answer) error {
		result, err := a.putResult(ctx, o.CRC64)
		if err != nil {
			return err
		}
		if result.ETag == "" {
			return a.garbled(errNoETag)
		}
		part.ETag, part.CRC64, part.HasCRC64 = result.ETag, result.CRC64, result.HasCRC64
		return nil
	}
	if err := c.do(ctx, cl); err != nil {
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
	cl, err := c.copyCall(ctx, "UploadPartCopy", u.Location, u.Key, o.Source)
	if err != nil {
		return Part{}, err
	}
	cl.part(u, number)
	cl.customerKey(customerHeaders, o.CustomerKey)
	if o.Range != nil {
		cl.header = append(cl.header, pair{"x-cos-copy-source-range", o.Range.header()})
	}
	part := Part{Number: number}
	cl.read = func(ctx context.Context, a *answer) error {
		result, err := a.copyResult(ctx, "CopyPartResult", u.Key)
		part.ETag, part.LastModified = result.ETag, result.LastModified
		part.CRC64, part.HasCRC64 = result.CRC64, result.HasCRC64
		return err
	}
	if err := c.do(ctx, cl); err != nil {
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
// there is the [*Error] NoSuchUpload, except in a repeat, when an earlier attempt
// may be what ended it. Idempotent.
func (c *Client) AbortMultipartUpload(ctx context.Context, u Upload) error {
	if err := c.checkUpload(u); err != nil {
		return err
	}
	cl, err := c.bucketCall(ctx, "AbortMultipartUpload", http.MethodDelete, u.Location, u.Key)
	if err != nil {
		return err
	}
	cl.query = []pair{{"uploadId", u.UploadID}}
	cl.read = done
	err = c.do(ctx, cl)
	if e, ok := err.(*Error); ok && e.Code == noSuchUpload && cl.doubt { //nolint:errorlint // what do returned, not what is inside
		return nil
	}
	return err
}

const noSuchUpload = "NoSuchUpload"
