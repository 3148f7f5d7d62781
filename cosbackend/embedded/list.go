package embedded

import (
	"net/http"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/embedded/store"
)

const (
	maxKeysListed = 1000
	// maxListText is the length limit of prefix, marker and delimiter (E024).
	maxListText = 1024
)

// listRequest is what a client asks of GET Bucket.
type listRequest struct {
	store.ListOptions
	encode bool
}

func (x *exchange) listRequest() (listRequest, error) {
	var q listRequest
	q.Prefix, _ = x.params.get("prefix")
	q.Delimiter, _ = x.params.get("delimiter")
	q.Marker, _ = x.params.get("marker")
	for _, text := range []string{q.Prefix, q.Delimiter, q.Marker} {
		if len(text) > maxListText {
			return q, fail(invalidURI, "prefix, delimiter and marker may have 1024 bytes each.")
		}
		if !utf8.ValidString(text) {
			return q, fail(invalidArgument, "prefix, delimiter and marker must be UTF-8.")
		}
	}
	if utf8.RuneCountInString(q.Delimiter) > 1 { // (E024)
		return q, fail(invalidDelimiter, "")
	}
	switch encoding, _ := x.params.get("encoding-type"); encoding {
	case "":
	case "url":
		q.encode = true
	default:
		return q, fail(invalidArgument, "encoding-type must be url.")
	}
	var err error
	q.MaxKeys, err = x.limit(0, maxKeysListed)
	return q, err
}

// listObjects is GET Bucket.
func (s *Server) listObjects(x *exchange) error {
	q, err := x.listRequest()
	if err != nil {
		return err
	}
	var page store.Page
	if q.MaxKeys > 0 { // a page of nothing is a fair question, and complete (E025)
		if page, err = s.store.List(x.ctx(), x.bucket, q.ListOptions); err != nil {
			return err
		}
	}
	x.answer.header().Set(headerBucketRegion, x.found.Region)
	x.sendXML(http.StatusOK, q.result(x.bucket, page))
	return nil
}

// result is the page as XML. Elements that do not apply are left out (E026).
func (q listRequest) result(bucket string, page store.Page) *xmlWriter {
	doc := newXML()
	doc.open("ListBucketResult")
	doc.text("Name", bucket)
	if q.encode {
		doc.text("EncodingType", "url")
	}
	doc.text("Prefix", q.encoded(q.Prefix))
	doc.text("Marker", q.encoded(q.Marker))
	doc.number("MaxKeys", int64(q.MaxKeys))
	if q.Delimiter != "" {
		doc.text("Delimiter", q.encoded(q.Delimiter))
	}
	doc.boolean("IsTruncated", page.Truncated)
	if page.Truncated {
		doc.text("NextMarker", q.encoded(page.NextMarker))
	}
	_, owner := splitBucket(bucket)
	for _, o := range page.Objects {
		q.contents(doc, o, owner)
	}
	for _, prefix := range page.CommonPrefixes {
		doc.open("CommonPrefixes")
		doc.text("Prefix", q.encoded(prefix))
		doc.close("CommonPrefixes")
	}
	doc.close("ListBucketResult")
	return doc
}

func (q listRequest) contents(doc *xmlWriter, o store.Object, owner string) {
	doc.open("Contents")
	doc.text("Key", q.encoded(o.Key))
	doc.text("LastModified", iso(o.Modified))
	doc.text("ETag", quoted(o.ETag))
	doc.number("Size", o.Size)
	doc.open("Owner")
	doc.text("ID", owner)
	doc.text("DisplayName", owner)
	doc.close("Owner")
	doc.text("StorageClass", o.StorageClass)
	if tiered(o.StorageClass) {
		doc.text("StorageTier", firstTier)
	}
	doc.close("Contents")
}

// encoded is a name as encoding-type asks for it. Everything but letters, digits
// and "-_.~" is encoded, so that every way of decoding gives the name (E027).
func (q listRequest) encoded(name string) string {
	if !q.encode {
		return name
	}
	return urlEncode(name)
}
