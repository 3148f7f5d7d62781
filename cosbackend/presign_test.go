package cosbackend

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const presignNow = 1_700_000_000

// signing is a client with its own keys, for tests that send nothing.
func signing(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		Region: testRegion, Credentials: StaticCredentials(testCredentials()), Signing: SigningOptions{Mode: SignWithOwnKeys},
		Clock:     func() time.Time { return time.Unix(presignNow, 500_000_000) },
		Transport: TransportOptions{DialContext: noNetwork},
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

var errNoNetwork = errors.New("nothing may be sent")

var noNetwork = func(context.Context, string, string) (net.Conn, error) { return nil, errNoNetwork }

func TestPresignURLCarriesWhatItSigns(t *testing.T) {
	t.Parallel()
	c := signing(t)
	got, err := c.PresignURL(t.Context(), at(testBucket), "a b/中", PresignOptions{
		Method: http.MethodGet, VersionID: "v1", Lifetime: time.Minute,
		Response: Attributes{ContentDisposition: `attachment; filename="x;y"`},
		Headers:  map[string]string{"range": "bytes=0-9", "if-match": `"e"`},
		Query:    map[string]string{"x-cos-traffic-limit": "819200"},
	})
	if err != nil {
		t.Fatalf("PresignURL = %v", err)
	}
	u, err := url.Parse(got.URL)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://photos-1250000000.cos.ap-guangzhou.myqcloud.com/a%20b/%E4%B8%AD"; got.URL[:strings.IndexByte(got.URL, '?')] != want {
		t.Errorf("the URL is %s, want %s", got.URL, want)
	}
	want := url.Values{
		"versionId": {"v1"}, "response-content-disposition": {`attachment; filename="x;y"`}, "x-cos-traffic-limit": {"819200"},
		"q-sign-algorithm": {"sha1"}, "q-ak": {"AKIDtestsecretid"}, "q-sign-time": {"1699999940;1700000060"}, "q-key-time": {"1699999940;1700000060"},
		"q-header-list": {"host;if-match;range"}, "q-url-param-list": {"response-content-disposition;versionid;x-cos-traffic-limit"},
	}
	query := u.Query()
	if signature := query.Get("q-signature"); len(signature) != 40 {
		t.Errorf("q-signature = %q, want 40 digits", signature)
	}
	query.Del("q-signature")
	if diff := cmp.Diff(want, query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if strings.ContainsAny(u.RawQuery, "; +\"") {
		t.Errorf("the query %s is not escaped", u.RawQuery)
	}
	if got.Method != "GET" || !got.Expires.Equal(time.Unix(presignNow+60, 0)) || got.Headers["range"] != "bytes=0-9" || len(got.Headers) != 2 {
		t.Errorf("PresignURL = %s, %v, %v", got.Method, got.Headers, got.Expires)
	}
}

func TestPresignURLWithOwnKeysSendsNothingButALookup(t *testing.T) {
	t.Parallel()
	l := &lookups{}
	c, _ := open(t, l.respond, noRegion, func(cfg *Config) { cfg.Signing.Mode = SignWithOwnKeys })
	for range 2 {
		u, err := c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodPut, Lifetime: time.Minute})
		if err != nil || !strings.HasPrefix(u.URL, "http://photos-1250000000.cos.ap-shanghai.myqcloud.com/k?") {
			t.Fatalf("PresignURL = %s, %v, want one in ap-shanghai", u.URL, err)
		}
	}
	if l.lists != 1 {
		t.Errorf("%d lookups, want 1", l.lists)
	}
	_, err := c.CreatePostPolicy(t.Context(), at("other-1250000000"), PostPolicyOptions{Key: "k", Lifetime: time.Minute})
	if _, ok := errors.AsType[*RegionUnknownError](err); !ok {
		t.Errorf("CreatePostPolicy of an unknown bucket = %v, want a RegionUnknownError", err)
	}
}

func TestPresignURLUsesThePublicEndpoint(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{
		"": "https://photos-1250000000.cos.ap-guangzhou.myqcloud.com",
		"http://{bucket}.cos.{region}.localhost:9000": "http://photos-1250000000.cos.ap-guangzhou.localhost:9000",
		"https://{bucket}.example.org:443":            "https://photos-1250000000.example.org",
		"http://{bucket}.example.org:80":              "http://photos-1250000000.example.org",
		"https://{bucket}.example.org:80":             "https://photos-1250000000.example.org:80",
	} {
		c := signing(t, func(cfg *Config) { cfg.PublicEndpoint = public })
		u, err := c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
		if err != nil || !strings.HasPrefix(u.URL, want+"/k?") {
			t.Errorf("%q: PresignURL = %s, %v, want %s", public, u.URL, err, want)
		}
		form, err := c.CreatePostPolicy(t.Context(), at(testBucket), PostPolicyOptions{Key: "k", Lifetime: time.Minute})
		if err != nil || form.URL != want+"/" {
			t.Errorf("%q: CreatePostPolicy = %s, %v, want %s/", public, form.URL, err, want)
		}
	}
	for public, problem := range map[string]string{
		"https://cos.example.org": "PublicEndpoint must have {bucket}", "ftp://{bucket}.x": "PublicEndpoint must begin", "https://{bucket}.x/path": "PublicEndpoint must be a scheme",
	} {
		_, err := New(Config{Credentials: StaticCredentials(testCredentials()), PublicEndpoint: public})
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("New with the public endpoint %q = %v, want %q", public, err, problem)
		}
	}
	_, err := New(Config{Credentials: StaticCredentials(testCredentials()), Endpoint: "http://{bucket}.example.org", PublicEndpoint: "http://{bucket}.{region}.example.org"})
	if err == nil || !strings.Contains(err.Error(), "PublicEndpoint has {region}") {
		t.Errorf("New = %v, want an error: nothing can fill {region}", err)
	}
}

func TestPresignURLExpiresWithTemporaryCredentials(t *testing.T) {
	t.Parallel()
	temporary := testCredentials()
	temporary.Token, temporary.Expires = "sts-token", time.Unix(presignNow+30, 0)
	c := signing(t, func(cfg *Config) { cfg.Credentials = StaticCredentials(temporary) })
	u, err := c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Hour})
	if err != nil || !u.Expires.Equal(temporary.Expires) || !strings.Contains(u.URL, "x-cos-security-token=sts-token&") ||
		!strings.Contains(u.URL, "q-url-param-list=x-cos-security-token&") || !strings.Contains(u.URL, "%3B1700000030&") {
		t.Errorf("PresignURL = %s until %v, %v, want the token in it, signed, and the end of the credentials", u.URL, u.Expires, err)
	}
	form, err := c.CreatePostPolicy(t.Context(), at(testBucket), PostPolicyOptions{Key: "k", Lifetime: time.Hour})
	if err != nil || !form.Expires.Equal(temporary.Expires) || fieldOf(form, "x-cos-security-token") != "sts-token" {
		t.Errorf("CreatePostPolicy until %v, %v, want the token and the end of the credentials", form.Expires, err)
	}
	temporary.Expires = time.Unix(presignNow, 0)
	c = signing(t, func(cfg *Config) { cfg.Credentials = StaticCredentials(temporary) })
	_, err = c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Hour})
	if e := wantError(t, "PresignURL", err); e.Origin != OriginTransport || e.Attempts != 0 || !errors.Is(err, errCredentialsEnded) {
		t.Errorf("PresignURL with credentials that have ended = %+v", e)
	}
	own := WithCallerCredentials(t.Context(), Credentials{SecretID: "AKIDown", SecretKey: "own"})
	if u, err = c.PresignURL(own, at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Hour}); err != nil || !strings.Contains(u.URL, "q-ak=AKIDown&") {
		t.Errorf("PresignURL with a caller's own credentials = %s, %v", u.URL, err)
	}
}

func TestPresignerCachesTheProfilesKey(t *testing.T) {
	t.Parallel()
	var p presigner
	c := testCredentials()
	first := p.key(c, "1;2", false)
	if p.key(c, "1;2", false) != first {
		t.Error("the same window got another key")
	}
	if p.key(c, "1;3", true) == first || p.key(c, "1;2", false) != first {
		t.Error("a caller's key was cached, or used for another window")
	}
	if p.key(Credentials{SecretID: "other", SecretKey: "k"}, "1;2", false) == first {
		t.Error("other credentials got the same key")
	}
}

func TestPresignURLRefusesWhatCannotBePresigned(t *testing.T) {
	t.Parallel()
	c := signing(t)
	good := func() PresignOptions { return PresignOptions{Method: http.MethodPut, Lifetime: time.Second} }
	for _, tt := range []struct {
		field  string
		bucket string
		key    string
		change func(*PresignOptions)
	}{
		{"bucket", "evil.example/x-1250000000", "k", nil},
		{"key", testBucket, "", nil},
		{"key", testBucket, "a\x18", nil},
		{"operation", testBucket, "k", func(o *PresignOptions) { o.Method = "POST" }},
		{"operation", testBucket, "k", func(o *PresignOptions) { o.Method = "" }},
		{"version_id", testBucket, "k", func(o *PresignOptions) { o.VersionID = "v" }},
		{"version_id", testBucket, "k", func(o *PresignOptions) { o.Method, o.VersionID = "GET", "v&acl" }},
		{"upload_id", testBucket, "k", func(o *PresignOptions) { o.PartNumber = 1 }},
		{"upload_id", testBucket, "k", func(o *PresignOptions) { o.UploadID, o.PartNumber = "a&b", 1 }},
		{"upload_id", testBucket, "k", func(o *PresignOptions) { o.Method, o.UploadID, o.PartNumber = "GET", "a", 1 }},
		{"part_number", testBucket, "k", func(o *PresignOptions) { o.UploadID = "a" }},
		{"expires_in", testBucket, "k", func(o *PresignOptions) { o.Lifetime = time.Second - 1 }},
		{"response_headers", testBucket, "k", func(o *PresignOptions) { o.Response.ContentType = "a/b" }},
		{"response_headers.content_type", testBucket, "k", func(o *PresignOptions) { o.Method, o.Response.ContentType = "GET", "a\nb" }},
		{"response_headers.x_cos_storage_class", testBucket, "k", func(o *PresignOptions) { o.Method, o.Response.StorageClass = "GET", "STANDARD" }},
		{"headers", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"Content-Type": "a/b"} }},
		{"headers", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"host": "evil.example"} }},
		{"headers", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"authorization": "x"} }},
		{"headers", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"x-cos-copy-source": "b/k"} }},
		{"headers", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"x-cos-security-token": "x"} }},
		{"headers", testBucket, "k", func(o *PresignOptions) {
			o.Headers = map[string]string{"x-cos-server-side-encryption-customer-key": "x"}
		}},
		{"headers", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"x-cos-meta-a b": "x"} }},
		{"headers[content-type]", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"content-type": "a\r\nb"} }},
		{"headers[content-type]", testBucket, "k", func(o *PresignOptions) { o.Headers = map[string]string{"content-type": ""} }},
		{"query", testBucket, "k", func(o *PresignOptions) { o.Query = map[string]string{"acl": ""} }},
		{"query[ci-process]", testBucket, "k", func(o *PresignOptions) { o.Query = map[string]string{"ci-process": "a\nb"} }},
	} {
		o := good()
		if tt.change != nil {
			tt.change(&o)
		}
		_, err := c.PresignURL(t.Context(), at(tt.bucket), tt.key, o)
		if v, ok := errors.AsType[*ValidationError](err); !ok || v.Field != tt.field {
			t.Errorf("PresignURL(%q, %q, %+v) = %v, want a ValidationError of %s", tt.bucket, tt.key, o, err, tt.field)
		}
	}
	if _, err := c.PresignURL(t.Context(), at(testBucket), "k", good()); err != nil {
		t.Errorf("PresignURL = %v, want success", err)
	}
}

func fieldOf(f PostForm, name string) string {
	for _, field := range f.Fields {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

func TestCreatePostPolicyHasAConditionForEachField(t *testing.T) {
	t.Parallel()
	c := signing(t)
	form, err := c.CreatePostPolicy(t.Context(), at(testBucket), PostPolicyOptions{
		Key: "up/<中>/", AnyKey: true, MinSize: 1, MaxSize: 10, ContentTypePrefix: "image/", ACL: "private", SuccessStatus: 201, Lifetime: time.Minute,
		Attributes: Attributes{CacheControl: "no-cache", StorageClass: "STANDARD_IA", Metadata: map[string]string{"b": "2", "a": "1 & <1>"}},
	})
	if err != nil {
		t.Fatalf("CreatePostPolicy = %v", err)
	}
	var names []string
	for _, f := range form.Fields {
		names = append(names, f.Name)
	}
	want := []string{
		"key", "acl", "Cache-Control", "x-cos-meta-a", "x-cos-meta-b", "x-cos-storage-class", "success_action_status",
		"policy", "q-sign-algorithm", "q-ak", "q-key-time", "q-signature",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	text, err := base64.StdEncoding.DecodeString(fieldOf(form, "policy"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	eq := func(name, value string) any { return map[string]any{name: value} }
	wantPolicy := map[string]any{
		"expiration": "2023-11-14T22:14:20.000Z",
		"conditions": []any{
			eq("bucket", testBucket),
			[]any{"starts-with", "$key", "up/<中>/"},
			[]any{"content-length-range", 1.0, 10.0},
			eq("acl", "private"),
			eq("Cache-Control", "no-cache"), eq("x-cos-meta-a", "1 & <1>"), eq("x-cos-meta-b", "2"), eq("x-cos-storage-class", "STANDARD_IA"),
			[]any{"starts-with", "$Content-Type", "image/"},
			eq("success_action_status", "201"),
			eq("q-sign-algorithm", "sha1"), eq("q-ak", "AKIDtestsecretid"), eq("q-sign-time", "1699999940;1700000060"),
		},
	}
	if diff := cmp.Diff(wantPolicy, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if strings.Contains(string(text), `\u`) {
		t.Errorf("the policy %s has escapes that nothing needs", text)
	}
	if key := fieldOf(form, "key"); key != "up/<中>/${filename}" {
		t.Errorf("key = %q, want the prefix and ${filename}", key)
	}
	fixed, err := c.CreatePostPolicy(t.Context(), at(testBucket), PostPolicyOptions{Key: "k", Sized: true, SuccessRedirect: "https://my.website/x?y=1", Lifetime: time.Minute})
	if err != nil || fieldOf(fixed, "key") != "k" || fieldOf(fixed, "acl") != "default" || fieldOf(fixed, "success_action_redirect") == "" {
		t.Errorf("CreatePostPolicy = %v, %v", fixed.Fields, err)
	}
	text, _ = base64.StdEncoding.DecodeString(fieldOf(fixed, "policy"))
	if !strings.Contains(string(text), `["content-length-range",0,0]`) {
		t.Errorf("the policy %s has no range for an empty file", text)
	}
}

// The sample of the documentation, spaces and line ends included.
func TestCreatePostPolicySignatureMatchesTheDocumentation(t *testing.T) {
	t.Parallel()
	policy := "{\n    \"expiration\": \"2019-08-30T09:38:12.414Z\",\n    \"conditions\": [\n        { \"acl\": \"default\" },\n" +
		"        { \"bucket\": \"examplebucket-1250000000\" },\n        [ \"starts-with\", \"$key\", \"folder/subfolder/\" ],\n" +
		"        [ \"starts-with\", \"$Content-Type\", \"image/\" ],\n        [ \"starts-with\", \"$success_action_redirect\", \"https://my.website/\" ],\n" +
		"        [ \"eq\", \"$x-cos-server-side-encryption\", \"AES256\" ],\n        { \"q-sign-algorithm\": \"sha1\" },\n" +
		"        { \"q-ak\": \"AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q\" },\n        { \"q-sign-time\": \"1567150692;1567157892\" }\n    ]\n}"
	docs := Credentials{SecretID: "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", SecretKey: "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"}
	key := newSigningKey(docs, "1567150692;1567157892")
	for range 2 { // the second use takes a hash from the pool
		if got, want := key.policySignature([]byte(policy)), "7758dc9a832e9d301dca704cacbf9d9f8172fdef"; got != want {
			t.Errorf("policySignature = %s, want %s", got, want)
		}
	}
}

// A policy would take such keys for patterns, and the error names the field that has one.
func TestCreatePostPolicyNamesTheKeyThatCannotBeNarrowed(t *testing.T) {
	t.Parallel()
	c := signing(t, func(cfg *Config) { cfg.Signing.Mode = SignNarrowed })
	for field, o := range map[string]PostPolicyOptions{
		"key":        {Key: "a*", Lifetime: time.Minute},
		"key_prefix": {Key: "a?/", AnyKey: true, Lifetime: time.Minute},
	} {
		_, err := c.CreatePostPolicy(t.Context(), at(testBucket), o)
		if v, ok := errors.AsType[*ValidationError](err); !ok || v.Field != field || v.Problem != patternProblem {
			t.Errorf("CreatePostPolicy(%q) = %v, want a ValidationError of %s", o.Key, err, field)
		}
	}
}

func TestCreatePostPolicyRefusesInvalidOptions(t *testing.T) {
	t.Parallel()
	c := signing(t)
	for _, tt := range []struct {
		field  string
		change func(*PostPolicyOptions)
	}{
		{"key", func(o *PostPolicyOptions) { o.Key = "" }},
		{"key", func(o *PostPolicyOptions) { o.Key = "a/${filename}" }},
		{"key_prefix", func(o *PostPolicyOptions) { o.AnyKey, o.Key = true, "${filename}/" }},
		{"key_prefix", func(o *PostPolicyOptions) { o.AnyKey, o.Key = true, "\xff" }},
		{"content_length_range", func(o *PostPolicyOptions) { o.MinSize = 1 }},
		{"content_length_range", func(o *PostPolicyOptions) { o.MaxSize = 5<<30 + 1 }},
		{"content_length_range", func(o *PostPolicyOptions) { o.MinSize = -1 }},
		{"content_type_prefix", func(o *PostPolicyOptions) { o.ContentType, o.ContentTypePrefix = "a/b", "a/" }},
		{"content_type_prefix", func(o *PostPolicyOptions) { o.ContentTypePrefix = "a\n" }},
		{"preset_acl", func(o *PostPolicyOptions) { o.ACL = "Private" }},
		{"success_action_status", func(o *PostPolicyOptions) { o.SuccessStatus = 302 }},
		{"success_action_status", func(o *PostPolicyOptions) { o.SuccessStatus, o.SuccessRedirect = 200, "https://a/" }},
		{"success_action_redirect", func(o *PostPolicyOptions) { o.SuccessRedirect = "javascript:alert(1)" }},
		{"success_action_redirect", func(o *PostPolicyOptions) { o.SuccessRedirect = "https://user:pass@a/" }},
		{"success_action_redirect", func(o *PostPolicyOptions) { o.SuccessRedirect = "https://a/ b" }},
		{"attributes.metadata[A]", func(o *PostPolicyOptions) { o.Metadata = map[string]string{"A": "x"} }},
		{"expires_in", func(o *PostPolicyOptions) { o.Lifetime = 0 }},
	} {
		o := PostPolicyOptions{Key: "k", Lifetime: time.Minute}
		tt.change(&o)
		_, err := c.CreatePostPolicy(t.Context(), at(testBucket), o)
		if v, ok := errors.AsType[*ValidationError](err); !ok || !strings.HasPrefix(v.Field, strings.TrimSuffix(tt.field, "[A]")) {
			t.Errorf("CreatePostPolicy(%+v) = %v, want a ValidationError of %s", o, err, tt.field)
		}
	}
}

func TestPresignedURLAndPostFormAreNotPrinted(t *testing.T) {
	t.Parallel()
	u := PresignedURL{URL: "https://verysecret/"}
	f := PostForm{Fields: []FormField{{"policy", "verysecret"}}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "u", u, "f", f)
	asJSON, _ := json.Marshal(map[string]any{"u": u, "f": f})
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q", u, u, u, u, u), fmt.Sprintf("%v %+v %#v %s %q", f, f, f, f, f), u.String() + f.String(), log.String(), string(asJSON)} {
		if hasSecret(text) || text == "" {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestFileCredentialsMayHaveAnExpiry(t *testing.T) {
	t.Parallel()
	got, err := parseCredentials("secret_id=a\nsecret_key=b\nsecurity_token=t\nexpires=2026-01-02T15:04:05Z\n")
	if want := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC); err != nil || !got.Expires.Equal(want) {
		t.Errorf("parseCredentials = %v, %v, want the end %v", got.Expires, err, want)
	}
	if _, err := parseCredentials("secret_id=a\nsecret_key=b\nexpires=verysecret"); err == nil || hasSecret(err.Error()) {
		t.Errorf("parseCredentials = %v, want an error that does not quote the line", err)
	}
}
