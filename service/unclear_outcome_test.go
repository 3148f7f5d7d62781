package service

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A scriptedCOS stands between the gateway and the embedded COS and decides for each
// request what becomes of it.
type scriptedCOS struct {
	mu   sync.Mutex
	seen map[string]int // requests by operation, as the script names them

	forward http.Handler
	script  func(s *scriptedCOS, w http.ResponseWriter, r *http.Request, operation string, nth int) (handled bool)
}

// openScripted opens a gateway whose COS follows a script.
func openScripted(t *testing.T, script func(s *scriptedCOS, w http.ResponseWriter, r *http.Request, operation string, nth int) bool, change ...func(*setup)) *gateway {
	t.Helper()
	s := &scriptedCOS{seen: make(map[string]int), script: script}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	g := open(t, append(change, func(set *setup) {
		set.backend.Transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}
	})...)
	transport := &http.Transport{DialContext: g.cos.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	s.forward = &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", p.In.Host, p.In.Host
	}}
	return g
}

func (s *scriptedCOS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	operation := r.Method
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		operation = "InitiateMultipartUpload"
	case r.Method == http.MethodPost && query.Has("uploadId"):
		operation = "CompleteMultipartUpload"
	case r.Method == http.MethodPut && query.Has("uploadId"):
		operation = "UploadPart"
	}
	s.mu.Lock()
	s.seen[operation]++
	nth := s.seen[operation]
	s.mu.Unlock()
	if !s.script(s, w, r, operation, nth) {
		s.forward.ServeHTTP(w, r)
	}
}

// apply does the work of a request and keeps the response from the gateway.
func (s *scriptedCOS) apply(r *http.Request) {
	s.forward.ServeHTTP(httptest.NewRecorder(), r)
}

// refuse is an error response of COS.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("x-cos-request-id", "scripted")
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>scripted</Message></Error>")
}

// firstFails returns a script for the first request of an operation: the work is done or not,
// and the gateway gets an error response either way.
func firstFails(operation string, applied bool, status int, code string) func(*scriptedCOS, http.ResponseWriter, *http.Request, string, int) bool {
	return func(s *scriptedCOS, w http.ResponseWriter, r *http.Request, op string, nth int) bool {
		if op != operation || nth > 1 {
			return false
		}
		if applied {
			s.apply(r)
		}
		refuse(w, r, status, code)
		return true
	}
}

// COS returns 503 or 409 to a completion that it carries out nevertheless. The gateway's
// own retry would only find that the upload is gone.
func TestCompleteMultipartUploadIsLookedAtAfterAnUnclearRefusal(t *testing.T) {
	for _, refusal := range []struct {
		status int
		code   string
	}{{503, "ServiceUnavailable"}, {503, "SlowDown"}, {409, "OperationAborted"}, {409, "SomethingNew"}, {500, "InternalError"}} {
		for _, applied := range []bool{true, false} {
			name := refusal.code + ", not applied"
			if applied {
				name = refusal.code + ", applied"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g := openScripted(t, firstFails("CompleteMultipartUpload", applied, refusal.status, refusal.code))
				id := g.begin(t, "big")
				part, err := g.uploadPart(t.Context(), id, 1, noise(1000))
				if err != nil {
					t.Fatal(err)
				}
				done, err := g.uploads.CompleteMultipartUpload(t.Context(), &cosgatev1.CompleteMultipartUploadRequest{
					Bucket: testBucket, Key: "big", UploadId: id, Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: part.GetEtag()}},
				})
				if err != nil || done.GetObject().GetEtag() == "" {
					t.Errorf("CompleteMultipartUpload = %v, %v, want the object", done, err)
				}
			})
			t.Run("PutObject, "+name, func(t *testing.T) {
				t.Parallel()
				g := openScripted(t, firstFails("CompleteMultipartUpload", applied, refusal.status, refusal.code), smallParts)
				data := noise(3*partSize - 1)
				if _, err := g.send(t.Context(), chunks(spec(-1), data, 64<<10)...); err != nil {
					t.Errorf("PutObject = %v, want success", err)
				}
				wantContent(string(data))(g, t)
			})
		}
	}
}

// What cannot be found out is said to be unknown: the upload is gone, and the object is
// not there.
func TestCompleteMultipartUploadIsUnknownWhenNothingTells(t *testing.T) {
	g := openScripted(t, func(s *scriptedCOS, w http.ResponseWriter, r *http.Request, operation string, nth int) bool {
		if operation != "CompleteMultipartUpload" {
			return false
		}
		if nth == 1 {
			refuse(w, r, http.StatusTooManyRequests, "SlowDown")
		} else {
			refuse(w, r, http.StatusNotFound, "NoSuchUpload")
		}
		return true
	})
	id := g.begin(t, "big")
	_, err := g.uploads.CompleteMultipartUpload(t.Context(), &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: "big", UploadId: id, Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: "e"}},
	})
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.Unavailable || !e.GetOutcomeUnknown() || e.GetRetryable() {
		t.Errorf("CompleteMultipartUpload = %v with %v, want UNAVAILABLE and an unknown outcome", err, e)
	}
}

// The gateway cannot send again what it streamed, but its caller can: that is not
// misleading.
func TestUploadPartAndPutObjectWithALostResponseAreRetryableAtAnySize(t *testing.T) {
	for _, size := range []int{1000, maxBufferedSize, maxBufferedSize + 1, 2 << 20} {
		g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
		id := g.begin(t, "big")
		for _, operation := range []string{"PutObject", "UploadPart"} {
			g.cos.Faults().Add(embedded.Fault{Operation: operation, LoseResponse: true})
		}
		_, err := g.send(t.Context(), chunks(spec(int64(size)), noise(size), 64<<10)...)
		checkResendable(t, err)
		_, err = g.uploadPart(t.Context(), id, 1, noise(size))
		checkResendable(t, err)
	}
}

// A conflict over one part, or a failure to begin an upload that nobody else knows, does
// not end a PutObject.
func TestPutObjectInPartsRetriesItsOwnRequests(t *testing.T) {
	data := noise(3*partSize - 1)
	for name, script := range map[string]func(*scriptedCOS, http.ResponseWriter, *http.Request, string, int) bool{
		"UploadPart 409":                       firstFails("UploadPart", false, 409, "PathConflict"),
		"UploadPart 409, applied":              firstFails("UploadPart", true, 409, "OperationAborted"),
		"InitiateMultipartUpload 500":          firstFails("InitiateMultipartUpload", false, 500, "InternalError"),
		"InitiateMultipartUpload 500, applied": firstFails("InitiateMultipartUpload", true, 500, "InternalError"),
		"InitiateMultipartUpload reset": func(s *scriptedCOS, _ http.ResponseWriter, r *http.Request, operation string, nth int) bool {
			if operation == "InitiateMultipartUpload" && nth == 1 {
				s.apply(r)
				panic(http.ErrAbortHandler)
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := openScripted(t, script, smallParts)
			if _, err := g.send(t.Context(), chunks(spec(-1), data, 64<<10)...); err != nil {
				t.Errorf("PutObject = %v, want success", err)
			}
			wantContent(string(data))(g, t)
			if left := g.openUploads(t); len(left) != 0 {
				t.Errorf("uploads %v were left", left)
			}
		})
	}
}

// Only what lost responses can have left is aborted: uploads of others stay, those of the
// same key as well.
func TestPutObjectLeavesUploadsOfOthers(t *testing.T) {
	g := openScripted(t, func(s *scriptedCOS, w http.ResponseWriter, r *http.Request, operation string, nth int) bool {
		if operation != "InitiateMultipartUpload" || nth != 2 { // the first is of the test
			return false
		}
		s.apply(r)
		refuse(w, r, http.StatusInternalServerError, "InternalError")
		return true
	}, smallParts)
	withPart := g.begin(t, "k") // at the same time, as COS rounds times
	if _, err := g.uploadPartOf(t.Context(), "k", withPart, 1, noise(1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.send(t.Context(), chunks(spec(-1), noise(3*partSize-1), 64<<10)...); err != nil {
		t.Errorf("PutObject = %v, want success", err)
	}
	if left := g.openUploads(t); len(left) != 1 || left[0] != withPart {
		t.Errorf("uploads %v are left, want that of another caller: %s", left, withPart)
	}
}

// openUploads returns the ids of all uploads in the bucket.
func (g *gateway) openUploads(t *testing.T) []string {
	t.Helper()
	page, err := g.uploads.ListMultipartUploads(t.Context(), &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, u := range page.GetUploads() {
		ids = append(ids, u.GetUploadId())
	}
	return ids
}

// begin begins an upload and returns its id.
func (g *gateway) begin(t *testing.T, key string) string {
	t.Helper()
	begun, err := g.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return begun.GetUploadId()
}
