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

// An Error is a call that failed: its status, with the details that the gateway sent
// spread out. Reader, Writer and the stubs of a Client return it, possibly wrapped.
//
// status.Code and status.Convert understand it; all details of the status are in
// GRPCStatus. errors.Is finds context.Canceled in it when Code is CANCELLED, and
// context.DeadlineExceeded when it is DEADLINE_EXCEEDED.
type Error struct {
	// Code is the gRPC code.
	Code codes.Code
	// Message is a sentence for people.
	Message string
	// Reason tells apart what has the same code, such as "NO_SUCH_KEY". It is empty when
	// no gateway was reached.
	Reason string

	// COSCode is the error code as COS spells it, such as "NoSuchKey". It is empty when
	// COS sent none, as after a HEAD, or was not asked.
	COSCode string
	// HTTPStatus is that of the answer of COS. 0 when there was none.
	HTTPStatus int
	// RequestID is the id of the request at COS, which its support asks for.
	RequestID string
	// TraceID is a second id of the same answer.
	TraceID string
	// GatewayRequestID finds the call in the log of the gateway.
	GatewayRequestID string

	// Fields are the fields of the request that are wrong.
	Fields []FieldViolation
	// Retryable says that the same call may succeed later.
	Retryable bool
	// RetryDelay is how long to wait before that. 0 when nothing was said about it.
	RetryDelay time.Duration
	// OutcomeUnknown says that a change was sent and its answer lost: it may or may not
	// have happened. Read the state before doing it again.
	OutcomeUnknown bool

	status *status.Status
	resume *cosgatev1.ReadResume
}

// A FieldViolation says what is wrong with a field of a request.
type FieldViolation struct {
	Field       string // such as "spec.attributes.metadata"
	Description string
	Reason      string
}

// FromError finds the Error in err, or makes it of the status in err. It reports false
// when err has neither, or is nil.
//
// Errors of a Client are there already. It is for those of other stubs, and for the
// failures inside a DeleteObjectsResponse:
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

// typed makes an *Error of an error of grpc, and leaves all others.
func typed(err error) error {
	if e, ok := FromError(err); ok {
		return e
	}
	return err
}

// newError spreads a status out. ErrorInfo is sent first and so is the last one to be
// left out for want of room: what it has is taken from there when CosError is missing.
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

// failure makes the Error of something that the client found itself.
func failure(code codes.Code, reason, format string, args ...any) *Error {
	e := newError(status.Newf(code, format, args...))
	e.Reason = reason
	return e
}

// Reasons of failures that the client finds itself, spelled as the gateway spells its
// own of the same kind.
const (
	reasonChecksum = "CHECKSUM_MISMATCH" // the content does not match a checksum
	reasonStream   = "STREAM_ORDER"      // the gateway does not keep to the contract
)

// Error is the code and the message. The gateway's messages have the COS code and
// RequestId in them.
func (e *Error) Error() string { return fmt.Sprintf("cosgate: %v: %s", e.Code, e.Message) }

// GRPCStatus is the status with all its details.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Is reports whether target is the error of package context that Code stands for.
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
