package service

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func toKey(key string) *cosgatev1.CreatePostPolicyRequest_Key {
	return &cosgatev1.CreatePostPolicyRequest_Key{Key: key}
}

func toPrefix(prefix string) *cosgatev1.CreatePostPolicyRequest_KeyPrefix {
	return &cosgatev1.CreatePostPolicyRequest_KeyPrefix{KeyPrefix: prefix}
}

// form makes a form that must be had.
func (g *gateway) form(t *testing.T, req *cosgatev1.CreatePostPolicyRequest) *cosgatev1.CreatePostPolicyResponse {
	t.Helper()
	req.Bucket = testBucket
	f, err := g.presign.CreatePostPolicy(t.Context(), req)
	if err != nil {
		t.Fatalf("CreatePostPolicy(%v) = %v", req, err)
	}
	return f
}

// sendForm does what a browser does with a form: the fields in their order, those of the
// page, and the file at last. change replaces a field, or with "-" leaves it out.
func sendForm(t *testing.T, c *http.Client, f *cosgatev1.CreatePostPolicyResponse, change map[string]string, filename, content string) (plainResponse, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	write := func(name, value string) {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]bool)
	for _, field := range f.GetFields() {
		name, value := field.GetName(), field.GetValue()
		if other, ok := change[name]; ok {
			value = other
		}
		if seen[name] = true; value != "-" {
			write(name, value)
		}
	}
	for name, value := range change {
		if !seen[name] {
			write(name, value)
		}
	}
	file, err := w.CreateFormFile("file", filename)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte(content))
	_ = w.Close()
	return request(t, c, http.MethodPost, f.GetUrl(), map[string]string{"Content-Type": w.FormDataContentType()}, body.String())
}

func TestCreatePostPolicyFormsUploadWithAPlainHTTPClient(t *testing.T) {
	t.Parallel()
	for _, listener := range listeners() {
		t.Run(listener, func(t *testing.T) {
			g := open(t)
			plain := g.plainClient(t, listener)
			f := g.form(t, &cosgatev1.CreatePostPolicyRequest{
				Target: toPrefix("up/中/"), ContentLengthRange: &cosgatev1.SizeRange{Min: 1, Max: 10}, PresetAcl: "public-read", SuccessActionStatus: 201,
				Content:  &cosgatev1.ContentHeaders{ContentType: "text/x-own", CacheControl: "no-cache", ContentDisposition: `attachment; filename="<a>"`},
				Metadata: map[string]string{"Who": "me"}, StorageClass: "STANDARD_IA",
			})
			if got := g.requests(); !slices.Equal(got, []string{"GetFederationToken"}) {
				t.Errorf("COS was asked %v for a form, want STS alone", got)
			}
			resp, text := sendForm(t, plain, f, nil, "photo.jpg", "0123456789")
			if resp.StatusCode != 201 || !strings.Contains(text, "<Key>up/中/photo.jpg</Key>") {
				t.Fatalf("POST = %d %s, want 201 with the key", resp.StatusCode, text)
			}
			got, messages, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "up/中/photo.jpg"})
			o := messages[0].GetObject()
			if err != nil || string(got) != "0123456789" || o.GetContent().GetContentType() != "text/x-own" || o.GetContent().GetCacheControl() != "no-cache" ||
				o.GetContent().GetContentDisposition() != `attachment; filename="<a>"` || o.GetMetadata()["who"] != "me" || o.GetStorageClass() != "STANDARD_IA" {
				t.Errorf("GetObject = %q, %v, %v, want what the policy fixed", got, o, err)
			}
			if resp, text := sendForm(t, plain, f, map[string]string{"key": "up/中/other"}, "x", "1"); resp.StatusCode != 201 {
				t.Errorf("POST to another key under the prefix = %d %s", resp.StatusCode, text)
			}
			exact := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toKey("exact"), SuccessActionRedirect: "https://my.website/done?x=1"})
			if resp, _ := sendForm(t, plain, exact, nil, "x", "1"); resp.StatusCode != 303 || !strings.HasPrefix(resp.Header.Get("Location"), "https://my.website/done?x=1&bucket="+testBucket+"&key=exact&etag=") {
				t.Errorf("POST = %d to %s, want the redirect", resp.StatusCode, resp.Header.Get("Location"))
			}
			typed := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toPrefix(""), ContentTypePrefix: "image/"})
			if resp, text := sendForm(t, plain, typed, map[string]string{"Content-Type": "image/png"}, "any.png", "1"); resp.StatusCode != 204 {
				t.Errorf("POST of an image = %d %s", resp.StatusCode, text)
			}
			head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "any.png"})
			if err != nil || head.GetObject().GetContent().GetContentType() != "image/png" {
				t.Errorf("HeadObject = %v, %v, want the type of the form", head, err)
			}
		})
	}
}

func TestCreatePostPolicyFormsAllowNothingElse(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "tcp")
	f := g.form(t, &cosgatev1.CreatePostPolicyRequest{
		Target: toPrefix("up/"), ContentLengthRange: &cosgatev1.SizeRange{Min: 2, Max: 4}, Metadata: map[string]string{"a": "1"}, ContentTypePrefix: "image/",
	})
	image := func(change map[string]string) map[string]string {
		if change["Content-Type"] == "" {
			change["Content-Type"] = "image/png"
		}
		return change
	}
	for _, tt := range []struct {
		name   string
		change map[string]string
		file   string
		status int
		code   string
	}{
		{"as it is", map[string]string{}, "four", 204, ""},
		{"another key", map[string]string{"key": "other"}, "four", 403, "AccessDenied"},
		{"a name that leaves the prefix", map[string]string{"key": "${filename}"}, "four", 403, "AccessDenied"},
		{"another ACL", map[string]string{"acl": "public-read"}, "four", 403, "AccessDenied"},
		{"other metadata", map[string]string{"x-cos-meta-a": "2"}, "four", 403, "AccessDenied"},
		{"metadata left out", map[string]string{"x-cos-meta-a": "-"}, "four", 403, "AccessDenied"},
		{"another type", map[string]string{"Content-Type": "text/html"}, "four", 403, "AccessDenied"},
		{"too large", map[string]string{}, "fives", 400, "EntityTooLarge"},
		{"too small", map[string]string{}, "1", 400, "EntityTooSmall"},
		{"another policy", map[string]string{"policy": "e30="}, "four", 403, "SignatureDoesNotMatch"},
		{"another signature", map[string]string{"q-signature": strings.Repeat("0", 40)}, "four", 403, "SignatureDoesNotMatch"},
		{"no signature", map[string]string{"q-signature": "-"}, "four", 403, "AccessDenied"},
		{"another time", map[string]string{"q-key-time": "1;2"}, "four", 403, "SignatureDoesNotMatch"},
		{"a token that is none", map[string]string{"x-cos-security-token": "t"}, "four", 403, "InvalidAccessKeyId"},
	} {
		resp, text := sendForm(t, plain, f, image(tt.change), "x", tt.file)
		if resp.StatusCode != tt.status || tt.code != "" && !strings.Contains(text, "<Code>"+tt.code+"</Code>") {
			t.Errorf("%s: %d %s, want %d %s", tt.name, resp.StatusCode, text, tt.status, tt.code)
		}
	}
	g.mustMissing(t, "other")
}

func TestCreatePostPolicyFormsExpire(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := open(t, ownKeys, func(s *setup) { s.backend.Clock = func() time.Time { return now.Add(-10 * time.Minute) } })
	plain := g.plainClient(t, "memory")
	for life, expired := range map[time.Duration]bool{9 * time.Minute: true, 11 * time.Minute: false} {
		f := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), ExpiresIn: durationpb.New(life)})
		resp, text := sendForm(t, plain, f, nil, "x", "1")
		if expired != (resp.StatusCode == 403) || expired && !strings.Contains(text, "You post object request has been expired") {
			t.Errorf("after 10m of %v: %d %s, want expired: %v", life, resp.StatusCode, text, expired)
		}
	}
}

func TestCreatePostPolicyFormsCarryTheSecurityToken(t *testing.T) {
	t.Parallel()
	g := open(t, temporary)
	plain := g.plainClient(t, "memory")
	f := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), ExpiresIn: durationpb.New(time.Hour)})
	if left := time.Until(f.GetExpireTime().AsTime()); left > 10*time.Minute {
		t.Errorf("the form lives %v, want no longer than the credentials", left)
	}
	if resp, text := sendForm(t, plain, f, nil, "x", "1"); resp.StatusCode != 204 {
		t.Errorf("POST with a token = %d %s", resp.StatusCode, text)
	}
	if resp, text := sendForm(t, plain, f, map[string]string{"x-cos-security-token": "-"}, "x", "1"); resp.StatusCode != 403 || !strings.Contains(text, "InvalidAccessKeyId") {
		t.Errorf("POST without its token = %d %s, want 403 InvalidAccessKeyId", resp.StatusCode, text)
	}
}

func TestCreatePostPolicyRefusesInvalidForms(t *testing.T) {
	t.Parallel()
	g := open(t, ownKeys)
	for _, tt := range []struct {
		field string
		req   *cosgatev1.CreatePostPolicyRequest
	}{
		{"target", &cosgatev1.CreatePostPolicyRequest{}},
		{"key", &cosgatev1.CreatePostPolicyRequest{Target: toKey("")}},
		{"key", &cosgatev1.CreatePostPolicyRequest{Target: toKey("a\x18")}},
		{"", &cosgatev1.CreatePostPolicyRequest{Target: toKey("a/${filename}")}},
		{"", &cosgatev1.CreatePostPolicyRequest{Target: toPrefix("${filename}/")}},
		{"content_length_range", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), ContentLengthRange: &cosgatev1.SizeRange{Min: 2, Max: 1}}},
		{"content_length_range.max", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), ContentLengthRange: &cosgatev1.SizeRange{Max: 5<<30 + 1}}},
		{"", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), ContentTypePrefix: "a/", Content: &cosgatev1.ContentHeaders{ContentType: "a/b"}}},
		{"preset_acl", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), PresetAcl: "Public Read"}},
		{"success_action_status", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), SuccessActionStatus: 302}},
		{"success_action_redirect", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), SuccessActionRedirect: "javascript:alert(1)"}},
		{"success_action_redirect", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), SuccessActionRedirect: "https://user@host/"}},
		{"success_action_redirect", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), SuccessActionRedirect: "https://host/\r\nx"}},
		{"", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), SuccessActionRedirect: "https://host/", SuccessActionStatus: 200}},
		{"metadata", &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), Metadata: map[string]string{"a": "1", "A": "2"}}},
		{`metadata["a b"]`, &cosgatev1.CreatePostPolicyRequest{Target: toKey("k"), Metadata: map[string]string{"a b": "1"}}},
	} {
		tt.req.Bucket = testBucket
		_, err := g.presign.CreatePostPolicy(t.Context(), tt.req)
		bad, _ := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || len(bad.GetFieldViolations()) == 0 || bad.GetFieldViolations()[0].GetField() != tt.field {
			t.Errorf("CreatePostPolicy(%v) = %v, %v, want INVALID_ARGUMENT of %q", tt.req, err, bad, tt.field)
		}
	}
	good := &cosgatev1.CreatePostPolicyRequest{Bucket: testBucket, Target: toKey("k"), SuccessActionRedirect: "http://[::1]:8080?a=b#c", ContentLengthRange: &cosgatev1.SizeRange{}}
	if _, err := g.presign.CreatePostPolicy(t.Context(), proto.CloneOf(good)); err != nil {
		t.Errorf("CreatePostPolicy(%v) = %v, want success", good, err)
	}
	if len(g.requests()) != 0 {
		t.Errorf("COS was asked %v", g.requests())
	}
}
