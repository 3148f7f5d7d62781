package embedded_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// A steppedClock is moved by the test.
type steppedClock struct{ unix atomic.Int64 }

func (k *steppedClock) now() time.Time           { return time.Unix(k.unix.Load(), 0) }
func (k *steppedClock) advance(by time.Duration) { k.unix.Add(int64(by / time.Second)) }

const day = 24 * time.Hour

func openStepped(t *testing.T) (*client, *steppedClock) {
	t.Helper()
	k := &steppedClock{}
	k.unix.Store(1_700_000_000)
	return open(t, func(o *embedded.Options) { o.Clock = k.now }), k
}

// rules sets the lifecycle of the bucket. Each rule has a filter and actions.
func (c *client) rules(t *testing.T, rules ...[2]string) {
	t.Helper()
	var b strings.Builder
	for _, r := range rules {
		b.WriteString("<Rule><Filter>" + r[0] + "</Filter><Status>Enabled</Status>" + r[1] + "</Rule>")
	}
	c.configure(t, "lifecycle", "<LifecycleConfiguration>"+b.String()+"</LifecycleConfiguration>").want(t, 200, "")
}

func (c *client) runLifecycle(t *testing.T, want embedded.LifecycleReport) {
	t.Helper()
	if got, err := c.server.RunLifecycle(t.Context()); got != want || err != nil {
		t.Errorf("RunLifecycle = %+v, %v, want %+v", got, err, want)
	}
}

// keys lists the objects of the bucket.
func (c *client) keys(t *testing.T) (keys []string) {
	t.Helper()
	body := string(c.do(t, call{method: "GET"}).want(t, 200, "").body)
	for part := range strings.SplitSeq(body, "<Key>") {
		if key, _, ok := strings.Cut(part, "</Key>"); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

const expire2 = "<Expiration><Days>2</Days></Expiration>"

// TestLifecycleExpiresObjects holds E090.
func TestLifecycleExpiresObjects(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	for _, key := range []string{"logs/a", "logs/keep/b", "other"} {
		c.put(t, key, "x")
	}
	c.put(t, "sized/small", "1")
	c.put(t, "sized/middle", "12345")
	c.put(t, "sized/large", "1234567890")
	c.rules(
		t,
		[2]string{"<And><Prefix>logs/</Prefix><PrefixNotEquals>logs/keep/</PrefixNotEquals></And>", expire2},
		[2]string{"<And><Prefix>sized/</Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>10</ObjectSizeLessThan></And>", expire2},
		[2]string{"<Tag><Key>k</Key><Value>v</Value></Tag>", "<Expiration><Days>1</Days></Expiration>"},
	)
	clock.advance(2*day - time.Second)
	c.runLifecycle(t, embedded.LifecycleReport{})
	c.put(t, "logs/new", "x")
	clock.advance(time.Second)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 2})
	c.runLifecycle(t, embedded.LifecycleReport{})
	if got, want := c.keys(t), []string{"logs/keep/b", "logs/new", "other", "sized/large", "sized/small"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

// TestLifecycleExpiresObjectsAtADate holds E090.
// The older form of a rule has its prefix beside the status; classes come in any case.
func TestLifecycleHonoursThePrefixOfARule(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.put(t, "logs/a", "x")
	c.put(t, "other", "x")
	c.configure(t, "lifecycle", `<LifecycleConfiguration><Rule><Prefix>logs/</Prefix><Status>Enabled</Status>
		<Transition><Days>1</Days><StorageClass>Standard_IA</StorageClass></Transition>
		<Transition><Days>1</Days><StorageClass>Standard</StorageClass></Transition><Expiration><Days>2</Days></Expiration></Rule></LifecycleConfiguration>`).want(t, 200, "")
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{Transitioned: 1})
	if got := c.do(t, call{method: "HEAD", key: "logs/a"}).want(t, 200, "").Header.Get("x-cos-storage-class"); got != "STANDARD_IA" {
		t.Errorf("the storage class is %q, want STANDARD_IA", got)
	}
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 1})
	if got, want := c.keys(t), []string{"other"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

func TestLifecycleExpiresObjectsAtADate(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.put(t, "a", "x")
	c.rules(t, [2]string{"", "<Expiration><Date>" + clock.now().Add(time.Hour).UTC().Format(time.RFC3339) + "</Date></Expiration>"})
	c.runLifecycle(t, embedded.LifecycleReport{})
	clock.advance(time.Hour)
	c.put(t, "b", "x")
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 2})
}

func TestLifecycleIgnoresDisabledRules(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.put(t, "a", "x")
	c.configure(t, "lifecycle", "<LifecycleConfiguration><Rule><Status>Disabled</Status>"+expire2+"</Rule></LifecycleConfiguration>").want(t, 200, "")
	clock.advance(9 * day)
	c.runLifecycle(t, embedded.LifecycleReport{})
	c.rules(t, [2]string{"", expire2})
	c.do(t, call{method: "DELETE", query: "lifecycle"}).want(t, 204, "")
	c.runLifecycle(t, embedded.LifecycleReport{})
	if got := c.keys(t); !slices.Equal(got, []string{"a"}) {
		t.Errorf("left are %v", got)
	}
}

// TestLifecycleMovesObjectsToColderClasses holds E090.
func TestLifecycleMovesObjectsToColderClasses(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.put(t, "hot", "x")
	c.put(t, "cold", "x", "x-cos-storage-class", "DEEP_ARCHIVE")
	c.append(t, "appended", 0, "x").want(t, 200, "")
	before := c.do(t, call{method: "HEAD", key: "hot"}).Header
	move := func(days int, class string) string {
		return fmt.Sprintf("<Transition><Days>%d</Days><StorageClass>%s</StorageClass></Transition>", days, class)
	}
	c.rules(t, [2]string{"", move(1, "STANDARD_IA") + move(2, "INTELLIGENT_TIERING") + move(3, "ARCHIVE") + "<Expiration><Days>4</Days></Expiration>"})
	class := func(key string) string {
		return c.do(t, call{method: "HEAD", key: key}).want(t, 200, "").Header.Get("x-cos-storage-class")
	}
	check := func(report embedded.LifecycleReport, hot, appended string) {
		t.Helper()
		clock.advance(day)
		c.runLifecycle(t, report)
		c.runLifecycle(t, embedded.LifecycleReport{})
		if class("hot") != hot || class("appended") != appended || class("cold") != "DEEP_ARCHIVE" {
			t.Errorf("classes are %q, %q and %q, want %q, %q and DEEP_ARCHIVE", class("hot"), class("appended"), class("cold"), hot, appended)
		}
	}
	check(embedded.LifecycleReport{Transitioned: 2}, "STANDARD_IA", "STANDARD_IA")
	check(embedded.LifecycleReport{Transitioned: 1}, "INTELLIGENT_TIERING", "STANDARD_IA")
	check(embedded.LifecycleReport{Transitioned: 2}, "ARCHIVE", "ARCHIVE")
	c.do(t, call{method: "GET", key: "hot"}).want(t, 403, "InvalidObjectState")
	after := c.do(t, call{method: "HEAD", key: "hot"}).Header
	for _, name := range []string{"ETag", "Last-Modified", "x-cos-hash-crc64ecma"} {
		if before.Get(name) != after.Get(name) {
			t.Errorf("%s changed from %q to %q", name, before.Get(name), after.Get(name))
		}
	}
	if body := string(c.do(t, call{method: "GET"}).body); strings.Count(body, "<StorageClass>ARCHIVE<") != 2 {
		t.Errorf("list = %s", body)
	}
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 3})
}

// TestLifecycleIgnoresAccessFrequency holds E090.
func TestLifecycleIgnoresAccessFrequency(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.put(t, "k", "x")
	c.rules(t, [2]string{"", "<Transition><AccessFrequency><AccessCountLessThan>1</AccessCountLessThan><RecentDays>1</RecentDays></AccessFrequency><StorageClass>ARCHIVE</StorageClass></Transition>"})
	clock.advance(99 * day)
	c.runLifecycle(t, embedded.LifecycleReport{})
}

func TestLifecycleAbortsUploads(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	old, kept := c.initiate(t, "logs/a"), c.initiate(t, "other")
	c.part(t, "logs/a", old, 1, "x")
	c.rules(t, [2]string{"<Prefix>logs/</Prefix>", "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"})
	clock.advance(day - time.Second)
	c.runLifecycle(t, embedded.LifecycleReport{})
	young := c.initiate(t, "logs/a")
	clock.advance(time.Second)
	c.runLifecycle(t, embedded.LifecycleReport{Aborted: 1})
	for _, tt := range []struct {
		key, id string
		status  int
		code    string
	}{{"logs/a", old, 404, "NoSuchUpload"}, {"logs/a", young, 200, ""}, {"other", kept, 200, ""}} {
		c.do(t, call{method: "GET", key: tt.key, query: "uploadId=" + tt.id}).want(t, tt.status, tt.code)
	}
}

// More than a page expires in one run.
func TestLifecycleExpiresManyObjectsInOneRun(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	for i := range 1100 {
		c.put(t, fmt.Sprintf("k%04d", i), "x")
	}
	c.rules(t, [2]string{"", expire2})
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 1100})
}

func TestLifecycleRunsPeriodically(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		c.put(t, "a", "x")
		c.rules(t, [2]string{"", "<Expiration><Days>1</Days></Expiration>"})
		wait := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		wait(day - time.Hour)
		c.do(t, call{method: "HEAD", key: "a"}).want(t, 200, "")
		wait(2 * time.Hour)
		c.do(t, call{method: "HEAD", key: "a"}).want(t, 404, "")
	})
}

func TestLifecycleStopsAfterClose(t *testing.T) {
	t.Parallel()
	c, _ := openStepped(t)
	c.rules(t, [2]string{"", expire2})
	if err := c.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.server.RunLifecycle(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("RunLifecycle of a closed server = %v, want store.ErrClosed", err)
	}
}

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

func TestLifecycleExpirationWithVersioningMakesAMarker(t *testing.T) {
	t.Parallel()
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
// It holds E092.
func TestLifecycleExpiresOldVersions(t *testing.T) {
	t.Parallel()
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

func TestLifecycleMovesOldVersionsToColderClasses(t *testing.T) {
	t.Parallel()
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

// TestLifecycleKeepsTheClassOfLinks holds E092.
func TestLifecycleKeepsTheClassOfLinks(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.put(t, "k", "x", "x-cos-storage-class", "STANDARD_IA")
	c.do(t, call{method: "PUT", key: "link", query: "symlink", header: map[string]string{"x-cos-symlink-target": "k"}}).want(t, 200, "")
	c.rules(t, [2]string{"", "<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"})
	clock.advance(day)
	c.runLifecycle(t, embedded.LifecycleReport{})
}

func TestLifecycleRemovesTheLastDeleteMarker(t *testing.T) {
	t.Parallel()
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
func TestLifecycleExpiresMoreThanAPageOfVersions(t *testing.T) {
	t.Parallel()
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

func TestLifecycleMatchesTheTagsOfEachVersion(t *testing.T) {
	t.Parallel()
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

// TestLifecycleKeepsLockedVersions holds E093.
func TestLifecycleKeepsLockedVersions(t *testing.T) {
	t.Parallel()
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

// TestLifecyclePutsAMarkerAboveALockedVersion holds E093.
func TestLifecyclePutsAMarkerAboveALockedVersion(t *testing.T) {
	t.Parallel()
	c, clock := openStepped(t)
	c.versioning(t, "Enabled")
	c.rules(t, [2]string{"", expire2})
	c.lockBucket(t, 10).want(t, 200, "")
	locked := c.put(t, "k", "1").version()
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 1})
	c.wantLeft(t, "k DeleteMarker*", "k Version")
	c.do(t, call{method: "DELETE", key: "k", query: "versionId=" + locked}).want(t, 409, "ObjectLocked")
}
