package embedded_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const (
	lockDocument = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>%s</ObjectLockConfiguration>"
	lockRule     = "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>%d</Days></DefaultRetention></Rule>"
)

func (c *client) lockBucket(t testing.TB, days int) response {
	t.Helper()
	rule := ""
	if days != 0 {
		rule = fmt.Sprintf(lockRule, days)
	}
	return c.do(t, call{method: "PUT", query: "object-lock", body: fmt.Appendf(nil, lockDocument, rule)})
}

func (c *client) retain(t testing.TB, key, query, until string) response {
	t.Helper()
	body := "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>" + until + "</RetainUntilDate></Retention>"
	return c.do(t, call{method: "PUT", key: key, query: "retention" + query, body: []byte(body)})
}

// TestPutBucketObjectLockIsStored holds E058 and E060.
func TestPutBucketObjectLockIsStored(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.do(t, call{method: "GET", query: "object-lock"}).want(t, 404, "NoSuchObjectLockConfiguration")
	for _, days := range []int{30, 10, 0} {
		c.lockBucket(t, days).want(t, 200, "")
		rule := ""
		if days != 0 {
			rule = fmt.Sprintf(lockRule, days)
		}
		got := c.do(t, call{method: "GET", query: "object-lock"}).want(t, 200, "")
		want := strings.ReplaceAll(fmt.Sprintf(lockDocument, rule), "<Mode>COMPLIANCE</Mode>", "") // there is no other mode
		if !strings.HasSuffix(string(got.body), want) {
			t.Errorf("object lock = %s, want %s", got.body, want)
		}
	}
	for _, days := range []int{-1, 36501} {
		c.lockBucket(t, days).want(t, 409, "InvalidLockedTime")
	}
	for _, body := range []string{
		"<ObjectLockConfiguration/>", "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>",
		fmt.Sprintf(lockDocument, "<Rule/>"), fmt.Sprintf(lockDocument, "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"),
	} {
		c.do(t, call{method: "PUT", query: "object-lock", body: []byte(body)}).want(t, 400, "MalformedXML")
	}
	c.do(t, call{method: "PUT", query: "object-lock"}).want(t, 400, "MissingRequestBodyError")
	c.do(t, call{method: "DELETE", query: "object-lock"}).want(t, 405, "MethodNotAllowed")
	c.versioning(t, "Enabled")
	suspend := []byte("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
	c.do(t, call{method: "PUT", query: "versioning", body: suspend}).want(t, 409, "InvalidBucketState")
	other := open(t)
	other.versioning(t, "Suspended")
	other.lockBucket(t, 1).want(t, 409, "InvalidBucketState")
}

// TestObjectLockKeepsObjects holds E060 and E062.
func TestObjectLockKeepsObjects(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := open(t, func(o *embedded.Options) { o.Clock, o.MinPartSize = clock.now, 1 })
	c.put(t, "before", "x")
	c.lockBucket(t, 1).want(t, 200, "")
	c.put(t, "before", "the rule is for later objects")
	c.put(t, "k", "locked")
	c.put(t, "free", "x")
	c.do(t, call{method: "POST", key: "log", query: "append&position=0", body: []byte("a")}).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k", query: "retention"}).want(t, 200, ""); !strings.HasSuffix(string(got.body),
		"<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2023-11-15T22:13:20.000Z</RetainUntilDate></Retention>") {
		t.Errorf("retention = %s", got.body)
	}
	id := c.initiate(t, "k")
	c.part(t, "k", id, 1, "x")
	c.do(t, call{method: "PUT", key: "k", body: []byte("x")}).want(t, 409, "ObjectLocked")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 409, "ObjectLocked")
	c.copy(t, "k", testHost+"/free").want(t, 409, "ObjectLocked")
	c.complete(t, "k", id, map[int]string{1: "x"}).want(t, 409, "ObjectLocked")
	c.putTags(t, "k", "", tagSet("a", "b")).want(t, 409, "ObjectLocked")
	c.do(t, call{method: "POST", key: "log", query: "append&position=1", body: []byte("b")}).want(t, 409, "ObjectLocked")
	c.do(t, call{method: "DELETE"}).want(t, 409, "BucketLocked")
	keys, failures := c.deleteMany(t, "<Delete><Object><Key>absent</Key></Object><Object><Key>k</Key></Object></Delete>").deleted(t)
	if keys != "absent" || failures != "ObjectLocked" {
		t.Errorf("deleted %q, failures %q", keys, failures)
	}
	clock.advance(24*time.Hour - time.Second)
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 409, "ObjectLocked")
	clock.advance(time.Second)
	c.putTags(t, "k", "", tagSet("a", "b")).want(t, 200, "")
	c.complete(t, "k", id, map[int]string{1: "x"}).want(t, 200, "")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 409, "ObjectLocked") // it is a new one
}

// TestPutObjectRetentionCanOnlyExtend holds E061.
func TestPutObjectRetentionCanOnlyExtend(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := open(t, func(o *embedded.Options) { o.Clock = clock.now })
	c.put(t, "k", "x")
	c.retain(t, "k", "", "2023-12-01T00:00:00Z").want(t, 404, "NoSuchObjectLockConfiguration")
	c.lockBucket(t, 0).want(t, 200, "")
	c.do(t, call{method: "GET", key: "k", query: "retention"}).want(t, 404, "NoSuchObjectLockConfiguration")
	c.retain(t, "k", "", "2023-11-14T22:13:20Z").want(t, 409, "InvalidLockedTime") // now
	c.retain(t, "k", "", "2023-12-01T00:00:00Z").want(t, 200, "")
	for _, until := range []string{"2023-11-30T23:59:59Z", "tomorrow", "", "9999-01-01T00:00:00Z"} {
		c.retain(t, "k", "", until).want(t, 409, "InvalidLockedTime")
	}
	c.retain(t, "k", "", "2023-12-01T08:00:00.000+08:00").want(t, 200, "") // the same time
	c.retain(t, "k", "", "2023-12-02T00:00:00.000Z").want(t, 200, "")
	c.retain(t, "absent", "", "2023-12-02T00:00:00Z").want(t, 404, "NoSuchKey")
	c.do(t, call{method: "PUT", key: "k", query: "retention", body: []byte("<Retention><Mode>GOVERNANCE</Mode></Retention>")}).want(t, 400, "MalformedXML")
	c.do(t, call{method: "PUT", key: "k", query: "retention", body: []byte("<Retention><X/></Retention>")}).want(t, 400, "MalformedXML")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 409, "ObjectLocked")
	clock.advance(18 * 24 * time.Hour)
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	c.do(t, call{method: "DELETE"}).want(t, 204, "")
}

// TestPutObjectRetentionLocksOneVersion holds E060.
func TestPutObjectRetentionLocksOneVersion(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	c.lockBucket(t, 0).want(t, 200, "")
	first := c.put(t, "k", "1").version()
	second := c.put(t, "k", "2").version()
	c.retain(t, "k", "&versionId="+first, "2100-01-01T00:00:00Z").want(t, 200, "")
	c.put(t, "k", "3")
	c.do(t, call{method: "DELETE", key: "k"}).want(t, 204, "")
	c.do(t, call{method: "DELETE", key: "k", query: "versionId=" + second}).want(t, 204, "")
	c.do(t, call{method: "DELETE", key: "k", query: "versionId=" + first}).want(t, 409, "ObjectLocked")
	if got := c.do(t, call{method: "GET", key: "k", query: "versionId=" + first}).want(t, 200, ""); string(got.body) != "1" {
		t.Errorf("the locked version is %q, want 1", got.body)
	}
}

func TestSDKLocksObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	if _, err := sdk.Bucket.PutObjectLockConfiguration(ctx, &cos.BucketPutObjectLockOptions{ObjectLockEnabled: "Enabled", Rule: &cos.ObjectLockRule{Days: 3}}); err != nil {
		t.Fatalf("PutObjectLockConfiguration = %v", err)
	}
	if got, _, err := sdk.Bucket.GetObjectLockConfiguration(ctx); err != nil || got.ObjectLockEnabled != "Enabled" || got.Rule.Days != 3 {
		t.Errorf("GetObjectLockConfiguration = %+v, %v", got, err)
	}
	c.put(t, "k", "x")
	until := time.Now().Add(100 * 24 * time.Hour).UTC().Format(time.RFC3339)
	if _, err := sdk.Object.PutRetention(ctx, "k", &cos.ObjectPutRetentionOptions{RetainUntilDate: until, Mode: "COMPLIANCE"}); err != nil {
		t.Errorf("PutRetention = %v", err)
	}
	if got, _, err := sdk.Object.GetRetention(ctx, "k", nil); err != nil || got.RetainUntilDate[:19] != until[:19] {
		t.Errorf("GetRetention = %+v, %v, want %s", got, err, until)
	}
	_, err := sdk.Object.Delete(ctx, "k")
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "ObjectLocked" {
		t.Errorf("Delete of a locked object = %v, want ObjectLocked", err)
	}
}
