package embedded_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const (
	oldExpire2    = "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>"
	removeMarkers = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
)

// left is what a list of versions shows: key and kind, the newest with a star.
func (c *client) left(t *testing.T) (left []string) {
	t.Helper()
	all, _ := c.versions(t, "")
	for _, v := range all {
		star := ""
		if v.Latest {
			star = "*"
		}
		left = append(left, v.Key+" "+v.Kind+star)
	}
	return left
}

func (c *client) wantLeft(t *testing.T, want ...string) {
	t.Helper()
	if got := c.left(t); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}

func TestExpirationInAVersionedBucketMakesAMarker(t *testing.T) {
	c, clock := openStepped(t)
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "old").version()
	c.rules(t, [2]string{"", expire2})
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 1})
	c.runLifecycle(t, embedded.LifecycleReport{}) // a marker does not expire
	c.wantLeft(t, "k DeleteMarker*", "k Version")
	if got := c.do(t, call{method: "GET", key: "k", query: "versionId=" + first}).want(t, 200, ""); string(got.body) != "old" {
		t.Errorf("the version is %q, want old", got.body)
	}
}

// The days of a version count from when it stopped being the newest.
func TestOldVersionsExpire(t *testing.T) {
	c, clock := openStepped(t)
	c.put(t, "k", "from before versioning")
	c.put(t, "other/k", "x")
	c.versioning(t, "Enabled")
	c.put(t, "alone", "x")
	c.rules(t, [2]string{"<Prefix>k</Prefix>", oldExpire2})
	clock.advance(9 * day)
	c.put(t, "k", "2")
	c.put(t, "other/k", "2")
	clock.advance(day)
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	clock.advance(day - time.Second)
	c.put(t, "k", "3")
	c.runLifecycle(t, embedded.LifecycleReport{})
	clock.advance(time.Second)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 1})
	c.runLifecycle(t, embedded.LifecycleReport{})
	other := []string{"other/k Version*", "other/k Version"}
	c.wantLeft(t, slices.Concat([]string{"alone Version*", "k Version*", "k DeleteMarker", "k Version"}, other)...)
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 1})
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 1}) // the marker
	clock.advance(99 * day)
	c.runLifecycle(t, embedded.LifecycleReport{})
	c.wantLeft(t, slices.Concat([]string{"alone Version*", "k Version*"}, other)...)
}

func TestOldVersionsMoveToColderClasses(t *testing.T) {
	c, clock := openStepped(t)
	c.versioning(t, "Enabled")
	first := c.put(t, "k", "1").version()
	c.put(t, "k", "2")
	move := func(days int, class string) string {
		return fmt.Sprintf("<NoncurrentVersionTransition><NoncurrentDays>%d</NoncurrentDays><StorageClass>%s</StorageClass></NoncurrentVersionTransition>", days, class)
	}
	c.rules(t, [2]string{"", move(1, "STANDARD_IA") + move(2, "ARCHIVE")})
	class := func(query string) string {
		return c.do(t, call{method: "HEAD", key: "k", query: query}).want(t, 200, "").Header.Get("x-cos-storage-class")
	}
	for _, want := range []string{"STANDARD_IA", "ARCHIVE"} {
		clock.advance(day)
		c.runLifecycle(t, embedded.LifecycleReport{VersionsTransitioned: 1})
		c.runLifecycle(t, embedded.LifecycleReport{})
		if class("versionId="+first) != want || class("") != "" {
			t.Errorf("classes are %q and %q, want %s and none", class("versionId="+first), class(""), want)
		}
	}
	c.do(t, call{method: "GET", key: "k", query: "versionId=" + first}).want(t, 403, "InvalidObjectState")
	c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	if body := string(c.do(t, call{method: "GET", query: "versions"}).body); strings.Count(body, "<StorageClass>ARCHIVE<") != 1 {
		t.Errorf("list = %s", body)
	}
}

func TestALinkHasNoClassToMoveTo(t *testing.T) {
	c, clock := openStepped(t)
	c.put(t, "k", "x", "x-cos-storage-class", "STANDARD_IA")
	c.do(t, call{method: "PUT", key: "link", query: "symlink", header: map[string]string{"x-cos-symlink-target": "k"}}).want(t, 200, "")
	c.rules(t, [2]string{"", "<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"})
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{})
}

func TestAMarkerGoesWhenItIsAllThatIsLeft(t *testing.T) {
	c, clock := openStepped(t)
	c.versioning(t, "Enabled")
	c.do(t, call{method: "DELETE", key: "a"}).want(t, 204, "")
	c.put(t, "b", "x")
	c.do(t, call{method: "DELETE", key: "b"}).want(t, 204, "")
	c.do(t, call{method: "DELETE", key: "c"}).want(t, 204, "")
	c.do(t, call{method: "DELETE", key: "c"}).want(t, 204, "")
	c.put(t, "d", "x")
	c.do(t, call{method: "DELETE", key: "z"}).want(t, 204, "")
	c.rules(t, [2]string{"", strings.ReplaceAll(removeMarkers, "true", "false")})
	c.runLifecycle(t, embedded.LifecycleReport{})
	c.rules(t, [2]string{"", removeMarkers})
	c.runLifecycle(t, embedded.LifecycleReport{MarkersRemoved: 2})
	c.runLifecycle(t, embedded.LifecycleReport{})
	c.wantLeft(t, "b DeleteMarker*", "b Version", "c DeleteMarker*", "c DeleteMarker", "d Version*")
	c.rules(t, [2]string{"", removeMarkers + oldExpire2})
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 2, MarkersRemoved: 2})
	c.wantLeft(t, "d Version*")
}

// What belongs to a version does not get lost between two pages of a list.
func TestMoreThanAPageOfVersionsExpires(t *testing.T) {
	c, clock := openStepped(t)
	c.versioning(t, "Enabled")
	for i := range 1500 {
		c.put(t, fmt.Sprintf("k%03d", i/5), "x")
	}
	for i := range 1001 {
		c.do(t, call{method: "DELETE", key: fmt.Sprintf("m%04d", i)}).want(t, 204, "")
	}
	c.rules(t, [2]string{"", oldExpire2 + removeMarkers})
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 1200, MarkersRemoved: 1001})
	if got := len(c.keys(t)); got != 300 {
		t.Errorf("left are %d keys, want 300", got)
	}
}

func TestARuleLooksAtTheTagsOfEachVersion(t *testing.T) {
	c, clock := openStepped(t)
	const tagged = "<And><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>w</Value></Tag></And>"
	c.put(t, "both", "x", "x-cos-tagging", "l=w&k=v&m=u")
	c.put(t, "one", "x", "x-cos-tagging", "k=v")
	c.put(t, "other", "x", "x-cos-tagging", "k=v&l=x")
	c.put(t, "none", "x")
	c.rules(t, [2]string{tagged, expire2})
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 1})
	if got := c.keys(t); !slices.Equal(got, []string{"none", "one", "other"}) {
		t.Errorf("left are %v", got)
	}

	c.versioning(t, "Enabled")
	first := c.put(t, "one", "1", "x-cos-tagging", "k=v&l=w").version()
	c.put(t, "one", "2")
	c.rules(t, [2]string{tagged, oldExpire2 + removeMarkers})
	c.do(t, call{method: "DELETE", key: "marked"}).want(t, 204, "") // has no tags
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 1})
	c.do(t, call{method: "GET", key: "one", query: "versionId=" + first}).want(t, 404, "NoSuchVersion")
	c.do(t, call{method: "GET", key: "one", query: "versionId=null"}).want(t, 200, "")
}

func TestTheLifecycleLeavesLockedVersions(t *testing.T) {
	c, clock := openStepped(t)
	c.versioning(t, "Enabled")
	c.rules(t, [2]string{"", oldExpire2 + "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>ARCHIVE</StorageClass></NoncurrentVersionTransition>" +
		"<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"})
	c.lockBucket(t, 10).want(t, 200, "")
	first := c.put(t, "k", "1").version()
	c.put(t, "k", "2")
	clock.advance(9 * day)
	c.runLifecycle(t, embedded.LifecycleReport{})
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{VersionsExpired: 1, Transitioned: 1})
	c.do(t, call{method: "HEAD", key: "k", query: "versionId=" + first}).want(t, 404, "")
}
