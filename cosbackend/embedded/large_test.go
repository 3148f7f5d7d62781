package embedded_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// An object above 5 GB is made of references to one body, so it costs no space.
func TestMultipartMakesAndCopiesObjectsAbove5GB(t *testing.T) {
	t.Parallel()
	c := open(t)
	const piece, pieces = 8 << 20, 641
	c.put(t, "piece", strings.Repeat("0123456789abcdef", piece/16))
	id := c.initiate(t, "large")
	var named strings.Builder
	for n := 1; n <= pieces; n++ {
		a := c.copyPart(t, "large", id, n, testHost+"/piece").want(t, 200, "")
		named.WriteString("<Part><PartNumber>" + strconv.Itoa(n) + "</PartNumber><ETag>" + between(string(a.body), "<ETag>", "</ETag>") + "</ETag></Part>")
	}
	body := []byte("<CompleteMultipartUpload>" + named.String() + "</CompleteMultipartUpload>")
	c.do(t, call{method: "POST", key: "large", query: "uploadId=" + id, body: body}).want(t, 200, "")
	if h := c.do(t, call{method: "HEAD", key: "large"}).want(t, 200, "").Header; h.Get("Content-Length") != strconv.Itoa(piece*pieces) || !strings.HasSuffix(h.Get("ETag"), `-641"`) {
		t.Errorf("HEAD = %v", h)
	}
	last := c.do(t, call{method: "GET", key: "large", header: map[string]string{"Range": "bytes=-17"}}).want(t, 206, "")
	if string(last.body) != "f0123456789abcdef" {
		t.Errorf("the last bytes = %q", last.body)
	}
	c.copy(t, "to", testHost+"/large").want(t, 400, "EntityTooLarge")
	id = c.initiate(t, "to")
	c.copyPart(t, "to", id, 1, testHost+"/large").want(t, 400, "EntityTooLarge")
	c.copyPart(t, "to", id, 1, testHost+"/large", "x-cos-copy-source-range", "bytes=5377097712-5377097727").want(t, 200, "")
	c.complete(t, "to", id, map[int]string{1: "0123456789abcdef"}).want(t, 200, "")
}

func TestMultipartUploadSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := func(o *embedded.Options) { o.Dir, o.MinPartSize = dir, 4 }
	c := open(t, options)
	id, parts := c.twoParts(t)
	c.append(t, "log", 0, "one").want(t, 200, "")
	if err := c.server.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, options)
	c.complete(t, "k", id, parts).want(t, 200, "")
	c.append(t, "log", 3, "two").want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "begin end" {
		t.Errorf("GET = %q", got.body)
	}
	if got := c.do(t, call{method: "GET", key: "log"}).want(t, 200, ""); string(got.body) != "onetwo" {
		t.Errorf("GET = %q", got.body)
	}
}
