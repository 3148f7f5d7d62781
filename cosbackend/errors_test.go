package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"cosbackend: GetObject: HTTP status 404: NoSuchKey: gone (request id r)": &Error{
			Op: "GetObject", Bucket: "b-1", Key: "k", HTTPStatus: 404, Code: "NoSuchKey", Message: "gone", RequestID: "r",
		},
		"cosbackend: GetObject: the response did not come from COS: HTTP status 502": &Error{
			Op: "GetObject", Origin: OriginTransport, NotFromCOS: true, HTTPStatus: 502,
		},
		"cosbackend: PutObject: connection reset":                                          &Error{Op: "PutObject", Origin: OriginTransport, Cause: errors.New("connection reset")},
		"cosbackend: key: must not be empty":                                               &ValidationError{Field: "key", Problem: "must not be empty"},
		"cosbackend: PutObject: checksum mismatch: sent CRC64 1, COS has 2 (request id r)": &IntegrityError{Op: "PutObject", Want: 1, Got: 2, RequestID: "r"},
		"cosbackend: PutObject: read the body: 3 of 5 bytes: unexpected EOF":               &BodyError{Op: "PutObject", Want: 5, Read: 3, Err: io.ErrUnexpectedEOF},
		`cosbackend: bucket "b-1" is not in the bucket list of profile "p"; check its name, or name its region if it belongs to another account`: &RegionUnknownError{Bucket: "b-1", Profile: "p"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
	if got := fmt.Sprint(OriginCOS, " ", OriginTransport); got != "cos transport" {
		t.Errorf("origins = %q, want %q", got, "cos transport")
	}
}

func TestContextErrorSeesTheDeadlineBeforeItsTimer(t *testing.T) {
	t.Parallel()
	past, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(-time.Second), errors.New("custom cause"))
	defer cancel()
	err := (&attempt{op: &operation{}}).transportCause(past, errors.New("i/o timeout"))
	if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "context deadline exceeded: i/o timeout" {
		t.Errorf("cause = %v, want the deadline and what the network said", err)
	}
	err = (&attempt{op: &operation{}}).transportCause(t.Context(), fmt.Errorf("dial: %w", context.DeadlineExceeded))
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cause = %v, which claims to be the caller's deadline", err)
	}
	if err := (&attempt{op: &operation{}}).transportCause(t.Context(), io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cause = %v, want io.ErrUnexpectedEOF to be found", err)
	}
}

func TestDialTimeoutBoundsACustomDialer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{
			Region: testRegion, Credentials: StaticCredentials(testCredentials()), Retry: RetryOptions{MaxAttempts: 1},
			Transport: TransportOptions{DialTimeout: time.Second, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		err = put(t.Context(), c)
		if e := wantError(t, "PutObject", err); e.OutcomeUnknown || !e.Retryable || errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("PutObject = %+v after %v, want a transport error that is not the caller's deadline after 1s", e, time.Since(start))
		}
	})
}

func TestBodyReaderIsReusedOnAnotherConnectionOnlyUnread(t *testing.T) {
	t.Parallel()
	u := &bodyReader{reader: strings.NewReader("x"), size: 1}
	if body, err := u.reopen(); err != nil || body != u {
		t.Errorf("again = %v, %v, want the same body", body, err)
	}
	_, _ = u.Read(make([]byte, 1))
	if _, err := u.reopen(); !errors.Is(err, errBodyTaken) {
		t.Errorf("again = %v, want %v", err, errBodyTaken)
	}
	u.end()
	if _, err := u.Read(make([]byte, 1)); !errors.Is(err, errAttemptEnded) {
		t.Errorf("Read after the end = %v, want %v", err, errAttemptEnded)
	}
}

// COS cannot have stored what it did not receive; when it says so, the outcome is unknown.
func TestPutObjectDoesNotTrustASuccessBeforeTheBodyWasSent(t *testing.T) {
	t.Parallel()
	r := &blockedReader{waiting: make(chan struct{}), release: make(chan struct{})}
	returned := make(chan struct{})
	r.after = func() { close(returned) }
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = req.Body.Read(make([]byte, 1))
		<-r.waiting
		w.Header().Set("Connection", "close")
		cosHeader(w)
	}))
	_, err := c.PutObject(t.Context(), at(testBucket), "k", Body{Size: 1000, Reader: r}, PutOptions{})
	if e := wantError(t, "PutObject", err); !e.OutcomeUnknown || !e.Retryable || e.Attempts != 1 {
		t.Errorf("PutObject = %+v, want an unknown outcome after one attempt, which the caller may retry", e)
	}
	close(r.release)
	<-returned
}

func TestRetryAfterMayBeADate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "7": 7 * time.Second, "-1": 0, "soon": 0, "": 0, "99999999999999": 0,
	} {
		if got := retryAfter(&Error{Headers: map[string]string{"retry-after": value}}, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

func TestListBucketsRefusesATruncatedPageWithoutMarker(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, buckets()+"<IsTruncated>true</IsTruncated>"+endBuckets)
	})
	if _, err := c.ListBuckets(t.Context(), ListBucketsOptions{}); !errors.Is(err, errNoMarker) {
		t.Errorf("ListBuckets = %v, want %v", err, errNoMarker)
	}
}
