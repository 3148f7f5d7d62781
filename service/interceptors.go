package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"buf.build/go/protovalidate"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/telemetry"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// A chain is the interceptors, outermost first. The order is the contract of each:
//
//   - spans and metrics: measure the whole call, including the other interceptors
//   - request log: creates the call, whose request id and COS trace all the others use,
//     and gets the status that the caller receives
//   - audit: gets that status as well
//   - errors: turns every error into that status, and sets the plain metadata
//   - shutdown: inside errors, so that a call which is cancelled gets a status like any other
//   - recovery: inside errors, so that a panic is reported like any other failure
//   - deadline: a call that cannot be done in time costs nothing
//   - authentication: from the metadata alone; nothing that a stranger sends is read
//   - limits: of authenticated callers, so that no caller uses up what belongs to others
//   - receive: the request, if the contract allows as many bytes and items
//   - authorization: what policies allow with this request
//   - caller credentials: before anything is done for a caller that sent its own
//   - validation: last, so that an invalid request is logged and reported like any other
//
// For a stream, what follows limits are checks of its messages. They have one wrapper,
// messageChecks, since each wrapper is a call more for every message; receiving is in
// callStream, outside of all, so that metrics count the messages.
type chain struct {
	log           *slog.Logger
	audit         *audit
	errors        *errorMapping
	shutdown      *shutdown
	authorization *authorization
	limits        *limits
	credentials   callerCredentials
	validation    validation
}

// register adds the interceptors to m.
func (c chain) register(m *methods, metrics *telemetry.Metrics) {
	recoverer := recovery.WithRecoveryHandlerContext(func(ctx context.Context, p any) error {
		return recovered(ctx, c.log, p)
	})
	log := requestLog{c.log}
	// Interceptors that would do nothing are left out.
	var unary []grpc.UnaryServerInterceptor
	var stream []grpc.StreamServerInterceptor
	if metrics != nil {
		unary = append(unary, metrics.Calls.UnaryServerInterceptor())
		stream = append(stream, metrics.Calls.StreamServerInterceptor())
	}
	unary, stream = append(unary, log.unary), append(stream, log.stream)
	if c.audit != nil {
		unary, stream = append(unary, c.audit.unary), append(stream, c.audit.stream)
	}
	unary = append(unary, c.errors.unary, c.shutdown.unary, recovery.UnaryServerInterceptor(recoverer))
	stream = append(stream, c.errors.stream, c.shutdown.stream, recovery.StreamServerInterceptor(recoverer))
	if c.limits != nil && c.limits.DeadlineFloor > 0 {
		unary, stream = append(unary, c.limits.deadlineUnary), append(stream, c.limits.deadlineStream)
	}
	if c.authorization != nil {
		unary, stream = append(unary, c.authorization.identifyUnary), append(stream, c.authorization.identifyStream)
	}
	if c.limits != nil {
		unary, stream = append(unary, c.limits.unary), append(stream, c.limits.stream)
	}
	unary = append(unary, m.receiver.unary)
	if c.authorization != nil {
		unary = append(unary, c.authorization.unary)
	}
	checks := messageChecks{c.authorization, c.credentials, c.validation}
	m.unary, m.stream = append(unary, c.credentials.unary, c.validation.unary), append(stream, checks.stream)
}

var errPanic = errors.New("service: a handler panicked")

// recovered logs a panic. The caller gets the fixed text of an unknown error, since the
// value of the panic can hold anything.
func recovered(ctx context.Context, logger *slog.Logger, p any) error {
	logger.LogAttrs(ctx, slog.LevelError, "panic",
		slog.String("request_id", callFrom(ctx).requestID),
		slog.String("type", fmt.Sprintf("%T", p)),
		slog.String("stack", string(debug.Stack())))
	return errPanic
}

// errorMapping is the one place where errors become statuses.
type errorMapping struct {
	mapper  *cosstatus.Mapper
	log     *slog.Logger
	health  *profileHealth
	metrics *telemetry.Metrics // nil counts nothing
}

func (e *errorMapping) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	if err == nil { // here, so that a response that cannot be sent is a failure like any other
		err = sendError(resp, callFrom(ctx).send(resp))
	}
	md, err := e.conclude(ctx, err)
	if err := grpc.SetTrailer(ctx, md); err != nil {
		e.log.LogAttrs(ctx, slog.LevelDebug, "set trailer", slog.Any("error", err))
	}
	return resp, err
}

func (e *errorMapping) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	md, err := e.conclude(ss.Context(), handler(srv, ss))
	ss.SetTrailer(md)
	return err
}

// conclude returns the plain metadata of a response, and its status.
func (e *errorMapping) conclude(ctx context.Context, err error) (metadata.MD, error) {
	c := callFrom(ctx)
	info := c.trace.Snapshot()
	md := plainMetadata{md: make(metadata.MD, 5), values: make([]string, 0, 5)}
	md.set(mdRequestID, c.requestID)
	requestID, traceID := info.RequestID, info.TraceID
	if cosErr, ok := errors.AsType[*cosbackend.Error](err); ok {
		requestID, traceID = cosErr.RequestID, cosErr.TraceID
		md.set(mdCOSErrorCode, cosErr.Code)
	}
	md.set(mdCOSRequestID, requestID)
	md.set(mdCOSTraceID, traceID)
	if err == nil {
		e.health.observe(info)
		return md.md, nil
	}
	st, v := e.mapper.Status(ofCaller(ctx), err, c.requestID)
	if v.Reason == "" { // a status of the gateway's own
		md.set(mdPushback, cosstatus.PushbackOf(st))
	} else {
		md.set(mdPushback, v.Pushback())
	}
	e.count(ctx, st, v)
	st = cosstatus.Fit(st, md.md)
	if v.CredentialsRejected {
		e.health.rejected(v.COS.Profile) //nolint:contextcheck // what it begins outlives the call
	}
	if v.Reason == cosstatus.ReasonInternal {
		e.log.LogAttrs(ctx, slog.LevelError, "internal error", slog.String("request_id", c.requestID), slog.Any("error", err))
	}
	return md.md, st.Err()
}

// ofCaller is ctx without the cancellations that are the gateway's own doing.
func ofCaller(ctx context.Context) context.Context {
	if ctx.Err() == nil {
		return ctx
	}
	if cause := context.Cause(ctx); errors.Is(cause, errStopping) || errors.Is(cause, errFirstMessageLate) {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// count adds a failed call to the metrics.
func (e *errorMapping) count(ctx context.Context, st *status.Status, v cosstatus.Spec) {
	method := callFrom(ctx).method
	e.metrics.CallFailed(method, st.Code(), v.COS != nil && !v.CredentialsRejected)
	if reason := cosstatus.ReasonOf(st); reason == cosstatus.ReasonCallerUnknown || reason == cosstatus.ReasonCallerNotAllowed {
		e.metrics.CallDenied(method, reason)
	}
}

// plainMetadata is metadata of single values, which stand in one slice.
type plainMetadata struct {
	md     metadata.MD
	values []string
}

// set adds a header value that is fit for HTTP/2: printable ASCII, not too long. The
// name is in lower case.
func (m *plainMetadata) set(name, value string) {
	if value == "" || len(value) > cosstatus.MaxIDBytes {
		return
	}
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			return
		}
	}
	m.values = append(m.values, value)
	n := len(m.values)
	m.md[name] = m.values[n-1 : n : n]
}

// validation checks requests against the rules in the proto files.
type validation struct {
	protovalidate.Validator
	plain *plainRequests
}

func (v validation) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := v.check(req); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// messageChecks checks the messages of a stream before its handler gets them.
type messageChecks struct {
	authorization *authorization // nil without authentication
	credentials   callerCredentials
	validation    validation
}

func (c messageChecks) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	s := &checkedStream{ServerStream: ss, messageChecks: c, ctx: ss.Context(), method: info.FullMethod}
	if sent := callFrom(s.ctx).credentials; sent != nil {
		if err := c.credentials.admit(s.ctx, sent); err != nil {
			return err
		}
		s.ctx, s.sentCredentials = cosbackend.WithCallerCredentials(s.ctx, *sent.credentials), true
	}
	return handler(srv, s)
}

// A checkedStream is a stream whose messages are checked. Only the first one names what the
// call is about, since handlers refuse a second spec.
type checkedStream struct {
	grpc.ServerStream
	messageChecks
	ctx             context.Context // a ServerStream carries its context
	method          string
	sentCredentials bool
	passed          bool // the first message
}

func (s *checkedStream) Context() context.Context { return s.ctx }

func (s *checkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if !s.passed {
		if err := s.checkFirst(m); err != nil {
			return err
		}
		s.passed = true
	}
	return s.validation.check(m)
}

func (s *checkedStream) checkFirst(m any) error {
	if s.authorization != nil && isOurs(s.method) {
		if err := s.authorization.check(s.ctx, s.method, m); err != nil {
			return err
		}
	}
	if s.sentCredentials {
		return s.credentials.checkProfile(s.method, m)
	}
	return nil
}

// maxChunk is the most content a message may have; the contract says so of Chunk.data.
const maxChunk = 2 << 20

// checkReceived checks a message with content: the content here, since it is not part of the
// protobuf message, and the other fields when there are any.
func (v validation) checkReceived(r *frames.Received) error {
	switch {
	case r.Data.Len() > maxChunk:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "chunk.data", "must have at most 2 MiB")
	case r.Offset != nil && *r.Offset < 0:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "chunk.offset", "must be greater than or equal to 0")
	case r.HasFields:
		return v.check(r.Message)
	}
	return nil
}

func (v validation) check(req any) error {
	if r, ok := req.(*frames.Received); ok {
		return v.checkReceived(r)
	}
	m, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	if v.plain.plain(m) {
		return nil
	}
	err := v.Validate(m)
	invalid, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return err
	}
	return cosstatus.FailFields(len(invalid.Violations), func(i int) (field, problem string) {
		v := invalid.Violations[i].Proto
		return protovalidate.FieldPathString(v.GetField()), v.GetMessage()
	})
}
