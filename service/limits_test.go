package service

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/identity"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// provedAs is a context as the interceptors leave it behind authentication.
func provedAs(ctx context.Context, name string) context.Context {
	ctx = withCall(ctx, "")
	callFrom(ctx).caller.Store(&identity.Caller{Name: name})
	return ctx
}

func wantOverLimit(t *testing.T, err error, limit string) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	retry, _ := detail[*errdetails.RetryInfo](err)
	quota, _ := detail[*errdetails.QuotaFailure](err)
	if status.Code(err) != codes.ResourceExhausted || info.GetReason() != cosstatus.ReasonOverLimit || info.GetMetadata()["limit"] != limit ||
		retry.GetRetryDelay().AsDuration() <= 0 || len(quota.GetViolations()) != 1 {
		t.Errorf("begin = %v, %v, want RESOURCE_EXHAUSTED with limit %s, a wait and the quota", err, status.Convert(err).Details(), limit)
	}
}

func TestLimitsBoundTheRateOfACaller(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	l := newLimits(Limits{CallerRate: 10, CallerBurst: 2})
	l.clock = func() time.Time { return at }
	begin := func(name string) error {
		end, err := l.begin(provedAs(t.Context(), name))
		if err == nil {
			end()
		}
		return err
	}
	for range 2 {
		if err := begin("a"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // a refused call costs nothing of the rate
		err := begin("a")
		wantOverLimit(t, err, "caller_rate")
		if r, _ := detail[*errdetails.RetryInfo](err); r.GetRetryDelay().AsDuration() != 100*time.Millisecond {
			t.Errorf("RetryInfo = %v, want the 100ms until the next call", r)
		}
	}
	if err := begin("b"); err != nil {
		t.Errorf("another caller is limited too: %v", err)
	}
	at = at.Add(100 * time.Millisecond)
	if err := begin("a"); err != nil {
		t.Errorf("after the wait that was told: %v", err)
	}
}

func TestLimitsBoundRunningCallsOfEachCallerAndOfAll(t *testing.T) {
	t.Parallel()
	l := newLimits(Limits{Calls: 3, CallerCalls: 2})
	var ends []func()
	begin := func(name string) error {
		end, err := l.begin(provedAs(t.Context(), name))
		if err == nil {
			ends = append(ends, end)
		}
		return err
	}
	for _, name := range []string{"a", "a", "b"} {
		if err := begin(name); err != nil {
			t.Fatal(err)
		}
	}
	wantOverLimit(t, begin("c"), "calls")
	ends[2]()
	wantOverLimit(t, begin("a"), "caller_calls")
	if err := begin("c"); err != nil {
		t.Errorf("another caller = %v, want that it gets the free place", err)
	}
}

func TestLimitsForgetIdleCallers(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	l := newLimits(Limits{CallerRate: 1, CallerBurst: 1, CallerCalls: 1})
	l.clock = func() time.Time { return at }
	if _, err := l.begin(provedAs(t.Context(), "busy")); err != nil {
		t.Fatal(err)
	}
	for i := range 2*maxCallers + 1 {
		end, err := l.begin(provedAs(t.Context(), fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		end()
		if i%1000 == 0 {
			at = at.Add(2 * time.Second)
		}
	}
	_, err := l.begin(provedAs(t.Context(), "busy"))
	wantOverLimit(t, err, "caller_calls")
	if n := len(l.callers); n > maxCallers+2 {
		t.Errorf("%d callers are remembered", n)
	}
}

func TestLimitsRefuseACallWithTooLittleTime(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.options.Limits.DeadlineFloor = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.DeadlineExceeded || info.GetReason() != cosstatus.ReasonDeadlineShort {
		t.Errorf("HeadObject = %v, want DEADLINE_EXCEEDED, %s", err, cosstatus.ReasonDeadlineShort)
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
	if _, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket}); err != nil {
		t.Errorf("a call without a deadline = %v, want that it runs", err)
	}
}

func TestLimitsSayWhenToRetry(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.options.Limits = Limits{CallerRate: 0.001, CallerBurst: 1} })
	call := func() (metadata.MD, error) {
		var trailer metadata.MD
		_, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket}, grpc.Trailer(&trailer))
		return trailer, err
	}
	if _, err := call(); err != nil {
		t.Fatal(err)
	}
	trailer, err := call()
	wantOverLimit(t, err, "caller_rate")
	if first(trailer, mdPushback) == "" {
		t.Errorf("the trailers %v do not say when to come back", trailer)
	}
	if _, err := g.send(t.Context(), &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k"}, Finish: true}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("PutObject = %v, want RESOURCE_EXHAUSTED: streams are calls, too", err)
	}
}

func TestLimitsThatContradictEachOtherAreRefused(t *testing.T) {
	t.Parallel()
	for _, l := range []Limits{{Calls: -1}, {CallerCalls: -1}, {CallerRate: -1}, {CallerBurst: -1}, {DeadlineFloor: -1}, {CallerBurst: 5}, {CallerReadMemory: -1}, {CallerUploadMemory: -1}, {CallerUploadMemory: partSize - 1}} {
		if l.check(partSize) == nil {
			t.Errorf("%+v is fine, want an error", l)
		}
	}
}

// Callers find what a limit is by its name in ErrorInfo.
func TestLimitsAreNamedInTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`overLimit\("(\w+)"`).FindAllSubmatch(source, -1) {
			if names++; !bytes.Contains(page, []byte("`"+string(m[1])+"`")) {
				t.Errorf("docs/errors.md does not name the limit %s of %s", m[1], file)
			}
		}
	}
	if names < 7 {
		t.Errorf("%d limits were found in the source, want at least 7", names)
	}
}
