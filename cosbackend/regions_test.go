package cosbackend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func buckets(entries ...string) string {
	var b strings.Builder
	b.WriteString("<ListAllMyBucketsResult><Owner><ID>owner</ID></Owner><Buckets>")
	for i := 0; i+1 < len(entries); i += 2 {
		b.WriteString("<Bucket><Name>" + entries[i] + "</Name><Location>" + entries[i+1] +
			"</Location><CreationDate>2019-05-24T11:49:50Z</CreationDate><BucketType>cos</BucketType></Bucket>")
	}
	b.WriteString("</Buckets>")
	return b.String()
}

const endBuckets = "</ListAllMyBucketsResult>"

// lookups responds like a COS with photos-1250000000 on the second page, and counts
// the lists.
type lookups struct {
	mu      sync.Mutex
	lists   int
	hosts   []string
	missing bool
}

func (l *lookups) respond(w http.ResponseWriter, r *http.Request, _ int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = append(l.hosts, r.Host)
	switch {
	case !strings.HasPrefix(r.Host, "service."):
		if l.missing {
			respondXML(w, 404, errorXML("NoSuchBucket", "m"))
			return
		}
		respondXML(w, 200, "<ListBucketResult></ListBucketResult>")
	case r.URL.Query().Get("marker") == "":
		l.lists++
		respondXML(w, 200, buckets("a-1", "ap-beijing")+"<IsTruncated>true</IsTruncated><NextMarker>a-1</NextMarker>"+endBuckets)
	default:
		respondXML(w, 200, buckets(testBucket, "ap-shanghai")+endBuckets)
	}
}

func noRegion(cfg *Config) { cfg.Region = "" }

func TestRegionIsLookedUpOnceAndCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lookups
		c, _ := open(t, l.respond, noRegion)
		ctx := t.Context()
		for range 3 {
			if err := list(ctx, c); err != nil {
				t.Fatalf("ListObjects = %v", err)
			}
		}
		want := []string{"service.cos.myqcloud.com", "service.cos.myqcloud.com"}
		for range 3 {
			want = append(want, testBucket+".cos.ap-shanghai.myqcloud.com")
		}
		if diff := cmp.Diff(want, l.hosts); diff != "" {
			t.Errorf("hosts requested (-want +got):\n%s", diff)
		}
		<-time.After(regionLifetime)
		if err := list(ctx, c); err != nil || l.lists != 2 {
			t.Errorf("ListObjects = %v after %d lookups, want a second one after five minutes", err, l.lists)
		}
		l.missing = true
		wantError(t, "ListObjects", list(ctx, c))
		l.missing = false
		if err := list(ctx, c); err != nil || l.lists != 3 {
			t.Errorf("ListObjects = %v after %d lookups, want a third one after NoSuchBucket", err, l.lists)
		}
		if err := func() error {
			_, err := c.ListObjects(ctx, Location{testBucket, "eu-x"}, ListOptions{})
			return err
		}(); err != nil || l.lists != 3 || l.hosts[len(l.hosts)-1] != testBucket+".cos.eu-x.myqcloud.com" {
			t.Errorf("ListObjects with a region = %v, last host %s", err, l.hosts[len(l.hosts)-1])
		}
	})
}

func TestRegionLookupIsSharedByCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lookups
		release := make(chan struct{})
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				<-release
			}
			l.respond(w, r, n)
		}, noRegion)
		first, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 10)
		go func() { errs <- list(first, c) }()
		synctest.Wait()
		for range 9 {
			go func() { errs <- list(t.Context(), c) }()
		}
		synctest.Wait()
		cancel() // the caller that began the lookup cannot end it for the others
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller got %v, want context.Canceled", err)
		}
		close(release)
		for range 9 {
			if err := <-errs; err != nil {
				t.Errorf("another caller got %v", err)
			}
		}
		if l.lists != 1 {
			t.Errorf("%d lookups were made, want 1", l.lists)
		}
	})
}

func TestRegionLookupFailuresHaveACause(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 403, errorXML("AccessDenied", "Access Denied."))
	}, noRegion)
	ctx, trace := WithTrace(t.Context())
	e := wantError(t, "ListObjects", list(ctx, c))
	if e.Op != "ListBuckets" || e.Bucket != testBucket || e.Code != "AccessDenied" || trace.Snapshot().RequestID != "req-1" {
		t.Errorf("error = %+v, want AccessDenied of ListBuckets for the bucket, and its id in the trace", e)
	}

	c, _ = open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, buckets()+endBuckets) }, noRegion)
	err := list(t.Context(), c)
	v, ok := errors.AsType[*ValidationError](err)
	if _, unknown := errors.AsType[*RegionUnknownError](err); !ok || !unknown || v.Field != "region" {
		t.Errorf("ListObjects = %v, want a *RegionUnknownError, also as a *ValidationError of region", err)
	}
	if err := c.CreateBucket(t.Context(), at("new-1"), CreateBucketOptions{}); !errors.As(err, &v) || v.Field != "region" {
		t.Errorf("CreateBucket without a region = %v, want a *ValidationError of region", err)
	}
}

func TestRegionLookupIsSeparateForCallerCredentials(t *testing.T) {
	t.Parallel()
	var l lookups
	c, s := open(t, l.respond, noRegion)
	if err := list(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	own := WithCallerCredentials(t.Context(), Credentials{SecretID: "AKIDcaller", SecretKey: "callerkey"})
	if err := list(own, c); err != nil || l.lists != 2 {
		t.Errorf("ListObjects = %v after %d lookups, want 2", err, l.lists)
	}
	for i, r := range s.seen() {
		if got := strings.Contains(r.Header.Get("Authorization"), "q-ak=AKIDcaller&"); got != (i >= 3) {
			t.Errorf("request %d signed by the caller = %v", i, got)
		}
	}
	l.missing = true
	if e := wantError(t, "ListObjects", list(own, c)); !e.CallerCredentials {
		t.Error("CallerCredentials = false, want true")
	}
}

// A caller that knows another caller's secret id, but not the key, learns nothing of the
// other's lookups, and cannot spoil them either.
func TestRegionLookupIsSeparateByAllPartsOfCallerCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lookups
		thief := Credentials{SecretID: "AKIDcaller", SecretKey: "guessedkey"}
		caller := Credentials{SecretID: "AKIDcaller", SecretKey: "callerkey"}
		session := Credentials{SecretID: "AKIDcaller", SecretKey: "callerkey", Token: "session"}
		now := time.Now()
		guessed := newSigningKey(thief, window(now)).authorization("GET", "/", nil, []pair{{"host", "service.cos.myqcloud.com"}})
		release := make(chan struct{})
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
			if strings.HasPrefix(r.Host, "service.") && r.Header.Get("Authorization") == guessed {
				<-release
				respondXML(w, 403, errorXML("SignatureDoesNotMatch", "m"))
				return
			}
			l.respond(w, r, n)
		}, noRegion, attempts(1))
		call := func(k Credentials) error { return list(WithCallerCredentials(t.Context(), k), c) }
		stolen := make(chan error)
		go func() { stolen <- call(thief) }() // its lookup is under way
		synctest.Wait()
		if err := call(caller); err != nil {
			t.Errorf("the caller shares the failure of the one that guessed its key: %v", err)
		}
		close(release)
		if e := wantError(t, "ListObjects", <-stolen); e.Code != "SignatureDoesNotMatch" || e.Region != "" {
			t.Errorf("the caller that guessed the key got %+v, want SignatureDoesNotMatch and no region", e)
		}
		before := l.lists
		if err := call(session); err != nil || l.lists != before+1 {
			t.Errorf("ListObjects of another session = %v after %d lookups, want one of its own", err, l.lists-before)
		}
	})
}

func TestRegionCacheKeepsABucketThatAnotherCallerDidNotFind(t *testing.T) {
	t.Parallel()
	var l lookups
	c, _ := open(t, l.respond, noRegion)
	if err := list(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	own := WithCallerCredentials(t.Context(), Credentials{SecretID: "AKIDcaller", SecretKey: "callerkey"})
	l.missing = true
	wantError(t, "ListObjects", list(own, c))
	l.missing = false
	before := l.lists
	if err := list(t.Context(), c); err != nil || l.lists != before {
		t.Errorf("ListObjects = %v after %d more lookups, want none: the bucket was lost to another caller only", err, l.lists-before)
	}
	if err := list(own, c); err != nil || l.lists != before+1 {
		t.Errorf("ListObjects of the caller = %v after %d more lookups, want one", err, l.lists-before)
	}
}

func TestRegionCacheStaysBounded(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(http.ResponseWriter, *http.Request, int) {})
	for i := range 3 {
		page := make([]BucketInfo, 4000)
		for j := range page {
			page[j] = BucketInfo{Name: strings.Repeat("x", i+1) + "-" + time.Duration(j).String(), Region: "r"}
		}
		c.regions.remember(regionOwner{}, page)
	}
	if n := len(c.regions.regions); n > maxRegions {
		t.Errorf("%d regions are cached, want at most %d", n, maxRegions)
	}
}

func TestListBucketsOfARegion(t *testing.T) {
	t.Parallel()
	page := func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, buckets("a-1", "ap-beijing", "b-1", testRegion)+"<IsTruncated>false</IsTruncated>"+endBuckets)
	}
	for name, tc := range map[string]struct {
		service, host, uri string
	}{
		"derived": {"", "cos.ap-guangzhou.myqcloud.com", "/?marker=m&max-keys=5"},
		"given":   {"http://service.example:81", "service.example:81", "/?marker=m&max-keys=5&region=ap-guangzhou"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t, page, func(cfg *Config) { cfg.ServiceEndpoint = tc.service })
			got, err := c.ListBuckets(t.Context(), ListBucketsOptions{Region: testRegion, Marker: "m", MaxKeys: 5})
			want := BucketPage{Owner: Owner{ID: "owner"}, Buckets: []BucketInfo{
				{Name: "b-1", Region: testRegion, Type: "cos", Created: time.Date(2019, 5, 24, 11, 49, 50, 0, time.UTC)},
			}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("ListBuckets = %v (-want +got):\n%s", err, diff)
			}
			if r := s.seen()[0]; r.Host != tc.host || r.URI != tc.uri {
				t.Errorf("requested %s%s, want %s%s", r.Host, r.URI, tc.host, tc.uri)
			}
		})
	}
}

func TestBucketOperations(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("x-cos-bucket-region", "ap-x")
		w.Header().Set("x-cos-bucket-az-type", "MAZ")
		w.Header().Set("x-cos-bucket-arch", "OFS")
		if r.URL.Query().Has("location") {
			_, _ = io.WriteString(w, "<LocationConstraint>ap-x</LocationConstraint>")
		}
	})
	ctx, loc := t.Context(), at(testBucket)
	if err := c.CreateBucket(ctx, loc, CreateBucketOptions{ACL: "public-read"}); err != nil {
		t.Errorf("CreateBucket = %v", err)
	}
	if got, err := c.HeadBucket(ctx, loc); err != nil || got != (BucketHead{"ap-x", "MAZ", "OFS"}) {
		t.Errorf("HeadBucket = %+v, %v", got, err)
	}
	if got, err := c.GetBucketLocation(ctx, loc); err != nil || got != "ap-x" {
		t.Errorf("GetBucketLocation = %q, %v", got, err)
	}
	if err := c.DeleteBucket(ctx, loc); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
	var got []string
	for _, r := range s.seen() {
		got = append(got, r.Method+" "+r.URI+" "+r.Header.Get("X-Cos-Acl")+r.Header.Get("Content-Length"))
	}
	want := []string{"PUT / public-read0", "HEAD / ", "GET /?location= ", "DELETE / "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
