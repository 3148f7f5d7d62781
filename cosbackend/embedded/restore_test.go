package embedded_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// A testClock is set by hand.
type testClock struct{ unix atomic.Int64 }

func (c *testClock) now() time.Time          { return time.Unix(c.unix.Load(), 0) }
func (c *testClock) advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }

func newClock() *testClock {
	c := &testClock{}
	c.unix.Store(1700000000) // Tue, 14 Nov 2023 22:13:20 GMT
	return c
}

func restoreRequest(days, tier string) []byte {
	return []byte("<RestoreRequest><Days>" + days + "</Days><CASJobParameters><Tier>" + tier + "</Tier></CASJobParameters></RestoreRequest>")
}

// TestRestoreObjectMakesItReadableForATime holds E057 and E158.
func TestRestoreObjectMakesItReadableForATime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := open(t, func(o *embedded.Options) { o.Clock, o.RestoreDelay = clock.now, time.Hour })
	c.put(t, "k", "frozen", "x-cos-storage-class", "ARCHIVE")
	restore := func() response {
		t.Helper()
		return c.do(t, call{method: "POST", key: "k", query: "restore", body: restoreRequest("2", "Standard")})
	}
	requested := ""
	state := func(want string) {
		t.Helper()
		status, listed := "", ""
		switch {
		case strings.Contains(want, "true"):
			status, listed = `tier="standard"; request-date="`+requested+`"`, "ONGOING"
		case want != "":
			listed = "DONE"
		}
		c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "").wantHeaders(t, "x-cos-restore", want, "x-cos-restore-status", status)
		if got := between(string(c.do(t, call{method: "GET"}).want(t, 200, "").body), "<RestoreStatus>", "</RestoreStatus>"); got != listed {
			t.Errorf("RestoreStatus in a list = %q, want %q", got, listed)
		}
	}
	reads := func(status int, code string) {
		t.Helper()
		got := c.do(t, call{method: "GET", key: "k"}).want(t, status, code)
		if status == 200 && string(got.body) != "frozen" {
			t.Errorf("GET = %q, want frozen", got.body)
		}
		c.copy(t, "copy", testHost+"/k").want(t, status, code)
	}
	state("")
	reads(403, "InvalidObjectState")
	restore().want(t, 202, "")
	requested = "Tue, 14 Nov 2023 22:13:20 GMT"
	state(`ongoing-request="true"`)
	reads(403, "InvalidObjectState")
	restore().want(t, 409, "RestoreAlreadyInProgress")
	clock.advance(time.Hour)
	state(`ongoing-request="false", expiry-date="Thu, 16 Nov 2023 23:13:20 GMT"`)
	reads(200, "")
	clock.advance(24 * time.Hour)
	restore().want(t, 200, "")
	state(`ongoing-request="false", expiry-date="Fri, 17 Nov 2023 23:13:20 GMT"`)
	clock.advance(48*time.Hour - time.Second)
	reads(200, "")
	clock.advance(time.Second)
	state("")
	reads(403, "InvalidObjectState")
	restore().want(t, 202, "")
	c.put(t, "k", "new", "x-cos-storage-class", "ARCHIVE")
	state("")
}

func TestRestoreObjectIsInstantByDefault(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	old := c.put(t, "k", "old", "x-cos-storage-class", "DEEP_ARCHIVE").version()
	c.put(t, "k", "new", "x-cos-storage-class", "DEEP_ARCHIVE")
	if _, err := c.sdk(t).Object.PostRestore(t.Context(), "k", &cos.ObjectRestoreOptions{Days: 1, Tier: &cos.CASJobParameters{Tier: "Bulk"}}, old); err != nil {
		t.Fatalf("PostRestore = %v", err)
	}
	if got := c.do(t, call{method: "GET", key: "k", query: "versionId=" + old}).want(t, 200, ""); string(got.body) != "old" || !strings.Contains(got.Header.Get("x-cos-restore"), "false") {
		t.Errorf("GET of a restored version = %q %v", got.body, got.Header)
	}
	c.do(t, call{method: "GET", key: "k"}).want(t, 403, "InvalidObjectState")
	if _, err := embedded.New(embedded.Options{RestoreDelay: -1}); err == nil {
		t.Error("New with a negative restore delay works")
	}
}

// TestRestoreObjectRefusesInvalidRequests holds E058.
func TestRestoreObjectRefusesInvalidRequests(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "warm", "x")
	c.put(t, "deep", "x", "x-cos-storage-class", "DEEP_ARCHIVE")
	c.put(t, "k", "x", "x-cos-storage-class", "ARCHIVE")
	for name, tt := range map[string]struct {
		key    string
		body   []byte
		status int
		code   string
	}{
		"not archived":   {"warm", restoreRequest("1", "Bulk"), 405, "RestoreNonArchiveObject"},
		"deep, at once":  {"deep", restoreRequest("1", "Expedited"), 400, "InvalidArgument"},
		"absent":         {"absent", restoreRequest("1", "Bulk"), 404, "NoSuchKey"},
		"no time":        {"k", restoreRequest("0", "Bulk"), 400, "InvalidArgument"},
		"too long":       {"k", restoreRequest("36501", "Bulk"), 400, "InvalidArgument"},
		"not a number":   {"k", restoreRequest("x", "Bulk"), 400, "InvalidArgument"},
		"another tier":   {"k", restoreRequest("1", "Fast"), 400, "InvalidArgument"},
		"no days":        {"k", []byte("<RestoreRequest></RestoreRequest>"), 400, "MalformedXML"},
		"no document":    {"k", []byte{}, 400, "MalformedXML"},
		"unknown":        {"k", []byte("<RestoreRequest><Days>1</Days><Type>SELECT</Type></RestoreRequest>"), 400, "MalformedXML"},
		"without a tier": {"k", []byte("<RestoreRequest><Days>1</Days></RestoreRequest>"), 202, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.do(t, call{method: "POST", key: tt.key, query: "restore", body: tt.body}).want(t, tt.status, tt.code)
		})
	}
	c.do(t, call{method: "POST", key: "k", query: "restore&versionId=x", body: restoreRequest("1", "Bulk")}).want(t, 404, "NoSuchVersion")
}
