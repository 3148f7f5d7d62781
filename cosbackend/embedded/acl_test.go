package embedded_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const (
	owner      = "qcs::cam::uin/100000000001:uin/100000000001"
	everyone   = "http://cam.qcloud.com/groups/global/AllUsers"
	ownersOwn  = "FULL_CONTROL " + owner
	aclRead    = "READ " + everyone
	aclWrite   = "WRITE " + everyone
	someone    = "qcs::cam::uin/1:uin/1"
	someonesID = `id="1"`
)

// grants reads an AccessControlPolicy as "PERMISSION grantee" lines.
func (a response) grants(t *testing.T) (lines []string) {
	t.Helper()
	var policy struct {
		XMLName xml.Name `xml:"AccessControlPolicy"`
		Owner   string   `xml:"Owner>ID"`
		Grants  []struct {
			Grantee struct {
				Type        string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
				ID          string
				DisplayName string
				URI         string
			}
			Permission string
		} `xml:"AccessControlList>Grant"`
	}
	if err := xml.Unmarshal(a.body, &policy); err != nil || policy.Owner != owner {
		t.Fatalf("ACL = %q, %v", a.body, err)
	}
	for _, g := range policy.Grants {
		if (g.Grantee.Type == "Group") != (g.Grantee.URI != "") || (g.Grantee.Type == "CanonicalUser") != (g.Grantee.ID != "") {
			t.Errorf("Grantee = %+v", g.Grantee)
		}
		lines = append(lines, g.Permission+" "+g.Grantee.ID+g.Grantee.URI)
	}
	return lines
}

// acl reads the ACL of the bucket or of an object.
func (c *client) acl(t *testing.T, key string) (grants []string, preset string) {
	t.Helper()
	a := c.do(t, call{method: "GET", key: key, query: "acl"}).want(t, 200, "")
	return a.grants(t), a.Header.Get("x-cos-acl")
}

// TestGetObjectACLReturnsGrants holds E084, E085 and E173.
func TestGetObjectACLReturnsGrants(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	for _, tt := range []struct {
		key    string
		header map[string]string
		want   []string
		preset string
	}{
		{"", map[string]string{"x-cos-acl": "private"}, []string{ownersOwn}, "private"},
		{"", map[string]string{"x-cos-acl": "public-read"}, []string{ownersOwn, aclRead}, "public-read"},
		{"", map[string]string{"x-cos-acl": "public-read-write"}, []string{ownersOwn, aclRead, aclWrite}, "public-read-write"},
		{"", map[string]string{"x-cos-acl": "authenticated-read"}, []string{ownersOwn, "READ http://cam.qcloud.com/groups/global/AuthenticatedUsers"}, "authenticated-read"},
		{"", map[string]string{"x-cos-grant-write": someonesID}, []string{"WRITE " + someone}, ""},
		{"", map[string]string{"x-cos-acl": "public-read", "x-cos-grant-full-control": `id="1", id="2"`}, []string{aclRead, "FULL_CONTROL " + someone, "FULL_CONTROL qcs::cam::uin/2:uin/2"}, ""},
		{"", map[string]string{"x-cos-acl": "private", "x-cos-grant-read": someonesID}, []string{"READ " + someone}, ""},
		{"k", map[string]string{"x-cos-acl": "private", "x-cos-grant-read": someonesID}, []string{"READ " + someone}, ""},
		{"k", map[string]string{"x-cos-acl": "default"}, []string{ownersOwn}, "default"},
		{"k", map[string]string{"x-cos-acl": "bucket-owner-full-control"}, []string{ownersOwn}, "bucket-owner-full-control"},
		{"k", map[string]string{"x-cos-grant-read": `uin="1",id="qcs::cam::uin/1:uin/2"`}, []string{"READ " + someone, "READ qcs::cam::uin/1:uin/2"}, ""},
		{"k", map[string]string{"x-cos-grant-read-acp": `uri="` + everyone + `"`, "x-cos-grant-write-acp": `id="qcs::cam::anyone:anyone"`}, []string{"READ_ACP " + everyone, "WRITE_ACP qcs::cam::anyone:anyone"}, ""},
	} {
		c.do(t, call{method: "PUT", key: tt.key, query: "acl", header: tt.header}).want(t, 200, "")
		if got, preset := c.acl(t, tt.key); !slices.Equal(got, tt.want) || preset != tt.preset {
			t.Errorf("ACL of %q after %v = %v %q, want %v %q", tt.key, tt.header, got, preset, tt.want, tt.preset)
		}
	}
	head := c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
	if head.Header.Get("ETag") != etagOf("x") {
		t.Error("an ACL changed the object")
	}
}

func aclBody(grants string) []byte {
	return []byte(`<AccessControlPolicy><Owner><ID>` + owner + `</ID></Owner><AccessControlList>` + grants + `</AccessControlList></AccessControlPolicy>`)
}

func aclGrant(grantee, permission string) string {
	return `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="any">` + grantee + `</Grantee><Permission>` + permission + `</Permission></Grant>`
}

// TestPutObjectACLAcceptsADocument holds E085.
func TestPutObjectACLAcceptsADocument(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	body := aclBody(aclGrant("<ID>"+someone+"</ID><DisplayName>n</DisplayName>", "READ") + aclGrant("<URI>"+everyone+"</URI>", "READ_ACP") +
		aclGrant("<uin>3</uin><Subaccount>4</Subaccount>", "FULL_CONTROL"))
	want := []string{"READ " + someone, "READ_ACP " + everyone, "FULL_CONTROL qcs::cam::uin/3:uin/4"}
	for _, key := range []string{"", "k"} {
		c.do(t, call{method: "PUT", key: key, query: "acl", body: body}).want(t, 200, "")
		if got, preset := c.acl(t, key); !slices.Equal(got, want) || preset != "" {
			t.Errorf("ACL of %q = %v %q, want %v", key, got, preset, want)
		}
		again := c.do(t, call{method: "GET", key: key, query: "acl"})
		c.do(t, call{method: "PUT", key: key, query: "acl", body: again.body}).want(t, 200, "")
		if got, _ := c.acl(t, key); !slices.Equal(got, want) {
			t.Errorf("ACL of %q put back = %v, want %v", key, got, want)
		}
		c.do(t, call{method: "PUT", key: key, query: "acl", body: []byte("not looked at"), header: map[string]string{"x-cos-acl": "private"}}).want(t, 200, "")
		if got, _ := c.acl(t, key); !slices.Equal(got, []string{ownersOwn}) {
			t.Errorf("ACL of %q from a header = %v", key, got)
		}
	}
}

// TestPutObjectACLRefusesInvalidACLs holds E084 and E085.
func TestPutObjectACLRefusesInvalidACLs(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	id := func(n int) string { return fmt.Sprintf(`id="%d"`, n+1) }
	var hundred []string
	for i := range 100 {
		hundred = append(hundred, id(i))
	}
	for _, tt := range []struct {
		key, header, value string
		body               []byte
		status             int
		code               string
	}{
		{"", "", "", nil, 400, "MissingRequestBodyError"},
		{"", "x-cos-acl", "default", nil, 400, "InvalidArgument"},
		{"k", "x-cos-acl", "public-read-write", nil, 400, "InvalidArgument"},
		{"k", "x-cos-grant-write", `id="1"`, nil, 400, "InvalidArgument"},
		{"", "x-cos-grant-read", `id=1`, nil, 400, "InvalidArgument"},
		{"", "x-cos-grant-read", `id="someone"`, nil, 400, "InvalidArgument"},
		{"", "x-cos-grant-read", `mail="a@b"`, nil, 400, "InvalidArgument"},
		{"", "x-cos-grant-read", `id="1",`, nil, 400, "InvalidArgument"},
		{"", "x-cos-grant-read", `uri="http://acs.amazonaws.com/groups/global/AllUsers"`, nil, 400, "InvalidArgument"},
		{"", "x-cos-grant-read", strings.Join(hundred, ","), nil, 200, ""},
		{"", "x-cos-grant-read", strings.Join(append(hundred, id(100)), ","), nil, 400, "AttachmentFull"},
		{"", "", "", aclBody(strings.Repeat(aclGrant("<ID>"+someone+"</ID>", "READ"), 101)), 400, "AttachmentFull"},
		{"", "", "", []byte("x"), 400, "MalformedXML"},
		{"", "", "", aclBody(aclGrant("<ID>"+someone+"</ID>", "EVERYTHING")), 400, "MalformedXML"},
		{"", "", "", aclBody(aclGrant("<ID>"+someone+"</ID><URI>"+everyone+"</URI>", "READ")), 400, "InvalidArgument"},
		{"", "", "", aclBody(aclGrant("", "READ")), 400, "InvalidArgument"},
		{"k", "", "", aclBody(aclGrant("<ID>"+someone+"</ID>", "WRITE")), 400, "InvalidArgument"},
		{"", "", "", []byte(strings.Replace(string(aclBody("")), owner, someone, 1)), 403, "AccessDenied"},
		{"absent", "x-cos-acl", "private", nil, 404, "NoSuchKey"},
	} {
		in := call{method: "PUT", key: tt.key, query: "acl", body: tt.body}
		if tt.header != "" {
			in.header = map[string]string{tt.header: tt.value}
		}
		if got := c.do(t, in); got.StatusCode != tt.status || got.err.Code != tt.code {
			t.Errorf("PUT ?acl %q %s: %.40s %.300s = %d %s, want %d %s", tt.key, tt.header, tt.value, tt.body, got.StatusCode, got.err.Code, tt.status, tt.code)
		}
	}
	c.do(t, call{method: "GET", key: "absent", query: "acl"}).want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", host: hostIn("absent-1", "ap-guangzhou"), query: "acl"}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "DELETE", query: "acl"}).want(t, 405, "MethodNotAllowed")
}

// Whatever makes an object takes grants.
// It holds E045 and E084.
func TestPutObjectAndCreateBucketAcceptGrants(t *testing.T) {
	t.Parallel()
	c := open(t)
	grant := []string{"x-cos-grant-read", someonesID, "x-cos-acl", "public-read"}
	want := []string{aclRead, "READ " + someone}
	check := func(key string) {
		t.Helper()
		if got, _ := c.acl(t, key); !slices.Equal(got, want) {
			t.Errorf("ACL of %s = %v, want %v", key, got, want)
		}
	}
	c.put(t, "put", "x", grant...)
	check("put")
	c.do(t, call{method: "PUT", key: "copy", header: headers(append(grant, "x-cos-copy-source", testHost+"/put"))}).want(t, 200, "")
	check("copy")
	c.append(t, "append", 0, "x", grant...).want(t, 200, "")
	check("append")
	id := c.initiate(t, "multi", grant...)
	part := c.part(t, "multi", id, 1, "x")
	body := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + part + "</ETag></Part></CompleteMultipartUpload>"
	done := func(header ...string) response {
		return c.do(t, call{method: "POST", key: "multi", query: "uploadId=" + id, body: []byte(body), header: headers(header)})
	}
	done("x-cos-acl", "public-read").want(t, 400, "InvalidArgument")
	done(grant...).want(t, 200, "")
	check("multi")
	host := hostIn("new-1", "ap-guangzhou")
	c.do(t, call{method: "PUT", host: host, header: headers(grant)}).want(t, 200, "")
	if got := c.do(t, call{method: "GET", host: host, query: "acl"}).grants(t); !slices.Equal(got, want) {
		t.Errorf("ACL of a new bucket = %v, want %v", got, want)
	}
	c.do(t, call{method: "PUT", key: "bad", body: []byte("x"), header: map[string]string{"x-cos-grant-write": someonesID}}).want(t, 400, "InvalidArgument")
	c.do(t, call{method: "GET", key: "bad"}).want(t, 404, "NoSuchKey")
}

func TestPutObjectACLGrantsToEveryoneApplyToUnsignedRequests(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	all := `uri="` + everyone + `"`
	requests := map[string]call{
		"list": {method: "GET"}, "head bucket": {method: "HEAD"}, "read": {method: "GET", key: "k"}, "write": {method: "PUT", key: "new", body: []byte("x")},
		"bucket acl": {method: "GET", query: "acl"}, "set bucket acl": {method: "PUT", query: "acl", header: map[string]string{"x-cos-grant-write-acp": all}},
		"object acl": {method: "GET", key: "k", query: "acl"}, "set object acl": {method: "PUT", key: "k", query: "acl", header: map[string]string{"x-cos-grant-write-acp": all}},
		"config": {method: "GET", query: "cors"},
	}
	for _, tt := range []struct {
		key, header string
		want        []string
	}{
		{"", "x-cos-acl", nil},
		{"", "x-cos-grant-read", []string{"head bucket", "list", "read"}},
		{"", "x-cos-grant-write", []string{"write"}},
		{"", "x-cos-grant-read-acp", []string{"bucket acl"}},
		{"", "x-cos-grant-write-acp", []string{"set bucket acl"}},
		{"", "x-cos-grant-full-control", []string{"bucket acl", "head bucket", "list", "read", "set bucket acl", "write"}},
		{"k", "x-cos-grant-read", []string{"read"}},
		{"k", "x-cos-grant-read-acp", []string{"object acl"}},
		{"k", "x-cos-grant-write-acp", []string{"set object acl"}},
		{"k", "x-cos-grant-full-control", []string{"object acl", "read", "set object acl"}},
	} {
		var got []string
		for name, in := range requests {
			c.do(t, call{method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "private"}}).want(t, 200, "")
			c.do(t, call{method: "PUT", key: "k", query: "acl", header: map[string]string{"x-cos-acl": "default"}}).want(t, 200, "")
			value := all
			if tt.header == "x-cos-acl" {
				value = "private"
			}
			c.do(t, call{method: "PUT", key: tt.key, query: "acl", header: map[string]string{tt.header: value}}).want(t, 200, "")
			in.unsigned = true
			switch a := c.do(t, in); a.StatusCode {
			case 200:
				got = append(got, name)
			case 403:
			default:
				t.Errorf("%s with %s on %q = %d", name, tt.header, tt.key, a.StatusCode)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s to everyone on %q opens (-want +got):\n%s", tt.header, tt.key, d)
		}
	}
}

func TestSDKPutsAndGetsACLs(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	sdk, ctx := c.sdk(t), t.Context()
	if _, err := sdk.Bucket.PutACL(ctx, &cos.BucketPutACLOptions{Header: &cos.ACLHeaderOptions{XCosACL: "public-read", XCosGrantWrite: `id="` + someone + `"`}}); err != nil {
		t.Errorf("Bucket.PutACL = %v", err)
	}
	got, resp, err := sdk.Bucket.GetACL(ctx)
	if err != nil || got.Owner.ID != owner || len(got.AccessControlList) != 2 || resp.Header.Get("x-cos-acl") != "public-read" {
		t.Errorf("Bucket.GetACL = %+v, %v", got, err)
	}
	policy := &cos.ACLXml{Owner: &cos.Owner{ID: owner}, AccessControlList: []cos.ACLGrant{
		{Grantee: &cos.ACLGrantee{Type: "RootAccount", ID: someone, DisplayName: someone}, Permission: "FULL_CONTROL"},
	}}
	if _, err := sdk.Object.PutACL(ctx, "k", &cos.ObjectPutACLOptions{Body: policy}); err != nil {
		t.Errorf("Object.PutACL = %v", err)
	}
	object, _, err := sdk.Object.GetACL(ctx, "k")
	if err != nil || len(object.AccessControlList) != 1 || object.AccessControlList[0].Grantee.ID != someone {
		t.Errorf("Object.GetACL = %+v, %v", object, err)
	}
}

func TestPutObjectACLSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(o *embedded.Options) { o.Dir = dir }
	t.Run("written", func(t *testing.T) {
		c := open(t, in)
		c.put(t, "k", "x", "x-cos-grant-read", someonesID)
		c.do(t, call{method: "PUT", query: "acl", header: map[string]string{"x-cos-grant-read": someonesID}}).want(t, 200, "")
	})
	c := open(t, in)
	for _, key := range []string{"", "k"} {
		if got, _ := c.acl(t, key); !slices.Equal(got, []string{"READ " + someone}) {
			t.Errorf("ACL of %q = %v", key, got)
		}
	}
}

// setACL gives an object a preset; query may name a version.
func (c *client) setACL(t *testing.T, key, query, preset string) response {
	t.Helper()
	return c.do(t, call{method: "PUT", key: key, query: "acl" + query, header: map[string]string{"x-cos-acl": preset}})
}

func TestPutObjectACLChangesOneVersion(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "1").version()
	second := c.put(t, "k", "2", "x-cos-acl", "private").version()
	marker := c.do(t, call{method: "DELETE", key: "m"}).want(t, 204, "").version()
	c.setACL(t, "k", "&versionId="+first, "public-read").want(t, 200, "").wantHeaders(t, "x-cos-version-id", "")
	preset := func(query string) string {
		a := c.do(t, call{method: "GET", key: "k", query: "acl" + query}).want(t, 200, "")
		return a.Header.Get("x-cos-acl")
	}
	for query, want := range map[string]string{
		"&versionId=" + first: "public-read", "&versionId=" + second: "private", "": "private",
	} {
		if got := preset(query); got != want {
			t.Errorf("GET ?acl%s = %s, want %s", query, got, want)
		}
	}
	// Each version is opened by its own ACL.
	unsigned := func(query string) int {
		return c.do(t, call{method: "GET", key: "k", query: query, unsigned: true}).StatusCode
	}
	if got, want := []int{unsigned("versionId=" + first), unsigned("versionId=" + second), unsigned("")}, []int{200, 403, 403}; !slices.Equal(got, want) {
		t.Errorf("unsigned reads of the first, the second and the newest = %v, want %v", got, want)
	}
	c.setACL(t, "k", "", "default").want(t, 200, "")
	if got, newest := preset("&versionId="+first), preset("&versionId="+second); got != "public-read" || newest != "default" {
		t.Errorf("after PUT ?acl of the newest the ACL of the first is %s, that of the second %s", got, newest)
	}
	c.do(t, call{method: "GET", key: "k", query: "acl&versionId=unknown"}).want(t, 404, "NoSuchVersion")
	c.setACL(t, "k", "&versionId=unknown", "private").want(t, 404, "NoSuchVersion")
	c.setACL(t, "m", "&versionId="+marker, "private").want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", key: "m", query: "acl"}).want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", query: "acl&versionId=" + first}).want(t, 501, "NotImplemented")
}

// Who may write the ACL of one version may not write that of another.
func TestGetObjectACLIsAuthorizedByTheACLOfItsVersion(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	all := `uri="` + everyone + `"`
	first := c.put(t, "k", "1", "x-cos-grant-write-acp", all, "x-cos-grant-read-acp", all).version()
	second := c.put(t, "k", "2").version()
	for version, want := range map[string]int{first: 200, second: 403} {
		for _, method := range []string{"GET", "PUT"} {
			in := call{method: method, key: "k", query: "acl&versionId=" + version, unsigned: true}
			if method == "PUT" {
				in.header = map[string]string{"x-cos-grant-write-acp": all, "x-cos-grant-read-acp": all}
			}
			if got := c.do(t, in); got.StatusCode != want {
				t.Errorf("%s ?acl of version %s = %d, want %d", method, version, got.StatusCode, want)
			}
		}
	}
}

func TestBucketPolicyAppliesToVersions(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "1", "x-cos-acl", "public-read").version()
	c.put(t, "k", "2", "x-cos-acl", "public-read")
	read := call{method: "GET", key: "k", query: "versionId=" + first, unsigned: true}
	c.do(t, read).want(t, 200, "")
	for effect, want := range map[string]int{"deny": 403, "allow": 200} {
		c.setACL(t, "k", "&versionId="+first, map[string]string{"deny": "public-read", "allow": "private"}[effect]).want(t, 200, "")
		text := `{"version": "2.0", "statement": [` + statement(effect, `"*"`, "name/cos:GetObject", testBucket+"/k", "") + `]}`
		c.do(t, call{method: "PUT", query: "policy", body: []byte(text)}).want(t, 204, "")
		if got := c.do(t, read); got.StatusCode != want {
			t.Errorf("a policy that says %s: GET of a version = %d, want %d", effect, got.StatusCode, want)
		}
	}
}

// TestPutObjectACLChangesALockedVersion holds E062.
func TestPutObjectACLChangesALockedVersion(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := open(t, func(o *embedded.Options) { o.Clock = clock.now })
	c.versioning(t, "Enabled")
	c.lockBucket(t, 0).want(t, 200, "")
	first := c.put(t, "k", "1").version()
	c.put(t, "k", "2")
	c.retain(t, "k", "&versionId="+first, "2023-12-01T00:00:00Z").want(t, 200, "")
	c.do(t, call{method: "GET", key: "k", query: "versionId=" + first, unsigned: true}).want(t, 403, "AccessDenied")
	c.setACL(t, "k", "&versionId="+first, "public-read").want(t, 200, "")
	c.do(t, call{method: "GET", key: "k", query: "versionId=" + first, unsigned: true}).want(t, 200, "")
	c.do(t, call{method: "DELETE", key: "k", query: "versionId=" + first}).want(t, 409, "ObjectLocked")
}

// However a version is made, it has the grants of the request that made it.
func TestPutObjectGivesEachVersionItsOwnGrants(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	grant := map[string]string{"x-cos-grant-read": someonesID}
	granted := []string{"READ " + someone}
	c.do(t, call{method: "POST", key: "appended", query: "append&position=0", body: []byte("a"), header: grant}).want(t, 200, "")
	c.versioning(t, "Suspended")
	c.do(t, call{method: "POST", key: "appended", query: "append&position=1", body: []byte("b")}).want(t, 200, "")
	c.versioning(t, "Enabled")
	c.put(t, "source", "x", "x-cos-acl", "public-read")
	c.copy(t, "copied", testHost+"/source", "x-cos-grant-read", someonesID).want(t, 200, "")
	id := c.initiate(t, "completed", "x-cos-grant-read", someonesID)
	c.part(t, "completed", id, 1, "x")
	c.complete(t, "completed", id, map[int]string{1: "x"}).want(t, 200, "")
	for _, key := range []string{"appended", "copied", "completed"} {
		if got, _ := c.acl(t, key); !slices.Equal(got, granted) {
			t.Errorf("the ACL of %s is %v, want %v", key, got, granted)
		}
		version := c.do(t, call{method: "HEAD", key: key}).want(t, 200, "").version()
		c.put(t, key, "newer")
		got := c.do(t, call{method: "GET", key: key, query: "acl&versionId=" + version}).want(t, 200, "")
		if d := cmp.Diff(granted, got.grants(t)); d != "" {
			t.Errorf("the ACL of version %s of %s (-want +got):\n%s", version, key, d)
		}
	}
	c.copy(t, "plain", testHost+"/source").want(t, 200, "")
	if _, preset := c.acl(t, "plain"); preset != "default" {
		t.Errorf("a copy has the ACL %s, want default: an ACL is not copied", preset)
	}
}
