package service

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	presignGet    = cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT
	presignPut    = cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT
	presignHead   = cosgatev1.PresignOperation_PRESIGN_OPERATION_HEAD_OBJECT
	presignDelete = cosgatev1.PresignOperation_PRESIGN_OPERATION_DELETE_OBJECT
	presignPart   = cosgatev1.PresignOperation_PRESIGN_OPERATION_UPLOAD_PART
)

// listeners are the ways of a plain HTTP client to the embedded server.
func listeners() []string { return []string{"memory", "tcp"} }

// plainClient knows nothing of signatures. Whatever host it is sent to, it gets to the
// embedded server: who uses a URL finds the host by DNS.
func (g *gateway) plainClient(t *testing.T, listener string) *http.Client {
	t.Helper()
	dial := g.cos.DialContext
	if listener == "tcp" {
		addr, err := g.cos.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, addr.String())
		}
	}
	transport := &http.Transport{DialContext: dial, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// url makes a URL that must be had.
func (g *gateway) url(t *testing.T, req *cosgatev1.PresignUrlRequest) *cosgatev1.PresignUrlResponse {
	t.Helper()
	if req.GetBucket() == "" {
		req.Bucket = testBucket
	}
	resp, err := g.presign.PresignUrl(t.Context(), req)
	if err != nil {
		t.Fatalf("PresignUrl(%v) = %v", req, err)
	}
	return resp
}

// use uses a URL as it is meant to be.
func use(t *testing.T, c *http.Client, u *cosgatev1.PresignUrlResponse, body string) (plainResponse, string) {
	t.Helper()
	return request(t, c, u.GetMethod(), u.GetUrl(), u.GetHeaders(), body)
}

// A plainResponse is a response whose body was read and closed.
type plainResponse struct {
	StatusCode int
	Header     http.Header
}

func request(t *testing.T, c *http.Client, method, url string, headers map[string]string, body string) (plainResponse, string) {
	t.Helper()
	var content io.Reader
	if method == http.MethodPut || method == http.MethodPost {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return plainResponse{resp.StatusCode, resp.Header}, string(data)
}

func TestPresignUrlWorksWithAPlainHTTPClient(t *testing.T) {
	t.Parallel()
	for _, listener := range listeners() {
		t.Run(listener, func(t *testing.T) {
			g := open(t)
			plain := g.plainClient(t, listener)
			put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "a b/中", Operation: presignPut, Headers: map[string]string{
				"Content-Type": "text/x-own", "x-cos-meta-who": "me", "x-cos-storage-class": "STANDARD_IA", "x-cos-acl": "private",
			}})
			if got := g.requests(); !slices.Equal(got, []string{"GetFederationToken"}) {
				t.Errorf("COS was asked %v for a URL, want STS alone", got)
			}
			if resp, text := use(t, plain, put, "content"); resp.StatusCode != 200 {
				t.Fatalf("PUT = %d %s", resp.StatusCode, text)
			}
			get := g.url(t, &cosgatev1.PresignUrlRequest{
				Key: "a b/中", Operation: presignGet, Query: map[string]string{"x-cos-traffic-limit": "819200"},
				ResponseHeaders: &cosgatev1.ContentHeaders{ContentDisposition: `attachment; filename="a;b"`, ContentType: "text/html"},
			})
			resp, text := use(t, plain, get, "")
			if resp.StatusCode != 200 || text != "content" || resp.Header.Get("Content-Disposition") != `attachment; filename="a;b"` || resp.Header.Get("Content-Type") != "text/html" {
				t.Errorf("GET = %d %q %v, want the content under other headers", resp.StatusCode, text, resp.Header)
			}
			// What is not bound is free: a part of the object can be read.
			if resp, text := request(t, plain, "GET", get.GetUrl(), map[string]string{"Range": "bytes=1-2"}, ""); resp.StatusCode != 206 || text != "on" {
				t.Errorf("GET of a range = %d %q", resp.StatusCode, text)
			}
			bound := g.url(t, &cosgatev1.PresignUrlRequest{Key: "a b/中", Operation: presignGet, Headers: map[string]string{"range": "bytes=0-2"}})
			if resp, text := use(t, plain, bound, ""); resp.StatusCode != 206 || text != "con" {
				t.Errorf("GET of a bound range = %d %q", resp.StatusCode, text)
			}
			head := g.url(t, &cosgatev1.PresignUrlRequest{Key: "a b/中", Operation: presignHead})
			if resp, _ := use(t, plain, head, ""); resp.StatusCode != 200 || resp.Header.Get("X-Cos-Meta-Who") != "me" || resp.Header.Get("X-Cos-Storage-Class") != "STANDARD_IA" || resp.Header.Get("Content-Type") != "text/x-own" {
				t.Errorf("HEAD = %d %v, want what the PUT was bound to", resp.StatusCode, resp.Header)
			}
			remove := g.url(t, &cosgatev1.PresignUrlRequest{Key: "a b/中", Operation: presignDelete})
			if resp, text := use(t, plain, remove, ""); resp.StatusCode != 204 {
				t.Errorf("DELETE = %d %s", resp.StatusCode, text)
			}
			g.mustMissing(t, "a b/中")
		})
	}
}

func TestPresignUrlOfPartsMakesAnObject(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.cos.MinPartSize = 1 })
	plain := g.plainClient(t, "tcp")
	begun, err := g.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	var parts []*cosgatev1.CompletedPart
	for i, text := range []string{"first ", "second"} {
		u := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPart, UploadId: begun.GetUploadId(), PartNumber: int32(i + 1)})
		resp, body := use(t, plain, u, text)
		if resp.StatusCode != 200 {
			t.Fatalf("PUT of part %d = %d %s", i+1, resp.StatusCode, body)
		}
		parts = append(parts, &cosgatev1.CompletedPart{PartNumber: int32(i + 1), Etag: resp.Header.Get("ETag")})
		if resp, body := request(t, plain, "PUT", strings.Replace(u.GetUrl(), "partNumber=", "partNumber=1", 1), nil, text); resp.StatusCode != 403 {
			t.Errorf("PUT of another part = %d %s, want 403", resp.StatusCode, body)
		}
	}
	if _, err := g.uploads.CompleteMultipartUpload(t.Context(), &cosgatev1.CompleteMultipartUploadRequest{Bucket: testBucket, Key: "k", UploadId: begun.GetUploadId(), Parts: parts}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil || string(got) != "first second" {
		t.Errorf("GetObject = %q, %v", got, err)
	}
}

func TestPresignUrlAcceptsKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	t.Run("own keys", func(t *testing.T) { everyKeyIsPresigned(t, keys(), ownKeys) })
	t.Run("narrowed", func(t *testing.T) {
		everyKeyIsPresigned(t, slices.DeleteFunc(keys(), func(key string) bool { return strings.ContainsAny(key, "*?") }))
	})
}

func everyKeyIsPresigned(t *testing.T, keys []string, change ...func(*setup)) {
	t.Helper()
	g := open(t, change...)
	plain := g.plainClient(t, "memory")
	for _, key := range keys {
		want := "content of " + key
		if resp, text := use(t, plain, g.url(t, &cosgatev1.PresignUrlRequest{Key: key, Operation: presignPut}), want); resp.StatusCode != 200 {
			t.Errorf("key %q: PUT = %d %s", key, resp.StatusCode, text)
		}
		if got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key}); err != nil || string(got) != want {
			t.Errorf("key %q: GetObject = %q, %v, want %q", key, got, err, want)
		}
		if resp, text := use(t, plain, g.url(t, &cosgatev1.PresignUrlRequest{Key: key, Operation: presignGet}), ""); resp.StatusCode != 200 || text != want {
			t.Errorf("key %q: GET = %d %q, want %q", key, resp.StatusCode, text, want)
		}
	}
}

func TestPresignUrlAllowsNothingElse(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "tcp")
	g.put(t, "k", []byte("old"))
	g.put(t, "other", []byte("secret"))
	get := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, ResponseHeaders: &cosgatev1.ContentHeaders{ContentType: "text/html"}})
	put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"content-type": "text/plain", "content-length": "3"}})
	without := func(h map[string]string, name string) map[string]string {
		h = maps.Clone(h)
		delete(h, name)
		return h
	}
	for _, tt := range []struct {
		name, method, url string
		headers           map[string]string
		body              string
		code              string
	}{
		{"another key", "GET", strings.Replace(get.GetUrl(), "/k?", "/other?", 1), nil, "", "SignatureDoesNotMatch"},
		{"another method", "DELETE", get.GetUrl(), nil, "", "SignatureDoesNotMatch"},
		{"another response header", "GET", strings.Replace(get.GetUrl(), "text%2Fhtml", "text%2Fxml", 1), nil, "", "SignatureDoesNotMatch"},
		{"a parameter less", "GET", strings.Replace(get.GetUrl(), "response-content-type=text%2Fhtml&", "", 1), nil, "", "SignatureDoesNotMatch"},
		{"another bucket", "GET", strings.Replace(get.GetUrl(), "test-", "toast-", 1), nil, "", "SignatureDoesNotMatch"},
		{"a later end", "GET", strings.Replace(get.GetUrl(), "%3B1", "%3B2", 2), nil, "", "SignatureDoesNotMatch"},
		{"another signature", "GET", strings.Replace(get.GetUrl(), "q-signature=", "q-signature=0", 1)[:len(get.GetUrl())], nil, "", "SignatureDoesNotMatch"},
		{"another id", "GET", strings.Replace(get.GetUrl(), "q-ak=AKID", "q-ak=AKIX", 1), nil, "", "InvalidAccessKeyId"},
		{"a token that is none", "GET", strings.Replace(get.GetUrl(), "x-cos-security-token=", "x-cos-security-token=t", 1), nil, "", "InvalidAccessKeyId"},
		{"no bound header", "PUT", put.GetUrl(), without(put.GetHeaders(), "content-type"), "new", "SignatureDoesNotMatch"},
		{"another bound header", "PUT", put.GetUrl(), map[string]string{"content-type": "text/html"}, "new", "SignatureDoesNotMatch"},
		{"another size", "PUT", put.GetUrl(), put.GetHeaders(), "newer", "SignatureDoesNotMatch"},
	} {
		resp, text := request(t, plain, tt.method, tt.url, tt.headers, tt.body)
		if resp.StatusCode != 403 || !strings.Contains(text, "<Code>"+tt.code+"</Code>") {
			t.Errorf("%s: %d %s, want 403 %s", tt.name, resp.StatusCode, text, tt.code)
		}
	}
	if got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil || string(got) != "old" {
		t.Errorf("after all this the object is %q, %v, want old", got, err)
	}
	if resp, text := use(t, plain, put, "new"); resp.StatusCode != 200 {
		t.Errorf("PUT as it was signed = %d %s", resp.StatusCode, text)
	}
}

func TestPresignUrlExpires(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := open(t, ownKeys, func(s *setup) {
		s.backend.Clock = func() time.Time { return now.Add(-time.Hour) }
		s.options.PresignMax = 2 * time.Hour
	})
	plain := g.plainClient(t, "memory")
	put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, ExpiresIn: durationpb.New(2 * time.Hour)})
	if resp, text := use(t, plain, put, "x"); resp.StatusCode != 200 {
		t.Fatalf("PUT = %d %s", resp.StatusCode, text)
	}
	for life, expired := range map[time.Duration]bool{59 * time.Minute: true, 61 * time.Minute: false} {
		u := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, ExpiresIn: durationpb.New(life)})
		if want := now.Add(-time.Hour).Add(life).Truncate(time.Second); !u.GetExpireTime().AsTime().Equal(want) {
			t.Errorf("expire_time = %v, want %v", u.GetExpireTime().AsTime(), want)
		}
		resp, text := use(t, plain, u, "")
		if expired != (resp.StatusCode == 403) || expired && !strings.Contains(text, "<Message>Request has expired</Message>") {
			t.Errorf("after %v of %v: %d %s, want expired: %v", time.Hour, life, resp.StatusCode, text, expired)
		}
	}
}

// ownKeys signs URLs and forms with the profile's own credentials.
func ownKeys(s *setup) { s.backend.Signing.Mode = cosbackend.SignWithOwnKeys }

// temporary gives the profile credentials that cannot be narrowed, so it signs with them.
func temporary(s *setup) {
	ownKeys(s)
	pair := testPair()
	pair.Token = "sts-token-very-secret"
	s.cos.Credentials = []embedded.Credential{pair}
	s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{
		SecretID: pair.SecretID, SecretKey: pair.SecretKey, Token: pair.Token, Expires: time.Now().Add(10 * time.Minute),
	})
}

func TestPresignUrlCarriesTheSecurityToken(t *testing.T) {
	t.Parallel()
	g := open(t, temporary)
	plain := g.plainClient(t, "tcp")
	put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, ExpiresIn: durationpb.New(time.Hour)})
	if left := time.Until(put.GetExpireTime().AsTime()); left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("the URL lives %v, want no longer than the credentials", left)
	}
	if resp, text := use(t, plain, put, "x"); resp.StatusCode != 200 {
		t.Errorf("PUT with a token = %d %s", resp.StatusCode, text)
	}
	for _, url := range []string{
		strings.Replace(put.GetUrl(), "x-cos-security-token=sts-token-very-secret&", "", 1),
		strings.Replace(put.GetUrl(), "sts-token-very-secret", "another", 1),
	} {
		if resp, text := request(t, plain, "PUT", url, nil, "x"); resp.StatusCode != 403 || !strings.Contains(text, "InvalidAccessKeyId") {
			t.Errorf("PUT without its token = %d %s, want 403 InvalidAccessKeyId", resp.StatusCode, text)
		}
	}
}

func TestPresignUrlAndCreatePostPolicyBoundTheLifetime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bound, asked, want time.Duration // want 0 is refused
		message            string
	}{
		{0, 0, 15 * time.Minute, ""},
		{0, time.Hour, time.Hour, ""},
		{0, time.Hour + time.Second, 0, "expires_in: must be at most 1h0m0s (3600 seconds), the maximum of this gateway"},
		{time.Minute, 0, time.Minute, ""},
		{time.Minute, 90 * time.Second, 0, "expires_in: must be at most 1m0s (60 seconds), the maximum of this gateway"},
		{time.Minute, time.Second + 999*time.Millisecond, time.Second, ""},
		{0, time.Millisecond, 0, ""},
		{0, -time.Hour, 0, ""},
	} {
		now := time.Unix(1_700_000_000, 0)
		g := open(t, ownKeys, func(s *setup) {
			s.options.PresignMax = tt.bound
			s.backend.Clock = func() time.Time { return now }
		})
		url := &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: presignGet}
		form := &cosgatev1.CreatePostPolicyRequest{Bucket: testBucket, Target: toKey("k")}
		if tt.asked != 0 {
			url.ExpiresIn, form.ExpiresIn = durationpb.New(tt.asked), durationpb.New(tt.asked)
		}
		u, err := g.presign.PresignUrl(t.Context(), url)
		f, formErr := g.presign.CreatePostPolicy(t.Context(), form)
		for _, err := range []error{err, formErr} {
			bad, _ := detail[*errdetails.BadRequest](err)
			switch {
			case tt.want != 0 && err != nil:
				t.Errorf("%v of %v: %v, want success", tt.asked, tt.bound, err)
			case tt.want == 0 && (status.Code(err) != codes.InvalidArgument || bad.GetFieldViolations()[0].GetField() != "expires_in"):
				t.Errorf("%v of %v: %v, want INVALID_ARGUMENT of expires_in", tt.asked, tt.bound, err)
			case tt.message != "" && status.Convert(err).Message() != tt.message:
				t.Errorf("%v of %v: message %q, want %q", tt.asked, tt.bound, status.Convert(err).Message(), tt.message)
			}
		}
		if tt.want != 0 && (!u.GetExpireTime().AsTime().Equal(now.Add(tt.want)) || !f.GetExpireTime().AsTime().Equal(now.Add(tt.want))) {
			t.Errorf("%v of %v: until %v and %v, want %v", tt.asked, tt.bound, u.GetExpireTime().AsTime(), f.GetExpireTime().AsTime(), now.Add(tt.want))
		}
	}
}

func TestPresignUrlRefusesInvalidRequests(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, tt := range []struct {
		field string // of the first violation; "" for the message as a whole
		req   *cosgatev1.PresignUrlRequest
	}{
		{"bucket", &cosgatev1.PresignUrlRequest{Bucket: "a@evil.example#-1250000000", Key: "k", Operation: presignGet}},
		{"key", &cosgatev1.PresignUrlRequest{Operation: presignGet}},
		{"region", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, Region: "ap.evil.example"}},
		{"operation", &cosgatev1.PresignUrlRequest{Key: "k"}},
		{"operation", &cosgatev1.PresignUrlRequest{Key: "k", Operation: 99}},
		{"", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPart}},
		{"", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPart, UploadId: "u"}},
		{"", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, PartNumber: 1}},
		{"part_number", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPart, UploadId: "u", PartNumber: 10001}},
		{"upload_id", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPart, UploadId: "u&acl", PartNumber: 1}},
		{"", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, VersionId: "v"}},
		{"", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignHead, ResponseHeaders: &cosgatev1.ContentHeaders{}}},
		{"response_headers.content_type", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, ResponseHeaders: &cosgatev1.ContentHeaders{ContentType: "a\r\nb"}}},
		{`headers["host"]`, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"host": "evil.example"}}},
		{`headers["x-cos-copy-source"]`, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"x-cos-copy-source": "b/k"}}},
		{`headers["x-cos-security-token"]`, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"x-cos-security-token": "t"}}},
		{`headers["content-type"]`, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"content-type": ""}}},
		{"headers", &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"content-type": "a", "Content-Type": "b"}}},
		{`query["acl"]`, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, Query: map[string]string{"acl": "x"}}},
		{`query["ci-process"]`, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, Query: map[string]string{"ci-process": "a\n"}}},
	} {
		if tt.req.GetBucket() == "" {
			tt.req.Bucket = testBucket
		}
		_, err := g.presign.PresignUrl(t.Context(), tt.req)
		bad, _ := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || len(bad.GetFieldViolations()) == 0 || bad.GetFieldViolations()[0].GetField() != tt.field {
			t.Errorf("PresignUrl(%v) = %v, %v, want INVALID_ARGUMENT of %q", tt.req, err, bad, tt.field)
		}
	}
}

// What presigning can fail with besides bad fields.
func TestPresignUrlFailsAsItsContractSays(t *testing.T) {
	t.Parallel()
	req := &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: presignGet}
	g := open(t)
	other := proto.CloneOf(req)
	other.Profile = "other"
	_, err := g.presign.PresignUrl(t.Context(), other)
	wantStatus(t, "another profile", err, codes.NotFound, cosstatus.ReasonProfileNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.presign.PresignUrl(ctx, req); status.Code(err) != codes.Canceled {
		t.Errorf("PresignUrl after a cancel = %v, want CANCELLED", err)
	}
	g = open(t, func(s *setup) { s.backend.Region = "" })
	unknown := proto.CloneOf(req)
	unknown.Bucket = "absent-1250000000"
	_, err = g.presign.PresignUrl(t.Context(), unknown)
	wantStatus(t, "a bucket without a region", err, codes.NotFound, cosstatus.ReasonRegionUnknown)
	if _, err := g.presign.PresignUrl(t.Context(), req); err != nil || slices.ContainsFunc(g.requests(), func(r string) bool { return r != "ListBuckets" && r != "GetFederationToken" }) {
		t.Errorf("PresignUrl = %v after %v, want success after lookups and a call of STS", err, g.requests())
	}
	g.cos.Faults().Add(embedded.Fault{Operation: "ListBuckets", Status: 403, Code: "AccessDenied"})
	_, err = g.presign.PresignUrl(t.Context(), unknown)
	wantStatus(t, "a refused lookup", err, codes.PermissionDenied, "ACCESS_DENIED")
	g = open(t, func(s *setup) { s.backend.Credentials = noCredentials{} })
	_, err = g.presign.PresignUrl(t.Context(), req)
	wantStatus(t, "no credentials", err, codes.Internal, cosstatus.ReasonCredentialsMissing)
	if e, _ := detail[*cosgatev1.CosError](err); e.GetOperation() != "PresignURL" || e.GetAttempts() != 0 || e.GetOrigin() != cosgatev1.Origin_ORIGIN_TRANSPORT {
		t.Errorf("no credentials: CosError = %v", e)
	}
	g = open(t, func(s *setup) { s.backend.Credentials = panicking{} })
	if _, err := g.presign.PresignUrl(t.Context(), req); status.Code(err) != codes.Internal || strings.Contains(g.logs.String(), "VerySecret") {
		t.Errorf("PresignUrl = %v, log %s, want INTERNAL and no value", err, g.logs)
	}
}

type noCredentials struct{}

func (noCredentials) Credentials(context.Context) (cosbackend.Credentials, error) {
	return cosbackend.Credentials{}, io.ErrUnexpectedEOF
}

func wantStatus(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != code || info.GetReason() != reason {
		t.Errorf("%s: %v (%s), want %v %s", what, err, info.GetReason(), code, reason)
	}
}

func TestPresignUrlIsNeverLogged(t *testing.T) {
	t.Parallel()
	t.Run("own keys", func(t *testing.T) { nothingSignedIsLogged(t, temporary) })
	t.Run("narrowed", func(t *testing.T) { nothingSignedIsLogged(t) })
}

func nothingSignedIsLogged(t *testing.T, change ...func(*setup)) {
	t.Helper()
	g := open(t, change...)
	plain := g.plainClient(t, "memory")
	u := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{"x-cos-meta-a": "very-secret-header"}})
	f := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toKey("k")})
	use(t, plain, u, "x")
	sendForm(t, plain, f, nil, "a.txt", "x")
	_, _ = g.presign.PresignUrl(t.Context(), &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: presignPut, Headers: map[string]string{"x-secret": "very-secret-header"}})
	parsed, err := url.Parse(u.GetUrl())
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{"sts-token", "very-secret", "q-signature=", "http://", parsed.Query().Get("q-signature"), parsed.Query().Get("x-cos-security-token"), fieldOf(f, "policy"), fieldOf(f, "q-signature")}
	log := g.logs.String()
	for _, secret := range secrets {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
	if got := strings.Count(log, "PresignService/PresignUrl"); got != 2 {
		t.Errorf("%d log lines of PresignUrl, want one for each call:\n%s", got, log)
	}
	for _, e := range g.cos.Journal().Entries() {
		for _, secret := range secrets[:2] {
			if strings.Contains(e.Target, secret) {
				t.Errorf("the journal has %q", e.Target)
			}
		}
	}
	for m, field := range map[proto.Message]string{&cosgatev1.PresignUrlResponse{}: "url", &cosgatev1.FormField{}: "value"} {
		options, _ := m.ProtoReflect().Descriptor().Fields().ByTextName(field).Options().(*descriptorpb.FieldOptions)
		if !options.GetDebugRedact() {
			t.Errorf("%T.%s is not marked debug_redact", m, field)
		}
	}
}

// fieldOf returns the value of a field of a form.
func fieldOf(f *cosgatev1.CreatePostPolicyResponse, name string) string {
	for _, field := range f.GetFields() {
		if field.GetName() == name {
			return field.GetValue()
		}
	}
	return ""
}
