package embedded_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// setACL gives an object a preset; query may name a version.
func (c *client) setACL(t *testing.T, key, query, preset string) answer {
	t.Helper()
	return c.do(t, call{method: "PUT", key: key, query: "acl" + query, header: map[string]string{"x-cos-acl": preset}})
}

func TestAVersionHasItsOwnACL(t *testing.T) {
	c := open(t)
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "1").version()
	second := c.put(t, "k", "2", "x-cos-acl", "private").version()
	marker := c.do(t, call{method: "DELETE", key: "m"}).want(t, 204, "").version()
	if got := c.setACL(t, "k", "&versionId="+first, "public-read").want(t, 200, ""); got.version() != first {
		t.Errorf("PUT ?acl = %v, want version %s", got.Header, first)
	}
	preset := func(query string) string {
		a := c.do(t, call{method: "GET", key: "k", query: "acl" + query}).want(t, 200, "")
		return a.version() + " " + a.Header.Get("x-cos-acl")
	}
	for query, want := range map[string]string{
		"&versionId=" + first: first + " public-read", "&versionId=" + second: second + " private", "": second + " private",
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
	if got := c.setACL(t, "k", "", "default").want(t, 200, ""); got.version() != second || preset("&versionId="+first) != first+" public-read" {
		t.Errorf("PUT ?acl of the newest = version %s, and the first is %s", got.version(), preset("&versionId="+first))
	}
	c.do(t, call{method: "GET", key: "k", query: "acl&versionId=unknown"}).want(t, 404, "NoSuchVersion")
	c.setACL(t, "k", "&versionId=unknown", "private").want(t, 404, "NoSuchVersion")
	c.setACL(t, "m", "&versionId="+marker, "private").want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", key: "m", query: "acl"}).want(t, 404, "NoSuchKey")
	c.do(t, call{method: "GET", query: "acl&versionId=" + first}).want(t, 501, "NotImplemented")
}

// Who may write the ACL of one version may not write that of another.
func TestTheRightToAnACLIsOfOneVersion(t *testing.T) {
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

func TestAPolicyIsHeldForVersions(t *testing.T) {
	c := open(t)
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "1", "x-cos-acl", "public-read").version()
	c.put(t, "k", "2", "x-cos-acl", "public-read")
	read := call{method: "GET", key: "k", query: "versionId=" + first, unsigned: true}
	c.do(t, read).want(t, 200, "")
	for effect, want := range map[string]int{"deny": 403, "allow": 200} {
		c.setACL(t, "k", "&versionId="+first, map[string]string{"deny": "public-read", "allow": "private"}[effect]).want(t, 200, "")
		text := `{"version": "2.0", "statement": [` + statement(effect, `"*"`, "name/cos:GetObject", testBucket+"/k", "") + `]}`
		c.do(t, call{method: "PUT", query: "policy", body: []byte(text)}).want(t, 200, "")
		if got := c.do(t, read); got.StatusCode != want {
			t.Errorf("a policy that says %s: GET of a version = %d, want %d", effect, got.StatusCode, want)
		}
	}
}

func TestTheACLOfALockedVersionStays(t *testing.T) {
	clock := newClock()
	c := open(t, func(o *embedded.Options) { o.Clock = clock.now })
	c.versioning(t, "Enabled")
	c.lockBucket(t, 0).want(t, 200, "")
	first := c.put(t, "k", "1").version()
	c.put(t, "k", "2")
	c.retain(t, "k", "&versionId="+first, "2023-12-01T00:00:00Z").want(t, 200, "")
	c.setACL(t, "k", "&versionId="+first, "public-read").want(t, 409, "ObjectLocked")
	c.setACL(t, "k", "", "public-read").want(t, 200, "")
	c.do(t, call{method: "GET", key: "k", query: "versionId=" + first, unsigned: true}).want(t, 403, "AccessDenied")
}

// However a version is made, it has the grants of the request that made it.
func TestEveryWriteGivesItsVersionItsGrants(t *testing.T) {
	c := open(t, func(o *embedded.Options) { o.MinPartSize = 1 })
	grant := map[string]string{"x-cos-grant-read": someonesID}
	granted := []string{ownersOwn, "READ " + someone}
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
