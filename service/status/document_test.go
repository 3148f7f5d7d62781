package status

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
)

// errorDocument returns docs/errors.md: the template with the tables.
func errorDocument(t *testing.T) []byte {
	t.Helper()
	template, err := os.ReadFile("testdata/errors.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	const head = "| COS code | HTTP | gRPC status | reason | retry | meaning | what to do |\n| --- | --- | --- | --- | --- | --- | --- |\n"
	byCode, byHTTP := bytes.NewBufferString(head), bytes.NewBufferString(head)
	for _, r := range Rows() {
		if r.COSCode == "" {
			writeRow(byHTTP, "", r)
		} else {
			writeRow(byCode, "`"+r.COSCode+"`", r)
		}
	}
	return []byte(strings.NewReplacer("{{codes}}", byCode.String(), "{{statuses}}", byHTTP.String()).Replace(string(template)))
}

func TestErrorDocumentHasEveryReasonOfTheGateway(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`(?m)^\tReason[A-Za-z]+ += "([A-Z_]+)"`).FindAllSubmatch(source, -1)
	if len(reasons) < 30 {
		t.Fatalf("reasons.go has %d reasons", len(reasons))
	}
	document := errorDocument(t)
	for _, r := range reasons {
		row := regexp.MustCompile("(?m)^\\| `[A-Z_]+` \\| `" + string(r[1]) + "` \\| .+ \\| .+ \\|$")
		if !row.Match(document) {
			t.Errorf("docs/errors.md has no row for %s", r[1])
		}
	}
}

func writeRow(b *bytes.Buffer, code string, r Row) {
	http := "any"
	if r.HTTP != 0 {
		http = fmt.Sprint(r.HTTP)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %v | %s | %s |\n", code, http, grpcName(r), reasonName(r), r.Hint, r.Text, advice(r))
}

func grpcName(r Row) string {
	name := strings.ToUpper(r.Code.String())
	if n, ok := map[codes.Code]string{
		codes.InvalidArgument: "INVALID_ARGUMENT", codes.FailedPrecondition: "FAILED_PRECONDITION", codes.NotFound: "NOT_FOUND",
		codes.AlreadyExists: "ALREADY_EXISTS", codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
		codes.OutOfRange: "OUT_OF_RANGE",
	}[r.Code]; ok {
		name = n
	}
	if r.Credential {
		return "`INTERNAL`, or `" + name + "` ¹"
	}
	return "`" + name + "`"
}

func reasonName(r Row) string {
	if r.Credential {
		return "`" + ReasonCredentialsRejected + "`, or `" + r.Reason + "` ¹"
	}
	return "`" + r.Reason + "`"
}

func advice(r Row) string {
	if r.Credential {
		return "operators renew the profile's credentials (or the caller its own) and check the clock"
	}
	switch r.Hint {
	case cosbackend.HintSoon:
		return "retry after RetryInfo"
	case cosbackend.HintSlowly:
		return "retry after RetryInfo, and call less often"
	case cosbackend.HintOnce:
		return "check the content and the checksum, then retry once"
	case cosbackend.HintReread:
		return "read the object's size, then make another call"
	case cosbackend.HintRelocate:
		return "operators correct the profile's endpoint or region"
	case cosbackend.HintNever, cosbackend.HintResign:
	}
	switch r.Code {
	case codes.InvalidArgument, codes.OutOfRange:
		return "correct the request"
	case codes.NotFound:
		return "check the names and the region"
	case codes.AlreadyExists:
		return "use what exists, or another name"
	case codes.PermissionDenied:
		return "ask the owner of the bucket or the account for the right"
	case codes.ResourceExhausted:
		return "free or enlarge the quota"
	case codes.FailedPrecondition:
		return "change the state first, then retry"
	case codes.Aborted:
		return "read the state again, then retry"
	case codes.Unimplemented:
		return "use another operation"
	default:
		return "give the request id to COS support"
	}
}
