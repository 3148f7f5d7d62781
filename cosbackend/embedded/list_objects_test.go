package embedded_test

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

type listResult struct {
	XMLName      xml.Name `xml:"ListBucketResult"`
	Name         string
	EncodingType string
	Prefix       string
	Marker       string
	MaxKeys      int
	Delimiter    string
	IsTruncated  bool
	NextMarker   string
	Contents     []listEntry
	Prefixes     []string `xml:"CommonPrefixes>Prefix"`
}

type listEntry struct {
	Key, LastModified, ETag string
	Size                    int64
	Owner                   struct{ ID, DisplayName string }
	StorageClass            string
	StorageTier             string
}

func (r listResult) keys() (keys []string) {
	for _, e := range r.Contents {
		keys = append(keys, e.Key)
	}
	return keys
}

func (c *client) list(t *testing.T, query string) listResult {
	t.Helper()
	var r listResult
	a := c.do(t, call{method: "GET", query: query}).want(t, 200, "")
	if err := xml.Unmarshal(a.body, &r); err != nil {
		t.Fatalf("GET ?%s = %q: %v", query, a.body, err)
	}
	if a.Header.Get("x-cos-bucket-region") != "ap-guangzhou" || a.Header.Get("Content-Type") != "application/xml" {
		t.Errorf("headers of a list = %v", a.Header)
	}
	return r
}

// TestListObjectsHasTheDocumentedElements holds E013, E026 and E027.
func TestListObjectsHasTheDocumentedElements(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1597067218) })
	c.put(t, "a/1.txt", "hello", "x-cos-storage-class", "INTELLIGENT_TIERING")
	c.put(t, "b", "")
	c.put(t, "c", "")
	got := c.list(t, "max-keys=2&encoding-type=url&delimiter=&prefix=")
	owner := struct{ ID, DisplayName string }{"1250000000", "1250000000"}
	want := listResult{
		Name: testBucket, EncodingType: "url", MaxKeys: 2, IsTruncated: true, NextMarker: "b",
		Contents: []listEntry{
			{"a/1.txt", "2020-08-10T13:46:58.000Z", etagOf("hello"), 5, owner, "INTELLIGENT_TIERING", "FREQUENT"},
			{"b", "2020-08-10T13:46:58.000Z", etagOf(""), 0, owner, "STANDARD", ""},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(listResult{}, "XMLName")); d != "" {
		t.Errorf("list (-want +got):\n%s", d)
	}
	raw := c.do(t, call{method: "GET", query: "prefix=a"}).body
	for _, absent := range []string{"NextMarker", "Delimiter", "EncodingType", "CommonPrefixes"} {
		if strings.Contains(string(raw), absent) {
			t.Errorf("list has <%s> without need: %s", absent, raw)
		}
	}
}

// TestListObjectsPagesAddUp holds E025.
func TestListObjectsPagesAddUp(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, key := range []string{"a/1", "a/2", "b", "c/x/1", "c/x/2", "d", "//lead", "中/文"} {
		c.put(t, key, "x")
	}
	tests := []struct {
		query string
		want  []string // keys, then common prefixes with a "|" in front
	}{
		{"", []string{"//lead", "a/1", "a/2", "b", "c/x/1", "c/x/2", "d", "中/文"}},
		{"prefix=c%2F", []string{"c/x/1", "c/x/2"}},
		{"delimiter=%2F", []string{"b", "d", "|/", "|a/", "|c/", "|中/"}},
		{"prefix=c%2F&delimiter=%2F", []string{"|c/x/"}},
		{"delimiter=%E4%B8%AD", []string{"//lead", "a/1", "a/2", "b", "c/x/1", "c/x/2", "d", "|中"}},
		{"prefix=nothing", nil},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 3, 1000} {
			var got, prefixes []string
			marker := ""
			for page := range 20 {
				r := c.list(t, fmt.Sprintf("%s&max-keys=%d&encoding-type=url&marker=%s", tt.query, size, url.QueryEscape(marker)))
				for _, k := range r.keys() {
					got = append(got, unescape(t, k))
				}
				for _, p := range r.Prefixes {
					prefixes = append(prefixes, "|"+unescape(t, p))
				}
				if !r.IsTruncated {
					break
				}
				if marker = unescape(t, r.NextMarker); page == 19 {
					t.Fatalf("?%s with pages of %d does not end", tt.query, size)
				}
			}
			if d := cmp.Diff(tt.want, append(got, prefixes...), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("?%s with pages of %d (-want +got):\n%s", tt.query, size, d)
			}
		}
	}
	if r := c.list(t, "max-keys=0"); r.IsTruncated || len(r.Contents) != 0 || r.MaxKeys != 0 {
		t.Errorf("max-keys=0 = %+v, want an empty page", r)
	}
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	text, err := url.QueryUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestListObjectsRefusesInvalidParameters holds E014 and E024.
func TestListObjectsRefusesInvalidParameters(t *testing.T) {
	t.Parallel()
	c := open(t)
	for query, code := range map[string]string{
		"max-keys=1001":                       "InvalidArgument",
		"max-keys=-1":                         "InvalidArgument",
		"max-keys=ten":                        "InvalidArgument",
		"max-keys=1.5":                        "InvalidArgument",
		"encoding-type=x":                     "InvalidArgument",
		"prefix=%FF":                          "InvalidArgument",
		"delimiter=ab":                        "InvalidDelimiter",
		"marker=" + strings.Repeat("a", 1025): "InvalidURI",
	} {
		c.do(t, call{method: "GET", query: query}).want(t, 400, code)
	}
	c.do(t, call{method: "GET", host: hostIn("absent-1", "ap-guangzhou"), query: "max-keys=0"}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "GET", query: "list-type=2"}).want(t, 501, "NotImplemented")
	c.do(t, call{method: "GET", query: "Max-Keys=1&PREFIX=a"}).want(t, 200, "")
}

// TestListObjectsReturnsOddKeys holds E002.
func TestListObjectsReturnsOddKeys(t *testing.T) {
	t.Parallel()
	c := open(t)
	keys := []string{
		"a&b<c>\"d'", "cr\rlf\ntab\t", "\x01control", " leading", "trailing ", "a//b", "../up", "./here", "%2F", "+plus", "\uFFFE", "𝄞", "?", "#",
	}
	for _, key := range keys {
		c.put(t, key, key)
		if got := c.do(t, call{method: "GET", key: key}).want(t, 200, ""); string(got.body) != key {
			t.Errorf("GET %q = %q", key, got.body)
		}
	}
	slices.Sort(keys)
	var got []string
	for _, k := range c.list(t, "encoding-type=url").keys() {
		got = append(got, unescape(t, k))
	}
	if d := cmp.Diff(keys, got); d != "" {
		t.Errorf("keys with encoding-type=url (-want +got):\n%s", d)
	}
	raw := string(c.do(t, call{method: "GET"}).body)
	for _, want := range []string{"<Key>a&amp;b&lt;c&gt;\"d'</Key>", "<Key>cr&#xd;lf\ntab\t</Key>", "<Key>&#x1;control</Key>", "<Key>&#xfffe;</Key>"} {
		if !strings.Contains(raw, want) {
			t.Errorf("the list does not hold %q", want)
		}
	}
}
