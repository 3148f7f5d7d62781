package status

import (
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
)

// An httpRow says what a caller is told about an HTTP status without a known code.
type httpRow struct {
	http   int
	reason string // ErrorInfo.reason
	code   codes.Code
	field  string
	text   string
}

// redirected is about a redirection without a code. With a code it is one of the rows for
// endpoints; without, rules of the bucket for back-to-origin and websites make it, and no
// caller and no operator has anything to correct.
const redirected = "COS redirects the request to the location in CosError.headers, as a rule of the bucket says; the gateway does not follow it"

// httpTable is the second half of the contract: what an error response of COS means when
// its code is empty (HEAD, 304, HTML) or not in codeTable.
//
// 401 and 403 are passed on as they are: without a code nobody can say whether COS
// refused the identity or the permission.
var httpTable = []httpRow{
	{301, "REDIRECTED", codes.FailedPrecondition, "", redirected},
	{302, "REDIRECTED", codes.FailedPrecondition, "", redirected},
	{304, "NOT_MODIFIED", codes.FailedPrecondition, "", "the object has not changed"},
	{307, "REDIRECTED", codes.FailedPrecondition, "", redirected},
	{308, "REDIRECTED", codes.FailedPrecondition, "", redirected},
	{400, "BAD_REQUEST", codes.InvalidArgument, "", "COS found the request malformed"},
	{401, "UNAUTHORIZED", codes.Unauthenticated, "", "COS does not accept the credentials"},
	{402, "PAYMENT_REQUIRED", codes.ResourceExhausted, "", "the account has reached its spending limit"},
	{403, "ACCESS_DENIED", codes.PermissionDenied, "", "COS denies access"},
	{404, "NOT_FOUND", codes.NotFound, "", "the bucket or the object does not exist"},
	{405, "METHOD_NOT_ALLOWED", codes.Unimplemented, "", "COS does not offer this operation here"},
	{408, "REQUEST_TIMEOUT", codes.Unavailable, "", "COS timed out while it read the request"},
	{409, "CONFLICT", codes.Aborted, "", "the request conflicts with the current state"},
	{410, "GONE", codes.NotFound, "", "the bucket or the object does not exist"},
	{411, "MISSING_CONTENT_LENGTH", codes.InvalidArgument, "", "COS requires the length of the content"},
	{412, "PRECONDITION_FAILED", codes.FailedPrecondition, "", "a precondition does not hold"},
	{413, "TOO_LARGE", codes.InvalidArgument, "", "the request is larger than COS allows"},
	{416, "INVALID_RANGE", codes.OutOfRange, "range", "the range begins after the end of the object"},
	{429, "TOO_MANY_REQUESTS", codes.ResourceExhausted, "", "there are too many requests to COS"},
	{451, "UNAVAILABLE_FOR_LEGAL_REASONS", codes.PermissionDenied, "", "COS blocked access"},
	{500, "INTERNAL_ERROR", codes.Internal, "", "COS failed internally"},
	{501, "NOT_IMPLEMENTED", codes.Unimplemented, "", "COS does not implement this"},
	{502, "BAD_GATEWAY", codes.Unavailable, "", "COS is temporarily unavailable"},
	{503, "SERVICE_UNAVAILABLE", codes.Unavailable, "", "COS is temporarily unavailable"},
	{504, "GATEWAY_TIMEOUT", codes.Unavailable, "", "COS did not respond in time"},
	{520, "ORIGIN_ERROR", codes.Unavailable, "", "COS is temporarily unavailable"},
}

// rangeRow is the row of an HTTP status that is not in httpTable.
func rangeRow(http int) Row {
	r := Row{HTTP: http, Hint: cosbackend.HintFor("", http)}
	switch {
	case http >= 200 && http < 300:
		r.Code, r.Text, r.Reason = codes.Internal, "COS reported an error inside a successful response", "UNKNOWN_ERROR"
	case http >= 400 && http < 500:
		r.Code, r.Text, r.Reason = codes.InvalidArgument, "COS refused the request", "BAD_REQUEST"
	case http >= 500 && http < 600:
		r.Code, r.Text, r.Reason = codes.Internal, "COS failed internally", "INTERNAL_ERROR"
	default:
		r.Code, r.Text, r.Reason = codes.Unknown, "COS sent an unexpected response", "UNKNOWN_ERROR"
	}
	return r
}
