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

// errorDocument writes docs/errors.md from the tables.
func errorDocument() []byte {
	var b bytes.Buffer
	b.WriteString(errorIntroduction)
	b.WriteString("\n## COS codes\n\n| COS code | HTTP | gRPC status | reason | repeat | meaning | what to do |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	lines := Rows()
	for _, l := range lines {
		if l.COSCode != "" {
			writeLine(&b, "`"+l.COSCode+"`", l)
		}
	}
	b.WriteString("\n## HTTP statuses without a known code\n\nA HEAD has no body, so its errors have no code. Codes COS may add later come here too, with a reason made of the code.\n\n| COS code | HTTP | gRPC status | reason | repeat | meaning | what to do |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, l := range lines {
		if l.COSCode == "" {
			writeLine(&b, "", l)
		}
	}
	b.WriteString("\nAny other 4xx is `INVALID_ARGUMENT`, any other 5xx `INTERNAL`, an error inside a 2xx answer whose code has no row `INTERNAL`, anything else `UNKNOWN`.\n")
	return b.Bytes()
}

// The reasons that the gateway has of its own are all told to callers.
func TestErrorDocumentHasEveryReasonOfTheGateway(t *testing.T) {
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`(?m)^\tReason[A-Za-z]+ += "([A-Z_]+)"`).FindAllSubmatch(source, -1)
	if len(reasons) < 30 {
		t.Fatalf("reasons.go has %d reasons", len(reasons))
	}
	for _, r := range reasons {
		row := regexp.MustCompile("(?m)^\\| `[A-Z_]+` \\| `" + string(r[1]) + "` \\| .+ \\| .+ \\|$")
		if !row.Match(errorDocument()) {
			t.Errorf("docs/errors.md has no row for %s", r[1])
		}
	}
}

func writeLine(b *bytes.Buffer, code string, l Row) {
	http := "any"
	if l.HTTP != 0 {
		http = fmt.Sprint(l.HTTP)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %v | %s | %s |\n", code, http, grpcName(l), reasonName(l), l.Hint, l.Text, advice(l))
}

func grpcName(l Row) string {
	name := strings.ToUpper(l.Code.String())
	if n, ok := map[codes.Code]string{
		codes.InvalidArgument: "INVALID_ARGUMENT", codes.FailedPrecondition: "FAILED_PRECONDITION", codes.NotFound: "NOT_FOUND",
		codes.AlreadyExists: "ALREADY_EXISTS", codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
		codes.OutOfRange: "OUT_OF_RANGE",
	}[l.Code]; ok {
		name = n
	}
	if l.Credential {
		return "`INTERNAL`, or `" + name + "` ¹"
	}
	return "`" + name + "`"
}

func reasonName(l Row) string {
	if l.Credential {
		return "`" + ReasonCredentials + "`, or `" + l.Reason + "` ¹"
	}
	return "`" + l.Reason + "`"
}

func advice(l Row) string {
	if l.Credential {
		return "operators renew the profile's credentials (or the caller its own) and check the clock"
	}
	switch l.Hint {
	case cosbackend.HintSoon:
		return "repeat after RetryInfo"
	case cosbackend.HintSlowly:
		return "repeat after RetryInfo, and call less often"
	case cosbackend.HintOnce:
		return "check the content and the checksum, then repeat once"
	case cosbackend.HintReread:
		return "read the object's size, then make another call"
	case cosbackend.HintRelocate:
		return "operators correct the profile's endpoint or region"
	case cosbackend.HintNever, cosbackend.HintResign:
	}
	switch l.Code {
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
		return "change the state first, then repeat"
	case codes.Aborted:
		return "read the state again, then repeat"
	case codes.Unimplemented:
		return "use another operation"
	default:
		return "give the request id to COS support"
	}
}

const errorIntroduction = `# Errors

This page is generated from the tables in ` + "`cosbackend/codes.go` and `service/status`" + ` by ` + "`go test ./service/status -update`" + `; a test keeps it current.
Codes and statuses come from public COS documentation and the official SDKs. Nothing was compared with the real COS.

## How a failure is judged

1. The caller's own context: ` + "`CANCELLED`, `DEADLINE_EXCEEDED`" + `.
2. What the gateway found itself: a bad field (` + "`INVALID_ARGUMENT`, reason `INVALID_FIELD`, BadRequest names the field" + `), an unknown profile, a broken upload stream. COS was not asked, and there is no CosError.
3. The COS code together with its HTTP status, then the code alone, then the HTTP status alone: the tables below.
4. The way to COS: ` + "`UNAVAILABLE`" + `, or ` + "`INTERNAL`" + ` where operators must act.
5. Anything else: ` + "`INTERNAL`" + ` with a fixed text. The gateway's log has the cause under the same ` + "`x-request-id`" + `.

## What a failure carries

Details, in this order, together with the message below 4 KiB; what does not fit is dropped from the end:

| detail | when | what it has |
| --- | --- | --- |
| ` + "`google.rpc.ErrorInfo`" + ` | always | reason, domain ` + "`cosgate`" + `, metadata cos_code, http_status, request_id, bucket, key, operation |
| ` + "`cosgate.v1.CosError`" + ` | COS was asked | code, message, request_id, trace_id, http_status, resource, headers, origin, operation, bucket, key, region, retryable, attempts, credential_source, error_in_success_body, outcome_unknown |
| ` + "`google.rpc.RetryInfo`" + ` | waiting helps | when to repeat; also as the trailer ` + "`grpc-retry-pushback-ms`" + ` |
| ` + "`cosgate.v1.ReadResume`, `cosgate.v1.AppendConflict`" + ` | a read broke off or was cut; an append had a wrong position | where to go on; where the object ends |
| ` + "`google.rpc.PreconditionFailure`, `QuotaFailure` or `BadRequest`" + ` | by status | what is in the way |
| ` + "`google.rpc.ResourceInfo`" + ` | a bucket or object was named | which |
| ` + "`google.rpc.RequestInfo`" + ` | COS was asked | the gateway's ` + "`x-request-id`" + ` |
| ` + "`google.rpc.Help`" + ` | the code is known | the page of COS that explains it |

Plain trailers, for people and proxies: ` + "`x-request-id`" + ` (the gateway's; the caller's own if it sent one), ` + "`x-cos-request-id`" + ` (on success too), ` + "`x-cos-trace-id`, `x-cos-error-code`, `grpc-retry-pushback-ms`" + ` (-1: do not repeat).

Never in a status or a log: signatures, signed URLs, tokens, secret keys, cookies, content.

## The gateway's own reasons

| status | reason | meaning | what to do |
| --- | --- | --- | --- |
| ` + "`INVALID_ARGUMENT` | `INVALID_FIELD`" + ` | a field breaks a rule of the contract | correct the field that BadRequest names |
| ` + "`INVALID_ARGUMENT` | `PAGE_TOKEN_INVALID`" + ` | the token belongs to another list | repeat the request as it was, or begin anew |
| ` + "`INVALID_ARGUMENT` | `STREAM_ORDER`" + ` | the messages of an upload are in a wrong order | spec first, then chunks, then finish |
| ` + "`INVALID_ARGUMENT` | `FINISH_MISSING`" + ` | the stream ended without finish; nothing is stored | send finish |
| ` + "`INVALID_ARGUMENT` | `SIZE_NOT_REACHED`" + ` | finish came before spec.size bytes; nothing is stored | send all of them, or correct the size |
| ` + "`INVALID_ARGUMENT` | `CHECKSUM_MISMATCH`" + ` | the content does not match the caller's checksum; nothing is stored | send it again |
| ` + "`INVALID_ARGUMENT` | `CALLER_CREDENTIALS_INVALID`" + ` | the caller brought COS credentials that are not whole or cannot be used; COS was not asked | correct the metadata key that BadRequest names |
| ` + "`FAILED_PRECONDITION` | `CALLER_CREDENTIALS_NEED_TLS`" + ` | they came over a connection that others can read; COS was not asked | use TLS, and replace them: they may be known now |
| ` + "`FAILED_PRECONDITION` | `CALLER_CREDENTIALS_NOT_TAKEN`" + ` | the profile signs with its own only; COS was not asked | leave them out, or name another profile |
| ` + "`OUT_OF_RANGE` | `OFFSET_AHEAD`" + ` | a chunk begins behind the data received | go on at the offset named |
| ` + "`OUT_OF_RANGE` | `SIZE_EXCEEDED`" + ` | more data than spec.size | correct the size |
| ` + "`FAILED_PRECONDITION` | `OBJECT_TOO_LARGE`" + ` | more than 50,000 GiB, or than the gateway has memory to upload in 10,000 parts | use MultipartService, or give the gateway more memory |
| ` + "`RESOURCE_EXHAUSTED` | `UPLOAD_MEMORY`" + ` | too many uploads gather parts at the moment | declare spec.size, or try again later |
| ` + "`RESOURCE_EXHAUSTED` | `LIMIT_EXCEEDED`" + ` | more than the gateway's limits allow; ErrorInfo names the ` + "`limit`: `calls` of all callers, `caller_calls` at a time, `caller_rate`, `caller_upload_memory`" + ` | repeat after RetryInfo, and call less often |
| ` + "`DEADLINE_EXCEEDED` | `DEADLINE_TOO_SHORT`" + ` | the call had less time left than the gateway begins with (` + "`limits.min_deadline`" + `); COS was not asked | give it a later deadline |
| ` + "`UNAUTHENTICATED` | `CALLER_UNKNOWN`" + ` | the call does not prove who makes it; the message says what is wrong, COS was not asked | get a valid token or certificate; do not repeat with this one |
| ` + "`PERMISSION_DENIED` | `CALLER_NOT_ALLOWED`" + ` | no policy allows it; ErrorInfo names ` + "`action` and `resource`" + `, COS was not asked | leave it, or ask the gateway's operators for a policy |
| ` + "`RESOURCE_EXHAUSTED` | `ANSWER_FULL`" + ` | one more object would make the answer of HeadObjects too large; a status of that object | ask for it again, with fewer others |
| ` + "`ABORTED` | `OBJECT_CHANGED`" + ` | the object was replaced or deleted while it was read | read it anew |
| ` + "`NOT_FOUND` | `PROFILE_NOT_FOUND`" + ` | the gateway has no such profile | name another, or none |
| ` + "`NOT_FOUND` | `NOT_CONFIGURED`" + ` | the bucket has no such configuration, and COS says so with an empty answer instead of a code | configure it, or take its absence for an answer |
| ` + "`NOT_FOUND` | `BUCKET_REGION_UNKNOWN`" + ` | no region was given, and the bucket is not in the account's list | check the name, or set the region |
| ` + "`DATA_LOSS` | `CHECKSUM_MISMATCH`" + ` | what COS sent or stored is not what it should be | read or write again; keep the request id |
| ` + "`UNAVAILABLE` | `BACKEND_UNREACHABLE`" + ` | COS could not be reached, or its answer was cut | repeat after RetryInfo |
| ` + "`UNAVAILABLE` | `OUTCOME_UNKNOWN`" + ` | a change was sent and its answer was lost | read the state, then repeat if needed |
| ` + "`UNAVAILABLE` | `SERVER_STOPPING`" + ` | the gateway ends, and the call did not in time; reads carry ReadResume | repeat after RetryInfo: another gateway takes it; reads go on at ReadResume |
| ` + "`UNAVAILABLE` | `ANSWER_NOT_FROM_COS`" + ` | an answer without a COS request id | operators look at the proxy or the endpoint |
| ` + "`INTERNAL` | `BACKEND_CREDENTIALS_REJECTED`" + ` | COS refused the profile's credentials | operators renew them |
| ` + "`INTERNAL` | `BACKEND_CREDENTIALS_MISSING`" + ` | the profile's credentials cannot be had | operators look at their source |
| ` + "`INTERNAL` | `BACKEND_CERTIFICATE_INVALID`" + ` | COS's certificate is not trusted | operators look at the endpoint |
| ` + "`INTERNAL` | `BACKEND_ANSWER_UNREADABLE`" + ` | a success whose document cannot be read | give the request id to COS support |
| ` + "`INTERNAL` | `INTERNAL`" + ` | a fault of the gateway | operators search its log for x-request-id |
| ` + "`CANCELLED` | `CANCELLED`" + ` | the caller gave up | – |
| ` + "`DEADLINE_EXCEEDED` | `DEADLINE_EXCEEDED`" + ` | the caller's time was over | allow more time |

¹ The gateway signs with its profile's credentials, so its callers are not to blame when COS refuses them. The second form is for callers who bring their own.

Column *repeat*: never; soon and slowly: the trouble passes, RetryInfo says when; once: the content may have been damaged on the way; reread, resign, relocate: something else must be done first.
`
