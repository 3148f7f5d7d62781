package cosbackend

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestListObjectsDecodesNames(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, `<?xml version="1.0" encoding="utf-8"?><ListBucketResult><Name>x</Name><EncodingType>url</EncodingType>
<NextMarker>a%2Bz%26%E8%85%BE</NextMarker><IsTruncated>true</IsTruncated>
<Contents><Key>a+b%01%2F%E8%85%BE</Key><LastModified>2019-05-24T10:56:40.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size><StorageClass>ARCHIVE</StorageClass><StorageTier>t</StorageTier><Unknown/></Contents>
<Contents><Key>b</Key><LastModified>never</LastModified></Contents>
<CommonPrefixes><Prefix>p+q%2F</Prefix></CommonPrefixes></ListBucketResult>`)
	})
	got, err := c.ListObjects(t.Context(), at(testBucket), ListOptions{Prefix: "a b", Delimiter: "/", Marker: "m+", MaxKeys: 3})
	want := ObjectPage{
		Objects: []ObjectInfo{
			{
				Key: "a b\x01/腾", ETag: "e", Size: 7, StorageTier: "t", LastModified: time.Date(2019, 5, 24, 10, 56, 40, 0, time.UTC),
				Attributes: Attributes{StorageClass: "ARCHIVE"},
			},
			{Key: "b", Attributes: Attributes{StorageClass: "STANDARD"}},
		},
		CommonPrefixes: []string{"p q/"}, NextMarker: "a+z&腾", Truncated: true,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ListObjects = %v (-want +got):\n%s", err, diff)
	}
	if got, want := s.seen()[0].URI, "/?delimiter=%2F&encoding-type=url&marker=m%2B&max-keys=3&prefix=a%20b"; got != want {
		t.Errorf("requested %s, want %s", got, want)
	}
}

// keysPage is a page of objects of which only the keys are known.
func keysPage(keys ...string) ObjectPage {
	var page ObjectPage
	for _, key := range keys {
		page.Objects = append(page.Objects, ObjectInfo{Key: key, Attributes: Attributes{StorageClass: "STANDARD"}})
	}
	return page
}

func TestListObjectsReadsOddResponses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		xml  string
		want ObjectPage
		err  error
	}{
		"not encoded": {
			`<Contents><Key>a+b%20</Key></Contents>`,
			ObjectPage{Objects: []ObjectInfo{{Key: "a+b%20", Attributes: Attributes{StorageClass: "STANDARD"}}}},
			nil,
		},
		"no next marker": {
			`<IsTruncated>true</IsTruncated><Contents><Key>b</Key></Contents><CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>`,
			ObjectPage{Objects: []ObjectInfo{{Key: "b", Attributes: Attributes{StorageClass: "STANDARD"}}}, CommonPrefixes: []string{"c/"}, NextMarker: "c/", Truncated: true},
			nil,
		},
		"empty and truncated": {`<IsTruncated>true</IsTruncated>`, ObjectPage{}, errNoMarker},
		"what is no escape":   {`<EncodingType>url</EncodingType><Contents><Key>50%</Key></Contents><Contents><Key>%zz%4</Key></Contents><Contents><Key>a%FFb</Key></Contents>`, keysPage("50%", "%zz%4", "a\xffb"), nil},
		"nothing":             {``, ObjectPage{Objects: []ObjectInfo{}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				respondXML(w, 200, "<ListBucketResult>"+tc.xml+"</ListBucketResult>")
			})
			got, err := c.ListObjects(t.Context(), at(testBucket), ListOptions{})
			if diff := cmp.Diff(tc.want, got); diff != "" || !errors.Is(err, tc.err) {
				t.Errorf("ListObjects = %v, want %v (-want +got):\n%s", err, tc.err, diff)
			}
		})
	}
}

func TestDeleteObjectsReportsEachKey(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("x-cos-trace-id", "trace-1")
		respondXML(w, 200, `<DeleteResult>
<Deleted><Key>a&amp;&lt;</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted>
<Deleted><Key>b</Key><VersionId>v</VersionId></Deleted>
<Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`)
	})
	got, err := c.DeleteObjects(t.Context(), at(testBucket), []ObjectID{{Key: "a&<"}, {Key: "b", VersionID: "v"}, {Key: "c"}}, true)
	want := DeleteResult{
		Deleted:   []DeletedObject{{Key: "a&<", DeleteMarker: true, DeleteMarkerVersionID: "m"}, {Key: "b", VersionID: "v"}},
		Failures:  []DeleteFailure{{Key: "c", Code: "AccessDenied", Message: "no"}},
		RequestID: "req-1", TraceID: "trace-1",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("DeleteObjects = %v (-want +got):\n%s", err, diff)
	}
	r := s.seen()[0]
	if got, want := string(r.Body), "<Delete><Quiet>true</Quiet><Object><Key>a&amp;&lt;</Key></Object><Object><Key>b</Key><VersionId>v</VersionId></Object><Object><Key>c</Key></Object></Delete>"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if r.URI != "/?delete=" || r.Header.Get("Content-Md5") == "" || r.Header.Get("Content-Type") != "application/xml" {
		t.Errorf("sent %s with the MD5 %q", r.URI, r.Header.Get("Content-Md5"))
	}
}

func TestDeleteObjectReadsMarkers(t *testing.T) {
	t.Parallel()
	marker := false
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("x-cos-version-id", "v1")
		if marker {
			w.Header().Set("x-cos-delete-marker", "true")
		}
		w.WriteHeader(204)
	})
	if got, err := c.DeleteObject(t.Context(), at(testBucket), "k", "v1"); err != nil || got != (DeletedObject{Key: "k", VersionID: "v1"}) {
		t.Errorf("DeleteObject = %+v, %v", got, err)
	}
	marker = true
	if got, err := c.DeleteObject(t.Context(), at(testBucket), "k", ""); err != nil || got != (DeletedObject{Key: "k", DeleteMarker: true, DeleteMarkerVersionID: "v1"}) {
		t.Errorf("DeleteObject = %+v, %v", got, err)
	}
	if got := s.seen()[0].URI; got != "/k?versionId=v1" {
		t.Errorf("requested %s", got)
	}
}

func TestCopyObjectNamesItsSource(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("x-cos-version-id", "v2")
		w.Header().Set("x-cos-copy-source-version-id", "v1")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "\n\n<CopyObjectResult><ETag>\"e\"</ETag><CRC64>7</CRC64><LastModified>2019-05-24T10:56:40Z</LastModified></CopyObjectResult>")
	}, func(cfg *Config) { cfg.Endpoint = "http://{bucket}.cos.{region}.myqcloud.com:8080" })
	got, err := c.CopyObject(t.Context(), at(testBucket), "k", CopyOptions{
		Source: CopySource{
			Bucket: "other-1", Key: "a b/?versionId=x", VersionID: "v1", Region: "ap-beijing",
			Conditions: Conditions{IfMatch: "e", IfUnmodifiedSince: time.Unix(0, 0)},
		},
		Replace: true, Attributes: Attributes{ContentType: "text/plain", StorageClass: "ARCHIVE"},
	})
	want := CopyResult{SourceVersionID: "v1", ObjectInfo: ObjectInfo{
		Key: "k", ETag: "e", VersionID: "v2", CRC64: 7, HasCRC64: true, LastModified: time.Date(2019, 5, 24, 10, 56, 40, 0, time.UTC),
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("CopyObject = %v (-want +got):\n%s", err, diff)
	}
	h := s.seen()[0].Header
	for name, want := range map[string]string{
		"X-Cos-Copy-Source":          "other-1.cos.ap-beijing.myqcloud.com/a%20b/%3FversionId%3Dx?versionId=v1",
		"X-Cos-Copy-Source-If-Match": `"e"`, "X-Cos-Copy-Source-If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT",
		"X-Cos-Metadata-Directive": "Replaced", "Content-Type": "text/plain", "X-Cos-Storage-Class": "ARCHIVE", "Content-Length": "0",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}
