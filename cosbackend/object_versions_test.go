package cosbackend

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
)

func TestListObjectVersionsOrdersVersionsAndDeleteMarkers(t *testing.T) {
	t.Parallel()
	const page = `<ListVersionsResult><Name>n</Name><Prefix/><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextKeyMarker>b%2F1</NextKeyMarker><NextVersionIdMarker>v9</NextVersionIdMarker>
<Version><Key>a+b</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest><LastModified>2029-01-01T00:00:00.000Z</LastModified><ETag>"e1"</ETag><Size>3</Size><StorageClass>ARCHIVE</StorageClass><Owner><ID>o</ID><DisplayName>d</DisplayName></Owner></Version>
<DeleteMarker><Key>a+b</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest><LastModified>2029-01-02T00:00:00.000Z</LastModified></DeleteMarker>
<Version><Key>a+b</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest><LastModified>2029-01-02T00:00:00.000Z</LastModified><ETag>"e3"</ETag><Size>0</Size></Version>
<DeleteMarker><Key>a%01</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><LastModified>2029-01-02T00:00:00.000Z</LastModified></DeleteMarker>
<CommonPrefixes><Prefix>c%2F</Prefix></CommonPrefixes></ListVersionsResult>`
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, page) })
	got, err := c.ListObjectVersions(t.Context(), at(testBucket), ListVersionsOptions{})
	if err != nil || !got.Truncated || got.NextKeyMarker != "b/1" || got.NextVersionIDMarker != "v9" || !slices.Equal(got.CommonPrefixes, []string{"c/"}) {
		t.Fatalf("ListObjectVersions = %+v, %v", got, err)
	}
	var lines []string
	for _, v := range got.Versions {
		lines = append(lines, fmt.Sprintf("%q %s %v %v %s %d %s", v.Key, v.VersionID, v.IsLatest, v.DeleteMarker, v.ETag, v.Size, v.StorageClass))
	}
	want := []string{
		`"a\x01" null true true  0 `,
		`"a b" v3 true false e3 0 STANDARD`,
		`"a b" v2 false true  0 `,
		`"a b" v1 false false e1 3 ARCHIVE`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("versions = %q, want %q", lines, want)
	}
	if o := got.Versions[3].Owner; o != (Owner{"o", "d"}) {
		t.Errorf("owner = %+v", o)
	}
}

func TestListObjectVersionsRefusesUnusablePages(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
		"<ListBucketResult></ListBucketResult>", "",
	} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, page) })
		_, err := c.ListObjectVersions(t.Context(), at(testBucket), ListVersionsOptions{})
		if e := wantError(t, "ListObjectVersions", err); e.HTTPStatus != 200 || e.Cause == nil {
			t.Errorf("ListObjectVersions of %q = %+v, want a response that cannot be used", page, e)
		}
	}
}

func TestObjectSettingsResponsesAreRead(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		h := w.Header()
		h.Set("x-cos-version-id", "v1")
		switch r.URL.Query().Has("tagging") {
		case true:
			respondXML(w, 200, "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value></Value></Tag></TagSet></Tagging>")
			return
		case false:
		}
		switch {
		case r.URL.Query().Has("acl"):
			respondXML(w, 200, `<AccessControlPolicy><Owner><ID>o</ID><DisplayName>d</DisplayName></Owner><AccessControlList>
<Grant><Grantee xmlns:xsi="x" xsi:type="CanonicalUser"><ID>1</ID></Grantee><Permission>READ</Permission></Grant>
<Grant><Grantee xmlns:xsi="x" xsi:type="Group"><URI>http://g</URI></Grantee><Permission>READ_ACP</Permission></Grant></AccessControlList></AccessControlPolicy>`)
		case r.URL.Query().Has("symlink"):
			h.Set("x-cos-symlink-target", "a%2Fb%20%C3%A9+")
			h.Set("ETag", `"e"`)
			cosHeader(w)
		case r.Method == http.MethodOptions:
			h.Set("Access-Control-Allow-Origin", "*")
			h.Add("Access-Control-Allow-Methods", "GET, PUT")
			h.Add("Access-Control-Allow-Methods", "HEAD")
			h.Set("Access-Control-Max-Age", "600")
			cosHeader(w)
		case r.URL.Query().Has("retention"):
			respondXML(w, 200, "<Retention><Mode>COMPLIANCE</Mode></Retention>")
		}
	})
	tags, version, err := c.GetObjectTagging(t.Context(), at(testBucket), "k", "")
	if err != nil || version != "v1" || !slices.Equal(tags.Tags, []Tag{{Key: "a", Value: "1"}, {Key: "b"}}) {
		t.Errorf("GetObjectTagging = %v, %q, %v", tags, version, err)
	}
	acl, err := c.GetObjectACL(t.Context(), at(testBucket), "k", "")
	if err != nil || acl.Owner != (Owner{"o", "d"}) || !reflect.DeepEqual(acl.Grants, []Grant{{ID: "1", Permission: "READ"}, {URI: "http://g", Permission: "READ_ACP"}}) {
		t.Errorf("GetObjectACL = %+v, %v", acl, err)
	}
	link, err := c.GetSymlink(t.Context(), at(testBucket), "k", "")
	if err != nil || link != (Symlink{Target: "a/b é+", VersionID: "v1", ETag: "e"}) {
		t.Errorf("GetSymlink = %+v, %v", link, err)
	}
	allowed, err := c.OptionsObject(t.Context(), at(testBucket), "k", Preflight{Origin: "o", Method: "GET"})
	if err != nil || allowed.Origin != "*" || !slices.Equal(allowed.Methods, []string{"GET", "PUT", "HEAD"}) || !allowed.HasMaxAge || allowed.MaxAge.Seconds() != 600 {
		t.Errorf("OptionsObject = %+v, %v", allowed, err)
	}
	if _, err := c.GetObjectRetention(t.Context(), at(testBucket), "k"); wantError(t, "GetObjectRetention", err).Cause == nil {
		t.Errorf("GetObjectRetention without a time = %v, want an error", err)
	}
}
