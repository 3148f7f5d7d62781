package status

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

var update = flag.Bool("update", false, "write the golden file and docs/errors.md anew")

func TestRowsMatchTheirGoldenFile(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	for _, r := range Rows() {
		fmt.Fprintf(&b, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", orDash(r.COSCode), r.HTTP, r.Code, r.Reason, r.Hint, orDash(r.Field), r.Text)
	}
	golden(t, "testdata/errors.golden", b.Bytes())
}

func TestErrorDocumentIsGeneratedFromTheTables(t *testing.T) {
	t.Parallel()
	golden(t, "../../docs/errors.md", errorDocument(t))
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
			"every row is a promise to callers: if the change is meant, run `go test ./service/status -update` and write a line in CHANGELOG.md", path, diff)
	}
}

func TestRowsAreComplete(t *testing.T) {
	t.Parallel()
	seen := make(map[codeAndHTTP]bool)
	for _, r := range Rows() {
		k := codeAndHTTP{r.COSCode, r.HTTP}
		if seen[k] {
			t.Errorf("row %s %d is there twice", r.COSCode, r.HTTP)
		}
		seen[k] = true
		if r.Reason == "" || r.Text == "" {
			t.Errorf("row %s %d has no reason or no text", r.COSCode, r.HTTP)
		}
	}
}

// cosbackend says what each code means, this package what callers are told about it, and
// the embedded server sends them: the three know the same codes.
func TestRowsAndCodesOfCosbackendAreTheSame(t *testing.T) {
	t.Parallel()
	table := newTable()
	for _, r := range codeTable {
		c, ok := cosbackend.LookupCode(r.cosCode)
		if !ok || c.SpellingOf != "" {
			t.Errorf("%s has a row, but is not a code of its own in cosbackend/codes.go", r.cosCode)
		}
		if c.Credential != (r.code == codes.Unauthenticated) {
			t.Errorf("%s is %v, but Credential is %v in cosbackend/codes.go", r.cosCode, r.code, c.Credential)
		}
		if c.NotConfigured && r.code != codes.NotFound {
			t.Errorf("%s is %v, but NotConfigured in cosbackend/codes.go", r.cosCode, r.code)
		}
	}
	for c := range cosbackend.Codes() {
		got, ok := table.byCode[c.Name]
		if !ok {
			t.Errorf("%s stands in cosbackend/codes.go and has no row", c.Name)
			continue
		}
		if got.Hint != c.Hint || got.Credential != c.Credential {
			t.Errorf("the row of %s has hint %v, credential %v, want %v, %v", c.Name, got.Hint, got.Credential, c.Hint, c.Credential)
		}
		if c.SpellingOf != "" {
			want := table.byCode[c.SpellingOf]
			want.COSCode = c.Name
			if got != want {
				t.Errorf("%s = %+v, want all of its base: %+v", c.Name, got, want)
			}
		}
	}
	for _, c := range embedded.ErrorCodes() {
		if _, ok := table.byCodeAndHTTP[codeAndHTTP{c.Code, c.HTTPStatus}]; !ok {
			t.Errorf("the embedded server sends %s with HTTP %d, which has no row", c.Code, c.HTTPStatus)
		}
	}
}

func TestReasonForSpellsCOSCodes(t *testing.T) {
	t.Parallel()
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
		if got := ReasonFor(code); got != want {
			t.Errorf("ReasonFor(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestFindGoesByHTTPStatusForUnknownCodes(t *testing.T) {
	t.Parallel()
	table := newTable()
	for _, c := range []struct {
		http int
		code codes.Code
	}{{404, codes.NotFound}, {418, codes.InvalidArgument}, {503, codes.Unavailable}, {599, codes.Internal}, {200, codes.Internal}, {100, codes.Unknown}} {
		l := table.find("BrandNewCode", "", c.http)
		if l.Code != c.code || l.Reason != "BRAND_NEW_CODE" || l.Known {
			t.Errorf("find(BrandNewCode, %d) = %v %s, want %v BRAND_NEW_CODE", c.http, l.Code, l.Reason, c.code)
		}
	}
}

func TestFindTellsAnExpiredSignatureFromADenial(t *testing.T) {
	t.Parallel()
	l := newTable().find("AccessDenied", "Request has expired", 403)
	if !l.Credential {
		t.Error("AccessDenied with the message of an expired signature is not taken for a credential failure")
	}
	if newTable().find("AccessDenied", "Access Denied.", 403).Credential {
		t.Error("AccessDenied is taken for a credential failure")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
