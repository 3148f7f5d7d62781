package embedded

import (
	"net/http"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerVersionID     = "X-Cos-Version-Id"
	headerDeleteMarker  = "X-Cos-Delete-Marker"
	headerSourceVersion = "X-Cos-Copy-Source-Version-Id"

	// paramVersion is spelled versionId and VersionId by clients.
	paramVersion = "versionid"

	// maxSettingXML bounds the documents that set one thing of a bucket or object.
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

// version is the version a request speaks of; "" is the newest.
func (x *exchange) version() string {
	id, _ := x.params.get(paramVersion)
	return id
}

// showVersion says which version an answer speaks of. A bucket that never had
// versioning has none (E050).
func showVersion(h http.Header, id string) {
	if id != "" {
		h.Set(headerVersionID, id)
	}
}

// markerFailure is the answer when there is a delete marker in place of an object
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
	status, err := parseVersioning(text)
	if err != nil {
		return err
	}
	if err := s.store.SetVersioning(x.ctx(), x.bucket, status); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

// parseVersioning reads <VersioningConfiguration>.
func parseVersioning(text []byte) (store.Versioning, error) {
	var status store.Versioning
	err := readXML(text, "VersioningConfiguration", func(r *xmlReader, name string) error {
		if name != "Status" || status != "" {
			return errElement
		}
		value, err := r.content()
		status = store.Versioning(strings.TrimSpace(value))
		return err
	})
	if err != nil {
		return "", err
	}
	if status != store.VersioningEnabled && status != store.VersioningSuspended {
		return "", fail(malformedXML, "Status must be Enabled or Suspended.")
	}
	return status, nil
}

// getBucketVersioning answers a document without Status while none was ever set.
func (s *Server) getBucketVersioning(x *exchange) error {
	status, err := s.store.Versioning(x.ctx(), x.bucket)
	if err != nil {
		return err
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
