package embedded_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func tagSet(pairs ...string) string {
	var b strings.Builder
	b.WriteString("<Tagging><TagSet>")
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", pairs[i], pairs[i+1])
	}
	return b.String() + "</TagSet></Tagging>"
}

func (c *client) putTags(t testing.TB, key, query, body string) response {
	t.Helper()
	return c.do(t, call{
		method: "PUT", key: key, query: "tagging" + query, body: []byte(body),
		header: map[string]string{"Content-MD5": contentMD5([]byte(body))},
	})
}

// tags is the document of GET ?tagging.
func (c *client) tags(t testing.TB, key, query string) string {
	t.Helper()
	got := c.do(t, call{method: "GET", key: key, query: "tagging" + query}).want(t, 200, "")
	return string(got.body)
}

// TestPutObjectTaggingComesBackAsSet holds E059.
func TestPutObjectTaggingComesBackAsSet(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	c.do(t, call{method: "GET", key: "k", query: "tagging"}).want(t, 404, "NoSuchTagSet")
	want := tagSet("z", "first", "a@b", "中 文", "ü", "1")
	c.putTags(t, "k", "", want).want(t, 200, "").wantHeaders(t, "Content-Type", "application/xml")
	if got := c.tags(t, "k", ""); got != want {
		t.Errorf("tags = %s, want %s", got, want)
	}
	for _, method := range []string{"GET", "HEAD"} {
		if n := c.do(t, call{method: method, key: "k"}).want(t, 200, "").Header.Get("x-cos-tagging-count"); n != "3" {
			t.Errorf("%s: x-cos-tagging-count = %q, want 3", method, n)
		}
	}
	c.putTags(t, "k", "", tagSet("only", "one")).want(t, 200, "")
	if got := c.tags(t, "k", ""); got != tagSet("only", "one") {
		t.Errorf("tags = %s, want the newer ones only", got)
	}
	c.do(t, call{method: "DELETE", key: "k", query: "tagging"}).want(t, 204, "")
	c.do(t, call{method: "GET", key: "k", query: "tagging"}).want(t, 404, "NoSuchTagSet")
	if got := c.do(t, call{method: "HEAD", key: "k"}); got.Header.Values("x-cos-tagging-count") != nil {
		t.Errorf("an object without tags has %v", got.Header)
	}
}

// TestPutObjectTaggingRefusesInvalidTags holds E056 and E140.
func TestPutObjectTaggingRefusesInvalidTags(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x", "x-cos-tagging", "old=tag")
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprint("k", i), "v")
	}
	key, value := strings.Repeat("ü", 127), strings.Repeat("签", 255)
	const odd = "Ab 9 +-=._:/@ 标签 ё"
	for name, tt := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"ten":             {tagSet(eleven[:20]...), 200, ""},
		"eleven":          {tagSet(eleven...), 400, "InvalidTag"},
		"the longest":     {tagSet(key, value), 200, ""},
		"128 in the key":  {tagSet(key+"x", "v"), 400, "InvalidTag"},
		"256 in a value":  {tagSet("k", value+"x"), 400, "InvalidTag"},
		"all characters":  {tagSet(odd, odd), 200, ""},
		"another in key":  {tagSet("a#", "v"), 400, "InvalidTag"},
		"another in text": {tagSet("k", "a,b"), 400, "InvalidTag"},
		"no key":          {tagSet("", "v"), 400, "InvalidTag"},
		"no value":        {tagSet("k", ""), 400, "InvalidTag"},
		"twice":           {tagSet("k", "1", "k", "2"), 400, "InvalidTag"},
		"control":         {tagSet("k", "a&#9;b"), 400, "InvalidTag"},
		"no XML":          {"x", 400, "MalformedXML"},
		"no set":          {"<Tagging/>", 400, "MalformedXML"},
		"two sets":        {"<Tagging><TagSet/><TagSet/></Tagging>", 400, "MalformedXML"},
		"unknown element": {"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value><X/></Tag></TagSet></Tagging>", 400, "MalformedXML"},
		"an empty set":    {"<Tagging><TagSet/></Tagging>", 200, ""},
	} {
		t.Run(name, func(t *testing.T) { c.putTags(t, "k", "", tt.body).want(t, tt.status, tt.code) })
	}
	c.do(t, call{method: "PUT", key: "k", query: "tagging", body: []byte(tagSet("a", "b"))}).want(t, 400, "InvalidRequest")
	c.putTags(t, "absent", "", tagSet("a", "b")).want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", key: "absent", query: "tagging"}).want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", key: "k", query: "tagging", unsigned: true}).want(t, 403, "AccessDenied")
	for header, code := range map[string]string{"a=b": "", "a=%zz": "InvalidTag", "a=": "InvalidTag", "a=1&a=2": "InvalidTag", "=x": "InvalidTag"} {
		status := 200
		if code != "" {
			status = 400
		}
		c.do(t, call{method: "PUT", key: "h", body: []byte("x"), header: map[string]string{"x-cos-tagging": header}}).want(t, status, code)
	}
}

// TestPutObjectTagsBelongToTheirVersion holds E056 and E155.
func TestPutObjectTagsBelongToTheirVersion(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "1", "x-cos-tagging", "a=%E4%B8%AD+%40&b=2").version()
	c.put(t, "k", "2")
	if got := c.tags(t, "k", "&versionId="+first); got != tagSet("a", "中 @", "b", "2") {
		t.Errorf("tags of the first version = %s", got)
	}
	c.do(t, call{method: "GET", key: "k", query: "tagging"}).want(t, 404, "NoSuchTagSet")
	c.putTags(t, "k", "&versionId="+first, tagSet("c", "3")).want(t, 200, "").wantHeaders(t, "x-cos-version-id", "")
	if got := c.tags(t, "k", "&VersionId="+first); got != tagSet("c", "3") {
		t.Errorf("tags of the first version = %s, want c", got)
	}
	c.putTags(t, "k", "&versionId=unknown", tagSet("c", "3")).want(t, 404, "NoSuchVersion")

	source := testHost + "/k?versionId=" + first
	for name, header := range map[string][]string{
		"copied":       {},
		"not replaced": {"x-cos-tagging-directive", "Copy", "x-cos-tagging", "d=4"},
		"replaced":     {"x-cos-tagging-directive", "Replaced", "x-cos-tagging", "d=4"},
	} {
		c.copy(t, name, source, header...).want(t, 200, "")
		want := map[bool]string{true: tagSet("d", "4"), false: tagSet("c", "3")}[name == "replaced"]
		if got := c.tags(t, name, ""); got != want {
			t.Errorf("tags %s = %s, want %s", name, got, want)
		}
	}
	c.copy(t, "removed", source, "x-cos-tagging-directive", "Replaced").want(t, 200, "")
	c.do(t, call{method: "GET", key: "removed", query: "tagging"}).want(t, 404, "NoSuchTagSet")
	c.copy(t, "to", source, "x-cos-tagging-directive", "Perhaps").want(t, 400, "InvalidArgument")

	id := c.initiate(t, "parts", "x-cos-tagging", "e=5")
	c.part(t, "parts", id, 1, "x")
	c.complete(t, "parts", id, map[int]string{1: "x"}).want(t, 200, "")
	if got := c.tags(t, "parts", ""); got != tagSet("e", "5") {
		t.Errorf("tags of a multipart object = %s", got)
	}
}

func TestSDKUsesTags(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	c.put(t, "k", "x")
	want := []cos.ObjectTaggingTag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	if _, err := sdk.Object.PutTagging(ctx, "k", &cos.ObjectPutTaggingOptions{TagSet: want}); err != nil {
		t.Fatalf("PutTagging = %v", err)
	}
	got, _, err := sdk.Object.GetTagging(ctx, "k")
	if err != nil || cmp.Diff(want, got.TagSet) != "" {
		t.Errorf("GetTagging = %+v, %v, want %+v", got, err, want)
	}
	if _, err := sdk.Object.DeleteTagging(ctx, "k"); err != nil {
		t.Errorf("DeleteTagging = %v", err)
	}
}
