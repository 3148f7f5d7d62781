package status

import (
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// Domain is the domain of every ErrorInfo the gateway sends.
const Domain = "cosgate"

// Reasons of failures that the gateway finds itself, or that happen between it and COS.
// The reasons of COS's own codes come from their names, see [ReasonFor].
const (
	ReasonInvalidField                 = "INVALID_FIELD"                   // a field breaks a rule of the contract
	ReasonProfileNotFound              = "PROFILE_NOT_FOUND"               // the gateway has no such profile
	ReasonRegionUnknown                = "BUCKET_REGION_UNKNOWN"           // no region given, and the bucket is not in the account's list
	ReasonPageToken                    = "PAGE_TOKEN_INVALID"              // not a token of this list
	ReasonCancelled                    = "CANCELLED"                       // the caller cancelled the call
	ReasonDeadline                     = "DEADLINE_EXCEEDED"               // the caller's deadline passed
	ReasonInternal                     = "INTERNAL"                        // a fault of the gateway
	ReasonCredentialsRejected          = "BACKEND_CREDENTIALS_REJECTED"    // COS refused the profile's credentials
	ReasonCredentialsMissing           = "BACKEND_CREDENTIALS_MISSING"     // the profile's credentials cannot be obtained
	ReasonNotNarrowable                = "CREDENTIALS_NOT_NARROWABLE"      // nothing can be signed for others with less than the profile may
	ReasonCallerCredentialsInvalid     = "CALLER_CREDENTIALS_INVALID"      // the COS credentials that the caller sent cannot be used
	ReasonCallerCredentialsNeedTLS     = "CALLER_CREDENTIALS_NEED_TLS"     // they came over a connection that others can read
	ReasonCallerCredentialsNotAccepted = "CALLER_CREDENTIALS_NOT_ACCEPTED" // the profile signs only with its own
	ReasonUnreachable                  = "BACKEND_UNREACHABLE"             // COS could not be reached, or its response was truncated
	ReasonCertificate                  = "BACKEND_CERTIFICATE_INVALID"     // COS's certificate is not trusted
	ReasonNotFromCOS                   = "RESPONSE_NOT_FROM_COS"           // the response came from a proxy or a wrong endpoint
	ReasonMalformedResponse            = "BACKEND_RESPONSE_MALFORMED"      // COS's response is not what it should be
	ReasonOutcomeUnknown               = "OUTCOME_UNKNOWN"                 // a change was sent, and its response was lost
	ReasonChecksumMismatch             = "CHECKSUM_MISMATCH"               // the content does not match a checksum
	ReasonMessageMalformed             = "MESSAGE_MALFORMED"               // a message is not what the contract says, in protobuf
	ReasonMessageTooLarge              = "MESSAGE_TOO_LARGE"               // a message has more bytes than its type allows
	ReasonMessageLate                  = "FIRST_MESSAGE_LATE"              // the first message of a call did not come in time
	ReasonEncoding                     = "ENCODING_UNSUPPORTED"            // messages are compressed in a way the gateway does not know
	ReasonMethodUnknown                = "METHOD_UNKNOWN"                  // the gateway has no such method
	ReasonStreamOrder                  = "STREAM_ORDER"                    // the messages of an upload are in a wrong order
	ReasonFinishMissing                = "FINISH_MISSING"                  // the stream ended without finish
	ReasonOffset                       = "OFFSET_AHEAD"                    // a chunk begins after the end of the data received
	ReasonTooMuchData                  = "SIZE_EXCEEDED"                   // more data than spec.size
	ReasonTooLittleData                = "SIZE_NOT_REACHED"                // less data than spec.size
	ReasonUploadMemory                 = "UPLOAD_MEMORY"                   // too many uploads buffer parts
	ReasonObjectTooLarge               = "OBJECT_TOO_LARGE"                // larger than COS or the memory for parts allows
	ReasonObjectChanged                = "OBJECT_CHANGED"                  // the object changed while it was read
	ReasonOverLimit                    = "LIMIT_EXCEEDED"                  // more calls than the gateway's limits allow
	ReasonDeadlineShort                = "DEADLINE_TOO_SHORT"              // the call has less time left than the gateway requires
	ReasonCallerUnknown                = "CALLER_UNKNOWN"                  // the call does not prove who makes it
	ReasonCallerNotAllowed             = "CALLER_NOT_ALLOWED"              // no policy allows it
	ReasonStopping                     = "SERVER_STOPPING"                 // the gateway stopped before the call ended
	ReasonResponseFull                 = "RESPONSE_FULL"                   // one more item would make the response too large
	ReasonNotConfigured                = "NOT_CONFIGURED"                  // COS has no code for this missing configuration
)

// Fail returns the status of a failure that the gateway found itself: ErrorInfo first, then
// the other details, which must be valid messages of google.rpc.
func Fail(code codes.Code, reason, text string, details ...protoadapt.MessageV1) error {
	return FailInfo(code, &errdetails.ErrorInfo{Reason: reason, Domain: Domain}, text, details...)
}

// FailInfo is Fail with an ErrorInfo that has metadata.
func FailInfo(code codes.Code, info *errdetails.ErrorInfo, text string, details ...protoadapt.MessageV1) error {
	st, err := grpcstatus.New(code, text).WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil { // a detail cannot be marshalled
		return grpcstatus.Error(code, text)
	}
	return st.Err()
}

// FailField returns the status of a request with an invalid field; problem says how to
// correct it.
func FailField(code codes.Code, reason, field, problem string) error {
	return Fail(code, reason, field+": "+problem, &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: problem, Reason: reason}},
	})
}

// maxViolations is how many violations a status names.
const maxViolations = 20

// FailFields returns the status of a request with n invalid fields, n at least 1. It names the
// first fields, at most 20, and says how many there are; at returns the i-th one and how to
// correct it.
func FailFields(n int, at func(i int) (field, problem string)) error {
	bad := &errdetails.BadRequest{}
	for i := range min(n, maxViolations) {
		field, problem := at(i)
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: truncate(field, maxTextBytes), Description: truncate(problem, maxTextBytes), Reason: ReasonInvalidField,
		})
	}
	first := bad.GetFieldViolations()[0]
	text := truncate(first.GetDescription(), 240) // with the field, room for the number is left in maxMessage
	if first.GetField() != "" {
		text = truncate(first.GetField(), 120) + ": " + text
	}
	if n > 1 {
		text += fmt.Sprintf(" (and %d more)", n-1)
	}
	return Fail(codes.InvalidArgument, ReasonInvalidField, text, bad)
}

// ReasonOf returns the reason in the ErrorInfo of a status, "" without one.
func ReasonOf(st *grpcstatus.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// maxReason is the longest reason google.rpc.ErrorInfo allows.
const maxReason = 63

// ReasonFor spells a COS code as an ErrorInfo reason: NoSuchKey as NO_SUCH_KEY,
// InvalidSHA1Digest as INVALID_SHA1_DIGEST, -46628 as COS_46628.
func ReasonFor(cosCode string) string {
	var b strings.Builder
	rs := []rune(cosCode)
	for i, r := range rs {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			if s := b.String(); s != "" && !strings.HasSuffix(s, "_") {
				b.WriteByte('_')
			}
			continue
		case unicode.IsUpper(r) && wordStarts(rs, i) && b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	s := strings.TrimRight(b.String(), "_")
	if s == "" {
		return "UNKNOWN_ERROR"
	}
	if !unicode.IsLetter(rune(s[0])) {
		s = "COS_" + s
	}
	return strings.TrimRight(s[:min(len(s), maxReason)], "_")
}

// wordStarts reports whether the capital at i begins a word: it follows something
// else than a capital, or is the last capital of an abbreviation (the V of DNSRecordVerify).
func wordStarts(rs []rune, i int) bool {
	if i == 0 {
		return false
	}
	if !unicode.IsUpper(rs[i-1]) {
		return true
	}
	return i+1 < len(rs) && unicode.IsLower(rs[i+1])
}
