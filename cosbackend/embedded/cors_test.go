package embedded_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	cos "github.com/tencentyun/cos-go-sdk-v5"
)

const corsDocument = `<CORSConfiguration>
	<CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>
	<AllowedHeader>x-cos-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-cos-request-id</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>
	<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod></CORSRule></CORSConfiguration>`

// corsHeaders are the headers of a response that are for browsers.
func corsHeaders(h http.Header) map[string]string {
	got := make(map[string]string)
	for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age"} {
		if v := h.Get("Access-Control-" + name); v != "" {
			got[name] = v
		}
	}
	if v := h.Get("Vary"); v != "" {
		got["Vary"] = v
	}
	return got
}

// TestOptionsObjectFollowsTheCORSRules holds E086 and E174.
func TestOptionsObjectFollowsTheCORSRules(t *testing.T) {
	t.Parallel()
	c := open(t)
	ask := func(origin, method, headers, query, key string) response {
		h := make(map[string]string)
		for name, v := range map[string]string{"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers} {
			if v != "" {
				h[name] = v
			}
		}
		return c.do(t, call{method: "OPTIONS", key: key, query: query, header: h, unsigned: true})
	}
	ask("https://a.example.com", "GET", "", "", "k").want(t, 403, "AccessForbidden")
	c.configure(t, "cors", corsDocument).want(t, 200, "")
	first := map[string]string{
		"Allow-Origin": "https://a.example.com", "Allow-Credentials": "true", "Allow-Methods": "GET,PUT", "Allow-Headers": "content-type",
		"Expose-Headers": "ETag,x-cos-request-id", "Max-Age": "600",
	}
	withHeaders := maps.Clone(first)
	withHeaders["Allow-Headers"] = "content-type,x-cos-acl"
	for _, tt := range []struct {
		origin, method, headers, query string
		want                           map[string]string // nil is refused
	}{
		{"https://a.example.com", "GET", "", "", first},
		{"https://a.example.com", "PUT", "X-Cos-Acl, Content-Type", "", withHeaders},
		{"https://a.example.com", "PUT", "", "partNumber=1&uploadId=x", first},
		{"https://a.example.com", "GET", "", "q-sign-algorithm=sha1&q-ak=wrong", first},
		{"https://anywhere.org", "HEAD", "", "acl", map[string]string{"Allow-Origin": "*", "Allow-Methods": "HEAD"}},
		{"https://a.example.com", "DELETE", "", "", nil},
		{"https://a.example.com", "PUT", "authorization", "", nil},
		{"https://anywhere.org", "GET", "", "", nil},
		{"https://example.com", "GET", "", "", nil},
		{"", "GET", "", "", nil},
		{"https://a.example.com", "", "", "", nil},
	} {
		for _, key := range []string{"absent", ""} {
			got := ask(tt.origin, tt.method, tt.headers, tt.query, key)
			if tt.want == nil {
				got.want(t, 403, "AccessForbidden")
				continue
			}
			if d := cmp.Diff(tt.want, corsHeaders(got.want(t, 200, "").Header)); d != "" || len(got.body) != 0 {
				t.Errorf("preflight %+v of %q (-want +got):\n%s", tt, key, d)
			}
		}
	}
	c.do(t, call{method: "OPTIONS", key: "k", host: hostIn("absent-1", "ap-guangzhou"), unsigned: true}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "DELETE", query: "cors"}).want(t, 204, "")
	ask("https://a.example.com", "GET", "", "", "k").want(t, 403, "AccessForbidden")
}

// TestCORSHeadersAreOnEveryResponse holds E087 and E175.
func TestCORSHeadersAreOnEveryResponse(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	from := func(method, origin string, unsigned bool) map[string]string {
		a := c.do(t, call{method: method, key: "k", header: map[string]string{"Origin": origin}, unsigned: unsigned})
		return corsHeaders(a.Header)
	}
	want := map[string]string{"Allow-Origin": "https://a.example.com", "Allow-Credentials": "true", "Allow-Methods": "GET,PUT", "Expose-Headers": "ETag,x-cos-request-id"}
	check := func(what string, got, want map[string]string) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	none := map[string]string{}
	check("without rules", from("GET", "https://a.example.com", false), none)
	c.configure(t, "cors", corsDocument).want(t, 200, "")
	check("an allowed GET", from("GET", "https://a.example.com", false), want)
	check("a refused GET", from("GET", "https://a.example.com", true), want)
	check("another origin", from("GET", "https://b.org", false), none)
	check("another method", from("DELETE", "https://a.example.com", false), none)
	check("no origin", corsHeaders(c.do(t, call{method: "GET", key: "k"}).Header), none)
	varying := `<CORSConfiguration><CORSRule><AllowedOrigin>https://a.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule><ResponseVary>true</ResponseVary></CORSConfiguration>`
	c.configure(t, "cors", varying).want(t, 200, "")
	check("with Vary", from("GET", "https://a.example.com", false), map[string]string{"Allow-Origin": "https://a.example.com", "Allow-Credentials": "true", "Allow-Methods": "GET", "Vary": "Origin"})
	check("with Vary and no origin", corsHeaders(c.do(t, call{method: "GET", key: "k"}).Header), map[string]string{"Vary": "Origin"})
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	c.do(t, call{method: "DELETE"}).want(t, 204, "")
	c.do(t, call{method: "PUT"}).want(t, 200, "")
	check("in the bucket's successor", from("GET", "https://a.example.com", false), none)
}

func TestSDKSendsOptionsObject(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.configure(t, "cors", corsDocument).want(t, 200, "")
	resp, err := c.sdk(t).Object.Options(t.Context(), "k", &cos.ObjectOptionsOptions{Origin: "https://a.example.com", AccessControlRequestMethod: "PUT"})
	if err != nil || resp.Header.Get("Access-Control-Allow-Origin") != "https://a.example.com" {
		t.Errorf("Options = %v, %v", resp, err)
	}
}
