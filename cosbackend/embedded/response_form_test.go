package embedded_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// Each operation on objects has the status, the type and the kind of body that COS's own
// responses have.
// It holds E159 and E160.
func TestResponsesHaveTheFormOfTheirOperation(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	c.do(t, call{method: "PUT", query: "object-lock", body: []byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")})
	cors := []byte("<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>")
	c.do(t, call{method: "PUT", query: "cors", body: cors, header: map[string]string{"Content-MD5": contentMD5(cors)}}).want(t, 200, "")
	c.put(t, "k", "x")
	c.put(t, "cold", "x", "x-cos-storage-class", "ARCHIVE")
	abort, id := c.initiate(t, "parts"), c.initiate(t, "parts")
	etag := c.part(t, "parts", id, 1, "x")
	tags := []byte(tagSet("a", "b"))
	md5 := map[string]string{"Content-MD5": contentMD5(tags)}
	deletion := []byte("<Delete><Object><Key>gone</Key></Object></Delete>")

	const plain, declared = "plain", "declared" // XML without and with a declaration
	for _, tt := range []struct {
		name   string
		in     call
		status int
		body   string // "" is none
		kind   string // the Content-Type, of an empty response
	}{
		{"PutObject", call{method: "PUT", key: "new", body: []byte("x")}, 200, "", ""},
		{"PutSymlink", call{method: "PUT", key: "link", query: "symlink", header: map[string]string{"x-cos-symlink-target": "k"}, body: []byte{}}, 200, "", ""},
		{"AppendObject", call{method: "POST", key: "log", query: "append&position=0", body: []byte("x")}, 200, "", "application/xml"},
		{"CopyObject", call{method: "PUT", key: "copy", header: map[string]string{"x-cos-copy-source": testHost + "/k"}}, 200, declared, ""},
		{"UploadPart", call{method: "PUT", key: "parts", query: partQuery(1, id), body: []byte("x")}, 200, "", ""},
		{"UploadPartCopy", call{method: "PUT", key: "parts", query: partQuery(2, id), header: map[string]string{"x-cos-copy-source": testHost + "/k"}}, 200, plain, ""},
		{"InitiateMultipartUpload", call{method: "POST", key: "k", query: "uploads", body: []byte{}}, 200, plain, ""},
		{"ListParts", call{method: "GET", key: "parts", query: "uploadId=" + id}, 200, plain, ""},
		{"ListMultipartUploads", call{method: "GET", query: "uploads"}, 200, plain, ""},
		{"AbortMultipartUpload", call{method: "DELETE", key: "parts", query: "uploadId=" + abort}, 204, "", "application/xml"},
		{"CompleteMultipartUpload", completeWith("parts", id, []string{"1", etag}), 200, declared, ""},
		{"ListObjects", call{method: "GET"}, 200, declared, ""},
		{"ListObjectVersions", call{method: "GET", query: "versions"}, 200, plain, ""},
		{"PutObjectTagging", call{method: "PUT", key: "k", query: "tagging", body: tags, header: md5}, 200, "", "application/xml"},
		{"GetObjectTagging", call{method: "GET", key: "k", query: "tagging"}, 200, plain, ""},
		{"DeleteObjectTagging", call{method: "DELETE", key: "k", query: "tagging"}, 204, "", "application/xml"},
		{"PutObjectACL", call{method: "PUT", key: "k", query: "acl", header: map[string]string{"x-cos-acl": "private"}}, 200, "", ""},
		{"GetObjectACL", call{method: "GET", key: "k", query: "acl"}, 200, plain, ""},
		{"PutObjectRetention", call{method: "PUT", key: "new", query: "retention", body: []byte("<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2100-01-01T00:00:00.000Z</RetainUntilDate></Retention>")}, 200, "", "application/xml"},
		{"GetObjectRetention", call{method: "GET", key: "new", query: "retention"}, 200, plain, ""},
		{"RestoreObject", call{method: "POST", key: "cold", query: "restore", body: restoreRequest("1", "Bulk")}, 202, "", ""},
		{"DeleteObjects", call{method: "POST", query: "delete", body: deletion, header: map[string]string{"Content-MD5": contentMD5(deletion)}}, 200, plain, ""},
		{"DeleteObject", call{method: "DELETE", key: "k"}, 204, "", ""},
		{"GetBucketVersioning", call{method: "GET", query: "versioning"}, 200, declared, ""},
		{"GetBucketCORS", call{method: "GET", query: "cors"}, 200, declared, ""},
		{"GetBucketLocation", call{method: "GET", query: "location"}, 200, plain, ""},
		{"GetBucketLogging", call{method: "GET", query: "logging"}, 200, plain, ""},
		{"GetBucketObjectLock", call{method: "GET", query: "object-lock"}, 200, plain, ""},
		{"ListBucketInventories", call{method: "GET", query: "inventory"}, 200, plain, ""},
		{"HEAD of what is missing", call{method: "HEAD", key: "gone"}, 404, "", "application/xml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := c.do(t, tt.in).want(t, tt.status, "").wantHeaders(t, "Server", "tencent-cos", "Connection", "keep-alive")
			if got.Header.Get("x-cos-request-id") == "" || got.Header.Get("Date") == "" {
				t.Errorf("headers = %v", got.Header)
			}
			kind := tt.kind
			if tt.body != "" {
				kind = "application/xml"
			}
			if got.Header.Get("Content-Type") != kind {
				t.Errorf("Content-Type = %q, want %q", got.Header.Get("Content-Type"), kind)
			}
			if length := got.Header.Get("Content-Length"); tt.status != http.StatusNoContent && length != strconv.Itoa(len(got.body)) {
				t.Errorf("Content-Length = %q of %d bytes", length, len(got.body))
			}
			if (len(got.body) > 0) != (tt.body != "") || strings.HasPrefix(string(got.body), "<?xml version='1.0' encoding='utf-8' ?>\n<") != (tt.body == declared) {
				t.Errorf("body = %q, want it %s", got.body, tt.body)
			}
		})
	}
}

// The elements of lists have the order that they have in COS's own responses, so that a
// reader that goes by their order reads both.
func TestListsHaveTheOrderOfTheirElements(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	for _, key := range []string{"a/1", "b", "c", "d"} {
		c.put(t, key, "x", "x-cos-storage-class", "INTELLIGENT_TIERING")
	}
	c.do(t, call{method: "DELETE", key: "c"}).want(t, 204, "")
	for _, key := range []string{"a/1", "b", "c"} {
		c.initiate(t, key)
	}
	id := c.initiate(t, "parts")
	c.part(t, "parts", id, 1, "x")
	c.part(t, "parts", id, 2, "x")
	for name, tt := range map[string]struct {
		in   call
		want string
	}{
		"objects": {
			call{method: "GET", query: "encoding-type=url&delimiter=/&max-keys=2"},
			"ListBucketResult Name EncodingType Prefix Marker MaxKeys Delimiter IsTruncated NextMarker CommonPrefixes Prefix " +
				"Contents Key LastModified ETag Size Owner ID DisplayName StorageClass StorageTier",
		},
		"versions": {
			call{method: "GET", query: "versions&encoding-type=url&delimiter=/&max-keys=3"},
			"ListVersionsResult EncodingType Name Prefix KeyMarker VersionIdMarker MaxKeys IsTruncated NextKeyMarker NextVersionIdMarker Delimiter CommonPrefixes Prefix " +
				"Version Key VersionId IsLatest LastModified ETag Size StorageClass StorageTier Owner ID DisplayName " +
				"DeleteMarker Key VersionId IsLatest LastModified Owner ID DisplayName",
		},
		"uploads": {
			call{method: "GET", query: "uploads&delimiter=/&max-uploads=2"},
			"ListMultipartUploadsResult Bucket Encoding-Type KeyMarker UploadIdMarker NextKeyMarker NextUploadIdMarker MaxUploads Prefix Delimiter IsTruncated " +
				"Upload Key UploadId Initiator ID DisplayName Owner ID DisplayName StorageClass Initiated CommonPrefixes Prefix",
		},
		"parts": {
			call{method: "GET", key: "parts", query: "uploadId=" + id + "&max-parts=1"},
			"ListPartsResult Bucket EncodingType Key UploadId Owner ID DisplayName PartNumberMarker Initiator ID DisplayName " +
				"Part PartNumber LastModified ETag Size NextPartNumberMarker StorageClass MaxParts IsTruncated",
		},
	} {
		t.Run(name, func(t *testing.T) {
			body := string(c.do(t, tt.in).want(t, 200, "").body)
			var names []string
			for _, m := range regexp.MustCompile(`<([A-Za-z-]+)`).FindAllStringSubmatch(body, -1) {
				names = append(names, m[1])
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("elements =\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
