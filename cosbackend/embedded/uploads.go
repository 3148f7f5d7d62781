package embedded

import (
	"net/http"
	"strconv"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	maxPartsListed   = 1000
	maxUploadsListed = 1000
)

// listParts lists the parts of one upload by number (E041).
func (s *Server) listParts(x *exchange) error {
	id, err := x.uploadID()
	if err != nil {
		return err
	}
	names, err := x.nameEncoding()
	if err != nil {
		return err
	}
	limit, err := x.limit("max-parts", 0, maxPartsListed)
	if err != nil {
		return err
	}
	after, err := x.partMarker()
	if err != nil {
		return err
	}
	info, parts, truncated, err := s.store.Parts(x.ctx(), x.bucket, x.key, id, after, max(limit, 1))
	if err != nil {
		return err
	}
	if limit == 0 { // a page of nothing is a fair question, and complete (E025)
		parts, truncated = nil, false
	}
	x.sendXML(http.StatusOK, x.partsXML(names, info, parts, after, limit, truncated))
	return nil
}

// partMarker reads part-number-marker: only parts behind it are listed.
func (x *exchange) partMarker() (int, error) {
	text, ok := x.params.get("part-number-marker")
	if !ok || text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fail(invalidArgument, "part-number-marker must be the number of a part, or 0.")
	}
	return n, nil
}

func (x *exchange) partsXML(names nameEncoding, info store.UploadInfo, parts []store.PartInfo, after, limit int, truncated bool) *xmlWriter {
	_, appid := splitBucket(x.bucket)
	doc := newXML()
	doc.open("ListPartsResult")
	doc.text("Bucket", x.bucket)
	doc.text("Encoding-type", string(names)) // a small t here, a large one in a list of uploads
	doc.text("Key", names.encode(info.Key))
	doc.text("UploadId", info.ID)
	doc.account("Initiator", appid)
	doc.account("Owner", appid)
	doc.number("PartNumberMarker", int64(after))
	for _, p := range parts {
		doc.open("Part")
		doc.number("PartNumber", int64(p.Number))
		doc.text("LastModified", iso(p.Modified))
		doc.text("ETag", quoted(p.ETag))
		doc.number("Size", p.Size)
		doc.close("Part")
	}
	if truncated {
		doc.number("NextPartNumberMarker", int64(parts[len(parts)-1].Number))
	}
	doc.text("StorageClass", info.StorageClass)
	doc.number("MaxParts", int64(limit))
	doc.truncated(truncated)
	doc.close("ListPartsResult")
	return doc
}

// uploadsRequest is what a client asks of List Multipart Uploads.
type uploadsRequest struct {
	store.ListUploadsOptions
	names nameEncoding
}

func (x *exchange) uploadsRequest() (uploadsRequest, error) {
	var q uploadsRequest
	q.Prefix, _ = x.params.get("prefix")
	q.Delimiter, _ = x.params.get("delimiter")
	q.KeyMarker, _ = x.params.get("key-marker")
	q.UploadIDMarker, _ = x.params.get("upload-id-marker")
	if err := checkListTexts(q.Delimiter, q.Prefix, q.KeyMarker, q.UploadIDMarker); err != nil {
		return q, err
	}
	var err error
	if q.names, err = x.nameEncoding(); err != nil {
		return q, err
	}
	q.Max, err = x.limit("max-uploads", 0, maxUploadsListed)
	return q, err
}

// listMultipartUploads lists what was initiated and neither completed nor aborted.
func (s *Server) listMultipartUploads(x *exchange) error {
	q, err := x.uploadsRequest()
	if err != nil {
		return err
	}
	var page store.UploadsPage
	if q.Max > 0 { // (E025)
		if page, err = s.store.Uploads(x.ctx(), x.bucket, q.ListUploadsOptions); err != nil {
			return err
		}
	}
	x.sendXML(http.StatusOK, q.result(x.bucket, page))
	return nil
}

func (q uploadsRequest) result(bucket string, page store.UploadsPage) *xmlWriter {
	doc := newXML()
	doc.open("ListMultipartUploadsResult")
	doc.text("Bucket", bucket)
	doc.text("Encoding-Type", string(q.names))
	doc.text("KeyMarker", q.names.encode(q.KeyMarker))
	doc.text("UploadIdMarker", q.UploadIDMarker)
	if page.Truncated {
		doc.text("NextKeyMarker", q.names.encode(page.NextKeyMarker))
		doc.text("NextUploadIdMarker", page.NextUploadIDMarker)
	}
	doc.number("MaxUploads", int64(q.Max))
	doc.truncated(page.Truncated)
	doc.text("Prefix", q.names.encode(q.Prefix))
	doc.text("Delimiter", q.names.encode(q.Delimiter))
	_, appid := splitBucket(bucket)
	for _, u := range page.Uploads {
		doc.open("Upload")
		doc.text("Key", q.names.encode(u.Key))
		doc.text("UploadId", u.ID)
		doc.account("Initiator", appid)
		doc.account("Owner", appid)
		doc.text("StorageClass", u.StorageClass)
		doc.text("Initiated", iso(u.Initiated))
		doc.close("Upload")
	}
	for _, prefix := range page.CommonPrefixes {
		doc.open("CommonPrefixes")
		doc.text("Prefix", q.names.encode(prefix))
		doc.close("CommonPrefixes")
	}
	doc.close("ListMultipartUploadsResult")
	return doc
}
