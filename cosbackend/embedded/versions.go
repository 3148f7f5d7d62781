package embedded

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerVersionID     = "X-Cos-Version-Id"
	headerDeleteMarker  = "X-Cos-Delete-Marker"
	headerSourceVersion = "X-Cos-Copy-Source-Version-Id"

	// paramVersion is spelled versionId and VersionId by clients.
	paramVersion = "versionid"

	// maxSettingXML is the size limit of documents that set one property of a bucket or
	// object.
	maxSettingXML = 64 << 10
)

// versioningRoutes are the operations of versions.
func versioningRoutes() []route {
	return []route{
		{
			method: http.MethodPut, target: onBucketItself, sub: "versioning", operation: opPutBucketVersioning, access: ownerOnly,
			handle: (*Server).putBucketVersioning,
		},
		{
			method: http.MethodGet, target: onBucketItself, sub: "versioning", operation: opGetBucketVersioning, access: ownerOnly,
			handle: (*Server).getBucketVersioning,
		},
		{
			method: http.MethodGet, target: onBucketItself, sub: "versions", operation: opListObjectVersions, access: readBucket,
			params: []string{"prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type"},
			handle: (*Server).listObjectVersions,
		},
	}
}

// version is the version that a request is about; "" is the newest.
func (x *exchange) version() string {
	id, _ := x.params.get(paramVersion)
	return id
}

// showVersion sets the version id of a response. A bucket that never had versioning
// has none (E050).
func showVersion(h http.Header, id string) {
	if id != "" {
		h.Set(headerVersionID, id)
	}
}

// showNewVersion is showVersion for a PUT, a form or an append: they do not name the
// version null (E050).
func showNewVersion(h http.Header, id string) {
	if id != store.NullVersion {
		showVersion(h, id)
	}
}

// markerFailure is the response when there is a delete marker in place of an object
// (E051).
func markerFailure(f failure, id string) *apiError {
	e := fail(f, "")
	e.header = http.Header{headerDeleteMarker: {"true"}, headerVersionID: {id}}
	return e
}

func (s *Server) putBucketVersioning(x *exchange) error {
	text, err := x.readXMLBody(maxSettingXML, false)
	if err != nil {
		return err
	}
	doc, err := x.parseConfiguration(text, versioningShape())
	if err != nil {
		return err
	}
	if err := s.store.SetVersioning(x.ctx(), x.bucket, store.Versioning(doc.value("Status"))); err != nil {
		return err
	}
	if err := x.keep("versioning", doc); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func versioningShape() shape {
	return branch("VersioningConfiguration", status(string(store.VersioningEnabled), string(store.VersioningSuspended)).once())
}

// getBucketVersioning sends a document without Status while none was ever set.
func (s *Server) getBucketVersioning(x *exchange) error {
	status, err := s.store.Versioning(x.ctx(), x.bucket)
	if err != nil {
		return err
	}
	kept, err := x.kept("versioning", versioningShape())
	if err != nil {
		return err
	}
	if kept.value("Status") == string(status) && status != store.VersioningNever {
		x.sendDocument(kept.canonical())
		return nil
	}
	doc := newXML()
	doc.open("VersioningConfiguration")
	if status != store.VersioningNever {
		doc.text("Status", string(status))
	}
	doc.close("VersioningConfiguration")
	x.sendXML(http.StatusOK, doc)
	return nil
}

// versionsRequest is the parameters of GET Bucket Object versions.
type versionsRequest struct {
	store.ListVersionsOptions
	names nameEncoding
}

func (x *exchange) versionsRequest() (versionsRequest, error) {
	var q versionsRequest
	q.Prefix, _ = x.params.get("prefix")
	q.Delimiter, _ = x.params.get("delimiter")
	q.KeyMarker, _ = x.params.get("key-marker")
	q.VersionIDMarker, _ = x.params.get("version-id-marker")
	if err := checkListTexts(q.Delimiter, q.Prefix, q.KeyMarker, q.VersionIDMarker); err != nil {
		return q, err
	}
	if q.VersionIDMarker != "" && q.KeyMarker == "" {
		return q, fail(invalidArgument, "version-id-marker needs a key-marker.")
	}
	var err error
	if q.names, err = x.nameEncoding(); err != nil {
		return q, err
	}
	q.Max, err = x.limit("max-keys", 0, maxKeysListed)
	return q, err
}

// listObjectVersions lists versions and delete markers, the newest of a key first.
func (s *Server) listObjectVersions(x *exchange) error {
	q, err := x.versionsRequest()
	if err != nil {
		return err
	}
	var page store.VersionsPage
	if q.Max > 0 { // (E025)
		page, err = s.store.ListVersions(x.ctx(), x.bucket, q.ListVersionsOptions)
		if errors.Is(err, store.ErrNoSuchVersion) {
			return fail(invalidArgument, "version-id-marker is not the id of a version.")
		}
		if err != nil {
			return err
		}
	}
	x.sendXML(http.StatusOK, q.result(x.bucket, page))
	return nil
}

// result is the page as XML. Elements that do not apply are omitted (E026).
func (q versionsRequest) result(bucket string, page store.VersionsPage) *xmlWriter {
	doc := newBareXML()
	doc.open("ListVersionsResult")
	if q.names != "" {
		doc.text("EncodingType", string(q.names))
	}
	doc.text("Name", bucket)
	doc.text("Prefix", q.names.encode(q.Prefix))
	doc.text("KeyMarker", q.names.encode(q.KeyMarker))
	doc.text("VersionIdMarker", q.VersionIDMarker)
	doc.number("MaxKeys", int64(q.Max))
	doc.truncated(page.Truncated)
	if page.Truncated {
		doc.text("NextKeyMarker", q.names.encode(page.NextKeyMarker))
		doc.text("NextVersionIdMarker", page.NextVersionIDMarker)
	}
	if q.Delimiter != "" {
		doc.text("Delimiter", q.names.encode(q.Delimiter))
	}
	q.names.commonPrefixes(doc, page.CommonPrefixes)
	_, owner := splitBucket(bucket)
	for _, v := range page.Versions {
		q.version(doc, v, owner)
	}
	doc.close("ListVersionsResult")
	return doc
}

func (q versionsRequest) version(doc *xmlWriter, v store.Version, owner string) {
	name := "Version"
	if v.Marker {
		name = "DeleteMarker"
	}
	doc.open(name)
	doc.text("Key", q.names.encode(v.Key))
	doc.text("VersionId", v.VersionID)
	doc.text("IsLatest", strconv.FormatBool(v.IsLatest))
	doc.text("LastModified", iso(v.Modified))
	if !v.Marker {
		doc.text("ETag", quoted(v.ETag))
		doc.number("Size", v.Size)
		doc.text("StorageClass", v.StorageClass)
		if tiered(v.StorageClass) {
			doc.text("StorageTier", firstTier)
		}
	}
	doc.account("Owner", owner)
	doc.close(name)
}
