package embedded_test

import (
	"encoding/base64"
	"regexp"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// Ids have the form and the length of COS's own, and stand where COS puts them: this holds
// E135. What is as long as in reality finds every place that cuts it.
func TestIDsAreThoseOfCOS(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1700000000) })
	c.put(t, "k", "hello")
	requestID := regexp.MustCompile(`^6553f100_[0-9a-f]{8}_[0-9a-f]{5}_[0-9a-f]{7}$`)
	traceID := regexp.MustCompile(`^[0-9a-f]{128}$`)
	matches := map[string]string{"If-Match": `"x"`}
	for name, tt := range map[string]struct {
		in           call
		status       int
		header, body bool // where the trace id is
	}{
		"success":             {call{method: "GET", key: "k"}, 200, false, false},
		"GET of nothing":      {call{method: "GET", key: "absent"}, 404, false, true},
		"GET that fails":      {call{method: "GET", key: "k", header: matches}, 412, false, true},
		"GET not modified":    {call{method: "GET", key: "k", header: map[string]string{"If-None-Match": "*"}}, 304, false, false},
		"PUT refused":         {call{method: "PUT", key: "k", header: map[string]string{"Content-MD5": contentMD5([]byte("x"))}}, 400, false, true},
		"POST refused":        {call{method: "POST", key: "k", query: "uploadId=absent"}, 400, false, true},
		"DELETE of nothing":   {call{method: "DELETE", host: hostIn("absent-1", "ap-guangzhou"), key: "k"}, 404, false, true},
		"HEAD of nothing":     {call{method: "HEAD", key: "absent"}, 404, true, false},
		"HEAD that fails":     {call{method: "HEAD", key: "k", header: matches}, 412, true, false},
		"HEAD not modified":   {call{method: "HEAD", key: "k", header: map[string]string{"If-None-Match": "*"}}, 304, true, false},
		"OPTIONS refused":     {call{method: "OPTIONS", key: "k", unsigned: true, header: map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}}, 403, true, true},
		"unsigned":            {call{method: "GET", key: "k", unsigned: true}, 403, false, false},
		"unsigned HEAD":       {call{method: "HEAD", key: "k", unsigned: true}, 403, false, false},
		"unsigned, malformed": {call{method: "GET", key: "k", unsigned: true, header: map[string]string{"Authorization": "q-ak=x"}}, 403, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.do(t, tt.in)
			if got.StatusCode != tt.status {
				t.Fatalf("response = %d %s, want %d", got.StatusCode, got.err.Code, tt.status)
			}
			id := got.Header.Get("x-cos-request-id")
			if text, err := base64.StdEncoding.DecodeString(id); err != nil || !requestID.Match(text) {
				t.Errorf("x-cos-request-id %q is base64 of %q, want %s", id, text, requestID)
			}
			if got.err.Code != "" && got.err.RequestID != id {
				t.Errorf("RequestId = %q, x-cos-request-id = %q", got.err.RequestID, id)
			}
			inHeader := got.Header.Get("x-cos-trace-id")
			if (inHeader != "") != tt.header || (got.err.TraceID != "") != tt.body {
				t.Errorf("trace id = %q in the header, %q in the body", inHeader, got.err.TraceID)
			}
			for _, trace := range []string{inHeader, got.err.TraceID} {
				if text, err := base64.StdEncoding.DecodeString(trace); trace != "" && (err != nil || !traceID.Match(text) || len(trace) != 172) {
					t.Errorf("trace id %q is base64 of %q, want %s", trace, text, traceID)
				}
			}
			if tt.header && tt.body && inHeader != got.err.TraceID {
				t.Errorf("trace id = %q in the header, %q in the body", inHeader, got.err.TraceID)
			}
		})
	}
}
