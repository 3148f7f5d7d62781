package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// readAll reads req to its end by Read.
func readAll(ctx context.Context, c *Client, req *cosgatev1.GetObjectRequest) ([]byte, error) {
	r, err := c.NewReader(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(struct{ io.Reader }{r})
}

var errGone = failed(codes.Unavailable)

func TestReaderRequestsTheRestOfTheSameObject(t *testing.T) {
	t.Parallel()
	data := content(1000)
	s, c := script(t, breakAfter(data, 300, 3, errGone), serveAll(data, 300))
	req := object("k")
	req.Region, req.MessageSize = "ap-beijing", 65536
	req.Preconditions = &cosgatev1.Preconditions{IfNoneMatch: "e0"}
	got, err := readAll(t.Context(), c, req)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read = %v, the right bytes: %t", err, bytes.Equal(got, data))
	}
	want := []*cosgatev1.GetObjectRequest{req, {
		Bucket: testBucket, Key: "k", Region: "ap-beijing", MessageSize: 65536,
		Range:         &cosgatev1.ByteRange{Offset: 600, Length: new(int64(400))},
		Preconditions: &cosgatev1.Preconditions{IfMatch: "e1"},
	}}
	if diff := cmp.Diff(want, s.getRequests(), protocmp.Transform()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestReaderResumesWithTheSameVersion(t *testing.T) {
	t.Parallel()
	data := content(10)
	versioned := responseOf(data, 0, 5)
	versioned[0].Object.VersionId = "v1"
	s, c := script(t, func(_ *cosgatev1.GetObjectRequest, stream getStream) error { return versioned.send(stream, 2, errGone) }, serveAll(data, 5))
	if got, err := readAll(t.Context(), c, object("k")); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read = %q, %v", got, err)
	}
	if got := s.getRequests()[1].GetVersionId(); got != "v1" {
		t.Errorf("the rest is requested of version %q, want v1", got)
	}
}

func TestReaderResumesWithinARange(t *testing.T) {
	t.Parallel()
	data := content(100)
	suffix := responseOf(data, 0, 10)
	suffix[0].Range = &cosgatev1.ContentRange{Offset: 80, Length: 20, Size: 100}
	s, c := script(t,
		func(_ *cosgatev1.GetObjectRequest, stream getStream) error {
			return append(suffix[:1:1], suffix[9]).send(stream, 2, errGone)
		},
		serveAll(data, 10))
	req := object("k")
	req.Range = &cosgatev1.ByteRange{SuffixLength: new(int64(20))}
	if got, err := readAll(t.Context(), c, req); err != nil || !bytes.Equal(got, data[80:]) {
		t.Fatalf("read = %d bytes, %v, want the last 20", len(got), err)
	}
	if got := s.getRequests()[1].GetRange(); got.GetOffset() != 90 || got.GetLength() != 10 || got.SuffixLength != nil {
		t.Errorf("the rest is requested as %v, want 10 bytes from 90", got)
	}
}

// Whichever message is the last before the break, all of the object is read.
func TestReaderResumesAfterAnyMessage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 250} {
		data := content(size)
		for n := range len(responseOf(data, 0, 100)) + 1 {
			_, c := script(t, breakAfter(data, 100, n, errGone), serveAll(data, 100))
			if got, err := readAll(t.Context(), c, object("k")); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, broken after %d messages: read = %d bytes, %v", size, n, len(got), err)
			}
		}
	}
}

// A gateway can say when to retry in several ways.
func TestReaderWaitsAsLongAsTheGatewaySays(t *testing.T) {
	t.Parallel()
	data := content(10)
	retryInfo := &errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)}
	resume := &cosgatev1.ReadResume{NextOffset: 5, Etag: "e1"}
	for name, v := range map[string]struct {
		get  func(*cosgatev1.GetObjectRequest, getStream) error
		want time.Duration
	}{
		"nothing said":                {breakAfter(data, 5, 2, errGone), 75 * time.Millisecond},
		"RetryInfo":                   {breakAfter(data, 5, 2, failed(codes.Unavailable, retryInfo)), 7 * time.Second},
		"ReadResume":                  {breakAfter(data, 5, 2, failed(codes.Unavailable, resume, retryInfo)), 7 * time.Second},
		"pushback":                    {pushedBack("1500", breakAfter(data, 5, 2, errGone)), 1500 * time.Millisecond},
		"pushback over RetryInfo":     {pushedBack("0", breakAfter(data, 5, 2, failed(codes.Unavailable, retryInfo))), 0},
		"too busy, with RetryInfo":    {breakAfter(data, 5, 0, failed(codes.ResourceExhausted, retryInfo)), 7 * time.Second},
		"COS failed, with RetryInfo":  {breakAfter(data, 5, 0, failed(codes.Internal, retryInfo)), 7 * time.Second},
		"before the first message":    {breakAfter(data, 5, 0, errGone), 75 * time.Millisecond},
		"after all of the content":    {breakAfter(data, 5, 3, errGone), 75 * time.Millisecond},
		"other code, with ReadResume": {breakAfter(data, 5, 2, failed(codes.Internal, resume)), 75 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := script(t, v.get, serveAll(data, 5))
			var waits []time.Duration
			c.backoff.jitter = func() float64 { return 0.5 }
			c.backoff.wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
			if got, err := readAll(t.Context(), c, object("k")); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("read = %q, %v", got, err)
			}
			if diff := cmp.Diff([]time.Duration{v.want}, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReaderDoesNotResumeWhenThatDoesNotHelp(t *testing.T) {
	t.Parallel()
	data := content(10)
	noETag := responseOf(data, 0, 5)
	noETag[0].Object.Etag = ""
	for name, v := range map[string]struct {
		get  func(*cosgatev1.GetObjectRequest, getStream) error
		code codes.Code
	}{
		"the gateway says so":                        {pushedBack("-1", breakAfter(data, 5, 2, errGone)), codes.Unavailable},
		"the gateway says so in a malformed trailer": {pushedBack("soon", breakAfter(data, 5, 2, errGone)), codes.Unavailable},
		"another code":                               {breakAfter(data, 5, 2, failed(codes.PermissionDenied)), codes.PermissionDenied},
		"too busy, without a delay":                  {breakAfter(data, 5, 2, failed(codes.ResourceExhausted)), codes.ResourceExhausted},
		"no ETag": {func(_ *cosgatev1.GetObjectRequest, stream getStream) error {
			return noETag.send(stream, 2, errGone)
		}, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := script(t, v.get)
			got, err := readAll(t.Context(), c, object("k"))
			mustFail(t, "read", err, v.code, "")
			if !bytes.Equal(got, data[:5]) || len(s.getRequests()) != 1 {
				t.Errorf("read %d bytes with %d calls, want 5 with 1", len(got), len(s.getRequests()))
			}
		})
	}
}

func TestReaderGivesUpAfterResumeAttempts(t *testing.T) {
	t.Parallel()
	data := content(100)
	s, c := script(t, breakAfter(data, 5, 2, errGone)) // each call returns 5 bytes
	var waits []time.Duration
	c.backoff.jitter = func() float64 { return 1 }
	c.backoff.wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	got, err := readAll(t.Context(), c, object("k"))
	mustFail(t, "read", err, codes.Unavailable, "")
	if len(s.getRequests()) != resumeAttempts || len(got) != 5*resumeAttempts {
		t.Errorf("%d bytes with %d calls, want %d calls", len(got), len(s.getRequests()), resumeAttempts)
	}
	ms := time.Millisecond
	if diff := cmp.Diff([]time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms}, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestReaderCountsAttemptsAnewAfterProgress(t *testing.T) {
	t.Parallel()
	data := content(12 * progress)
	s, c := script(t, breakAfter(data, progress, 2, errGone)) // each call returns 1 MiB
	got, err := readAll(t.Context(), c, object("k"))
	// The last message of all is never reached.
	mustFail(t, "read", err, codes.Unavailable, "")
	if !bytes.Equal(got, data) || len(s.getRequests()) < 12+resumeAttempts-1 {
		t.Errorf("%d bytes with %d calls, want all", len(got), len(s.getRequests()))
	}
}

func TestReaderDoesNotWaitBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	data := content(10)
	s, c := script(t, pushedBack("60000", breakAfter(data, 5, 2, errGone)))
	c.backoff.wait = wait
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	begun := time.Now()
	_, err := readAll(ctx, c, object("k"))
	mustFail(t, "read", err, codes.Unavailable, "")
	if took := time.Since(begun); took > 20*time.Second || len(s.getRequests()) != 1 {
		t.Errorf("read took %v and %d calls, want it to end at once: the wait is longer than the time left", took, len(s.getRequests()))
	}
}

func TestReaderWaitEndsWhenTheContextIsCancelled(t *testing.T) {
	t.Parallel()
	data := content(10)
	_, c := script(t, breakAfter(data, 5, 2, errGone))
	ctx, cancel := context.WithCancel(t.Context())
	c.backoff.min, c.backoff.max = time.Hour, time.Hour
	c.backoff.wait = func(ctx context.Context, d time.Duration) error { cancel(); return wait(ctx, d) }
	if _, err := readAll(ctx, c, object("k")); !errors.Is(err, context.Canceled) {
		t.Errorf("read = %v, want context.Canceled", err)
	}
}

func TestReaderDoesNotMixAChangedObject(t *testing.T) {
	t.Parallel()
	data := content(10)
	otherETag, otherSize := responseOf(data, 5, 5), responseOf(data, 5, 5)
	otherETag[0].Object.Etag = "e2"
	otherSize[0].Range.Size = 11
	info := func(code codes.Code, reason string) error {
		return failed(code, &errdetails.ErrorInfo{Reason: reason, Domain: "cosgate"})
	}
	for name, v := range map[string]struct {
		rest   getResponse
		err    error
		reason string
	}{
		"replaced":              {nil, info(codes.FailedPrecondition, "PRECONDITION_FAILED"), "PRECONDITION_FAILED"},
		"seen by the gateway":   {nil, info(codes.Aborted, "OBJECT_CHANGED"), "OBJECT_CHANGED"},
		"deleted":               {nil, info(codes.NotFound, "NO_SUCH_KEY"), "NO_SUCH_KEY"},
		"condition not obeyed":  {otherETag, nil, ""},
		"another size in there": {otherSize, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := script(t, breakAfter(data, 5, 2, errGone), func(_ *cosgatev1.GetObjectRequest, stream getStream) error {
				return v.rest.send(stream, -1, v.err)
			})
			got, err := readAll(t.Context(), c, object("k"))
			if !errors.Is(err, ErrChanged) || !bytes.Equal(got, data[:5]) {
				t.Fatalf("read = %q, %v, want the first half and ErrChanged", got, err)
			}
			if e, ok := errors.AsType[*Error](err); v.reason != "" && (!ok || e.Reason != v.reason) {
				t.Errorf("read = %v, want the error of the gateway in it", err)
			}
		})
	}
}

func TestReaderResumesAfterTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	c, p, restart := openProcess(t)
	data := content(24 << 20) // more than the windows hold
	put(t, c, "k", data)
	restarts := 0
	wait := c.backoff.wait
	c.backoff.wait = func(ctx context.Context, d time.Duration) error {
		if restarts++; restarts == 1 {
			restart()
		}
		return wait(ctx, d)
	}
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	if _, err := io.CopyN(&got, struct{ io.Reader }{r}, 1<<20); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if _, err := r.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("after kill -9: WriteTo = %v with %d bytes, the right ones: %t", err, got.Len(), bytes.Equal(got.Bytes(), data))
	}
	if restarts == 0 {
		t.Error("the Reader never lost its connection")
	}
}
