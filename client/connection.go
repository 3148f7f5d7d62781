package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/internal/frames"
)

// A caller is a connection that turns every status into an *Error and speaks the codec
// of package frames.
type caller struct{ conn grpc.ClientConnInterface }

// withCodec puts the codec before the options of the call.
func withCodec(opts []grpc.CallOption) []grpc.CallOption {
	return append([]grpc.CallOption{grpc.ForceCodecV2(frames.NewCodec())}, opts...)
}

// Invoke makes a unary call.
func (c caller) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return typed(c.conn.Invoke(ctx, method, args, reply, withCodec(opts)...))
}

// NewStream opens a stream.
func (c caller) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := c.conn.NewStream(ctx, desc, method, withCodec(opts)...)
	if err != nil {
		return nil, typed(err)
	}
	return typedStream{s}, nil
}

// A typedStream is a stream whose errors are *Error, but for the io.EOF that grpc
// returns from some of its methods.
type typedStream struct{ grpc.ClientStream }

func (s typedStream) SendMsg(m any) error { return typed(s.ClientStream.SendMsg(m)) }
func (s typedStream) RecvMsg(m any) error { return typed(s.ClientStream.RecvMsg(m)) }
func (s typedStream) CloseSend() error    { return typed(s.ClientStream.CloseSend()) }
