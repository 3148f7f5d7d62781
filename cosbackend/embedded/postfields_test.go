package embedded_test

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// grantsOf reads the ACL of a key as lines.
func (c *client) grantsOf(t *testing.T, key string) []string {
	t.Helper()
	grants, _ := c.acl(t, key)
	return grants
}

// What a PUT takes as headers a form takes as fields, and its answer tells the same.
func TestAFormTakesWhatAPutTakes(t *testing.T) {
	c := openForms(t)
	c.versioning(t, "Enabled")
	kms := []string{sse, "cos/kms", sse + "-cos-kms-key-id", "id", sse + "-context", "e30="}
	first := c.post(t, formUpload{
		fields: slices.Concat([]string{
			"key", "k", "x-cos-tagging", "a=1&b=%E4%B8%AD", "x-cos-grant-read", someonesID, "x-cos-forbid-overwrite", "true",
			"x-cos-content-sha1", fmt.Sprintf("%x", sha1.Sum([]byte("file"))), "X-Cos-Traffic-Limit", "838860800",
		}, kms),
		file: "file",
	}).want(t, 204, "")
	first.wantHeaders(t, kms...)
	read := c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	read.wantHeaders(t, append(slices.Clone(kms), "x-cos-tagging-count", "2", "x-cos-version-id", first.version())...)
	if first.version() == "" || string(read.body) != "file" {
		t.Errorf("the form made version %q, which is %q", first.version(), read.body)
	}
	if got := c.tags(t, "k", ""); got != tagSet("a", "1", "b", "中") {
		t.Errorf("tags = %s", got)
	}
	if got := c.grantsOf(t, "k"); !slices.Equal(got, []string{ownersOwn, "READ " + someone}) {
		t.Errorf("grants = %v", got)
	}
	second := c.post(t, formUpload{fields: []string{"key", "k", "success_action_status", "201", sse, "AES256"}, file: "2"}).want(t, 201, "")
	second.wantHeaders(t, sse, "AES256")
	if second.version() == "" || second.version() == first.version() {
		t.Errorf("the second form made version %q, the first %q", second.version(), first.version())
	}
}

func TestAFormCanEncryptWithTheClientsOwnKey(t *testing.T) {
	c := openForms(t)
	key := customerKey(customer, 1)
	c.post(t, formUpload{fields: append([]string{"key", "k"}, key...), file: "secret"}).want(t, 204, "").
		wantHeaders(t, customer+"algorithm", "AES256", customer+"key-MD5", key[5], customer+"key", "")
	c.do(t, call{method: "GET", key: "k"}).want(t, 400, "SsecDecryptHeaderInvalid")
	if got := c.do(t, call{method: "GET", key: "k", header: headers(key)}).want(t, 200, ""); string(got.body) != "secret" {
		t.Errorf("GET = %q, want secret", got.body)
	}
	// A policy that names another key is not repeated with it.
	other := customerKey(customer, 2)[3]
	got := c.post(t, formUpload{
		fields: append([]string{"key", "k"}, key...), conditions: []any{map[string]string{customer + "key": other}}, file: "x",
	}).want(t, 403, "AccessDenied")
	if strings.Contains(string(got.body), other) || !strings.Contains(got.err.Message, customer+"key") {
		t.Errorf("answer = %s, want the name of the condition without its value", got.body)
	}
}

func TestFieldsAreJudgedAsHeaders(t *testing.T) {
	c := openForms(t)
	c.post(t, formUpload{fields: []string{"key", "taken"}, file: "x"}).want(t, 204, "")
	for name, tt := range map[string]struct {
		key    string
		fields []string
		status int
		code   string
	}{
		"tags":            {"k", []string{"x-cos-tagging", "a=1&a=2"}, 400, "InvalidTag"},
		"grantee":         {"k", []string{"x-cos-grant-read", "me"}, 400, "InvalidArgument"},
		"write":           {"k", []string{"x-cos-grant-write", someonesID}, 400, "InvalidArgument"},
		"encryption":      {"k", []string{sse, "AES128"}, 400, "SSEContentNotSupported"},
		"customer key":    {"k", []string{customer + "algorithm", "AES256", customer + "key", "AAAA"}, 400, "InvalidArgument"},
		"digest":          {"k", []string{"x-cos-content-sha1", fmt.Sprintf("%x", sha1.Sum([]byte("y")))}, 400, "InvalidSHA1Digest"},
		"taken":           {"taken", []string{"x-cos-forbid-overwrite", "true"}, 409, "FileAlreadyExists"},
		"overwrite":       {"k", []string{"x-cos-forbid-overwrite", "yes"}, 400, "InvalidArgument"},
		"callback":        {"k", []string{"x-cos-callback", "e30="}, 501, "NotImplemented"},
		"copy conditions": {"k", []string{"x-cos-copy-source-if-match", "e"}, 501, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			c.post(t, formUpload{fields: append([]string{"key", tt.key}, tt.fields...), file: "x"}).want(t, tt.status, tt.code)
		})
	}
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
}

// A form asks by its fields: a header that would be left out of the policy is refused.
func TestHeadersOfAFormAskForNothing(t *testing.T) {
	c := openForms(t)
	for _, name := range []string{"x-cos-acl", "x-cos-storage-class", "x-cos-meta-a", "x-cos-traffic-limit", "x-cos-tagging", sse} {
		r := c.formRequest(t, formUpload{fields: []string{"key", "k"}, file: "x"})
		r.Header = http.Header{"Content-Type": r.Header["Content-Type"], http.CanonicalHeaderKey(name): {"v"}}
		c.send(t, r).want(t, 501, "NotImplemented")
	}
}
