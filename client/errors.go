package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// An Error is the failure of a call: its status, with the details from the gateway as
// fields. All errors of calls are of this type, possibly wrapped, whether they come from
// a Reader, a Writer, an iterator or a stub of a [Client]. Find it with [errors.As].
//
// [status.Code] and [status.Convert] accept it too; GRPCStatus has all details of the
// status. [errors.Is] finds [context.Canceled] in it when Code is CANCELLED, and
// [context.DeadlineExceeded] when Code is DEADLINE_EXCEEDED.
type Error struct {
	// Code is the gRPC code.
	Code codes.Code
	// Message is a sentence for people. Its wording may change.
	Message string
	// Reason distinguishes errors with the same Code, such as "NO_SUCH_KEY". It is empty
	// when the status does not come from a gateway.
	Reason string

	// COSCode is the error code as COS spells it, such as "NoSuchKey". It is empty when
	// COS sent none, as in response to a HEAD, and when no COS request was made.
	COSCode string
	// HTTPStatus is the status of COS's response, 0 without a response.
	HTTPStatus int
	// RequestID is COS's id of the request, which Tencent's support asks for.
	RequestID string
	// TraceID is a second id from the same response.
	TraceID string
	// ServerTime is the time on COS's clock, which COS says when it refuses a signature
	// because of the time; zero when it does not.
	ServerTime time.Time
	// GatewayRequestID identifies the call in the log of the gateway.
	GatewayRequestID string

	// Fields are the invalid fields of the request.
	Fields []FieldViolation
	// Retryable says that the same call may succeed later.
	Retryable bool
	// RetryDelay is how long to wait before that, 0 when the gateway does not say.
	RetryDelay time.Duration
	// OutcomeUnknown says that a change was sent and no response received: the change
	// may or may not have been made. Read the state before making it again.
	OutcomeUnknown bool

	status *status.Status
	resume *cosgatev1.ReadResume
}

// A FieldViolation says why a field of a request is invalid.
type FieldViolation struct {
	Field       string // such as "spec.attributes.metadata"
	Description string
	Reason      string
}

// FromError returns the Error in err, or makes one from the status in err. It reports
// false when err has neither, or is nil.
//
// The errors of a Client need no conversion. FromError is for errors of other stubs, and
// for the failures in a DeleteObjectsResponse:
//
//	e, ok := client.FromError(status.FromProto(failure.GetStatus()).Err())
func FromError(err error) (*Error, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e, true
	}
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return nil, false
	}
	return newError(st), true
}

// toError makes an *Error of an error with a status, and returns all others unchanged.
func toError(err error) error {
	if e, ok := FromError(err); ok {
		return e
	}
	return err
}

// newError makes an Error of a status. Large details may have been omitted from it, but
// hardly ever ErrorInfo, which comes first: without CosError, its metadata is used.
func newError(st *status.Status) *Error {
	e := &Error{Code: st.Code(), Message: st.Message(), status: st}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			e.fromInfo(d)
		case *cosgatev1.CosError:
			e.COSCode, e.HTTPStatus = d.GetCode(), int(d.GetHttpStatus())
			e.RequestID, e.TraceID = d.GetRequestId(), d.GetTraceId()
			e.Retryable = e.Retryable || d.GetRetryable()
			e.OutcomeUnknown = d.GetOutcomeUnknown()
			if d.GetServerTime() != nil {
				e.ServerTime = d.GetServerTime().AsTime()
			}
		case *errdetails.RetryInfo:
			e.Retryable, e.RetryDelay = true, d.GetRetryDelay().AsDuration()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Fields = append(e.Fields, FieldViolation{Field: v.GetField(), Description: v.GetDescription(), Reason: v.GetReason()})
			}
		case *errdetails.RequestInfo:
			e.GatewayRequestID = d.GetRequestId()
		case *cosgatev1.ReadResume:
			e.resume = d
		}
	}
	return e
}

func (e *Error) fromInfo(d *errdetails.ErrorInfo) {
	md := d.GetMetadata()
	e.Reason, e.COSCode, e.RequestID = d.GetReason(), md["cos_code"], md["request_id"]
	if n, err := strconv.Atoi(md["http_status"]); err == nil {
		e.HTTPStatus = n
	}
}

// failure makes the Error of something that the client detects.
func failure(code codes.Code, reason, format string, args ...any) *Error {
	e := newError(status.Newf(code, format, args...))
	e.Reason = reason
	return e
}

// Reasons of failures that the client detects, spelled as the gateway spells its own of
// the same kind.
const (
	reasonChecksum = "CHECKSUM_MISMATCH" // the content does not match a checksum
	reasonStream   = "STREAM_ORDER"      // the gateway violates the contract
)

// Error returns Code and Message. The messages of the gateway contain the COS code and
// the RequestId.
func (e *Error) Error() string { return fmt.Sprintf("cosgate: %v: %s", e.Code, e.Message) }

// GRPCStatus returns the status with all its details. That of an Error made by hand, for
// a test, has Code and Message.
func (e *Error) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// Is reports whether target is the error of package context that corresponds to Code.
func (e *Error) Is(target error) bool {
	switch e.Code {
	case codes.Canceled:
		return target == context.Canceled
	case codes.DeadlineExceeded:
		return target == context.DeadlineExceeded
	default:
		return false
	}
}
