package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/internal/frames"
)

// A connection turns every status into an *Error and uses the codec of package frames.
type connection struct{ conn grpc.ClientConnInterface }

// withCodec puts the codec before the options of a call.
func withCodec(opts []grpc.CallOption) []grpc.CallOption {
	return append([]grpc.CallOption{grpc.ForceCodecV2(frames.NewCodec())}, opts...)
}

// Invoke makes a unary call.
func (c connection) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return toError(c.conn.Invoke(ctx, method, args, reply, withCodec(opts)...))
}

// NewStream opens a stream.
func (c connection) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := c.conn.NewStream(ctx, desc, method, withCodec(opts)...)
	if err != nil {
		return nil, toError(err)
	}
	return errorStream{s}, nil
}

// An errorStream is a stream whose errors are *Error, except for the io.EOF that some
// methods of gRPC streams return.
type errorStream struct{ grpc.ClientStream }

func (s errorStream) SendMsg(m any) error { return toError(s.ClientStream.SendMsg(m)) }
func (s errorStream) RecvMsg(m any) error { return toError(s.ClientStream.RecvMsg(m)) }
func (s errorStream) CloseSend() error    { return toError(s.ClientStream.CloseSend()) }
