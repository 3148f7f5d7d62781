package service

import (
	"io"
	"log/slog"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// An emptyStream is a caller that sends one empty message.
type emptyStream struct {
	callStream
	received bool
}

func (s *emptyStream) SendMsg(any) error { return nil }

func (s *emptyStream) RecvMsg(any) error {
	if s.received {
		return io.EOF
	}
	s.received = true
	return nil
}

// calmly makes an error of a panic: handlers may rely on the rules of their requests,
// and there must be a handler to panic.
func calmly(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanic
		}
	}()
	return call()
}

// Every RPC that the contract names has a handler: it is called without the chain in
// front of it, which would refuse an empty message before that shows.
func TestContractHasNoUnimplementedRPC(t *testing.T) {
	t.Parallel()
	g := open(t)
	demo := testPair()
	backend, err := cosbackend.New(cosbackend.Config{
		Endpoint: "http://{bucket}.cos.{region}.myqcloud.com", Region: testRegion,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}),
		Transport:   cosbackend.TransportOptions{DialContext: g.cos.DialContext},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	p, err := newProfiles(Deps{Profiles: map[string]*cosbackend.Client{"default": backend}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := withCall(t.Context(), "")
	check := func(service, method string, err error) {
		if status.Code(err) == codes.Unimplemented { // COS's refusals are no status yet
			t.Errorf("%s/%s returns UNIMPLEMENTED", service, method)
		}
	}
	var served []string
	for _, r := range services(p, cosstatus.NewMapper(), slog.New(slog.DiscardHandler), Options{}.withDefaults(), memory{reads: frames.NewPool(), uploads: newByteLimit(1 << 30)}) {
		served = append(served, r.desc.ServiceName)
		for _, m := range r.desc.Methods {
			check(r.desc.ServiceName, m.MethodName, calmly(func() error {
				_, err := m.Handler(r.impl, ctx, func(any) error { return nil }, nil)
				return err
			}))
		}
		for _, m := range r.desc.Streams {
			check(r.desc.ServiceName, m.StreamName, calmly(func() error {
				return m.Handler(r.impl, &emptyStream{callStream: callStream{ctx: ctx}})
			}))
		}
	}
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			if name := string(file.Services().Get(i).FullName()); !slices.Contains(served, name) {
				t.Errorf("%s is not served", name)
			}
		}
	}
}

var _ grpc.ServerStream = (*emptyStream)(nil)
