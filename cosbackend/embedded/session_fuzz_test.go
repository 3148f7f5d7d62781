package embedded

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzSessionPolicy looks for policies that are read as more than they say.
func FuzzSessionPolicy(f *testing.F) {
	for _, s := range []string{
		`{"effect":"allow","action":["name/cos:GetObject"],"resource":["qcs::cos:ap-guangzhou:uid/1250000000:test-1250000000/k"]}`,
		`{"effect":"Allow","action":"*","resource":"*","condition":{"string_equal_if_exist":{"cos:versionid":""}}}`,
		`{"effect":"allow","action":"cos:Get*","resource":"qcs::cos::uid/1250000000:prefix//1250000000/test/*"},{"effect":"deny","action":"*","resource":"*"}`,
		`{"effect":"allow","action":"*","resource":"*","condition":{"numeric_less_than":{"cos:content-length":[1,"2",true,null]},"ip_equal":{"qcs:ip":"::/0"}}}`,
		`{"effect":"allow","effect":"deny","action":"*","resource":"*"}`,
		`{"EFFECT":"allow","Action":["*"],"Resource":["*"],"Condition":{"":{"":""}}}`,
		``,
	} {
		f.Add(s, "k", "versionid=x", "x-cos-acl: private")
	}
	f.Fuzz(func(t *testing.T, statements, key, query, header string) {
		name, value, _ := strings.Cut(header, ": ")
		params, perr := parseParams(query)
		if perr != nil {
			return
		}
		request := policyRequest{
			actions: []string{"GetObject"}, region: "ap-guangzhou", bucket: "test-1250000000", key: key,
			context: conditionContext{header: http.Header{http.CanonicalHeaderKey(name): {value}}, params: params, remote: "10.0.0.1:1", length: 3},
		}
		allows := func(statements string) bool {
			ps, err := parseSessionPolicy(`{"version":"2.0","statement":[` + statements + `]}`)
			return err == nil && ps.evaluate(request) == policyAllows
		}
		if !allows(statements) {
			return
		}
		var raw []map[string]any
		if err := json.Unmarshal([]byte("["+statements+"]"), &raw); err != nil {
			t.Fatalf("%s allows, and is not a list of objects: %v", statements, err)
		}
		if !strings.Contains(strings.ToLower(statements), `allow`) {
			if !strings.Contains(statements, `\u`) { // a text may be written with escapes
				t.Errorf("%s allows, and does not say so", statements)
			}
		}
		if allows(statements + `,{"effect":"deny","action":"*","resource":"*"}`) {
			t.Errorf("%s allows, whatever is denied", statements)
		}
		if allows(statements + `,{"effect":"deny","action":"*","resource":"*","condition":{"string_equal":{"cos:unheard-of":"x"}}}`) {
			t.Errorf("%s allows, whatever may be denied", statements)
		}
		for _, s := range raw {
			for field := range s {
				if strings.EqualFold(field, "condition") {
					delete(s, field)
				}
			}
			s["condition"] = map[string]any{"string_equal_if_exist": map[string]any{"cos:unheard-of": ""}}
		}
		unknown, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		if allows(strings.TrimSuffix(strings.TrimPrefix(string(unknown), "["), "]")) {
			t.Errorf("%s allows under conditions that nobody knows", unknown)
		}
	})
}

// FuzzSTSRequest looks for requests that get credentials without the keys, or that the
// server blames itself for.
func FuzzSTSRequest(f *testing.F) {
	s, err := New(Options{Credentials: []Credential{{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	valid := "TC3-HMAC-SHA256 Credential=AKIDoftests/2026-12-01/sts/tc3_request, SignedHeaders=content-type;host, Signature=" + strings.Repeat("0", 64)
	f.Add("GetFederationToken", valid, "1796083200", "", `{"Name":"x","Policy":"%7B%7D"}`)
	f.Add("AssumeRole", strings.ReplaceAll(valid, "content-type;host", "content-type;host;x-tc-token"), "-1", "token", `{"RoleArn":1}`)
	f.Add("", "TC3-HMAC-SHA256 ,,=,Credential=////", "9223372036854775807", "AQ", "[")
	f.Fuzz(func(t *testing.T, action, authorization, timestamp, token, body string) {
		r := &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/"}, Host: STSHost, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Body: http.NoBody, ContentLength: int64(len(body)), Header: make(http.Header),
		}
		r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
		for name, value := range map[string]string{
			"X-TC-Action": action, "Authorization": authorization, "X-TC-Timestamp": timestamp, "X-TC-Token": token,
			"X-TC-Version": stsVersion, "X-TC-Region": "ap-guangzhou", "Content-Type": "application/json",
		} {
			r.Header.Set(name, value)
		}
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, r.WithContext(t.Context()))
		var got struct {
			Response struct {
				Credentials map[string]string
				Error       struct{ Code string }
				RequestID   string `json:"RequestId"`
			}
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 || got.Response.RequestID == "" {
			t.Fatalf("%q %q = %d %s", action, authorization, rec.Code, rec.Body)
		}
		if got.Response.Error.Code == "" || got.Response.Error.Code == "InternalError" || len(got.Response.Credentials) > 0 {
			t.Errorf("%q %q %q = %s, want a refusal", action, authorization, body, rec.Body)
		}
	})
}

// FuzzSessionToken looks for texts that are read as tokens.
func FuzzSessionToken(f *testing.F) {
	keys, err := newSessionKeys(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	const policy = `{"version":"2.0","statement":[{"effect":"allow","action":"*","resource":"*"}]}`
	token, err := keys.token(session{SecretID: "AKIDx", Name: "x", Expires: 1, Policy: policy})
	if err != nil {
		f.Fatal(err)
	}
	if of, err := keys.open(token); err != nil || of.SecretID != "AKIDx" || of.Policy != policy || of.permissions == nil {
		f.Fatalf("open = %+v, %v, want what was sealed", of, err)
	}
	f.Add(token)
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		// Each process seals its seed anew, so one that was not changed opens everywhere.
		if of, err := keys.open(text); err == nil && (of.SecretID != "AKIDx" || of.Expires != 1 || of.Policy != policy) {
			t.Errorf("open(%q) = %+v, which was never sealed", text, of)
		}
	})
}
