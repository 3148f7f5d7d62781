package backendtest

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

// Each check needs Presigned, which presignedChecks adds.
func presignedChecks() []check {
	checks := []check{
		{"PresignURL stores, reads, describes and deletes", "A070", presignedUse, nil},
		{"PresignURL allows no other key, method or header", "A070", presignedBounds, nil},
		{"PresignURL cannot be given a source, an ACL, a version or another subresource", "A092", presignedAdditions, nil},
		{"PresignURL can replace headers of the response", "A070", presignedResponse, nil},
		{"PresignURL expires", "A070", presignedEnd, nil},
		{"PostObject uploads what its policy allows", "A071", formUpload, nil},
		{"PostObject uploads nothing else", "A071", formBounds, nil},
		{"PostObject can respond with a document", "E107", formDocument, nil},
	}
	for i := range checks {
		checks[i].needs = append(checks[i].needs, Presigned)
	}
	return checks
}

// A plainResponse is a response with a body that was read and closed.
type plainResponse struct {
	StatusCode int
	Header     http.Header
}

// plain makes a request without signing it.
func (s scope) plain(t *testing.T, method, url string, header map[string]string, content []byte) (plainResponse, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := s.HTTP.Do(r)
	if err != nil {
		t.Fatalf("%s a presigned URL failed: %T", method, err) // its text has the URL
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s a presigned URL: read the response: %v", method, err)
	}
	return plainResponse{resp.StatusCode, resp.Header}, string(text)
}

func (s scope) presign(t *testing.T, key string, o cosbackend.PresignOptions) cosbackend.PresignedURL {
	t.Helper()
	if o.Lifetime == 0 {
		o.Lifetime = 10 * time.Minute
	}
	u, err := s.Client.PresignURL(t.Context(), s.location(), key, o)
	if err != nil {
		t.Fatalf("PresignURL(%q) = %v", key, err)
	}
	return u
}

func wantResponse(t *testing.T, what string, resp plainResponse, text string, status int, code string) {
	t.Helper()
	if resp.StatusCode != status || code != "" && !strings.Contains(text, "<Code>"+code+"</Code>") {
		t.Errorf("%s = %d %.300s, want %d %s", what, resp.StatusCode, text, status, code)
	}
}

func presignedUse(t *testing.T, s scope) {
	key := s.key("a b/中+&=.txt")
	content := pattern(900, 1000)
	put := s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodPut, Headers: map[string]string{"content-type": "text/x-own", "x-cos-meta-a": "1"}})
	resp, text := s.plain(t, http.MethodPut, put.URL, put.Headers, content)
	wantResponse(t, "PUT", resp, text, 200, "")
	if info := s.head(t, key); info.ContentType != "text/x-own" || info.Metadata["a"] != "1" || info.CRC64 != crcOf(content) {
		t.Errorf("HeadObject = %+v, want what was bound and sent", info)
	}
	resp, text = s.plain(t, http.MethodGet, s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodGet}).URL, nil, nil)
	if wantResponse(t, "GET", resp, text, 200, ""); text != string(content) {
		t.Errorf("GET has %d bytes, want the %d that were stored", len(text), len(content))
	}
	resp, text = s.plain(t, http.MethodHead, s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodHead}).URL, nil, nil)
	wantResponse(t, "HEAD", resp, text, 200, "")
	resp, text = s.plain(t, http.MethodDelete, s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodDelete}).URL, nil, nil)
	wantResponse(t, "DELETE", resp, text, 204, "")
	s.wantAbsent(t, key)
}

func presignedBounds(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	s.put(t, s.key("x"), []byte("text"))
	get := s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodGet})
	resp, text := s.plain(t, http.MethodGet, strings.Replace(get.URL, "/k?", "/x?", 1), nil, nil)
	wantResponse(t, "GET of another key", resp, text, 403, "SignatureDoesNotMatch")
	resp, text = s.plain(t, http.MethodDelete, get.URL, nil, nil)
	wantResponse(t, "DELETE with a URL to read", resp, text, 403, "SignatureDoesNotMatch")
	put := s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodPut, Headers: map[string]string{"content-type": "text/plain"}})
	resp, text = s.plain(t, http.MethodPut, put.URL, map[string]string{"content-type": "text/html"}, []byte("new"))
	wantResponse(t, "PUT of another type", resp, text, 403, "SignatureDoesNotMatch")
	if _, got := s.get(t, key, cosbackend.ReadOptions{}); string(got) != "text" {
		t.Errorf("after all this the object is %q, want text", got)
	}
}

// A narrowed URL is refused with what its user adds, although the signature does not cover
// that.
func presignedAdditions(t *testing.T, s scope) {
	if !s.Client.SignsNarrowed() {
		t.Skip("skipped: the target signs with its own keys, since its credentials are temporary")
	}
	key, secret := s.key("mine"), s.key("secret")
	s.put(t, key, []byte("mine"))
	s.put(t, secret, []byte("secret"))
	source := s.Bucket + ".cos." + s.Client.Region() + ".myqcloud.com/" + secret
	urls := make(map[string]string)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		urls[method] = s.presign(t, key, cosbackend.PresignOptions{Method: method}).URL
	}
	for _, tt := range []struct {
		name, method, query string
		header              map[string]string
	}{
		{"a source", http.MethodPut, "", map[string]string{"x-cos-copy-source": source}},
		{"an ACL", http.MethodPut, "", map[string]string{"x-cos-acl": "public-read"}},
		{"?acl", http.MethodPut, "&acl", map[string]string{"x-cos-acl": "public-read"}},
		{"?tagging", http.MethodGet, "&tagging", nil},
		{"?acl of a GET", http.MethodGet, "&acl", nil},
		{"a version to read", http.MethodGet, "&versionId=null", nil},
		{"a version to delete", http.MethodDelete, "&versionId=null", nil},
		{"another type", http.MethodGet, "&response-content-type=text%2Fhtml", nil},
	} {
		resp, text := s.plain(t, tt.method, urls[tt.method]+tt.query, tt.header, nil)
		wantResponse(t, tt.name, resp, text, http.StatusForbidden, "AccessDenied")
	}
	if _, got := s.get(t, key, cosbackend.ReadOptions{}); string(got) != "mine" {
		t.Errorf("after all this the object is %q, want mine", got)
	}
}

func presignedResponse(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	get := s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodGet, Response: cosbackend.Attributes{ContentDisposition: `attachment; filename="a;b"`}})
	resp, text := s.plain(t, http.MethodGet, get.URL, nil, nil)
	if wantResponse(t, "GET", resp, text, 200, ""); resp.Header.Get("Content-Disposition") != `attachment; filename="a;b"` {
		t.Errorf("Content-Disposition = %q, want the one of the URL", resp.Header.Get("Content-Disposition"))
	}
}

// The shortest URL is asked for until it has ended; how exact the clocks are is not
// the point.
func presignedEnd(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	get := s.presign(t, key, cosbackend.PresignOptions{Method: http.MethodGet, Lifetime: time.Second})
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		resp, text := s.plain(t, http.MethodGet, get.URL, nil, nil)
		if resp.StatusCode != http.StatusOK {
			wantResponse(t, "GET after the end", resp, text, 403, "AccessDenied")
			return
		}
		select {
		case <-again.C:
		case <-patience.C:
			t.Fatal("a URL for one second is good after thirty")
		}
	}
}

// submit sends a form as a browser does.
func (s scope) submit(t *testing.T, f cosbackend.PostForm, change map[string]string, filename string, content []byte) (plainResponse, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body) // to memory: its writes cannot fail
	for _, field := range f.Fields {
		value := field.Value
		if other, ok := change[field.Name]; ok {
			value = other
		}
		_ = w.WriteField(field.Name, value)
	}
	file, err := w.CreateFormFile("file", filename)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write(content)
	_ = w.Close()
	return s.plain(t, http.MethodPost, f.URL, map[string]string{"Content-Type": w.FormDataContentType()}, body.Bytes())
}

func (s scope) form(t *testing.T, o cosbackend.PostPolicyOptions) cosbackend.PostForm {
	t.Helper()
	o.Key, o.AnyKey, o.Lifetime = s.prefix+o.Key, true, 10*time.Minute
	f, err := s.Client.CreatePostPolicy(t.Context(), s.location(), o)
	if err != nil {
		t.Fatalf("CreatePostPolicy = %v", err)
	}
	return f
}

func formUpload(t *testing.T, s scope) {
	content := pattern(901, 300_000)
	f := s.form(t, cosbackend.PostPolicyOptions{
		MinSize: 1, MaxSize: 1 << 20,
		Attributes: cosbackend.Attributes{ContentType: "image/x-own", CacheControl: "no-cache", Metadata: map[string]string{"a": "1"}},
	})
	resp, text := s.submit(t, f, nil, "photo.jpg", content)
	wantResponse(t, "POST", resp, text, 204, "")
	object, got := s.get(t, s.key("photo.jpg"), cosbackend.ReadOptions{})
	if !bytes.Equal(got, content) || object.ContentType != "image/x-own" || object.CacheControl != "no-cache" || object.Metadata["a"] != "1" {
		t.Errorf("GetObject = %d bytes, %+v, want the file and what the policy fixed", len(got), object.Attributes)
	}
}

func formBounds(t *testing.T, s scope) {
	f := s.form(t, cosbackend.PostPolicyOptions{Key: "up/", MinSize: 2, MaxSize: 4, Attributes: cosbackend.Attributes{ContentType: "text/plain"}})
	for _, tt := range []struct {
		name   string
		change map[string]string
		file   string
		status int
		code   string
	}{
		{"another key", map[string]string{"key": s.key("other")}, "four", 403, "AccessDenied"},
		{"another type", map[string]string{"Content-Type": "text/html"}, "four", 403, "AccessDenied"},
		{"another ACL", map[string]string{"acl": "public-read"}, "four", 403, "AccessDenied"},
		{"another signature", map[string]string{"q-signature": strings.Repeat("0", 40)}, "four", 403, "SignatureDoesNotMatch"},
		{"too large", nil, "fives", 400, "EntityTooLarge"},
		{"too small", nil, "1", 400, "EntityTooSmall"},
	} {
		resp, text := s.submit(t, f, tt.change, "k", []byte(tt.file))
		wantResponse(t, tt.name, resp, text, tt.status, tt.code)
	}
	s.wantAbsent(t, s.key("up/k"))
	s.wantAbsent(t, s.key("other"))
}

func formDocument(t *testing.T, s scope) {
	resp, text := s.submit(t, s.form(t, cosbackend.PostPolicyOptions{SuccessStatus: 201}), nil, "k", []byte("text"))
	if wantResponse(t, "POST", resp, text, 201, ""); !strings.Contains(text, "<Key>"+s.key("k")+"</Key>") || !strings.Contains(text, "<Bucket>"+s.Bucket+"</Bucket>") {
		t.Errorf("the document is %.300s, want bucket and key in it", text)
	}
}
