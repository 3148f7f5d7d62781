package service

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// For each row a COS-compatible server sends the error over HTTP, and a gRPC client checks
// the status that arrives through the production chain.
func TestErrorRowsReachCallersOverTheWire(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	for _, l := range cosstatus.Rows() {
		t.Run(fmt.Sprintf("%s %d", cmp.Or(l.COSCode, "-"), l.HTTP), func(t *testing.T) {
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{
				Status: wireStatus(l.HTTP), Code: l.COSCode, Message: messageFor(l.COSCode),
				Header: http.Header{"Etag": {`"e"`}, "Set-Cookie": {"secret=1"}},
			})
			var trailer metadata.MD
			_, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}, grpc.Trailer(&trailer))
			if l.COSCode != "" { // a HEAD has no body to carry a code
				var messages []*cosgatev1.GetObjectResponse
				_, messages, err = g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
				if len(messages) != 0 {
					t.Errorf("GetObject sent %d messages before its failure", len(messages))
				}
			}
			checkRow(t, err, l)
		})
	}
}

// wireStatus is the status to send for a row; 400 where the page of the code names none.
func wireStatus(http int) int {
	if http == 0 {
		return 400
	}
	return http
}

func messageFor(cosCode string) string {
	if cosCode == "" {
		return ""
	}
	return "The message of COS."
}

func checkRow(t *testing.T, err error, l cosstatus.Row) {
	t.Helper()
	wantCode, wantReason := l.Code, l.Reason
	if l.Credential {
		wantCode, wantReason = codes.Internal, cosstatus.ReasonCredentialsRejected
	}
	if got := status.Code(err); got != wantCode {
		t.Errorf("code = %v, want %v", got, wantCode)
	}
	info, _ := detail[*errdetails.ErrorInfo](err)
	if info.GetReason() != wantReason || info.GetDomain() != "cosgate" {
		t.Errorf("ErrorInfo = %v, want reason %s of domain cosgate", info, wantReason)
	}
	e, ok := detail[*cosgatev1.CosError](err)
	if !ok {
		t.Fatalf("%v has no CosError", err)
	}
	if e.GetCode() != l.COSCode || int(e.GetHttpStatus()) != wireStatus(l.HTTP) || e.GetMessage() != messageFor(l.COSCode) {
		t.Errorf("CosError = %v, want code %q, HTTP status %d", e, l.COSCode, wireStatus(l.HTTP))
	}
	if e.GetRequestId() == "" || e.GetRequestId() != e.GetHeaders()["x-cos-request-id"] {
		t.Errorf("CosError.request_id = %q, want that of the header, %q", e.GetRequestId(), e.GetHeaders()["x-cos-request-id"])
	}
	if e.GetTraceId() == "" || e.GetHeaders()["etag"] != `"e"` || e.GetHeaders()["set-cookie"] != "" {
		t.Errorf("CosError.trace_id = %q, headers = %v, want a trace id, the ETag and no cookie", e.GetTraceId(), e.GetHeaders())
	}
	if e.GetOrigin() != cosgatev1.Origin_ORIGIN_COS || e.GetRetryable() != l.Hint.Retryable() {
		t.Errorf("CosError origin %v, retryable %v, want ORIGIN_COS, %v", e.GetOrigin(), e.GetRetryable(), l.Hint.Retryable())
	}
	_, hasDelay := detail[*errdetails.RetryInfo](err)
	if want := l.Hint == cosbackend.HintSoon || l.Hint == cosbackend.HintSlowly; hasDelay != want {
		t.Errorf("has RetryInfo = %v, want %v", hasDelay, want)
	}
}
