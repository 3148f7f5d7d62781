package embedded

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	maxKeysListed = 1000
	// maxListText is the length limit of prefix, marker and delimiter (E024).
	maxListText = 1024
)

// listRequest is the parameters of GET Bucket.
type listRequest struct {
	store.ListOptions
	names nameEncoding
}

func (x *exchange) listRequest() (listRequest, error) {
	var q listRequest
	q.Prefix, _ = x.params.get("prefix")
	q.Delimiter, _ = x.params.get("delimiter")
	q.Marker, _ = x.params.get("marker")
	if err := checkListTexts(q.Delimiter, q.Prefix, q.Marker); err != nil {
		return q, err
	}
	var err error
	if q.names, err = x.nameEncoding(); err != nil {
		return q, err
	}
	q.MaxKeys, err = x.limit("max-keys", 0, maxKeysListed)
	return q, err
}

// checkListTexts refuses texts that no key can begin with or be compared to (E024).
func checkListTexts(delimiter string, others ...string) error {
	for _, text := range append(others, delimiter) {
		if len(text) > maxListText {
			return fail(invalidURI, "prefix, delimiter and markers may have 1024 bytes each.")
		}
		if !utf8.ValidString(text) {
			return fail(invalidArgument, "prefix, delimiter and markers must be UTF-8.")
		}
	}
	if utf8.RuneCountInString(delimiter) > 1 {
		return fail(invalidDelimiter, "")
	}
	return nil
}

// A nameEncoding is "url" when names in a response are to be percent-encoded, or "".
type nameEncoding string

// nameEncoding reads encoding-type.
func (x *exchange) nameEncoding() (nameEncoding, error) {
	encoding, _ := x.params.get("encoding-type")
	if encoding != "" && encoding != "url" {
		return "", fail(invalidArgument, "encoding-type must be url.")
	}
	return nameEncoding(encoding), nil
}

// encode is a name as encoding-type asks for it. Everything but letters, digits
// and "-_.~/" is encoded, so that every way of decoding gives the name (E027).
func (e nameEncoding) encode(name string) string {
	if e == "" {
		return name
	}
	return strings.ReplaceAll(urlEncode(name), "%2F", "/")
}

// commonPrefixes writes the joined keys of a page.
func (e nameEncoding) commonPrefixes(doc *xmlWriter, prefixes []string) {
	for _, prefix := range prefixes {
		doc.open("CommonPrefixes")
		doc.text("Prefix", e.encode(prefix))
		doc.close("CommonPrefixes")
	}
}

// listObjects is GET Bucket.
func (s *Server) listObjects(x *exchange) error {
	q, err := x.listRequest()
	if err != nil {
		return err
	}
	var page store.Page
	if q.MaxKeys > 0 { // an empty page is allowed, and complete (E025)
		if page, err = s.store.List(x.ctx(), x.bucket, q.ListOptions); err != nil {
			return err
		}
	}
	x.response.header().Set(headerBucketRegion, x.found.Region)
	x.sendXML(http.StatusOK, q.result(x.bucket, page, x.s.opts.Clock()))
	return nil
}

// result is the page as XML. Elements that do not apply are omitted (E026).
func (q listRequest) result(bucket string, page store.Page, now time.Time) *xmlWriter {
	doc := newXML()
	doc.open("ListBucketResult")
	doc.text("Name", bucket)
	if q.names != "" {
		doc.text("EncodingType", string(q.names))
	}
	doc.text("Prefix", q.names.encode(q.Prefix))
	doc.text("Marker", q.names.encode(q.Marker))
	doc.number("MaxKeys", int64(q.MaxKeys))
	if q.Delimiter != "" {
		doc.text("Delimiter", q.names.encode(q.Delimiter))
	}
	doc.truncated(page.Truncated)
	if page.Truncated {
		doc.text("NextMarker", q.names.encode(page.NextMarker))
	}
	q.names.commonPrefixes(doc, page.CommonPrefixes)
	_, owner := splitBucket(bucket)
	for _, o := range page.Objects {
		q.contents(doc, o, owner, now)
	}
	doc.close("ListBucketResult")
	return doc
}

func (q listRequest) contents(doc *xmlWriter, o store.Object, owner string, now time.Time) {
	doc.open("Contents")
	doc.text("Key", q.names.encode(o.Key))
	doc.text("LastModified", iso(o.Modified))
	doc.text("ETag", quoted(o.ETag))
	doc.number("Size", o.Size)
	doc.account("Owner", owner)
	doc.text("StorageClass", o.StorageClass)
	if tiered(o.StorageClass) {
		doc.text("StorageTier", firstTier)
	}
	if status := restoreStatus(o, now); status != "" {
		doc.text("RestoreStatus", status)
	}
	doc.close("Contents")
}
