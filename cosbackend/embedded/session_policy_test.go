package embedded_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// TestSessionPolicyBoundsWhatAURLCanBeMadeInto takes the URL of one upload, download or
// deletion, and adds to it what its signature does not cover (E112).
func TestSessionPolicyBoundsWhatAURLCanBeMadeInto(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "mine/x", "x")
	c.put(t, "secret/x", "secret")
	c.do(t, call{method: "PUT", query: "versioning", body: []byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")}).want(t, 200, "")
	version := c.put(t, "mine/x", "newer").Header.Get("X-Cos-Version-Id")
	none := `{"string_equal_if_exist":{"cos:x-cos-acl":"","cos:x-cos-grant-read":"","cos:x-cos-grant-full-control":"","cos:x-cos-tagging":""}}`
	newest := `{"string_equal_if_exist":{"cos:versionid":"","cos:response-content-type":""}}`
	may := func(method string) *client {
		action := map[string]string{"PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject", "HEAD": "HeadObject"}[method]
		condition := newest
		if method == "PUT" {
			condition = none
		}
		return c.narrowed(t, grants("allow", "name/cos:"+action, testBucket+"/mine/x", condition))
	}
	tags := "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
	for name, tt := range map[string]struct {
		method string // that was signed
		as     string // that is sent; "" is the same
		query  string
		header map[string]string
		body   string
		status int
	}{
		"PUT as it is":                 {method: "PUT", body: "y", status: 200},
		"PUT of a copy":                {method: "PUT", header: map[string]string{"x-cos-copy-source": testHost + "/secret/x"}, status: 403},
		"PUT with an ACL":              {method: "PUT", body: "y", header: map[string]string{"x-cos-acl": "public-read"}, status: 403},
		"PUT with an empty ACL":        {method: "PUT", body: "y", header: map[string]string{"x-cos-acl": ""}, status: 200},
		"PUT with a grant":             {method: "PUT", body: "y", header: map[string]string{"x-cos-grant-read": `id="1"`}, status: 403},
		"PUT with all grants":          {method: "PUT", body: "y", header: map[string]string{"x-cos-grant-full-control": `uri="http://cam.qcloud.com/groups/global/AllUsers"`}, status: 403},
		"PUT with tags":                {method: "PUT", body: "y", header: map[string]string{"x-cos-tagging": "a=b"}, status: 403},
		"PUT ?acl":                     {method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "public-read"}, status: 403},
		"PUT ?symlink":                 {method: "PUT", query: "symlink", header: map[string]string{"x-cos-symlink-target": "secret%2Fx"}, status: 403},
		"PUT ?tagging":                 {method: "PUT", query: "tagging", body: tags, header: map[string]string{"Content-MD5": contentMD5([]byte(tags))}, status: 403},
		"PUT ?retention":               {method: "PUT", query: "retention", body: "<Retention/>", status: 403},
		"PUT of a part":                {method: "PUT", query: "partNumber=1&uploadId=x", body: "y", status: 403},
		"PUT turned into GET":          {method: "PUT", as: "GET", status: 403},
		"PUT turned into DELETE":       {method: "PUT", as: "DELETE", status: 403},
		"PUT turned into an append":    {method: "PUT", as: "POST", query: "append&position=0", body: "y", status: 403},
		"PUT turned into an upload":    {method: "PUT", as: "POST", query: "uploads", status: 403},
		"GET as it is":                 {method: "GET", status: 200},
		"GET of an older version":      {method: "GET", query: "versionId=null", status: 403},
		"GET of this version":          {method: "GET", query: "versionid=" + version, status: 403},
		"GET of an empty version":      {method: "GET", query: "VersionId=", status: 200},
		"GET as a page":                {method: "GET", query: "response-content-type=text/html", status: 403},
		"GET ?acl":                     {method: "GET", query: "acl", status: 403},
		"GET ?tagging":                 {method: "GET", query: "tagging", status: 403},
		"GET ?symlink":                 {method: "GET", query: "symlink", status: 403},
		"GET of parts":                 {method: "GET", query: "uploadId=x", status: 403},
		"GET turned into HEAD":         {method: "GET", as: "HEAD", status: 403},
		"GET turned into restore":      {method: "GET", as: "POST", query: "restore", body: "<RestoreRequest/>", status: 403},
		"HEAD as it is":                {method: "HEAD", status: 200},
		"HEAD of an older version":     {method: "HEAD", query: "versionId=null", status: 403},
		"HEAD turned into GET":         {method: "HEAD", as: "GET", status: 403},
		"DELETE of an older version":   {method: "DELETE", query: "versionId=null", status: 403},
		"DELETE ?tagging":              {method: "DELETE", query: "tagging", status: 403},
		"DELETE of an upload":          {method: "DELETE", query: "uploadId=x", status: 403},
		"DELETE as it is":              {method: "DELETE", status: 204},
		"DELETE of two empty versions": {method: "DELETE", query: "versionId=&versionId=null", status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.as == "" {
				tt.as = tt.method
			}
			narrow := may(tt.method)
			in := call{method: tt.as, key: "mine/x", query: tt.query, header: tt.header}
			if tt.body != "" {
				in.body = []byte(tt.body)
			}
			if got := narrow.do(t, in); got.StatusCode != tt.status {
				t.Errorf("%s = %d %s (%s), want %d", name, got.StatusCode, got.err.Code, got.err.Message, tt.status)
			}
			if tt.status == 204 {
				c.put(t, "mine/x", "again")
			}
		})
	}
}

// TestSessionPolicyNamesObjects holds the resources of E112.
func TestSessionPolicyNamesObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, key := range []string{"a/k", "b/k", "a"} {
		c.put(t, key, "x")
	}
	get := func(key string) call { return call{method: "GET", key: key} }
	b := testBucket
	for name, tt := range map[string]struct {
		statements []string
		in         call
		status     int
	}{
		"the key":                    {[]string{grants("allow", "name/cos:GetObject", b+"/a/k", "")}, get("a/k"), 200},
		"a key that begins so":       {[]string{grants("allow", "name/cos:GetObject", b+"/a", "")}, get("a/k"), 403},
		"a prefix":                   {[]string{grants("allow", "name/cos:GetObject", b+"/a/*", "")}, get("a/k"), 200},
		"another prefix":             {[]string{grants("allow", "name/cos:GetObject", b+"/a/*", "")}, get("b/k"), 403},
		"the older form":             {[]string{grants("allow", "name/cos:GetObject", "qcs::cos:ap-guangzhou:uid/1250000000:prefix//1250000000/test/a/*", "")}, get("a/k"), 200},
		"the older form elsewhere":   {[]string{grants("allow", "name/cos:GetObject", "qcs::cos:ap-guangzhou:uid/1250000000:prefix//1250000000/test/a/*", "")}, get("b/k"), 403},
		"every region":               {[]string{grants("allow", "name/cos:GetObject", "qcs::cos:*:uid/1250000000:"+b+"/*", "")}, get("a/k"), 200},
		"another region":             {[]string{grants("allow", "name/cos:GetObject", "qcs::cos:ap-beijing:uid/1250000000:"+b+"/*", "")}, get("a/k"), 403},
		"another account":            {[]string{grants("allow", "name/cos:GetObject", "qcs::cos::uid/1:"+b+"/*", "")}, get("a/k"), 403},
		"another bucket":             {[]string{grants("allow", "name/cos:GetObject", "other-1250000000/*", "")}, get("a/k"), 403},
		"another service":            {[]string{grants("allow", "name/ci:GetObject", "*", "")}, get("a/k"), 403},
		"the case of the action":     {[]string{grants("allow", "name/cos:getObject", "*", "")}, get("a/k"), 403},
		"actions by a star":          {[]string{grants("allow", "name/cos:Get*", "*", "")}, get("a/k"), 200},
		"denied in addition":         {[]string{grants("allow", "name/cos:*", "*", ""), grants("deny", "name/cos:GetObject", b+"/a/*", "")}, get("a/k"), 403},
		"denied elsewhere":           {[]string{grants("allow", "name/cos:*", "*", ""), grants("deny", "name/cos:GetObject", b+"/a/*", "")}, get("b/k"), 200},
		"denied in another region":   {[]string{grants("allow", "name/cos:*", "*", ""), grants("deny", "name/cos:GetObject", "qcs::cos:x:y:z", "")}, get("b/k"), 200},
		"nothing but denials":        {[]string{grants("deny", "name/cos:PutObject", "*", "")}, get("b/k"), 403},
		"a list":                     {[]string{grants("allow", "name/cos:GetBucket", b+"/*", "")}, call{method: "GET"}, 200},
		"a list of a prefix":         {[]string{grants("allow", "name/cos:GetBucket", b+"/a/*", "")}, call{method: "GET", query: "prefix=a/"}, 200},
		"a list of more":             {[]string{grants("allow", "name/cos:GetBucket", b+"/a/*", "")}, call{method: "GET"}, 403},
		"a list of another prefix":   {[]string{grants("allow", "name/cos:GetBucket", b+"/a/*", "")}, call{method: "GET", query: "prefix=b/"}, 403},
		"a list of two prefixes":     {[]string{grants("allow", "name/cos:GetBucket", b+"/a/*", "")}, call{method: "GET", query: "prefix=b/&prefix=a/"}, 403},
		"a list of versions":         {[]string{grants("allow", "name/cos:GetBucket", b+"/*", "")}, call{method: "GET", query: "versions"}, 403},
		"versions by their action":   {[]string{grants("allow", "name/cos:GetBucketObjectVersions", b+"/a/*", "")}, call{method: "GET", query: "versions&prefix=a/"}, 200},
		"a list of uploads":          {[]string{grants("allow", "name/cos:ListMultipartUploads", b+"/a/*", "")}, call{method: "GET", query: "uploads&prefix=a/"}, 200},
		"a configuration":            {[]string{grants("allow", "name/cos:GetBucketACL", b+"/*", "")}, call{method: "GET", query: "acl"}, 200},
		"a configuration by its key": {[]string{grants("allow", "name/cos:GetBucketACL", b+"/a/*", "")}, call{method: "GET", query: "acl"}, 403},
		"the policy of the bucket":   {[]string{grants("allow", "name/cos:*Object*", "*", "")}, call{method: "GET", query: "policy"}, 403},
		"the service":                {[]string{grants("allow", "name/cos:GetService", "*", "")}, call{method: "GET", host: "service.cos.myqcloud.com"}, 200},
		"the service by a bucket":    {[]string{grants("allow", "name/cos:*", b+"/*", "")}, call{method: "GET", host: "service.cos.myqcloud.com"}, 403},
		"a new bucket":               {[]string{grants("allow", "name/cos:*", b+"/*", "")}, call{method: "PUT", host: "new-1250000000.cos.ap-guangzhou.myqcloud.com"}, 403},
		"a copy":                     {[]string{grants("allow", "name/cos:PutObject", b+"/c", ""), grants("allow", "name/cos:GetObject", b+"/a/k", "")}, call{method: "PUT", key: "c", header: map[string]string{"x-cos-copy-source": testHost + "/a/k"}}, 200},
		"a copy of another key":      {[]string{grants("allow", "name/cos:PutObject", b+"/c", ""), grants("allow", "name/cos:GetObject", b+"/a/k", "")}, call{method: "PUT", key: "c", header: map[string]string{"x-cos-copy-source": testHost + "/b/k"}}, 403},
		"a copy of a version":        {[]string{grants("allow", "name/cos:PutObject", b+"/c", ""), grants("allow", "name/cos:GetObject", b+"/a/k", `{"string_equal_if_exist":{"cos:versionid":""}}`)}, call{method: "PUT", key: "c", header: map[string]string{"x-cos-copy-source": testHost + "/a/k?versionId=null"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.narrowed(t, tt.statements...).do(t, tt.in); got.StatusCode != tt.status {
				t.Errorf("%s = %d %s (%s), want %d", name, got.StatusCode, got.err.Code, got.err.Message, tt.status)
			}
		})
	}
}

// TestSessionPolicyEvaluatesConditions holds E113.
func TestSessionPolicyEvaluatesConditions(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	acl := func(value string) call {
		return call{method: "PUT", key: "k", body: []byte("xyz"), header: map[string]string{"x-cos-acl": value}}
	}
	plain := call{method: "PUT", key: "k", body: []byte("xyz")}
	for name, tt := range map[string]struct {
		condition   string
		in          call
		allow, deny int
	}{
		"equal":                  {`{"string_equal":{"cos:x-cos-acl":"private"}}`, acl("private"), 200, 403},
		"equal to one of many":   {`{"string_equal":{"cos:x-cos-acl":["default","private"]}}`, acl("private"), 200, 403},
		"not equal":              {`{"string_equal":{"cos:x-cos-acl":"private"}}`, acl("public-read"), 403, 200},
		"not there":              {`{"string_equal":{"cos:x-cos-acl":"private"}}`, plain, 403, 200},
		"if it is there":         {`{"string_equal_if_exist":{"cos:x-cos-acl":"private"}}`, plain, 200, 403},
		"unequal":                {`{"string_not_equal":{"cos:x-cos-acl":["default","private"]}}`, acl("public-read"), 200, 403},
		"unequal to one of many": {`{"string_not_equal":{"cos:x-cos-acl":["default","private"]}}`, acl("private"), 403, 200},
		"unequal and not there":  {`{"string_not_equal":{"cos:x-cos-acl":"private"}}`, plain, 403, 200},
		"like":                   {`{"string_like":{"cos:x-cos-acl":"pri*"}}`, acl("private"), 200, 403},
		"like everything":        {`{"string_like":{"cos:x-cos-acl":"*"}}`, plain, 403, 200},
		"unlike":                 {`{"string_not_like":{"cos:x-cos-acl":"pub*"}}`, acl("private"), 200, 403},
		"two keys":               {`{"string_equal":{"cos:x-cos-acl":"private","cos:x-cos-storage-class":"STANDARD"}}`, acl("private"), 403, 200},
		"two operators":          {`{"string_equal":{"cos:x-cos-acl":"private"},"numeric_less_than":{"cos:content-length":4}}`, acl("private"), 200, 403},
		"short":                  {`{"numeric_less_than_equal":{"cos:content-length":3}}`, plain, 200, 403},
		"too long":               {`{"numeric_less_than_equal":{"cos:content-length":"2"}}`, plain, 403, 200},
		"at least":               {`{"numeric_greater_than_equal":{"cos:content-length":3}}`, plain, 200, 403},
		"more":                   {`{"numeric_greater_than":{"cos:content-length":3}}`, plain, 403, 200},
		"exactly":                {`{"numeric_equal":{"cos:content-length":3}}`, plain, 200, 403},
		"not exactly":            {`{"numeric_not_equal":{"cos:content-length":3}}`, plain, 403, 200},
		"plain HTTP":             {`{"bool_equal":{"cos:secure-transport":"false"}}`, plain, 200, 403},
		"TLS":                    {`{"bool_equal":{"cos:secure-transport":"true"}}`, plain, 403, 200},
		"the host":               {`{"string_equal":{"cos:host":"` + testHost + `"}}`, plain, 200, 403},

		// Nothing here is known, and nothing passes.
		"an address that is not known": {`{"ip_equal":{"qcs:ip":"0.0.0.0/0"}}`, plain, 403, 403},
		"an unknown key":               {`{"string_equal_if_exist":{"cos:unheard-of":""}}`, plain, 403, 403},
		"another product's key":        {`{"string_equal_if_exist":{"vpc:region":""}}`, plain, 403, 403},
		"a key in another case":        {`{"string_equal_if_exist":{"cos:X-Cos-Acl":""}}`, plain, 403, 403},
		"an unknown operator":          {`{"string_resembles":{"cos:x-cos-acl":"private"}}`, acl("private"), 403, 403},
		"a set operator":               {`{"for_any_value:string_equal":{"cos:x-cos-acl":"private"}}`, acl("private"), 403, 403},
		"a number that is none":        {`{"numeric_equal":{"cos:content-length":"x"}}`, plain, 403, 403},
		"no value":                     {`{"string_equal":{"cos:x-cos-acl":[]}}`, acl("private"), 403, 403},
		"a value that is null":         {`{"string_equal":{"cos:x-cos-acl":null}}`, acl("private"), 403, 403},
		"no key":                       {`{"string_equal":{}}`, plain, 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			everything := grants("allow", "name/cos:*", "*", "")
			if got := c.narrowed(t, grants("allow", "name/cos:*", "*", tt.condition)).do(t, tt.in); got.StatusCode != tt.allow {
				t.Errorf("allowed under it = %d %s, want %d", got.StatusCode, got.err.Code, tt.allow)
			}
			if got := c.narrowed(t, everything, grants("deny", "name/cos:*", "*", tt.condition)).do(t, tt.in); got.StatusCode != tt.deny {
				t.Errorf("denied under it = %d %s, want %d", got.StatusCode, got.err.Code, tt.deny)
			}
		})
	}
}

// A parameter's value is compared as it is escaped in a URL.
func TestSessionPolicyComparesEscapedParameters(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	narrow := c.narrowed(t, grants("allow", "name/cos:GetObject", testBucket+"/k", `{"string_equal":{"cos:response-content-type":"image%2Fjpeg"}}`))
	narrow.do(t, call{method: "GET", key: "k", query: "response-content-type=" + url.QueryEscape("image/jpeg")}).want(t, 200, "")
	narrow.do(t, call{method: "GET", key: "k", query: "response-content-type=image/png"}).want(t, 403, "AccessDenied")
	narrow.do(t, call{method: "GET", key: "k"}).want(t, 403, "AccessDenied")
}

func TestSessionPolicyProtectsTheTargetOfALink(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "secret", "x")
	c.do(t, call{method: "PUT", key: "mine/link", query: "symlink", header: map[string]string{"x-cos-symlink-target": "secret"}}).want(t, 200, "")
	narrow := c.narrowed(t, grants("allow", "name/cos:GetObject", testBucket+"/mine/*", ""))
	narrow.do(t, call{method: "GET", key: "mine/link"}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "GET", key: "mine/link"}).want(t, 200, "")
}

func TestDeleteObjectsAsksTheSessionForEachKey(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "mine/k", "x")
	c.put(t, "k", "x")
	body := []byte("<Delete><Object><Key>mine/k</Key></Object><Object><Key>k</Key></Object></Delete>")
	in := call{method: "POST", query: "delete", body: body, header: map[string]string{"Content-MD5": contentMD5(body)}}
	c.narrowed(t, grants("allow", "name/cos:DeleteObject", "*", "")).do(t, in).want(t, 403, "AccessDenied")
	got := c.narrowed(t, grants("allow", "name/cos:DeleteMultipleObjects", testBucket+"/mine/*", "")).do(t, in)
	if want := "<Error><Key>k</Key><Code>AccessDenied</Code>"; got.StatusCode != 200 || !strings.Contains(string(got.body), want) {
		t.Errorf("POST ?delete = %d %s, want %s", got.StatusCode, got.body, want)
	}
	c.do(t, call{method: "HEAD", key: "mine/k"}).want(t, 404, "")
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
}

// A session may do less than the owner, also where everyone may do something.
func TestSessionPolicyIsTheLimitOfPublicObjectsToo(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "public", "x", "x-cos-acl", "public-read")
	narrow := c.narrowed(t, grants("allow", "name/cos:GetObject", testBucket+"/mine/*", ""))
	narrow.do(t, call{method: "GET", key: "public"}).want(t, 403, "AccessDenied")
	narrow.do(t, call{method: "GET", key: "public", unsigned: true}).want(t, 200, "")
}

// A bucket's policy that denies something denies it to sessions as well.
func TestSessionPolicyDoesNotOverrideTheBucketPolicy(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	text := `{"version": "2.0", "statement": [` + statement("deny", `"*"`, "name/cos:GetObject", testBucket+"/*", "") + `]}`
	c.do(t, call{method: "PUT", query: "policy", body: []byte(text)}).want(t, 204, "")
	c.narrowed(t, grants("allow", "name/cos:*", "*", "")).do(t, call{method: "GET", key: "k"}).want(t, 403, "AccessDenied")
}

// routeCall is a request for an operation.
func routeCall(r embedded.Route) call {
	in := call{method: r.Method, key: "k", query: r.Sub, header: map[string]string{}}
	switch {
	case r.OnService:
		in.key, in.host = "", "service.cos.myqcloud.com"
	case r.OnBucket:
		in.key = ""
	case r.OnWebsite:
		in.host = testBucket + ".cos-website.ap-guangzhou.myqcloud.com"
	}
	if r.Operation == "CreateBucket" {
		in.host = "new-1250000000.cos.ap-guangzhou.myqcloud.com"
	}
	if r.Copies {
		in.header["x-cos-copy-source"] = testHost + "/k"
	}
	if r.Operation == "UploadPartCopy" || r.Operation == "UploadPart" {
		in.query = "partNumber=1&uploadId=x"
	}
	if r.Operation == "DeleteObjects" {
		in.body = []byte("<Delete><Object><Key>k</Key></Object></Delete>")
		in.header["Content-MD5"] = contentMD5(in.body)
	}
	return in
}

// TestSessionPolicyLimitsEveryOperation walks the route table: an operation is refused to
// a session that may do nothing, and to one that may do everything but it; a session that
// may do it and nothing else gets past the policy.
func TestSessionPolicyLimitsEveryOperation(t *testing.T) {
	t.Parallel()
	c := openForms(t)
	c.put(t, "k", "x")
	page := "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"
	c.configure(t, "website", page).want(t, 200, "")
	everything := grants("allow", "name/cos:*", "*", "")
	for _, r := range embedded.Routes() {
		if r.Method == "OPTIONS" {
			continue // a preflight is not signed
		}
		send := func(by *client) response {
			if r.Operation == "PostObject" {
				return by.post(t, formUpload{fields: []string{"key", "k"}, file: "x"})
			}
			return by.do(t, routeCall(r))
		}
		own := grants("allow", "name/cos:"+r.Actions[0], "*", "")
		denied := grants("deny", "name/cos:"+r.Actions[0], "*", "")
		for name, by := range map[string]*client{
			"that may do nothing":            c.narrowed(t, grants("allow", "name/cos:Nothing", "*", "")),
			"that may do everything but it":  c.narrowed(t, everything, denied),
			"that may do it in other places": c.narrowed(t, grants("allow", "name/cos:"+r.Actions[0], "other-1250000000/*", "")),
		} {
			got := send(by)
			refused := got.StatusCode == 403 && (r.Method == "HEAD" || got.err.Code == "AccessDenied")
			inside := r.Operation == "DeleteObjects" && got.StatusCode == 200 && strings.Contains(string(got.body), "<Code>AccessDenied</Code>")
			if !refused && !inside {
				t.Errorf("%s (%s ?%s) by a session %s = %d %s, want 403", r.Operation, r.Method, r.Sub, name, got.StatusCode, got.err.Code)
			}
		}
		statements := []string{own}
		if r.Copies {
			statements = append(statements, grants("allow", "name/cos:GetObject", testBucket+"/k", ""))
		}
		if got := send(c.narrowed(t, statements...)); got.StatusCode == 403 || got.StatusCode == 501 {
			t.Errorf("%s (%s ?%s) by a session that may do it = %d %s (%s), want it past the policy", r.Operation, r.Method, r.Sub, got.StatusCode, got.err.Code, got.err.Message)
		}
		c.put(t, "k", "x")
		c.configure(t, "website", page).want(t, 200, "")
	}
}
