package embedded_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
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

func (a response) wantHeaders(t testing.TB, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := a.Header.Get(pairs[i]); got != pairs[i+1] {
			t.Errorf("%s %s: %s = %q, want %q", a.Request.Method, a.Request.URL, pairs[i], got, pairs[i+1])
		}
	}
}

// TestPutObjectReturnsItsEncryption holds E064.
func TestPutObjectReturnsItsEncryption(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	for name, want := range map[string][]string{
		"cos": {sse, "AES256"},
		"kms": {sse, "cos/kms", sse + "-cos-kms-key-id", "key-1", sse + "-context", "eyJhIjoiYiJ9"},
	} {
		c.put(t, name, "plain", want...).wantHeaders(t, append(want, "ETag", etagOf("plain"))...)
		for _, method := range []string{"GET", "HEAD"} {
			c.do(t, call{method: method, key: name}).want(t, 200, "").wantHeaders(t, want...)
		}
		c.copy(t, "copy", testHost+"/"+name, want...).want(t, 200, "").wantHeaders(t, want...)
		c.do(t, call{method: "HEAD", key: "copy"}).wantHeaders(t, want...)
		c.copy(t, "copy", testHost+"/"+name).want(t, 200, "").wantHeaders(t, sse, "")
		c.do(t, call{method: "HEAD", key: "copy"}).wantHeaders(t, sse, "", sse+"-cos-kms-key-id", "")
		id := c.initiate(t, "parts", want...)
		c.part(t, "parts", id, 1, "x")
		c.complete(t, "parts", id, map[int]string{1: "x"}).want(t, 200, "").wantHeaders(t, want...)
		c.do(t, call{method: "HEAD", key: "parts"}).wantHeaders(t, want...)
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
	part(own).want(t, 200, "").wantHeaders(t, told...)
	c.copyPart(t, "parts", id, 2, testHost+"/k", from...).want(t, 400, "SsecDecryptHeaderInvalid")
	c.copyPart(t, "parts", id, 2, testHost+"/k", own...).want(t, 400, "SsecDecryptHeaderInvalid")
	c.copyPart(t, "parts", id, 2, testHost+"/k", append(from, own...)...).want(t, 200, "")
	c.complete(t, "parts", id, map[int]string{1: "x", 2: "secret"}).want(t, 200, "")
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
