package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// BenchmarkSmallStreams measures calls of 1 KiB over the whole chain and the embedded COS.
func BenchmarkSmallStreams(b *testing.B) {
	objects := benchGateway(b)
	benchPut(b, objects)
	for name, call := range map[string]func(*testing.B, cosgatev1.ObjectServiceClient){"put": benchPut, "get": benchGet} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				call(b, objects)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkShutdown measures what it costs that a stream can be cancelled, its part of
// BenchmarkSmallStreams.
func BenchmarkShutdown(b *testing.B) {
	s := newShutdown()
	ss := benchStream{ctx: withCall(b.Context(), "")}
	for name, method := range map[string]string{
		"put": cosgatev1.ObjectService_PutObject_FullMethodName, "get": cosgatev1.ObjectService_GetObject_FullMethodName,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.stream(nil, ss, &grpc.StreamServerInfo{FullMethod: method}, func(any, grpc.ServerStream) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type benchStream struct {
	grpc.ServerStream
	ctx context.Context // a ServerStream carries its context
}

func (s benchStream) Context() context.Context { return s.ctx }

func benchGateway(b *testing.B) cosgatev1.ObjectServiceClient {
	b.Helper()
	demo := testPair()
	cos, err := embedded.New(embedded.Options{Buckets: []string{testBucket}, Region: testRegion, Credentials: []embedded.Credential{demo}})
	if err != nil {
		b.Fatal(err)
	}
	backend, err := cosbackend.New(cosbackend.Config{
		Endpoint: "http://{bucket}.cos.{region}.myqcloud.com", Region: testRegion,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}),
		Transport:   cosbackend.TransportOptions{DialContext: cos.DialContext},
	})
	if err != nil {
		b.Fatal(err)
	}
	server, err := NewServer(Deps{Profiles: map[string]*cosbackend.Client{backend.Profile(): backend}, Logger: slog.New(slog.DiscardHandler)}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	lis := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(ctx, lis, 0) }()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := errors.Join(<-stopped, cos.Close()); err != nil {
			b.Error(err)
		}
		backend.Close()
	})
	return cosgatev1.NewObjectServiceClient(conn)
}

func benchPut(b *testing.B, objects cosgatev1.ObjectServiceClient) {
	stream, err := objects.PutObject(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	_ = stream.Send(&cosgatev1.PutObjectRequest{
		Spec:  &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Size: new(int64(1 << 10))},
		Chunk: &cosgatev1.Chunk{Data: make([]byte, 1<<10)}, Finish: true,
	})
	if _, err := stream.CloseAndRecv(); err != nil {
		b.Fatal(err)
	}
}

func benchGet(b *testing.B, objects cosgatev1.ObjectServiceClient) {
	stream, err := objects.GetObject(b.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	if err != nil {
		b.Fatal(err)
	}
	for {
		if _, err := stream.Recv(); err != nil {
			if !errors.Is(err, io.EOF) {
				b.Fatal(err)
			}
			return
		}
	}
}

// cpuTime is what this process has used. It says more than the clock on a busy machine.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
