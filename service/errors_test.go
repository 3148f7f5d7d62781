package service

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

var update = flag.Bool("update", false, "write the golden files and docs/errors.md anew")

// contractLine is one row of the contract, spelled out.
type contractLine struct {
	cosCode string
	http    int
	lookup
}

// contract lists every row: codes as the table has them, then other spellings, then
// bare HTTP statuses.
func contract() []contractLine {
	t := newTable()
	var lines []contractLine
	for _, r := range errorTable {
		lines = append(lines, contractLine{r.cosCode, r.http, t.byCodeAndHTTP[codeAndHTTP{r.cosCode, r.http}]})
	}
	for _, s := range spellings {
		lines = append(lines, contractLine{s.cosCode, s.http, t.byCodeAndHTTP[codeAndHTTP{s.cosCode, s.http}]})
	}
	for _, r := range statusTable {
		lines = append(lines, contractLine{"", r.http, t.byHTTP[r.http]})
	}
	return lines
}

func TestErrorTableMatchesItsGoldenFile(t *testing.T) {
	var b bytes.Buffer
	for _, l := range contract() {
		fmt.Fprintf(&b, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", orDash(l.cosCode), l.http, l.code, l.reason, retryName(l.retry), orDash(l.field), l.text)
	}
	golden(t, "testdata/errors.golden", b.Bytes())
}

func TestErrorDocumentIsGeneratedFromTheTable(t *testing.T) {
	golden(t, "../docs/errors.md", errorDocument())
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s is not what the table says (-file +table):\n%s\n"+
			"every row is a promise to callers: if the change is meant, run `go test ./service -update` and write a line in CHANGELOG.md", path, diff)
	}
}

func TestErrorTableHasEachRowOnce(t *testing.T) {
	seen := make(map[codeAndHTTP]bool)
	for _, l := range contract() {
		k := codeAndHTTP{l.cosCode, l.http}
		if seen[k] {
			t.Errorf("row %s %d is there twice", l.cosCode, l.http)
		}
		seen[k] = true
		if l.reason == "" || l.text == "" {
			t.Errorf("row %s %d has no reason or no text", l.cosCode, l.http)
		}
	}
}

func TestEveryCodeTheEmbeddedServerCanSendHasARow(t *testing.T) {
	table := newTable()
	for _, c := range embedded.ErrorCodes() {
		if _, ok := table.byCodeAndHTTP[codeAndHTTP{c.Code, c.HTTPStatus}]; !ok {
			t.Errorf("embedded sends %s with HTTP %d, which has no row in errorTable", c.Code, c.HTTPStatus)
		}
	}
}

// Every row is answered by a COS-compatible server over HTTP and looked at by a gRPC
// client, through the production chain.
func TestEveryRowOfTheErrorTableTravelsOverTheWire(t *testing.T) {
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	for _, l := range contract() {
		t.Run(fmt.Sprintf("%s %d", orDash(l.cosCode), l.http), func(t *testing.T) {
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{
				Status: wireStatus(l.http), Code: l.cosCode, Message: messageFor(l.cosCode),
				Header: http.Header{"Etag": {`"e"`}, "Set-Cookie": {"secret=1"}},
			})
			var trailer metadata.MD
			_, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}, grpc.Trailer(&trailer))
			if l.cosCode != "" { // a HEAD has no body to carry a code
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

// wireStatus is the status to send for a row whose page names none.
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
	return "Words of COS."
}

func checkRow(t *testing.T, err error, l contractLine) {
	t.Helper()
	wantCode, wantReason := l.code, l.reason
	if l.credential {
		wantCode, wantReason = codes.Internal, reasonCredentials
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
	if e.GetCode() != l.cosCode || int(e.GetHttpStatus()) != wireStatus(l.http) || e.GetMessage() != messageFor(l.cosCode) {
		t.Errorf("CosError = %v, want code %q, HTTP status %d", e, l.cosCode, wireStatus(l.http))
	}
	if e.GetRequestId() == "" || e.GetRequestId() != e.GetHeaders()["x-cos-request-id"] {
		t.Errorf("CosError.request_id = %q, want that of the header, %q", e.GetRequestId(), e.GetHeaders()["x-cos-request-id"])
	}
	if e.GetTraceId() == "" || e.GetHeaders()["etag"] != `"e"` || e.GetHeaders()["set-cookie"] != "" {
		t.Errorf("CosError.trace_id = %q, headers = %v, want a trace id, the ETag and no cookie", e.GetTraceId(), e.GetHeaders())
	}
	if e.GetOrigin() != cosgatev1.Origin_ORIGIN_COS || e.GetRetryable() != l.retry.retryable() {
		t.Errorf("CosError origin %v, retryable %v, want ORIGIN_COS, %v", e.GetOrigin(), e.GetRetryable(), l.retry.retryable())
	}
	_, hasDelay := detail[*errdetails.RetryInfo](err)
	if want := l.retry == retrySoon || l.retry == retrySlowly; hasDelay != want {
		t.Errorf("has RetryInfo = %v, want %v", hasDelay, want)
	}
}

func TestReasonsSpellCOSCodes(t *testing.T) {
	for code, want := range map[string]string{
		"NoSuchKey":                         "NO_SUCH_KEY",
		"InvalidSHA1Digest":                 "INVALID_SHA1_DIGEST",
		"DNSRecordVerifyFailed":             "DNS_RECORD_VERIFY_FAILED",
		"MAZOperationNotSupportOnOAZBucket": "MAZ_OPERATION_NOT_SUPPORT_ON_OAZ_BUCKET",
		"NoSuchCORSConfiguration":           "NO_SUCH_CORS_CONFIGURATION",
		"Request has expired":               "REQUEST_HAS_EXPIRED",
		"Bzip2DecompressError":              "BZIP2_DECOMPRESS_ERROR",
		"-46628":                            "COS_46628",
		"actionAborted":                     "ACTION_ABORTED",
		"":                                  "UNKNOWN_ERROR",
		"错误":                                "UNKNOWN_ERROR",
		strings.Repeat("Ab", 60):            strings.Repeat("AB_", 21)[:62],
	} {
		if got := reasonOf(code); got != want {
			t.Errorf("reasonOf(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestUnknownCodesGoByTheirHTTPStatus(t *testing.T) {
	table := newTable()
	for _, c := range []struct {
		http int
		code codes.Code
	}{{404, codes.NotFound}, {418, codes.InvalidArgument}, {503, codes.Unavailable}, {599, codes.Internal}, {200, codes.Internal}, {100, codes.Unknown}} {
		l := table.find("BrandNewCode", "", c.http)
		if l.code != c.code || l.reason != "BRAND_NEW_CODE" || l.known {
			t.Errorf("find(BrandNewCode, %d) = %v %s, want %v BRAND_NEW_CODE", c.http, l.code, l.reason, c.code)
		}
	}
}

func TestExpiredSignatureIsToldApartFromADenial(t *testing.T) {
	l := newTable().find("AccessDenied", "Request has expired", 403)
	if !l.credential {
		t.Error("AccessDenied with the message of an expired signature is not taken for a credential failure")
	}
	if newTable().find("AccessDenied", "Access Denied.", 403).credential {
		t.Error("AccessDenied is taken for a credential failure")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func retryName(r retry) string {
	return [...]string{"never", "soon", "slowly", "once", "reread", "resign", "relocate"}[r]
}
