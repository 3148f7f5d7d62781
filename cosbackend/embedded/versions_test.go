package embedded_test

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// versioning sets the state of testBucket.
func (c *client) versioning(t testing.TB, status string) {
	t.Helper()
	body := []byte("<VersioningConfiguration><Status>" + status + "</Status></VersioningConfiguration>")
	c.do(t, call{method: "PUT", query: "versioning", body: body}).want(t, 200, "")
}

func (a response) version() string { return a.Header.Get("x-cos-version-id") }

// A listedVersion is a Version or DeleteMarker of a list, in the order of the
// document.
type listedVersion struct {
	Kind, Key, ID string
	Latest        bool
}

func (c *client) versions(t testing.TB, query string) (all []listedVersion, doc cos.BucketGetObjectVersionsResult) {
	t.Helper()
	got := c.do(t, call{method: "GET", query: "versions&" + query}).want(t, 200, "")
	if err := xml.Unmarshal(got.body, &doc); err != nil {
		t.Fatal(err)
	}
	var items struct {
		Items []struct {
			XMLName   xml.Name
			Key       string
			VersionID string `xml:"VersionId"`
			IsLatest  bool
		} `xml:",any"`
	}
	if err := xml.Unmarshal(got.body, &items); err != nil {
		t.Fatal(err)
	}
	for _, i := range items.Items {
		if name := i.XMLName.Local; name == "Version" || name == "DeleteMarker" {
			all = append(all, listedVersion{name, i.Key, i.VersionID, i.IsLatest})
		}
	}
	return all, doc
}

func TestPutBucketVersioningIsStored(t *testing.T) {
	t.Parallel()
	c := open(t)
	read := func() string {
		return string(c.do(t, call{method: "GET", query: "versioning"}).want(t, 200, "").body)
	}
	if got := read(); !strings.HasSuffix(got, "<VersioningConfiguration></VersioningConfiguration>") {
		t.Errorf("versioning that was never set = %s", got)
	}
	for _, status := range []string{"Enabled", "Suspended"} {
		c.versioning(t, status)
		if got := read(); !strings.HasSuffix(got, "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>") {
			t.Errorf("versioning = %s, want %s", got, status)
		}
	}
	for _, body := range []string{
		"<x/>", "<VersioningConfiguration/>", "<VersioningConfiguration><Status>Off</Status></VersioningConfiguration>",
		"<VersioningConfiguration><Status></Status></VersioningConfiguration>", "<VersioningConfiguration><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>",
	} {
		c.do(t, call{method: "PUT", query: "versioning", body: []byte(body)}).want(t, 400, "MalformedXML")
	}
	c.do(t, call{method: "PUT", query: "versioning"}).want(t, 400, "MissingRequestBodyError")
	c.do(t, call{method: "DELETE", query: "versioning"}).want(t, 405, "MethodNotAllowed")
	c.do(t, call{method: "GET", query: "versioning", unsigned: true}).want(t, 403, "AccessDenied")
	if got := read(); !strings.Contains(got, "Suspended") {
		t.Errorf("versioning = %s after refusals, want Suspended", got)
	}
}

// Every way to write makes a version while versioning is enabled, and replaces the
// version null while it is suspended.
// It holds E050 and E154.
func TestPutObjectMakesAVersion(t *testing.T) {
	t.Parallel()
	writes := map[string]func(t *testing.T, c *client, key string) (id, body string){
		"put": func(t *testing.T, c *client, key string) (string, string) {
			return c.put(t, key, "put").version(), "put"
		},
		"copy": func(t *testing.T, c *client, key string) (string, string) {
			got := c.copy(t, key, testHost+"/src").want(t, 200, "").wantHeaders(t, "x-cos-version-id", "", "x-cos-copy-source-version-id", "")
			return between(string(got.body), "<VersionId>", "</VersionId>"), "copied"
		},
		"form": func(t *testing.T, c *client, key string) (string, string) {
			return c.post(t, formUpload{fields: []string{"key", key}, file: "form"}).want(t, 204, "").version(), "form"
		},
		"complete": func(t *testing.T, c *client, key string) (string, string) {
			id := c.initiate(t, key)
			c.part(t, key, id, 1, "parts")
			return c.complete(t, key, id, map[int]string{1: "parts"}).want(t, 200, "").version(), "parts"
		},
	}
	// What the response names as the new version while versioning is suspended.
	suspended := map[string]string{"complete": "null"}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			c := openForms(t, func(o *embedded.Options) { o.MinPartSize = 1 })
			c.put(t, "src", "copied")
			if id, _ := write(t, c, "k"); id != "" {
				t.Errorf("before versioning the version is %q, want none", id)
			}
			if all, _ := c.versions(t, "prefix=k"); gocmp.Diff([]listedVersion{{"Version", "k", "", true}}, all) != "" {
				t.Errorf("before versioning the versions are %v, want one without an id", all)
			}
			c.versioning(t, "Enabled")
			first, body := write(t, c, "k")
			second, _ := write(t, c, "k")
			if first == "" || first == "null" || first == second {
				t.Errorf("versions are %q and %q, want two", first, second)
			}
			c.versioning(t, "Suspended")
			for range 2 {
				if id, _ := write(t, c, "k"); id != suspended[name] {
					t.Errorf("while suspended the version is %q, want %q", id, suspended[name])
				}
			}
			for query, want := range map[string]string{"": "null", "versionId=" + first: first, "VersionId=" + second: second, "versionid=null": "null"} {
				got := c.do(t, call{method: "GET", key: "k", query: query}).want(t, 200, "")
				head := c.do(t, call{method: "HEAD", key: "k", query: query}).want(t, 200, "")
				if string(got.body) != body || got.version() != want || head.version() != want {
					t.Errorf("GET ?%s = %q, versions %q and %q, want %q", query, got.body, got.version(), head.version(), want)
				}
			}
			all, _ := c.versions(t, "prefix=k")
			want := []listedVersion{{"Version", "k", "null", true}, {"Version", "k", second, false}, {"Version", "k", first, false}}
			if diff := gocmp.Diff(want, all); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeleteObjectInEachVersioningState holds E051 and E054.
func TestDeleteObjectInEachVersioningState(t *testing.T) {
	t.Parallel()
	c := open(t)
	del := func(query, wantID string, wantMarker bool) string {
		t.Helper()
		got := c.do(t, call{method: "DELETE", key: "k", query: query}).want(t, 204, "")
		if wantID != "*" && got.version() != wantID || (got.Header.Get("x-cos-delete-marker") == "true") != wantMarker {
			t.Errorf("DELETE ?%s = %v, want version %q, marker %v", query, got.Header, wantID, wantMarker)
		}
		return got.version()
	}
	c.put(t, "k", "0")
	del("", "", false)
	c.put(t, "k", "0")
	del("versionId=unheard%0d%0aof", "", false)
	del("versionId=00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff", false)
	c.versioning(t, "Enabled")
	v1 := c.put(t, "k", "1").version()
	m1 := del("", "*", true)
	m2 := del("", "*", true)
	if m1 == m2 || m1 == "null" {
		t.Errorf("markers are %q and %q, want two", m1, m2)
	}
	for _, query := range []string{"", "versionId=" + m2, "versionId=" + m1} {
		want := cmp.Or(strings.TrimPrefix(query, "versionId="), m2)
		for _, method := range []string{"GET", "HEAD"} {
			got := c.do(t, call{method: method, key: "k", query: query})
			if got.StatusCode != 404 || method == "GET" && got.err.Code != "NoSuchKey" || got.Header.Get("x-cos-delete-marker") != "true" || got.version() != want {
				t.Errorf("%s ?%s = %d %s %v, want 404 for the marker %s", method, query, got.StatusCode, got.err.Code, got.Header, want)
			}
		}
	}
	del("versionId="+m2, m2, true)
	del("VersionId="+m1, m1, true)
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "1" {
		t.Errorf("without its markers the object is %q, want 1", got.body)
	}
	del("versionId="+v1, v1, false)
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "0" || got.version() != "null" {
		t.Errorf("without version 1 the object is %q %q, want 0 of before versioning", got.body, got.version())
	}
	c.do(t, call{method: "GET", key: "k", query: "versionId=" + v1}).want(t, 404, "NoSuchVersion")
	v2 := c.put(t, "k", "2").version()
	c.versioning(t, "Suspended")
	del("", "null", true)
	all, _ := c.versions(t, "")
	if diff := gocmp.Diff([]listedVersion{{"DeleteMarker", "k", "null", true}, {"Version", "k", v2, false}}, all); diff != "" {
		t.Errorf("versions after a delete while suspended (-want +got):\n%s", diff)
	}
	c.do(t, call{method: "DELETE"}).want(t, 409, "BucketNotEmpty")
	del("versionId=null", "null", true)
	del("versionId="+v2, v2, false)
	c.do(t, call{method: "DELETE"}).want(t, 204, "")
}

func TestDeleteObjectsDeletesVersions(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	v := c.put(t, "a", "1").version()
	c.put(t, "b", "1")
	m := c.do(t, call{method: "DELETE", key: "c"}).version()
	body := fmt.Sprintf(`<Delete><Object><Key>a</Key><VersionId>%s</VersionId></Object><Object><Key>b</Key></Object>`+
		`<Object><Key>c</Key><VersionId>%s</VersionId></Object><Object><Key>d</Key><VersionId>null</VersionId></Object></Delete>`, v, m)
	got := c.do(t, call{method: "POST", query: "delete", body: []byte(body), header: map[string]string{"Content-MD5": contentMD5([]byte(body))}}).want(t, 200, "")
	all, _ := c.versions(t, "prefix=b")
	want := fmt.Sprintf(`<DeleteResult><Deleted><Key>a</Key><VersionId>%s</VersionId></Deleted>`+
		`<Deleted><Key>b</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>%s</DeleteMarkerVersionId></Deleted>`+
		`<Deleted><Key>c</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>%s</DeleteMarkerVersionId><VersionId>%s</VersionId></Deleted>`+
		`<Deleted><Key>d</Key><VersionId>null</VersionId></Deleted></DeleteResult>`, v, all[0].ID, m, m)
	if string(got.body) != want {
		t.Errorf("response = %s, want %s", got.body, want)
	}
	if all, _ := c.versions(t, ""); len(all) != 2 {
		t.Errorf("left are %v, want b and its marker", all)
	}
}

// TestCopyObjectCopiesVersions holds E051 and E053.
func TestCopyObjectCopiesVersions(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	c.versioning(t, "Enabled")
	v1 := c.put(t, "k", "one").version()
	v2 := c.put(t, "k", "two").version()
	m := c.do(t, call{method: "DELETE", key: "k"}).version()
	copying := func(to, query string) response {
		return c.do(t, call{method: "PUT", key: to, header: map[string]string{"x-cos-copy-source": testHost + "/k" + query}})
	}
	id := c.initiate(t, "p")
	part := func(query string) response { return c.copyPart(t, "p", id, 1, testHost+"/k"+query) }
	for _, ask := range []func(string) response{part, func(query string) response { return copying("to", query) }} {
		for query, want := range map[string]string{"?versionId=" + v1: v1, "?VersionId=" + v2: v2} {
			if got := ask(query).want(t, 200, ""); got.Header.Get("x-cos-copy-source-version-id") != want {
				t.Errorf("copy of %s = %v, want its version", query, got.Header)
			}
		}
		ask("").want(t, 404, "NoSuchCopySource")
		ask("?versionId=null").want(t, 404, "NoSuchVersion")
		ask("?versionId="+v1+"&versionId="+v2).want(t, 400, "InvalidCopySource")
	}
	copying("to", "?versionId="+m).want(t, 404, "NoSuchCopySource")
	part("?versionId="+m).want(t, 400, "InvalidCopySource")
	copying("k", "?versionId="+v1).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "one" {
		t.Errorf("GET after a copy of an old version = %q, want one", got.body)
	}
	copying("k", "").want(t, 400, "InvalidRequest")
}

func TestPutObjectForbidOverwriteHasNoEffectWithVersioning(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "1")
	in := call{method: "PUT", key: "k", body: []byte("2"), header: map[string]string{"x-cos-forbid-overwrite": "true"}}
	c.do(t, in).want(t, 409, "FileAlreadyExists")
	for _, status := range []string{"Enabled", "Suspended"} {
		c.versioning(t, status)
		c.do(t, in).want(t, 200, "")
	}
}

// TestAppendObjectWithVersioning holds E052.
func TestAppendObjectWithVersioning(t *testing.T) {
	t.Parallel()
	c := open(t)
	appending := func(position string) response {
		return c.do(t, call{method: "POST", key: "k", query: "append&position=" + position, body: []byte("ab")})
	}
	appending("0").want(t, 200, "")
	c.versioning(t, "Enabled")
	appending("2").want(t, 409, "InvalidBucketState")
	c.versioning(t, "Suspended")
	appending("2").want(t, 200, "").wantHeaders(t, "x-cos-version-id", "")
	c.versioning(t, "Enabled")
	c.put(t, "k", "normal")
	if got := c.do(t, call{method: "GET", key: "k", query: "versionId=null"}).want(t, 200, ""); string(got.body) != "abab" {
		t.Errorf("the appended object is %q, want abab", got.body)
	}
	c.versioning(t, "Suspended")
	appending("0").want(t, 409, "ObjectNotAppendable")
}

// TestListObjectVersionsHasPages holds E054.
func TestListObjectVersionsHasPages(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "a/ü", "0")
	c.versioning(t, "Enabled")
	for range 3 {
		c.put(t, "a/ü", "1")
		c.put(t, "b", "22")
		c.put(t, "c/1", "")
	}
	whole, doc := c.versions(t, "")
	if len(whole) != 10 || doc.IsTruncated || doc.NextKeyMarker != "" || doc.Version[9].Size != 0 || doc.Version[4].Size != 2 || doc.Version[4].StorageClass != "STANDARD" ||
		doc.Version[4].ETag != etagOf("22") || doc.Version[4].Owner.ID != "1250000000" {
		t.Errorf("versions = %+v", doc)
	}
	for _, size := range []int{1, 3, 9, 10} {
		var all []listedVersion
		query := ""
		for {
			page, doc := c.versions(t, fmt.Sprintf("max-keys=%d%s", size, query))
			all = append(all, page...)
			if !doc.IsTruncated {
				break
			}
			query = "&key-marker=" + escape(doc.NextKeyMarker) + "&version-id-marker=" + doc.NextVersionIdMarker
		}
		if diff := gocmp.Diff(whole, all); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
	all, doc := c.versions(t, "delimiter=/&encoding-type=url&key-marker=a/")
	if len(all) != 3 || !slices.Equal(doc.CommonPrefixes, []string{"c/"}) || doc.EncodingType != "url" || doc.KeyMarker != "a/" {
		t.Errorf("versions with a delimiter = %+v", doc)
	}
	if all, doc := c.versions(t, "max-keys=0"); len(all) != 0 || doc.IsTruncated {
		t.Errorf("a page of nothing = %+v", doc)
	}
	for query, code := range map[string]string{
		"version-id-marker=null": "InvalidArgument", "key-marker=b&version-id-marker=x": "InvalidArgument", "max-keys=1001": "InvalidArgument",
		"delimiter=ab": "InvalidDelimiter", "encoding-type=x": "InvalidArgument",
	} {
		c.do(t, call{method: "GET", query: "versions&" + query}).want(t, 400, code)
	}
	c.do(t, call{method: "GET", query: "versions", unsigned: true}).want(t, 403, "AccessDenied")
}

func TestSDKUsesVersions(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	if _, err := sdk.Bucket.PutVersioning(ctx, &cos.BucketPutVersionOptions{Status: "Enabled"}); err != nil {
		t.Fatalf("PutVersioning = %v", err)
	}
	if got, _, err := sdk.Bucket.GetVersioning(ctx); err != nil || got.Status != "Enabled" {
		t.Errorf("GetVersioning = %+v, %v", got, err)
	}
	first, err := sdk.Object.Put(ctx, "k", strings.NewReader("1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	id := first.Header.Get("x-cos-version-id")
	if _, err := sdk.Object.Put(ctx, "k", strings.NewReader("22"), nil); err != nil {
		t.Fatal(err)
	}
	if head, err := sdk.Object.Head(ctx, "k", nil, id); err != nil || head.ContentLength != 1 {
		t.Errorf("Head of a version = %v, %v", head, err)
	}
	if _, _, err := sdk.Object.Copy(ctx, "copy", testHost+"/k", nil, id); err != nil {
		t.Errorf("Copy of a version = %v", err)
	}
	if _, err := sdk.Object.Delete(ctx, "k"); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := sdk.Object.Delete(ctx, "k", &cos.ObjectDeleteOptions{VersionId: id}); err != nil {
		t.Errorf("Delete of a version = %v", err)
	}
	list, _, err := sdk.Bucket.GetObjectVersions(ctx, &cos.BucketGetObjectVersionsOptions{})
	if err != nil || len(list.Version) != 2 || len(list.DeleteMarker) != 1 || !list.DeleteMarker[0].IsLatest {
		t.Errorf("GetObjectVersions = %+v, %v", list, err)
	}
	many := &cos.ObjectDeleteMultiOptions{}
	for _, v := range list.Version {
		many.Objects = append(many.Objects, cos.Object{Key: v.Key, VersionId: v.VersionId})
	}
	many.Objects = append(many.Objects, cos.Object{Key: "k", VersionId: list.DeleteMarker[0].VersionId})
	if got, _, err := sdk.Object.DeleteMulti(ctx, many); err != nil || len(got.DeletedObjects) != 3 || len(got.Errors) != 0 {
		t.Errorf("DeleteMulti = %+v, %v", got, err)
	}
	if _, err := sdk.Bucket.Delete(ctx); err != nil {
		t.Errorf("Delete of the empty bucket = %v", err)
	}
}
