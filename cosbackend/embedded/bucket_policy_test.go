package embedded_test

import (
	"strings"
	"testing"
)

const readPolicy = `{"version": "2.0", "Statement": [{"Sid": "s", "Effect": "Allow", "Principal": {"qcs": ["qcs::cam::anyone:anyone"]},
	"Action": ["name/cos:GetObject"], "Resource": ["qcs::cos:ap-guangzhou:uid/1250000000:test-1250000000/open/*"]}]}`

// TestGetBucketPolicyReturnsItAsPut holds E070 and E081.
func TestGetBucketPolicyReturnsItAsPut(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.do(t, call{method: "GET", query: "policy"}).want(t, 404, "NoSuchBucketPolicy")
	other := strings.NewReplacer(`"version"`, `"Version"`, `"Statement"`, `"statement"`, "Effect", "effect", "Resource", "resource")
	for put, want := range map[string]string{
		readPolicy:                 readPolicy,
		" " + readPolicy + " \r\n": " " + readPolicy + " \r\n",
		other.Replace(readPolicy):  strings.NewReplacer("Effect", "effect", "Resource", "resource").Replace(readPolicy),
		strings.Replace(readPolicy, `"Statement"`, `"STAT\u0045MENT"`, 1): readPolicy,
		// Names of statements are not names of the policy.
		`{"statement":{"effect":"deny","principal":"*","action":"name/cos:*","resource":"*","condition":{"string_equal":{"cos:version":"a","statement":"b"}}},"version":"2.0","id":"version"}`: `{"Statement":{"effect":"deny","principal":"*","action":"name/cos:*","resource":"*","condition":{"string_equal":{"cos:version":"a","statement":"b"}}},"version":"2.0","id":"version"}`,
	} {
		c.do(t, call{method: "PUT", query: "policy", body: []byte(put)}).want(t, 204, "")
		got := c.do(t, call{method: "GET", query: "policy"}).want(t, 200, "")
		if string(got.body) != want || got.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("GET ?policy = %s %q, want %q", got.Header.Get("Content-Type"), got.body, want)
		}
	}
	c.do(t, call{method: "DELETE", query: "policy"}).want(t, 204, "")
	c.do(t, call{method: "DELETE", query: "policy"}).want(t, 204, "")
	c.do(t, call{method: "GET", query: "policy"}).want(t, 404, "NoSuchBucketPolicy")
}

// TestPutBucketPolicyRefusesInvalidPolicies holds E082.
func TestPutBucketPolicyRefusesInvalidPolicies(t *testing.T) {
	t.Parallel()
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
		"a field twice":        replace(`"Effect": "Allow"`, `"effect": "deny", "Effect": "Allow"`),
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

// statement is one of a policy; principal is JSON.
func statement(effect, principal, action, resource, rest string) string {
	if !strings.HasPrefix(resource, "qcs") && resource != "*" {
		resource = "qcs::cos:ap-guangzhou:uid/1250000000:" + resource
	}
	return `{"effect": "` + effect + `", "principal": ` + principal + `, "action": ["` + action + `"], "resource": ["` + resource + `"]` + rest + `}`
}

// TestBucketPolicyAppliesToEveryone holds E088 and E089.
func TestBucketPolicyAppliesToEveryone(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "open/k", "x")
	c.put(t, "open/public", "x", "x-cos-acl", "public-read")
	c.put(t, "other", "x")
	read := func(key string) call { return call{method: "GET", key: key} }
	list, write := call{method: "GET"}, call{method: "PUT", key: "open/new", body: []byte("x")}
	const (
		star     = `"*"`
		qcs      = `{"qcs": ["qcs::cam::anyone:anyone"]}`
		someone  = `{"qcs": "qcs::cam::uin/1:uin/2"}`
		b        = testBucket
		when     = `, "condition": {"ip_equal": {"qcs:ip": "10.0.0.0/8"}}`
		anything = "name/cos:*"
	)
	allow := func(principal, action, resource string) string {
		return statement("allow", principal, action, resource, "")
	}
	deny := func(principal, action, resource string) string {
		return statement("deny", principal, action, resource, "")
	}
	for name, tt := range map[string]struct {
		statements       []string
		in               call
		unsigned, signed int
	}{
		"read under a prefix":                 {[]string{allow(star, "name/cos:GetObject", b+"/open/*")}, read("open/k"), 200, 200},
		"read by the long principal":          {[]string{allow(qcs, "cos:GetObject", b+"/open/*")}, read("open/k"), 200, 200},
		"read by one statement":               {[]string{allow(star, "*", "*")}, read("other"), 200, 200},
		"read outside the prefix":             {[]string{allow(star, "name/cos:GetObject", b+"/open/*")}, read("other"), 403, 200},
		"read an absent key":                  {[]string{allow(star, "name/cos:GetObject", b+"/*")}, read("absent"), 404, 404},
		"head by read only":                   {[]string{allow(star, "name/cos:GetObject", b+"/*")}, call{method: "HEAD", key: "open/k"}, 403, 200},
		"head by Head*":                       {[]string{allow(star, "name/cos:Head*", b+"/*")}, call{method: "HEAD", key: "open/k"}, 200, 200},
		"list":                                {[]string{allow(star, "name/cos:GetBucket", b+"/*")}, list, 200, 200},
		"list by another name":                {[]string{allow(star, "name/cos:ListBucket", b)}, list, 200, 200},
		"list by read only":                   {[]string{allow(star, "name/cos:GetObject", b+"/*")}, list, 403, 200},
		"write":                               {[]string{allow(star, "name/cos:PutObject", b+"/open/*")}, write, 200, 200},
		"another bucket":                      {[]string{allow(star, anything, "b-125/*")}, read("open/k"), 403, 200},
		"another region":                      {[]string{allow(star, anything, "qcs::cos:ap-beijing:uid/1250000000:"+b+"/*")}, read("open/k"), 403, 200},
		"every region":                        {[]string{allow(star, anything, "qcs::cos::uid/1250000000:"+b+"/*")}, read("open/k"), 200, 200},
		"another account":                     {[]string{allow(star, anything, "qcs::cos::uid/1:"+b+"/*")}, read("open/k"), 403, 200},
		"allowed to someone":                  {[]string{allow(someone, anything, b+"/*")}, read("open/k"), 403, 200},
		"denied to someone":                   {[]string{deny(someone, anything, b+"/*"), allow(star, anything, b+"/*")}, read("open/k"), 200, 200},
		"denied after allowed":                {[]string{allow(star, anything, b+"/*"), deny(star, "name/cos:GetObject", b+"/open/*")}, read("open/k"), 403, 403},
		"denied though the ACL opens":         {[]string{deny(star, "name/cos:GetObject", b+"/open/*")}, read("open/public"), 403, 403},
		"denied elsewhere":                    {[]string{deny(star, "name/cos:GetObject", b+"/open/*")}, read("other"), 403, 200},
		"allowed under conditions":            {[]string{statement("allow", star, anything, b+"/*", when)}, read("open/k"), 403, 200},
		"denied under conditions":             {[]string{statement("deny", star, anything, b+"/*", when)}, read("open/public"), 403, 403},
		"allowed in the older form":           {[]string{allow(star, anything, "qcs::cos::uid/1250000000:prefix//1250000000/test/*")}, read("open/k"), 200, 200},
		"allowed in the older form elsewhere": {[]string{allow(star, anything, "qcs::cos::uid/1250000000:prefix//1250000000/test/open/*")}, read("other"), 403, 200},
		"allowed for a malformed resource":    {[]string{allow(star, anything, "qcs::cos:"+b+"/*")}, read("open/k"), 403, 200},
		"denied for a malformed resource":     {[]string{deny(star, anything, "qcs::cos:"+b+"/*")}, read("open/public"), 403, 403},
		"denied in the older form":            {[]string{deny(star, anything, "qcs::cos::uid/1250000000:prefix//1250000000/test/*")}, read("open/public"), 403, 403},
		"the ACL alone":                       {[]string{allow(star, "name/cos:GetObject", "b-125/*")}, read("open/public"), 200, 200},
		"configurations never open":           {[]string{allow(star, "*", "*")}, call{method: "GET", query: "policy"}, 403, 200},
		"configurations never close":          {[]string{deny(star, "*", "*")}, call{method: "GET", query: "policy"}, 403, 200},
		"a copy needs its target only":        {[]string{deny(star, "name/cos:GetObject", b+"/other")}, call{method: "PUT", key: "copy", header: map[string]string{"x-cos-copy-source": testHost + "/other"}}, 403, 200},
		"a copy to a closed target":           {[]string{deny(star, "name/cos:PutObject", b+"/copy")}, call{method: "PUT", key: "copy", header: map[string]string{"x-cos-copy-source": testHost + "/other"}}, 403, 403},
		"copies are made by the owner":        {[]string{allow(star, "*", "*")}, call{method: "PUT", key: "copy", header: map[string]string{"x-cos-copy-source": testHost + "/other"}}, 403, 200},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"version": "2.0", "statement": [` + strings.Join(tt.statements, ",") + `]}`
			c.do(t, call{method: "PUT", query: "policy", body: []byte(text)}).want(t, 204, "")
			if got := c.do(t, tt.in); got.StatusCode != tt.signed {
				t.Errorf("signed = %d %s (%s), want %d", got.StatusCode, got.err.Code, got.err.Message, tt.signed)
			}
			tt.in.unsigned = true
			if got := c.do(t, tt.in); got.StatusCode != tt.unsigned {
				t.Errorf("unsigned = %d %s (%s), want %d", got.StatusCode, got.err.Code, got.err.Message, tt.unsigned)
			}
		})
	}
	c.do(t, call{method: "PUT", query: "policy", body: []byte(`{"version": "2.0", "statement": ` + deny(star, "*", "*") + `}`)}).want(t, 204, "")
	c.do(t, call{method: "GET", key: "other"}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "DELETE", query: "policy"}).want(t, 204, "")
	c.do(t, call{method: "GET", key: "other"}).want(t, 200, "")
	c.do(t, call{method: "GET", key: "other", unsigned: true}).want(t, 403, "AccessDenied")
}

func TestDeleteObjectsKeepsKeysThatThePolicyProtects(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "kept/k", "x")
	c.put(t, "k", "x")
	text := `{"version": "2.0", "statement": [` + statement("deny", `"*"`, "name/cos:DeleteObject", testBucket+"/kept/*", "") + `]}`
	c.do(t, call{method: "PUT", query: "policy", body: []byte(text)}).want(t, 204, "")
	body := []byte("<Delete><Object><Key>kept/k</Key></Object><Object><Key>k</Key></Object></Delete>")
	got := c.do(t, call{method: "POST", query: "delete", body: body, header: map[string]string{"Content-MD5": contentMD5(body)}})
	if want := "<Error><Key>kept/k</Key><Code>AccessDenied</Code>"; got.StatusCode != 200 || !strings.Contains(string(got.body), want) {
		t.Errorf("POST ?delete = %d %s, want %s", got.StatusCode, got.body, want)
	}
	c.do(t, call{method: "HEAD", key: "kept/k"}).want(t, 200, "")
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 404, "")
}
