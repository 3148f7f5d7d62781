package service

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// errorDomain is the domain of every ErrorInfo the gateway sends.
const errorDomain = "cosgate"

// Reasons of the failures that the gateway finds itself, or that lie between it and
// COS. The reasons of COS's own codes come from errorTable.
const (
	reasonInvalidField      = "INVALID_FIELD"                // a field breaks a rule of the contract
	reasonProfileNotFound   = "PROFILE_NOT_FOUND"            // the gateway has no such profile
	reasonRegionUnknown     = "BUCKET_REGION_UNKNOWN"        // no region given, and the bucket is not in the account's list
	reasonPageToken         = "PAGE_TOKEN_INVALID"           // not a token of this list
	reasonCancelled         = "CANCELLED"                    // the caller gave up
	reasonDeadline          = "DEADLINE_EXCEEDED"            // the caller's time was over
	reasonInternal          = "INTERNAL"                     // a fault of the gateway
	reasonCredentials       = "BACKEND_CREDENTIALS_REJECTED" // COS refused the profile's credentials
	reasonNoCredentials     = "BACKEND_CREDENTIALS_MISSING"  // the profile's credentials cannot be had
	reasonCallerCredentials = "CALLER_CREDENTIALS_INVALID"   // what the caller brought to sign with cannot be used
	reasonCallerNeedsTLS    = "CALLER_CREDENTIALS_NEED_TLS"  // it came over a connection that others can read
	reasonCallerNotTaken    = "CALLER_CREDENTIALS_NOT_TAKEN" // the profile signs with its own only
	reasonUnreachable       = "BACKEND_UNREACHABLE"          // COS could not be reached, or its answer was cut
	reasonCertificate       = "BACKEND_CERTIFICATE_INVALID"  // COS's certificate is not trusted
	reasonNotFromCOS        = "ANSWER_NOT_FROM_COS"          // a proxy or a wrong endpoint answered
	reasonUnreadable        = "BACKEND_ANSWER_UNREADABLE"    // COS's answer is not what it should be
	reasonOutcomeUnknown    = "OUTCOME_UNKNOWN"              // a change was sent, its answer was lost
	reasonChecksumMismatch  = "CHECKSUM_MISMATCH"            // the content does not match a checksum
	reasonStreamOrder       = "STREAM_ORDER"                 // messages of an upload in a wrong order
	reasonFinishMissing     = "FINISH_MISSING"               // the stream ended without finish
	reasonOffset            = "OFFSET_AHEAD"                 // a chunk begins behind the data received
	reasonTooMuchData       = "SIZE_EXCEEDED"                // more data than spec.size
	reasonTooLittleData     = "SIZE_NOT_REACHED"             // less data than spec.size
	reasonUploadMemory      = "UPLOAD_MEMORY"                // too many uploads gather parts
	reasonObjectTooLarge    = "OBJECT_TOO_LARGE"             // more than COS keeps, or than the memory for parts allows
	reasonObjectChanged     = "OBJECT_CHANGED"               // while it was read
	reasonOverLimit         = "LIMIT_EXCEEDED"               // more calls than the gateway's limits allow
	reasonDeadlineShort     = "DEADLINE_TOO_SHORT"           // the call has less time left than the gateway begins with
	reasonCallerUnknown     = "CALLER_UNKNOWN"               // the call does not prove who makes it
	reasonCallerNotAllowed  = "CALLER_NOT_ALLOWED"           // no policy allows it
	reasonStopping          = "SERVER_STOPPING"              // the gateway ends, and the call did not in time
	reasonAnswerFull        = "ANSWER_FULL"                  // one more item would make the answer too large
	reasonNotConfigured     = "NOT_CONFIGURED"               // COS has no code for this one missing
)

// fail makes the status of a failure that the gateway found itself: ErrorInfo first,
// then what else helps. details must be valid messages of google.rpc.
func fail(code codes.Code, reason, text string, details ...protoadapt.MessageV1) error {
	return failInfo(code, &errdetails.ErrorInfo{Reason: reason, Domain: errorDomain}, text, details...)
}

// failInfo is fail with metadata in the ErrorInfo.
func failInfo(code codes.Code, info *errdetails.ErrorInfo, text string, details ...protoadapt.MessageV1) error {
	st, err := status.New(code, text).WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil { // a detail of ours cannot be marshalled
		return status.Error(code, text)
	}
	return st.Err()
}

// failField says that one field of the request is wrong, and how to put it right.
func failField(code codes.Code, reason, field, problem string) error {
	return fail(code, reason, field+": "+problem, &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: problem, Reason: reason}},
	})
}

// statusReason is the reason in the ErrorInfo of a status, "" without one.
func statusReason(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
