package embedded_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// rule is a configuration with one rule.
func strictRule(actions, headers, params string) string {
	list := func(name, item, values string) string {
		text := ""
		for v := range strings.FieldsSeq(values) {
			text += "<" + item + ">" + v + "</" + item + ">"
		}
		if text == "" {
			return ""
		}
		return "<" + name + ">" + text + "</" + name + ">"
	}
	return "<StrictSignatureConfiguration><Rule><ID>r</ID>" + list("actionlist", "action", actions) +
		list("headerlist", "header", headers) + list("paramlist", "param", params) + "</Rule></StrictSignatureConfiguration>"
}

// TestStrictSignatureRefusesWhatIsNotSigned holds E117: what is added to a request after it
// was signed is refused when a rule lists it.
func TestStrictSignatureRefusesWhatIsNotSigned(t *testing.T) {
	t.Parallel()
	c := open(t)
	const header, param = "header that must be signed", "param that must be signed"
	for name, tt := range map[string]struct {
		actions, headers, params string
		in                       call
		add                      func(*http.Request) // after signing
		refused                  string              // part of the message; "" for success
	}{
		"nothing added":            {"*", "Host x-cos-*", "all", call{method: "GET", key: "k"}, nil, ""},
		"a grant":                  {"Put*", "x-cos-grant-read", "", call{method: "PUT", key: "k"}, addHeader("x-cos-grant-read", `id="1"`), header},
		"an ACL":                   {"PutObject", "X-Cos-Acl", "", call{method: "PUT", key: "k"}, addHeader("x-cos-acl", "public-read"), header},
		"an ACL that is signed":    {"PutObject", "x-cos-acl", "", call{method: "PUT", key: "k", header: map[string]string{"x-cos-acl": "public-read"}}, nil, ""},
		"an ACL without a rule":    {"GetObject", "x-cos-acl", "", call{method: "PUT", key: "k"}, addHeader("x-cos-acl", "public-read"), ""},
		"a copy source":            {"PutObject", "x-cos-*", "", call{method: "PUT", key: "k2"}, addHeader("x-cos-copy-source", testHost+"/k"), header},
		"a range":                  {"GetObject", "Range", "", call{method: "GET", key: "k"}, addHeader("Range", "bytes=0-0"), header},
		"a type":                   {"PutObject", "Content-Type", "", call{method: "PUT", key: "k", body: []byte("x")}, addHeader("Content-Type", "text/html"), header},
		"a header without a rule":  {"*", "x-cos-acl", "all", call{method: "GET", key: "k"}, addHeader("Range", "bytes=0-0"), ""},
		"a version":                {"DeleteObject", "", "versionid", call{method: "DELETE", key: "absent"}, addQuery("versionId="), param},
		"a sub-resource":           {"*", "", "all", call{method: "GET", key: "k"}, addQuery("acl"), param},
		"the ACL of a URL":         {"PutObjectACL PutBucketACL", "Host", "acl", call{method: "PUT", key: "k", header: map[string]string{"x-cos-acl": "private"}}, addQuery("acl"), param},
		"a parameter that is free": {"*", "", "versionid", call{method: "GET", key: "k"}, addQuery("response-content-type=a/b"), ""},
		"a rule for all actions":   {"", "", "all", call{method: "GET", key: "k"}, addQuery("response-content-type=a/b"), param},
		"nobody's request":         {"*", "Host", "all", call{method: "GET", key: "k", query: "versionId=", unsigned: true}, nil, "Access Denied"},
	} {
		t.Run(name, func(t *testing.T) {
			c.put(t, "k", "x")
			c.do(t, call{method: "PUT", query: "strict-signature", body: []byte(strictRule(tt.actions, tt.headers, tt.params))}).want(t, 200, "")
			r := c.request(t, tt.in)
			if tt.add != nil {
				tt.add(r)
			}
			got := c.send(t, r)
			switch {
			case tt.refused == "" && got.StatusCode >= 300:
				t.Errorf("%s = %d %s (%s), want success", name, got.StatusCode, got.err.Code, got.err.Message)
			case tt.refused != "" && (got.StatusCode != 403 || got.err.Code != "AccessDenied" || !strings.Contains(got.err.Message, tt.refused)):
				t.Errorf("%s = %d %s (%s), want 403 %s", name, got.StatusCode, got.err.Code, got.err.Message, tt.refused)
			}
			c.do(t, call{method: "DELETE", query: "strict-signature"}).want(t, 204, "")
			if again := c.send(t, r.Clone(t.Context())); tt.refused != "" && !tt.in.unsigned && again.StatusCode == 403 {
				t.Errorf("%s without a rule = %d %s, want it to pass", name, again.StatusCode, again.err.Message)
			}
		})
	}
}

func TestStrictSignatureHoldsForPresignedURLs(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	c.do(t, call{method: "PUT", query: "strict-signature", body: []byte(strictRule("*", "Host", "all"))}).want(t, 200, "")
	query := c.presigned(c.request(t, call{method: "GET", key: "k", unsigned: true}))
	for added, status := range map[string]int{"": 200, "&versionId=": 403, "&response-content-type=text/html": 403, "&acl": 403} {
		r := c.request(t, call{method: "GET", key: "k", query: query + added, unsigned: true})
		if got := c.send(t, r); got.StatusCode != status {
			t.Errorf("a presigned URL with %q = %d %s, want %d", added, got.StatusCode, got.err.Message, status)
		}
	}
}

// A form has no headers and parameters to sign.
func TestStrictSignatureSkipsForms(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	c.do(t, call{method: "PUT", query: "strict-signature", body: []byte(strictRule("*", "Host x-cos-*", "all"))}).want(t, 200, "")
	c.post(t, formUpload{fields: []string{"key", "k", "x-cos-storage-class", "STANDARD"}, file: "x"}).want(t, 204, "")
}

func TestPutBucketStrictSignatureRefusesInvalidRules(t *testing.T) {
	t.Parallel()
	c := open(t)
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	rules := func(n int) string {
		return "<StrictSignatureConfiguration>" + many(n, "<Rule><ID>r%d</ID></Rule>") + "</StrictSignatureConfiguration>"
	}
	for text, code := range map[string]string{
		rules(10): "", rules(11): "MalformedXML", rules(0): "MalformedXML",
		strictRule(many(200, "Get%d "), "", ""):                      "",
		strictRule(many(201, "Get%d "), "", ""):                      "MalformedXML",
		strictRule("", "", many(20, "p%d ")):                         "",
		strictRule("", "", many(21, "p%d ")):                         "MalformedXML",
		strictRule("", "", strings.Repeat("p", 256)):                 "MalformedXML",
		strictRule("", "", "a/b"):                                    "MalformedXML",
		strictRule("", "User-Agent", ""):                             "InvalidArgument",
		strictRule("", "Origin", ""):                                 "InvalidArgument",
		strictRule("PostObject", "", ""):                             "InvalidArgument",
		strictRule("GetService", "", ""):                             "InvalidArgument",
		strings.Replace(rules(2), "r1", "r0", 1):                     "InvalidArgument",
		strings.Replace(rules(1), "r0", "", 1):                       "MalformedXML",
		strings.Replace(rules(1), "r0", strings.Repeat("r", 256), 1): "MalformedXML",
		strings.Replace(rules(1), "r0", "a b", 1):                    "MalformedXML",
	} {
		got := c.do(t, call{method: "PUT", query: "strict-signature", body: []byte(text)})
		if got.err.Code != code {
			t.Errorf("PUT of %.120s = %d %s (%s), want %q", text, got.StatusCode, got.err.Code, got.err.Message, code)
		}
	}
}

func addHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func addQuery(query string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+query, "&") }
}
