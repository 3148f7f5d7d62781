package cosbackend

import (
	"cmp"
	"context"
	"net/http"
)

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
		page, err = r.partPage(ctx, o.After)
		return err
	}
	err = c.do(ctx, op)
	return page, err
}

// wirePartPage is COS's ListPartsResult.
type wirePartPage struct {
	StorageClass         string
	NextPartNumberMarker int
	IsTruncated          bool
	Part                 []struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
	}
}

func (r *response) partPage(ctx context.Context, after int) (PartPage, error) {
	var wire wirePartPage
	if err := r.readXML(ctx, "ListPartsResult", &wire); err != nil {
		return PartPage{}, err
	}
	page := PartPage{
		Truncated: wire.IsTruncated, StorageClass: cmp.Or(wire.StorageClass, "STANDARD"),
		Parts: make([]Part, 0, len(wire.Part)),
	}
	last := 0
	for _, p := range wire.Part {
		page.Parts = append(page.Parts, Part{
			Number: p.PartNumber, Size: p.Size, ETag: unquoteETag(p.ETag), LastModified: listTime(p.LastModified),
		})
		last = max(last, p.PartNumber)
	}
	if page.Truncated {
		page.NextAfter = max(wire.NextPartNumberMarker, last)
		if page.NextAfter <= after { // the next page would be this one again
			return PartPage{}, r.malformed(errNoMarker)
		}
	}
	return page, nil
}

// ListMultipartUploads returns one page of the uploads of a bucket that are
// neither completed nor aborted, by key and then by id, with keys that share a
// prefix up to Delimiter joined in CommonPrefixes. Idempotent.
func (c *Client) ListMultipartUploads(ctx context.Context, loc Location, o ListUploadsOptions) (UploadPage, error) {
	if err := c.checkUploadList(loc, o); err != nil {
		return UploadPage{}, err
	}
	op, err := c.newOperation(ctx, "ListMultipartUploads", http.MethodGet, loc, "")
	if err != nil {
		return UploadPage{}, err
	}
	op.query = []pair{{"uploads", ""}, {"encoding-type", "url"}} // A019
	op.parameter("prefix", o.Prefix)
	op.parameter("delimiter", o.Delimiter)
	op.parameter("key-marker", o.KeyMarker)
	op.parameter("upload-id-marker", o.UploadIDMarker)
	op.amount("max-uploads", o.Max)
	var page UploadPage
	op.decode = func(ctx context.Context, r *response) (err error) {
		page, err = r.uploadPage(ctx, o)
		return err
	}
	err = c.do(ctx, op)
	return page, err
}

func (c *Client) checkUploadList(loc Location, o ListUploadsOptions) error {
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
		return err
	}
	if o.Max < 0 || o.Max > maxListKeys {
		return invalid("page_size", "must be from 1 to 1000, or 0 for the default")
	}
	for _, p := range []struct{ field, value string }{
		{"prefix", o.Prefix}, {"delimiter", o.Delimiter}, {"key_marker", o.KeyMarker},
	} {
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
	}
	CommonPrefixes  []struct{ Prefix string }
	CommonPrefixes2 []struct{ Prefix string } `xml:"CommonPrefixs"`
}

func (r *response) uploadPage(ctx context.Context, o ListUploadsOptions) (UploadPage, error) {
	var wire wireUploadPage
	if err := r.readXML(ctx, "ListMultipartUploadsResult", &wire); err != nil {
		return UploadPage{}, err
	}
	names := decoder{encoded: cmp.Or(wire.EncodingType, cmp.Or(wire.EncodingType2, wire.EncodingType3)) == "url"}
	page := UploadPage{Truncated: wire.IsTruncated, Uploads: make([]MultipartUpload, 0, len(wire.Upload))}
	for _, u := range wire.Upload {
		page.Uploads = append(page.Uploads, MultipartUpload{
			Key: names.decode(u.Key), UploadID: u.UploadID,
			StorageClass: cmp.Or(u.StorageClass, "STANDARD"), Initiated: listTime(u.Initiated),
		})
	}
	for _, p := range append(wire.CommonPrefixes, wire.CommonPrefixes2...) {
		page.CommonPrefixes = append(page.CommonPrefixes, names.decode(p.Prefix))
	}
	if page.Truncated {
		page.NextKeyMarker, page.NextUploadIDMarker = names.decode(wire.NextKeyMarker), wire.NextUploadIDMarker
	}
	switch {
	case names.err != nil:
		return UploadPage{}, r.malformed(names.err)
	case page.Truncated && !page.advances(o):
		return UploadPage{}, r.malformed(errNoMarker)
	}
	return page, nil
}

// advances reports whether the next page would begin elsewhere than this one did.
func (p UploadPage) advances(o ListUploadsOptions) bool {
	return p.NextKeyMarker != "" && (p.NextKeyMarker != o.KeyMarker || p.NextUploadIDMarker != o.UploadIDMarker)
}
