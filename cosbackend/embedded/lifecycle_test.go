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

func TestObjectsExpire(t *testing.T) {
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

func TestObjectsExpireAtADate(t *testing.T) {
	c, clock := openStepped(t)
	c.put(t, "a", "x")
	c.rules(t, [2]string{"", "<Expiration><Date>" + clock.now().Add(time.Hour).UTC().Format(time.RFC3339) + "</Date></Expiration>"})
	c.runLifecycle(t, embedded.LifecycleReport{})
	clock.advance(time.Hour)
	c.put(t, "b", "x")
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 2})
}

func TestADisabledRuleDoesNothing(t *testing.T) {
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

func TestObjectsMoveToColderClasses(t *testing.T) {
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

func TestUploadsAreGivenUp(t *testing.T) {
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
func TestManyObjectsExpireInOneRun(t *testing.T) {
	c, clock := openStepped(t)
	for i := range 1100 {
		c.put(t, fmt.Sprintf("k%04d", i), "x")
	}
	c.rules(t, [2]string{"", expire2})
	clock.advance(2 * day)
	c.runLifecycle(t, embedded.LifecycleReport{Expired: 1100})
}

func TestTheLifecycleRunsByItself(t *testing.T) {
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

func TestThereIsNoLifecycleAfterClose(t *testing.T) {
	c, _ := openStepped(t)
	c.rules(t, [2]string{"", expire2})
	if err := c.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.server.RunLifecycle(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("RunLifecycle of a closed server = %v, want store.ErrClosed", err)
	}
}
