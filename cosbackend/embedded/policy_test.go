package embedded_test

import (
	"strings"
	"testing"
)

const readPolicy = `{"version": "2.0", "Statement": [{"Sid": "s", "Effect": "Allow", "Principal": {"qcs": ["qcs::cam::anyone:anyone"]},
	"Action": ["name/cos:GetObject"], "Resource": ["qcs::cos:ap-guangzhou:uid/1250000000:test-1250000000/open/*"]}]}`

func TestAPolicyComesBackAsItWasPut(t *testing.T) {
	c := open(t)
	c.do(t, call{method: "GET", query: "policy"}).want(t, 404, "NoSuchBucketPolicy")
	c.do(t, call{method: "PUT", query: "policy", body: []byte(readPolicy)}).want(t, 200, "")
	got := c.do(t, call{method: "GET", query: "policy"}).want(t, 200, "")
	if string(got.body) != readPolicy || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("GET ?policy = %s %q, want what was put", got.Header.Get("Content-Type"), got.body)
	}
	c.do(t, call{method: "DELETE", query: "policy"}).want(t, 204, "")
	c.do(t, call{method: "DELETE", query: "policy"}).want(t, 204, "")
	c.do(t, call{method: "GET", query: "policy"}).want(t, 404, "NoSuchBucketPolicy")
}

func TestPoliciesThatAreNoneAreRefused(t *testing.T) {
	c := open(t)
	replace := func(old, new string) string { return strings.Replace(readPolicy, old, new, 1) }
	for what, text := range map[string]string{
		"no JSON":              "x",
		"a list":               "[]",
		"no statement":         `{"version": "2.0", "statement": []}`,
		"no version":           replace(`"version": "2.0", `, ""),
		"another version":      replace("2.0", "3.0"),
		"an unknown field":     replace(`"Sid"`, `"Side"`),
		"an unknown effect":    replace("Allow", "Perhaps"),
		"no principal":         replace(`"Principal"`, `"Condition"`),
		"a principal of S3":    replace(`"qcs":`, `"AWS":`),
		"an empty principal":   replace(`["qcs::cam::anyone:anyone"]`, `[]`),
		"another text":         replace(`{"qcs": ["qcs::cam::anyone:anyone"]}`, `"everyone"`),
		"an action of S3":      replace("name/cos:GetObject", "s3:GetObject"),
		"a star in the middle": replace("name/cos:GetObject", "name/cos:Get*Object"),
		"a resource of S3":     replace("qcs::cos", "arn:aws:s3"),
		"two documents":        readPolicy + readPolicy,
		"more than 20 KB":      readPolicy + strings.Repeat(" ", 20<<10),
	} {
		if got := c.do(t, call{method: "PUT", query: "policy", body: []byte(text)}); got.StatusCode != 400 || got.err.Code != "MalformedPolicy" {
			t.Errorf("PUT ?policy with %s = %d %s, want 400 MalformedPolicy", what, got.StatusCode, got.err.Code)
		}
	}
	c.do(t, call{method: "PUT", query: "policy", body: []byte(replace(`"Sid": "s"`, `"NotAction": ["name/cos:*"]`))}).want(t, 501, "NotImplemented")
	c.do(t, call{method: "PUT", query: "policy"}).want(t, 400, "MissingRequestBodyError")
	c.do(t, call{method: "GET", query: "policy"}).want(t, 404, "NoSuchBucketPolicy")
}
