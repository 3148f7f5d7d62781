package service

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/telemetry"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const permitAll = "permit (principal, action, resource);"

// openForMemory is a gateway for two callers whose uploads may hold the memory of one
// part together, and those of one caller share, with COS's own least size of a part.
func openForMemory(t *testing.T, upload, share int64, change ...func(*setup)) *guarded {
	t.Helper()
	return openGuarded(t, permitAll, []string{"a", "b"}, append(change, func(s *setup) {
		s.options.UploadMemory, s.options.Limits.CallerUploadMemory = upload, share
	})...)
}

// silent begins an upload of no declared size that brings nothing.
func (g *guarded) silent(ctx context.Context, t *testing.T) {
	t.Helper()
	stream, err := g.objects.PutObject(ctx)
	must(t, err)
	must(t, stream.Send(&putRequest{Spec: spec(-1)}))
	synctest.Wait() // it has its memory now
}

func TestUploadMemoryIsWaitedForAndItsLackReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		metrics := telemetry.NewMetrics(cosbackend.KnownCode)
		g := openForMemory(t, 8<<20, 8<<20, func(s *setup) { s.deps.Metrics = metrics })
		mustSay := func(gauge string) {
			t.Helper()
			response := httptest.NewRecorder()
			metrics.Handler().ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			if !strings.Contains(response.Body.String(), "\n"+gauge+"\n") {
				t.Errorf("the metrics do not have the line %s", gauge)
			}
		}
		others, release := context.WithCancel(g.as(t.Context(), "a"))
		defer release()
		for range 8 {
			g.silent(others, t)
		}
		mustSay("cosgate_upload_reserved_bytes 8.388608e+06")
		for range 8 { // whose own share must come back each time
			_, _ = g.send(g.as(t.Context(), "b"), chunks(spec(-1), noise(10), 10)...)
		}
		began := time.Now()
		_, err := g.send(g.as(t.Context(), "b"), chunks(spec(-1), noise(10), 10)...)
		info, _ := detail[*errdetails.ErrorInfo](err)
		retry, _ := detail[*errdetails.RetryInfo](err)
		quota, _ := detail[*errdetails.QuotaFailure](err)
		if status.Code(err) != codes.ResourceExhausted || info.GetReason() != cosstatus.ReasonUploadMemory ||
			retry.GetRetryDelay().AsDuration() <= 0 || len(quota.GetViolations()) != 1 {
			t.Errorf("PutObject without memory = %v, %v, want RESOURCE_EXHAUSTED with %s, a wait and the quota", err, status.Convert(err).Details(), cosstatus.ReasonUploadMemory)
		}
		if waited := time.Since(began); waited != memoryTimeout {
			t.Errorf("it was told after %v, want %v", waited, memoryTimeout)
		}
		if seen := g.requests(); len(seen) > 0 {
			t.Errorf("COS saw %v", seen)
		}
		if _, err := g.send(g.as(t.Context(), "b"), chunks(spec(10), noise(10), 10)...); err != nil {
			t.Errorf("PutObject with a size = %v, want that it needs none of that memory", err)
		}
		release()
		synctest.Wait()
		if _, err := g.send(g.as(t.Context(), "b"), chunks(spec(-1), noise(10), 10)...); err != nil {
			t.Errorf("PutObject after the others gave up = %v", err)
		}
		mustSay("cosgate_upload_reserved_bytes 0")
	})
}

// While memory is short objects go on in parts that are just large enough for COS.
func TestUploadMemoryThatIsShortMakesPartsSmaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := openForMemory(t, 8<<20, 0)
		others, release := context.WithCancel(g.as(t.Context(), "a"))
		defer release()
		for range 7 {
			g.silent(others, t)
		}
		data := noise(5<<20 + 5)
		put := func() int {
			t.Helper()
			g.cos.Journal().Reset()
			if _, err := g.send(g.as(t.Context(), "b"), chunks(spec(-1), data, 300_000)...); err != nil {
				t.Fatal(err)
			}
			parts := count(g.requests(), "UploadPart")
			got, _, err := g.get(g.as(t.Context(), "b"), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes are stored, %v, want what was sent", len(got), err)
			}
			return parts
		}
		if n := put(); n != 5 { // the last one has what is left
			t.Errorf("%d parts with 1 MiB of memory, want 5", n)
		}
		release()
		synctest.Wait()
		if n := put(); n != 0 {
			t.Errorf("%d parts with all of the memory, want one request for the object", n)
		}
	})
}

func TestUploadMemoryOfOneCallerIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := openForMemory(t, 64<<20, 8<<20)
		others, release := context.WithCancel(g.as(t.Context(), "a"))
		defer release()
		for range 8 {
			g.silent(others, t)
		}
		_, err := g.send(g.as(t.Context(), "a"), chunks(spec(-1), noise(10), 10)...)
		wantOverLimit(t, err, "caller_upload_memory")
		if quota, _ := detail[*errdetails.QuotaFailure](err); quota.GetViolations()[0].GetSubject() != "token:a" {
			t.Errorf("the quota is of %v, want token:a", quota.GetViolations())
		}
		if _, err := g.send(g.as(t.Context(), "b"), chunks(spec(-1), noise(9<<20), 1<<20)...); err != nil {
			t.Errorf("PutObject of another caller = %v", err)
		}
		release()
		synctest.Wait()
		if _, err := g.send(g.as(t.Context(), "a"), chunks(spec(-1), noise(9<<20), 1<<20)...); err != nil {
			t.Errorf("PutObject after the others gave up = %v", err)
		}
	})
}

// An upload that waits for memory ends with its caller, not with the wait.
func TestUploadMemoryWaitEndsWithTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, upload := range map[string][2]int64{"of all": {8 << 20, 0}, "of the caller": {64 << 20, 8 << 20}} {
			g := openForMemory(t, upload[0], upload[1])
			others, release := context.WithCancel(g.as(t.Context(), "a"))
			for range 8 {
				g.silent(others, t)
			}
			ctx, cancel := context.WithTimeout(g.as(t.Context(), "a"), memoryTimeout/2)
			_, err := g.send(ctx, chunks(spec(-1), noise(10), 10)...)
			if status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("%s: PutObject = %v, want DEADLINE_EXCEEDED", name, err)
			}
			cancel()
			release()
		}
	})
}

// Whoever holds much of the memory of reads gets small messages, and others large ones.
func TestReadMemoryOfOneCallerIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := openGuarded(t, permitAll, []string{"a", "b"}, func(s *setup) {
			s.options.Limits.CallerReadMemory = 2 * minMessage
			s.dial = append(s.dial, grpc.WithStaticStreamWindowSize(64<<10)) // or it grows to the whole object
		})
		data := noise(4 << 20)
		_, err := g.send(g.as(t.Context(), "b"), chunks(spec(int64(len(data))), data, 1<<20)...)
		must(t, err)
		stalled, release := context.WithCancel(g.as(t.Context(), "a"))
		defer release()
		for range 3 { // each keeps a message that the caller does not take
			stream, err := g.objects.GetObject(stalled, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			must(t, err)
			_, err = stream.Recv()
			must(t, err)
		}
		synctest.Wait()
		largest := func(name string) (most int) {
			t.Helper()
			got, messages, err := g.get(g.as(t.Context(), name), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%s reads %d bytes, %v", name, len(got), err)
			}
			for _, m := range messages {
				most = max(most, len(m.GetChunk().GetData()))
			}
			return most
		}
		if n := largest("a"); n > minMessage-frames.Overhead {
			t.Errorf("a message of %d bytes although the caller's share is used up", n)
		}
		if n := largest("b"); n <= minMessage {
			t.Errorf("the messages of another caller have at most %d bytes, want larger ones", n)
		}
		release()
		synctest.Wait()
		if n := largest("a"); n <= minMessage {
			t.Errorf("the messages have at most %d bytes after the others gave up, want larger ones", n)
		}
	})
}
