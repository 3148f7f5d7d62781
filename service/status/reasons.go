package status

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// Domain is the domain of every ErrorInfo the gateway sends.
const Domain = "cosgate"

// Reasons of the failures that the gateway finds itself, or that lie between it and
// COS. The reasons of COS's own codes come from errorTable.
const (
	ReasonInvalidField      = "INVALID_FIELD"                // a field breaks a rule of the contract
	ReasonProfileNotFound   = "PROFILE_NOT_FOUND"            // the gateway has no such profile
	ReasonRegionUnknown     = "BUCKET_REGION_UNKNOWN"        // no region given, and the bucket is not in the account's list
	ReasonPageToken         = "PAGE_TOKEN_INVALID"           // not a token of this list
	ReasonCancelled         = "CANCELLED"                    // the caller gave up
	ReasonDeadline          = "DEADLINE_EXCEEDED"            // the caller's time was over
	ReasonInternal          = "INTERNAL"                     // a fault of the gateway
	ReasonCredentials       = "BACKEND_CREDENTIALS_REJECTED" // COS refused the profile's credentials
	ReasonNoCredentials     = "BACKEND_CREDENTIALS_MISSING"  // the profile's credentials cannot be had
	ReasonCallerCredentials = "CALLER_CREDENTIALS_INVALID"   // what the caller brought to sign with cannot be used
	ReasonCallerNeedsTLS    = "CALLER_CREDENTIALS_NEED_TLS"  // it came over a connection that others can read
	ReasonCallerNotTaken    = "CALLER_CREDENTIALS_NOT_TAKEN" // the profile signs with its own only
	ReasonUnreachable       = "BACKEND_UNREACHABLE"          // COS could not be reached, or its answer was cut
	ReasonCertificate       = "BACKEND_CERTIFICATE_INVALID"  // COS's certificate is not trusted
	ReasonNotFromCOS        = "ANSWER_NOT_FROM_COS"          // a proxy or a wrong endpoint answered
	ReasonUnreadable        = "BACKEND_ANSWER_UNREADABLE"    // COS's answer is not what it should be
	ReasonOutcomeUnknown    = "OUTCOME_UNKNOWN"              // a change was sent, its answer was lost
	ReasonChecksumMismatch  = "CHECKSUM_MISMATCH"            // the content does not match a checksum
	ReasonStreamOrder       = "STREAM_ORDER"                 // messages of an upload in a wrong order
	ReasonFinishMissing     = "FINISH_MISSING"               // the stream ended without finish
	ReasonOffset            = "OFFSET_AHEAD"                 // a chunk begins behind the data received
	ReasonTooMuchData       = "SIZE_EXCEEDED"                // more data than spec.size
	ReasonTooLittleData     = "SIZE_NOT_REACHED"             // less data than spec.size
	ReasonUploadMemory      = "UPLOAD_MEMORY"                // too many uploads gather parts
	ReasonObjectTooLarge    = "OBJECT_TOO_LARGE"             // more than COS keeps, or than the memory for parts allows
	ReasonObjectChanged     = "OBJECT_CHANGED"               // while it was read
	ReasonOverLimit         = "LIMIT_EXCEEDED"               // more calls than the gateway's limits allow
	ReasonDeadlineShort     = "DEADLINE_TOO_SHORT"           // the call has less time left than the gateway begins with
	ReasonCallerUnknown     = "CALLER_UNKNOWN"               // the call does not prove who makes it
	ReasonCallerNotAllowed  = "CALLER_NOT_ALLOWED"           // no policy allows it
	ReasonStopping          = "SERVER_STOPPING"              // the gateway ends, and the call did not in time
	ReasonAnswerFull        = "ANSWER_FULL"                  // one more item would make the answer too large
	ReasonNotConfigured     = "NOT_CONFIGURED"               // COS has no code for this one missing
)

// fail makes the status of a failure that the gateway found itself: ErrorInfo first,
// then what else helps. details must be valid messages of google.rpc.
func Fail(code codes.Code, reason, text string, details ...protoadapt.MessageV1) error {
	return FailInfo(code, &errdetails.ErrorInfo{Reason: reason, Domain: Domain}, text, details...)
}

// failInfo is fail with metadata in the ErrorInfo.
func FailInfo(code codes.Code, info *errdetails.ErrorInfo, text string, details ...protoadapt.MessageV1) error {
	st, err := grpcstatus.New(code, text).WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil { // a detail of ours cannot be marshalled
		return grpcstatus.Error(code, text)
	}
	return st.Err()
}

// failField says that one field of the request is wrong, and how to put it right.
func FailField(code codes.Code, reason, field, problem string) error {
	return Fail(code, reason, field+": "+problem, &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: problem, Reason: reason}},
	})
}

// ReasonOf is the reason in the ErrorInfo of a status, "" without one.
func ReasonOf(st *grpcstatus.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
