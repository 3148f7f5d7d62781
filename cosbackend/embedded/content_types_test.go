package embedded_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// The type of content comes from the suffix of the key when a write says none, whichever
// operation it is (E172).
func TestContentTypeComesFromTheSuffix(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	upload := func(key string, header map[string]string) {
		id := between(string(c.do(t, call{method: "POST", key: key, query: "uploads", header: header}).want(t, 200, "").body), "<UploadId>", "</UploadId>")
		tag := c.do(t, call{method: "PUT", key: key, query: "partNumber=1&uploadId=" + id, body: []byte("x")}).want(t, 200, "").Header.Get("ETag")
		body := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + tag + "</ETag></Part></CompleteMultipartUpload>"
		c.do(t, call{method: "POST", key: key, query: "uploadId=" + id, body: []byte(body)}).want(t, 200, "")
	}
	writes := map[string]func(key string, header map[string]string){
		"PutObject": func(key string, header map[string]string) {
			c.do(t, call{method: "PUT", key: key, body: []byte("x"), header: header}).want(t, 200, "")
		},
		"AppendObject": func(key string, header map[string]string) {
			c.do(t, call{method: "POST", key: key, query: "append&position=0", body: []byte("x"), header: header}).want(t, 200, "")
		},
		"InitiateMultipartUpload": upload,
		"PostObject": func(key string, header map[string]string) {
			fields := []string{"key", key}
			for name, value := range header {
				fields = append(fields, name, value)
			}
			c.post(t, formUpload{fields: fields, file: "x"}).want(t, 204, "")
		},
		"CopyObject": func(key string, header map[string]string) {
			all := map[string]string{"x-cos-copy-source": testHost + "/source.css", "x-cos-metadata-directive": "Replaced"}
			maps.Copy(all, header)
			c.do(t, call{method: "PUT", key: key, header: all}).want(t, 200, "")
		},
	}
	c.put(t, "source.css", "x")
	for operation, write := range writes {
		for name, want := range map[string]string{
			"1.zip": "application/zip", "1.txt": "text/plain", "a/B.JPG": "image/jpeg", "x.tar.gz": "application/gzip", "video.mp4": "video/mp4",
			"noun": "application/octet-stream", "1.unheard-of": "application/octet-stream", "a.zip/b": "application/octet-stream", "end.": "application/octet-stream", "中文.html": "text/html",
		} {
			key := operation + "/" + name
			write(key, nil)
			if got := c.do(t, call{method: "HEAD", key: key}).want(t, 200, "").Header.Values("Content-Type"); !slices.Equal(got, []string{want}) {
				t.Errorf("%s of %s has the types %q, want %q", operation, name, got, want)
			}
			key = operation + "/said/" + name
			write(key, map[string]string{"Content-Type": "text/x-said"})
			if got := c.do(t, call{method: "GET", key: key}).want(t, 200, "").Header.Get("Content-Type"); got != "text/x-said" {
				t.Errorf("%s of %s as text/x-said has the type %q", operation, name, got)
			}
		}
	}
	c.do(t, call{method: "PUT", key: "copy.txt", header: map[string]string{"x-cos-copy-source": testHost + "/source.css"}}).want(t, 200, "")
	if got := c.do(t, call{method: "HEAD", key: "copy.txt"}).Header.Get("Content-Type"); got != "text/css" {
		t.Errorf("a copy has the type %q, want that of its source, text/css", got)
	}
}

func TestContentTypesAreMediaTypes(t *testing.T) {
	t.Parallel()
	types := embedded.ContentTypes()
	if len(types) < 100 {
		t.Errorf("there are %d suffixes", len(types))
	}
	for suffix, kind := range types {
		if major, minor, ok := strings.Cut(kind, "/"); !ok || major == "" || minor == "" || strings.ContainsAny(kind, " ;") || suffix != strings.ToLower(suffix) || strings.Contains(suffix, "/") {
			t.Errorf("the suffix %q has the type %q", suffix, kind)
		}
	}
}
