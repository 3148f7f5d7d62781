package embedded_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const (
	sse      = "x-cos-server-side-encryption"
	customer = sse + "-customer-"
	source   = "x-cos-copy-source-server-side-encryption-customer-"
)

// customerKey are the headers of a client's own key.
func customerKey(prefix string, seed byte) []string {
	key := bytes.Repeat([]byte{seed}, 32)
	sum := md5.Sum(key)
	return []string{
		prefix + "algorithm", "AES256", prefix + "key", base64.StdEncoding.EncodeToString(key),
		prefix + "key-MD5", base64.StdEncoding.EncodeToString(sum[:]),
	}
}

func (a response) wantHeaders(t testing.TB, pairs ...string) response {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := a.Header.Get(pairs[i]); got != pairs[i+1] {
			t.Errorf("%s %s: %s = %q, want %q", a.Request.Method, a.Request.URL, pairs[i], got, pairs[i+1])
		}
	}
	return a
}

func (a response) etag() string { return a.Header.Get("ETag") }

// TestPutObjectReturnsItsEncryption holds E156.
func TestPutObjectReturnsItsEncryption(t *testing.T) {
	t.Parallel()
	c := openForms(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	const keyID, context = sse + "-cos-kms-key-id", sse + "-context"
	own := customerKey(customer, 1)
	for name, tt := range map[string]struct{ send, want []string }{
		"cos": {[]string{sse, "AES256"}, []string{sse, "AES256", keyID, "", context, ""}},
		"kms": {
			[]string{sse, "cos/kms", keyID, "key-1", context, "eyJhIjoiYiJ9"},
			[]string{sse, "cos/kms", keyID, "key-1", context, ""},
		},
		"kms without a key": {
			[]string{sse, "cos/kms"},
			[]string{sse, "cos/kms", keyID, "00000000-0000-4000-8000-000000000000", context, ""},
		},
		"own": {own, []string{customer + "algorithm", "AES256", customer + "key-MD5", own[5], customer + "key", "", sse, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			c.put(t, name, "plain", tt.send...).wantHeaders(t, tt.want...)
			read, from := map[string]string{}, []string{}
			if name == "own" {
				read, from = headers(own), customerKey(source, 1)
			}
			look := func(key string) {
				t.Helper()
				for _, method := range []string{"GET", "HEAD"} {
					c.do(t, call{method: method, key: key, header: read}).want(t, 200, "").wantHeaders(t, tt.want...)
				}
			}
			look(name)
			c.copy(t, name+" copy", testHost+"/"+escape(name), append(from, tt.send...)...).want(t, 200, "").wantHeaders(t, tt.want...)
			look(name + " copy")
			c.post(t, formUpload{fields: append([]string{"key", name + " form"}, tt.send...), file: "form"}).want(t, 204, "").wantHeaders(t, tt.want...)
			look(name + " form")
			key := name + " parts"
			begun := c.do(t, call{method: "POST", key: key, query: "uploads", header: headers(tt.send), body: []byte{}}).want(t, 200, "").wantHeaders(t, tt.want...)
			id := between(string(begun.body), "<UploadId>", "</UploadId>")
			c.copyPart(t, key, id, 1, testHost+"/"+escape(name), append(from, pairsOf(read)...)...).want(t, 200, "").wantHeaders(t, tt.want...)
			part := c.do(t, call{method: "PUT", key: key, query: partQuery(1, id), body: []byte("x"), header: read}).want(t, 200, "").wantHeaders(t, tt.want...)
			c.do(t, completeWith(key, id, []string{"1", part.etag()})).want(t, 200, "").wantHeaders(t, tt.want...)
			look(key)
			c.copy(t, name+" copy", testHost+"/"+escape(name), from...).want(t, 200, "").wantHeaders(t, sse, "", customer+"algorithm", "")
			c.do(t, call{method: "HEAD", key: name + " copy"}).want(t, 200, "").wantHeaders(t, sse, "", keyID, "", customer+"algorithm", "")
		})
	}
}

func pairsOf(header map[string]string) (pairs []string) {
	for name, value := range header {
		pairs = append(pairs, name, value)
	}
	return pairs
}

// TestPutObjectETagDependsOnItsEncryption holds E064.
func TestPutObjectETagDependsOnItsEncryption(t *testing.T) {
	t.Parallel()
	c := openForms(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	own, other := customerKey(customer, 1), customerKey(customer, 2)
	kms := []string{sse, "cos/kms"}
	md5Of := etagOf("content")

	plain := c.put(t, "plain", "content", sse, "AES256").etag()
	ownTag, otherTag := c.put(t, "own", "content", own...).etag(), c.put(t, "other", "content", other...).etag()
	first, second := c.put(t, "kms", "content", kms...).etag(), c.put(t, "kms2", "content", kms...).etag()
	if all := []string{plain, ownTag, otherTag, first, second}; plain != md5Of || len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Errorf("ETags of the same content = %s, want the MD5 %s first and then others", all, md5Of)
	}
	if again := c.put(t, "own", "content", own...).etag(); again != ownTag {
		t.Errorf("ETags with one key = %s and %s", ownTag, again)
	}
	form := c.post(t, formUpload{fields: append([]string{"key", "form"}, own...), file: "content"}).want(t, 204, "")
	if form.etag() != ownTag {
		t.Errorf("ETag of a form with the key = %s, want %s", form.etag(), ownTag)
	}
	for key, tt := range map[string]struct {
		header []string
		etag   string
	}{"own": {own, ownTag}, "kms": {nil, first}} {
		for _, method := range []string{"GET", "HEAD"} {
			c.do(t, call{method: method, key: key, header: headers(tt.header)}).want(t, 200, "").wantHeaders(t, "ETag", tt.etag)
		}
		if listed := c.list(t, "max-keys=1&prefix="+key).Contents; listed[0].ETag != tt.etag {
			t.Errorf("%s is listed with the ETag %s, want %s", key, listed[0].ETag, tt.etag)
		}
	}

	copied := func(from string, header ...string) string {
		t.Helper()
		got := c.copy(t, "copy", testHost+"/"+from, header...).want(t, 200, "")
		return between(string(got.body), "<ETag>", "</ETag>")
	}
	ownSource := customerKey(source, 1)
	for name, got := range map[string]string{
		"kms to plain": copied("kms"), "own to plain": copied("own", ownSource...), "kms to SSE-COS": copied("kms", sse, "AES256"), "plain": copied("plain"),
	} {
		if got != md5Of {
			t.Errorf("ETag of a copy, %s = %s, want the MD5 %s", name, got, md5Of)
		}
	}
	if got := copied("plain", own...); got != ownTag {
		t.Errorf("ETag of a copy with a key = %s, want %s", got, ownTag)
	}
	if got := copied("own", append(ownSource, other...)...); got != otherTag {
		t.Errorf("ETag of a copy with another key = %s, want %s", got, otherTag)
	}
	if one, two := copied("kms", kms...), copied("kms", kms...); one == two || one == first {
		t.Errorf("ETags of copies with KMS = %s, %s, of their source %s", one, two, first)
	}
}

// TestUploadPartETagDependsOnItsEncryption holds E064.
func TestUploadPartETagDependsOnItsEncryption(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	c.put(t, "plain", "0123456789")
	c.put(t, "kms", "0123456789", sse, "cos/kms")
	for name, tt := range map[string]struct {
		begin, send []string
		same        bool // the same part has the same ETag again
	}{
		"own": {customerKey(customer, 1), customerKey(customer, 1), true},
		"kms": {[]string{sse, "cos/kms"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			id := c.initiate(t, name, tt.begin...)
			part := func(number int, body string) string {
				return c.do(t, call{method: "PUT", key: name, query: partQuery(number, id), body: []byte(body), header: headers(tt.send)}).want(t, 200, "").etag()
			}
			copyPart := func(number int, from, span string) string {
				header := append([]string{"x-cos-copy-source-range", span}, tt.send...)
				got := c.copyPart(t, name, id, number, testHost+"/"+from, header...).want(t, 200, "")
				return between(string(got.body), "<ETag>", "</ETag>")
			}
			one, again := part(1, "0123456789"), part(1, "0123456789")
			if one == etagOf("0123456789") || (one == again) != tt.same {
				t.Errorf("ETags of one part = %s, %s", one, again)
			}
			two := copyPart(2, "plain", "bytes=0-9")
			if (two == one) != tt.same || two == etagOf("0123456789") || copyPart(2, "kms", "bytes=0-9") == two != tt.same {
				t.Errorf("ETag of a copied part = %s, of the same bytes %s", two, one)
			}
			three := copyPart(3, "kms", "bytes=2-3")
			if three == etagOf("23") || (three == part(3, "23")) != tt.same {
				t.Errorf("ETag of a part of a range = %s", three)
			}
			two, three = copyPart(2, "plain", "bytes=0-9"), copyPart(3, "kms", "bytes=2-3")
			c.do(t, completeWith(name, id, []string{"1", etagOf("0123456789"), "2", two, "3", three})).want(t, 400, "InvalidPart")
			listed := string(c.do(t, call{method: "GET", key: name, query: "uploadId=" + id}).want(t, 200, "").body)
			if !strings.Contains(listed, again) || !strings.Contains(listed, two) || !strings.Contains(listed, three) {
				t.Errorf("ListParts = %s, want the ETags %s, %s and %s", listed, again, two, three)
			}
			done := c.do(t, completeWith(name, id, []string{"1", again, "2", two, "3", three})).want(t, 200, "")
			got := c.do(t, call{method: "GET", key: name, header: headers(tt.send)}).want(t, 200, "")
			if !isETagOfParts(got.etag(), 3) || !strings.Contains(string(done.body), got.etag()) || string(got.body) != "0123456789012345678923" {
				t.Errorf("GET = %q with the ETag %s, Complete = %s", got.body, got.etag(), done.body)
			}
		})
	}
}

// TestPutObjectRefusesInvalidEncryption holds E063.
func TestPutObjectRefusesInvalidEncryption(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "old")
	own := headers(customerKey(customer, 1))
	with := func(name, value string) map[string]string {
		h := headers(customerKey(customer, 1))
		h[name] = value
		return h
	}
	for name, tt := range map[string]struct {
		header map[string]string
		code   string
	}{
		"algorithm":          {map[string]string{sse: "AES128"}, "SSEContentNotSupported"},
		"kms key alone":      {map[string]string{sse + "-cos-kms-key-id": "k"}, "InvalidArgument"},
		"kms key with AES":   {map[string]string{sse: "AES256", sse + "-cos-kms-key-id": "k"}, "InvalidArgument"},
		"context":            {map[string]string{sse: "cos/kms", sse + "-context": "{}"}, "InvalidArgument"},
		"two kinds":          {with(sse, "AES256"), "InvalidArgument"},
		"customer algorithm": {with(customer+"algorithm", "AES128"), "InvalidArgument"},
		"key not base64":     {with(customer+"key", "!"), "InvalidArgument"},
		"key too short":      {with(customer+"key", "AAAA"), "InvalidArgument"},
		"MD5 of another key": {with(customer+"key-MD5", customerKey(customer, 2)[5]), "InvalidArgument"},
		"no MD5":             {map[string]string{customer + "algorithm": "AES256", customer + "key": own[customer+"key"]}, "InvalidArgument"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.do(t, call{method: "PUT", key: "k", body: []byte("new"), header: tt.header}).want(t, 400, tt.code)
			if key := tt.header[customer+"key"]; len(key) > 4 && bytes.Contains(got.body, []byte(key)) {
				t.Errorf("the response contains the key: %s", got.body)
			}
		})
	}
	if got := c.do(t, call{method: "GET", key: "k"}); string(got.body) != "old" {
		t.Errorf("GET = %q, want old", got.body)
	}
	id := c.initiate(t, "parts")
	c.do(t, call{method: "PUT", key: "parts", query: partQuery(1, id), body: []byte("x"), header: map[string]string{sse: "AES256"}}).want(t, 400, "SSEHeaderNotAllowed")
}

// TestCustomerKeyIsNeededForEveryAccess holds E063.
func TestCustomerKeyIsNeededForEveryAccess(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	own, other := customerKey(customer, 1), customerKey(customer, 2)
	told := []string{customer + "algorithm", "AES256", customer + "key-MD5", own[5], customer + "key", "", sse, ""}
	c.put(t, "k", "secret", own...).wantHeaders(t, told...)
	c.put(t, "plain", "open")
	for _, method := range []string{"GET", "HEAD"} {
		ask := func(key string, header []string) response {
			return c.do(t, call{method: method, key: key, header: headers(header)})
		}
		ask("k", own).want(t, 200, "").wantHeaders(t, told...)
		code := map[string]string{"GET": "SsecDecryptHeaderInvalid"}[method]
		ask("k", nil).want(t, 400, code)
		ask("k", other).want(t, 400, code)
		ask("k", own[:4]).want(t, 400, code)
		ask("plain", own).want(t, 400, code)
	}
	from := customerKey(source, 1)
	for name, header := range map[string][]string{"no key": nil, "another key": customerKey(source, 2), "the key as that of the target": own} {
		t.Run(name, func(t *testing.T) { c.copy(t, "to", testHost+"/k", header...).want(t, 400, "SsecDecryptHeaderInvalid") })
	}
	c.copy(t, "to", testHost+"/k", from...).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "to"}).want(t, 200, ""); string(got.body) != "secret" {
		t.Errorf("a copy without encryption = %q, want secret", got.body)
	}
	c.copy(t, "to", testHost+"/k", append(from, other...)...).want(t, 200, "")
	c.do(t, call{method: "GET", key: "to"}).want(t, 400, "SsecDecryptHeaderInvalid")
	c.do(t, call{method: "GET", key: "to", header: headers(other)}).want(t, 200, "")
	c.copy(t, "to", testHost+"/plain", from...).want(t, 400, "SsecDecryptHeaderInvalid")

	id := c.initiate(t, "parts", own...)
	part := func(header []string) response {
		return c.do(t, call{method: "PUT", key: "parts", query: partQuery(1, id), body: []byte("x"), header: headers(header)})
	}
	part(nil).want(t, 400, "SsecDecryptHeaderInvalid")
	part(other).want(t, 400, "SsecDecryptHeaderInvalid")
	first := part(own).want(t, 200, "").wantHeaders(t, told...).etag()
	c.copyPart(t, "parts", id, 2, testHost+"/k", from...).want(t, 400, "SsecDecryptHeaderInvalid")
	c.copyPart(t, "parts", id, 2, testHost+"/k", own...).want(t, 400, "SsecDecryptHeaderInvalid")
	second := c.copyPart(t, "parts", id, 2, testHost+"/k", append(from, own...)...).want(t, 200, "")
	c.do(t, completeWith("parts", id, []string{"1", first, "2", between(string(second.body), "<ETag>", "</ETag>")})).want(t, 200, "").wantHeaders(t, told...)
	c.do(t, call{method: "GET", key: "parts"}).want(t, 400, "SsecDecryptHeaderInvalid")
	if got := c.do(t, call{method: "GET", key: "parts", header: headers(own)}).want(t, 200, ""); string(got.body) != "xsecret" {
		t.Errorf("GET = %q, want xsecret", got.body)
	}
}

func TestGetObjectUnsignedCannotReadWhatAKeyEncrypts(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "cos", "x", "x-cos-acl", "public-read", sse, "AES256")
	c.put(t, "kms", "x", "x-cos-acl", "public-read", sse, "cos/kms")
	c.put(t, "own", "x", append(customerKey(customer, 1), "x-cos-acl", "public-read")...)
	c.do(t, call{method: "GET", key: "cos", unsigned: true}).want(t, 200, "")
	c.do(t, call{method: "GET", key: "kms", unsigned: true}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "GET", key: "own", unsigned: true, header: headers(customerKey(customer, 1))}).want(t, 403, "AccessDenied")
}

// A customer key is nowhere: not in the data folder, not in the journal, and not in the
// response that shows what was signed.
func TestCustomerKeyIsNotStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, func(o *embedded.Options) { o.Dir = dir })
	own := headers(customerKey(customer, 7))
	c.put(t, "k", "x", customerKey(customer, 7)...)
	c.do(t, call{method: "POST", key: "parts", query: "uploads", header: own, body: []byte{}}).want(t, 200, "")
	r := c.request(t, call{method: "GET", key: "k", header: own, unsigned: true})
	now := c.clock().Unix()
	r.Header.Set("Authorization", signature(r, embedded.Credential{SecretID: c.cred.SecretID, SecretKey: "another"}, now, now+60))
	got := c.send(t, r).want(t, 403, "SignatureDoesNotMatch")
	if !strings.Contains(got.err.FormatString, "customer-key=(hidden)") || !strings.Contains(got.err.FormatString, "customer-key-md5=") {
		t.Errorf("FormatString = %q, want it without the key", got.err.FormatString)
	}
	if err := c.server.Close(); err != nil {
		t.Fatal(err)
	}
	raw := bytes.Repeat([]byte{7}, 32)
	text := []byte(own[customer+"key"])
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, raw) || bytes.Contains(data, text) {
			t.Errorf("the key is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(got.body, text) || strings.Contains(got.err.FormatString, escape(string(text))) {
		t.Error("the key is in a response")
	}
	for _, e := range c.server.Journal().Entries() {
		if strings.Contains(e.Target, string(text)) {
			t.Errorf("the key is in the journal: %v", e)
		}
	}
}

func TestSDKEncryptsObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	k := customerKey("", 1)
	_, err := sdk.Object.Put(ctx, "k", strings.NewReader("secret"), &cos.ObjectPutOptions{ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{
		XCosSSECustomerAglo: "AES256", XCosSSECustomerKey: k[3], XCosSSECustomerKeyMD5: k[5],
	}})
	if err != nil {
		t.Fatalf("Put = %v", err)
	}
	if _, err := sdk.Object.Head(ctx, "k", &cos.ObjectHeadOptions{XCosSSECustomerAglo: "AES256", XCosSSECustomerKey: k[3], XCosSSECustomerKeyMD5: k[5]}); err != nil {
		t.Errorf("Head = %v", err)
	}
	if _, err := sdk.Object.Get(ctx, "k", nil); err == nil {
		t.Error("Get without the key works")
	} else if e, ok := cos.IsCOSError(err); !ok || e.Code != "SsecDecryptHeaderInvalid" {
		t.Errorf("Get without the key = %v, want SsecDecryptHeaderInvalid", err)
	}
	kms := &http.Header{sse + "-cos-kms-key-id": {"key-1"}}
	resp, err := sdk.Object.Put(ctx, "kms", strings.NewReader("x"), &cos.ObjectPutOptions{ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{
		XCosServerSideEncryption: "cos/kms", XOptionHeader: kms,
	}})
	if err != nil || resp.Header.Get(sse) != "cos/kms" {
		t.Errorf("Put with KMS = %v, %v", resp, err)
	}
}
