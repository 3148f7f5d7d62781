package service

import (
	"context"
	"slices"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

// methods passes every call through the interceptors before its first message is received.
// gRPC itself decodes the request of a unary call first, so that interceptors come too late
// to refuse it.
type methods struct {
	server   *grpc.Server
	receiver *receiver
	unary    []grpc.UnaryServerInterceptor
	stream   []grpc.StreamServerInterceptor
}

// RegisterService registers a service whose unary methods are streams in the eyes of gRPC.
// It is a [grpc.ServiceRegistrar].
func (m *methods) RegisterService(desc *grpc.ServiceDesc, impl any) {
	adapted := *desc
	adapted.Methods, adapted.Streams = nil, slices.Clone(desc.Streams)
	for _, method := range desc.Methods {
		adapted.Streams = append(adapted.Streams, m.adapt("/"+desc.ServiceName+"/"+method.MethodName, method))
	}
	m.server.RegisterService(&adapted, impl)
}

// adapt makes a stream of a unary method, with one message each way. The generated code
// makes an empty request; the interceptor [receiver.unary] fills it.
func (m *methods) adapt(name string, method grpc.MethodDesc) grpc.StreamDesc {
	run := m.runUnary
	return grpc.StreamDesc{StreamName: method.MethodName, Handler: func(impl any, ss grpc.ServerStream) error {
		ctx := withCall(ss.Context(), name)
		callFrom(ctx).send = ss.SendMsg
		_, err := method.Handler(impl, ctx, func(any) error { return nil }, run)
		return err
	}}
}

// A unaryRun is the way of one call through the interceptors. Each of them calls the next at
// most once, which makes one closure enough for all. It is part of the call, since each
// allocation of its own is one for every call.
type unaryRun struct {
	left    []grpc.UnaryServerInterceptor
	info    *grpc.UnaryServerInfo
	handler grpc.UnaryHandler
	next    grpc.UnaryHandler // step
}

func (m *methods) runUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	run := &callFrom(ctx).run
	run.left, run.info, run.handler = m.unary, info, handler
	run.next = run.step
	return run.step(ctx, req)
}

func (r *unaryRun) step(ctx context.Context, req any) (any, error) {
	if len(r.left) == 0 {
		return r.handler(ctx, req)
	}
	interceptor := r.left[0]
	r.left = r.left[1:]
	return interceptor(ctx, req, r.info, r.next)
}

// unknownMethod stands for all methods that do not exist: the names in metrics and logs must
// not be the choice of callers.
const unknownMethod = "/unknown/unknown"

// runStream is the interceptor of streams.
func (m *methods) runStream(impl any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if impl == nil { // of no service
		info = &grpc.StreamServerInfo{FullMethod: unknownMethod, IsClientStream: true, IsServerStream: true}
	}
	ctx := withCall(ss.Context(), info.FullMethod)
	defer m.receiver.memory.release(callFrom(ctx))
	next := handler
	for _, interceptor := range slices.Backward(m.stream) {
		inner := next
		next = func(impl any, ss grpc.ServerStream) error { return interceptor(impl, ss, info, inner) }
	}
	return next(impl, &callStream{ServerStream: ss, ctx: ctx, call: callFrom(ctx), receiver: m.receiver, single: !info.IsClientStream})
}

// maxNamed is how much of a name that a caller made up is repeated to it.
const maxNamed = 128

// noSuchMethod is the handler of methods that do not exist.
func noSuchMethod(_ any, ss grpc.ServerStream) error {
	name, _ := grpc.MethodFromServerStream(ss)
	return cosstatus.Fail(codes.Unimplemented, cosstatus.ReasonMethodUnknown,
		"there is no method "+strconv.QuoteToASCII(name[:min(len(name), maxNamed)])+"; see docs/api.md, or ask reflection")
}
