package embedded_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const xmlDeclaration = "<?xml version='1.0' encoding='utf-8' ?>\n"

// lines puts each element of an answer on a line of its own.
func lines(text string) string {
	text = strings.ReplaceAll(strings.TrimPrefix(text, xmlDeclaration), "\n", "")
	return strings.ReplaceAll(text, "><", ">\n<")
}

// The element names are those of the COS documentation, whose spelling differs
// from list to list.
func TestPartsAreListedByNumber(t *testing.T) {
	c := open(t, func(o *embedded.Options) { o.Clock = at(1573095863) })
	id := c.initiate(t, "a b", "x-cos-storage-class", "STANDARD_IA")
	for _, n := range []int{10000, 2, 7} {
		c.part(t, "a b", id, n, strings.Repeat("x", n))
	}
	part := func(number, size string, body string) string {
		return "<Part>\n<PartNumber>" + number + "</PartNumber>\n<LastModified>2019-11-07T03:04:23.000Z</LastModified>\n<ETag>" + etagOf(body) + "</ETag>\n<Size>" + size + "</Size>\n</Part>\n"
	}
	head := func(encoding, key, marker string) string {
		return "<ListPartsResult>\n<Bucket>" + testBucket + "</Bucket>\n<Encoding-type>" + encoding + "</Encoding-type>\n<Key>" + key + "</Key>\n<UploadId>" + id + "</UploadId>\n" +
			"<Initiator>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Initiator>\n<Owner>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Owner>\n" +
			"<PartNumberMarker>" + marker + "</PartNumberMarker>\n"
	}
	tail := func(limit, truncated string) string {
		return "<StorageClass>STANDARD_IA</StorageClass>\n<MaxParts>" + limit + "</MaxParts>\n<IsTruncated>" + truncated + "</IsTruncated>\n</ListPartsResult>"
	}
	two, seven, last := part("2", "2", "xx"), part("7", "7", "xxxxxxx"), part("10000", "10000", strings.Repeat("x", 10000))
	for query, want := range map[string]string{
		"":                                         head("", "a b", "0") + two + seven + last + tail("1000", "false"),
		"&max-parts=2&encoding-type=url":           head("url", "a%20b", "0") + two + seven + "<NextPartNumberMarker>7</NextPartNumberMarker>\n" + tail("2", "true"),
		"&max-parts=1&part-number-marker=7":        head("", "a b", "7") + last + tail("1", "false"),
		"&max-parts=&part-number-marker=10000":     head("", "a b", "10000") + tail("1000", "false"),
		"&max-parts=0":                             head("", "a b", "0") + tail("0", "false"),
		"&part-number-marker=&encoding-type=":      head("", "a b", "0") + two + seven + last + tail("1000", "false"),
		"&PART-NUMBER-MARKER=2&Max-Parts=1":        head("", "a b", "2") + seven + "<NextPartNumberMarker>7</NextPartNumberMarker>\n" + tail("1", "true"),
		"&part-number-marker=99999&max-parts=1000": head("", "a b", "99999") + tail("1000", "false"),
	} {
		got := c.do(t, call{method: "GET", key: "a b", query: "uploadId=" + id + query}).want(t, 200, "")
		if diff := cmp.Diff(lines(want), lines(string(got.body))); diff != "" {
			t.Errorf("list of parts with %q (-want +got):\n%s", query, diff)
		}
	}
	for _, query := range []string{"&max-parts=1001", "&max-parts=-1", "&max-parts=x", "&part-number-marker=-1", "&part-number-marker=x", "&encoding-type=base64"} {
		c.do(t, call{method: "GET", key: "a b", query: "uploadId=" + id + query}).want(t, 400, "InvalidArgument")
	}
	c.do(t, call{method: "GET", key: "a b", query: "uploadId=absent"}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "GET", key: "a b", query: "uploadId="}).want(t, 404, "NoSuchUpload")
	c.do(t, call{method: "GET", key: "other", query: "uploadId=" + id}).want(t, 404, "NoSuchUpload")
}

func TestUploadsAreListedByKey(t *testing.T) {
	c := open(t, func(o *embedded.Options) { o.Clock = at(1573095863) })
	first, second := c.initiate(t, "b c"), c.initiate(t, "b c")
	if first > second { // the clock stands still
		first, second = second, first
	}
	low := c.initiate(t, "a/1")
	c.initiate(t, "a/2")
	upload := func(key, id, class string) string {
		return "<Upload>\n<Key>" + key + "</Key>\n<UploadId>" + id + "</UploadId>\n<Initiator>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Initiator>\n" +
			"<Owner>\n<ID>1250000000</ID>\n<DisplayName>1250000000</DisplayName>\n</Owner>\n<StorageClass>" + class + "</StorageClass>\n<Initiated>2019-11-07T03:04:23.000Z</Initiated>\n</Upload>\n"
	}
	result := func(inner ...string) string {
		return "<ListMultipartUploadsResult>\n<Bucket>" + testBucket + "</Bucket>\n" + strings.Join(inner, "") + "</ListMultipartUploadsResult>"
	}
	for query, want := range map[string]string{
		"&prefix=b": result("<Encoding-Type></Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n<MaxUploads>1000</MaxUploads>\n<IsTruncated>false</IsTruncated>\n<Prefix>b</Prefix>\n<Delimiter></Delimiter>\n",
			upload("b c", first, "STANDARD"), upload("b c", second, "STANDARD")),
		"&delimiter=%2F&max-uploads=2&encoding-type=url": result("<Encoding-Type>url</Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n",
			"<NextKeyMarker>b%20c</NextKeyMarker>\n<NextUploadIdMarker>"+first+"</NextUploadIdMarker>\n<MaxUploads>2</MaxUploads>\n<IsTruncated>true</IsTruncated>\n<Prefix></Prefix>\n<Delimiter>%2F</Delimiter>\n",
			upload("b%20c", first, "STANDARD"), "<CommonPrefixes>\n<Prefix>a%2F</Prefix>\n</CommonPrefixes>\n"),
		"&delimiter=%2F&key-marker=b+c&upload-id-marker=" + first: result("<Encoding-Type></Encoding-Type>\n<KeyMarker>b c</KeyMarker>\n<UploadIdMarker>"+first+"</UploadIdMarker>\n",
			"<MaxUploads>1000</MaxUploads>\n<IsTruncated>false</IsTruncated>\n<Prefix></Prefix>\n<Delimiter>/</Delimiter>\n", upload("b c", second, "STANDARD")),
		"&prefix=a%2F&max-uploads=1": result("<Encoding-Type></Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n",
			"<NextKeyMarker>a/1</NextKeyMarker>\n<NextUploadIdMarker>"+low+"</NextUploadIdMarker>\n<MaxUploads>1</MaxUploads>\n<IsTruncated>true</IsTruncated>\n<Prefix>a/</Prefix>\n<Delimiter></Delimiter>\n", upload("a/1", low, "STANDARD")),
		"&max-uploads=0": result("<Encoding-Type></Encoding-Type>\n<KeyMarker></KeyMarker>\n<UploadIdMarker></UploadIdMarker>\n",
			"<MaxUploads>0</MaxUploads>\n<IsTruncated>false</IsTruncated>\n<Prefix></Prefix>\n<Delimiter></Delimiter>\n"),
	} {
		got := c.do(t, call{method: "GET", query: "uploads" + query}).want(t, 200, "")
		if diff := cmp.Diff(lines(want), lines(string(got.body))); diff != "" {
			t.Errorf("list of uploads with %q (-want +got):\n%s", query, diff)
		}
	}
	for query, code := range map[string]string{
		"max-uploads=1001": "InvalidArgument", "max-uploads=x": "InvalidArgument", "encoding-type=x": "InvalidArgument", "prefix=%FF": "InvalidArgument",
		"delimiter=ab": "InvalidDelimiter", "key-marker=" + strings.Repeat("x", 1025): "InvalidURI", "upload-id-marker=" + strings.Repeat("x", 1025): "InvalidURI",
	} {
		c.do(t, call{method: "GET", query: "uploads&" + query}).want(t, 400, code)
	}
	c.do(t, call{method: "GET", query: "uploads&marker=x"}).want(t, 501, "NotImplemented")
}
