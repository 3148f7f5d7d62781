package embedded_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// Whoever signs in another way is told so by name. It holds E138.
func TestForeignSignatureIsNamed(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "hello")
	for name, tt := range map[string]struct {
		header, query, code, want string
		status                    int
	}{
		"AWS v4":              {"AWS4-HMAC-SHA256 Credential=AKID/20260101/ap-guangzhou/s3/aws4_request, SignedHeaders=host, Signature=00", "", "NotImplemented", "AWS Signature Version 4", 501},
		"AWS v4 in the query": {"", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID&X-Amz-Signature=00", "NotImplemented", "AWS Signature Version 4", 501},
		"AWS v2":              {"AWS AKID:c2lnbmF0dXJl", "", "NotImplemented", "AWS Signature Version 2", 501},
		"AWS v2 in the query": {"", "AWSAccessKeyId=AKID&Expires=1700000000&Signature=c2ln", "NotImplemented", "AWS Signature Version 2", 501},
		"TC3":                 {"TC3-HMAC-SHA256 Credential=AKID/2026-01-01/cos/tc3_request", "", "AccessDenied", "TC3", 403},
		"bearer":              {"bearer abc", "", "AccessDenied", "HTTP Bearer", 403},
		"basic":               {"Basic dTpw", "", "AccessDenied", "HTTP Basic", 403},
		"OSS in the query":    {"", "OSSAccessKeyId=AKID&Expires=1700000000&Signature=c2ln", "AccessDenied", "OSS Signature Version 1", 403},
		"malformed of COS's":  {"q-ak=AKID", "X-Amz-Algorithm=a&X-Amz-Signature=b", "AccessDenied", "The signature is malformed", 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := call{method: "GET", key: "k", query: tt.query, unsigned: true}
			if tt.header != "" {
				in.header = map[string]string{"Authorization": tt.header}
			}
			got := c.do(t, in)
			if got.StatusCode != tt.status || got.err.Code != tt.code || !strings.Contains(got.err.Message, tt.want) {
				t.Errorf("response = %d %s %q, want %d %s with %q", got.StatusCode, got.err.Code, got.err.Message, tt.status, tt.code, tt.want)
			}
			if strings.Contains(got.err.Message, "is signed with") && !strings.Contains(got.err.Message, "q-sign-algorithm=sha1") {
				t.Errorf("message %q does not say how to sign", got.err.Message)
			}
			if strings.Contains(string(got.body), "c2ln") || strings.Contains(got.err.Message, "AKID") {
				t.Errorf("the response quotes the signature: %s", got.body)
			}
		})
	}
}

// An error that a signature is at fault for has the server's time, by which clients correct
// their clock. It holds E136.
func TestErrorsOfUnsignedRequestsHaveTheTime(t *testing.T) {
	t.Parallel()
	const now = 1700000000
	c := open(t, func(o *embedded.Options) { o.Clock = at(now) })
	c.put(t, "k", "hello")
	expired := func(r *http.Request) {
		r.Header.Set("Authorization", signature(r, c.cred, now-600, now-1))
	}
	for name, tt := range map[string]struct {
		in     call
		change func(*http.Request)
		want   string // the elements in their order
	}{
		"unsigned":          {call{method: "GET", key: "k", unsigned: true}, nil, "Code Message ServerTime Resource RequestId"},
		"unsigned, service": {call{method: "GET", host: "service.cos.myqcloud.com", unsigned: true}, nil, "Code Message ServerTime Resource RequestId"},
		"expired":           {call{method: "GET", key: "k", unsigned: true}, expired, "Code Message ServerTime Resource RequestId TraceId"},
		"skewed": {call{method: "GET", key: "k", unsigned: true}, func(r *http.Request) {
			r.Header.Set("Authorization", signature(r, c.cred, now+901, now+1600))
		}, "Code Message ServerTime Resource RequestId TraceId"},
		"another secret": {call{method: "GET", key: "k", unsigned: true}, func(r *http.Request) {
			r.Header.Set("Authorization", signature(r, embedded.Credential{SecretID: c.cred.SecretID, SecretKey: "x"}, now-1, now+600))
		}, "Code Message StringToSign FormatString Resource RequestId TraceId"},
		"signed": {call{method: "GET", key: "absent"}, nil, "Code Message Resource RequestId TraceId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := c.request(t, tt.in)
			if tt.change != nil {
				tt.change(r)
			}
			got := c.send(t, r)
			var names []string
			for line := range strings.SplitSeq(string(got.body), "\n\t<") {
				if name, _, ok := strings.Cut(line, ">"); ok && !strings.HasPrefix(line, "<") {
					names = append(names, name)
				}
			}
			if strings.Join(names, " ") != tt.want {
				t.Errorf("elements = %q, want %s\n%s", names, tt.want, got.body)
			}
			if want := strings.Contains(tt.want, "ServerTime"); want && got.err.ServerTime != "2023-11-14T22:13:20Z" {
				t.Errorf("ServerTime = %q, want 2023-11-14T22:13:20Z", got.err.ServerTime)
			}
		})
	}
}
