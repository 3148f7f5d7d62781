package client

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/service"
)

const (
	testBucket = "test-1250000000"
	testRegion = "ap-guangzhou"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		os.Exit(runServer())
	}
	goleak.VerifyTestMain(m)
}

// newCOS starts an embedded COS with the test bucket, in memory.
func newCOS(t *testing.T) *embedded.Server {
	t.Helper()
	cos, err := embedded.New(embedded.Options{Buckets: []string{testBucket}, Region: testRegion})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cos.Close(); err != nil {
			t.Errorf("close the embedded server: %v", err)
		}
	})
	return cos
}

// newGateway is the production server in front of a COS that dial reaches.
func newGateway(dial func(ctx context.Context, network, addr string) (net.Conn, error)) (*service.Server, *cosbackend.Client, error) {
	demo := embedded.DemoCredential()
	backend, err := cosbackend.New(cosbackend.Config{
		Endpoint:    "http://{bucket}.cos.{region}.myqcloud.com",
		Region:      testRegion,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}),
		Retry:       cosbackend.RetryOptions{MaxAttempts: 1, BaseDelay: time.Microsecond, MaxDelay: time.Microsecond},
		Transport:   cosbackend.TransportOptions{DialContext: dial},
	})
	if err != nil {
		return nil, nil, err
	}
	server, err := service.NewServer(service.Deps{
		Profiles: map[string]*cosbackend.Client{backend.Profile(): backend},
		Logger:   slog.New(slog.DiscardHandler),
	}, service.Options{})
	return server, backend, err
}

// open starts COS and gateway in this process and dials it.
func open(t *testing.T) (*Client, *embedded.Server) {
	t.Helper()
	cos := newCOS(t)
	return openBefore(t, cos, frames.NewPool()), cos
}

func openBefore(t *testing.T, cos *embedded.Server, pool *frames.Pool) *Client {
	t.Helper()
	server, backend, err := newGateway(cos.DialContext)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	lis := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(ctx, lis, 5*time.Second) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("Serve = %v, want nil after a graceful stop", err)
		}
	})
	return dialBuffer(t, lis, pool)
}

// dialBuffer dials through memory. What the client waits for between attempts is over at
// once.
func dialBuffer(t *testing.T, lis *bufconn.Listener, pool *frames.Pool, opts ...grpc.DialOption) *Client {
	t.Helper()
	c, err := dial(pool, "passthrough:///bufconn", append([]grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	c.resume.wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return c
}

// content returns n bytes that look random and are always the same.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func spec(key string) *cosgatev1.PutObjectSpec {
	return &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key}
}

func object(key string) *cosgatev1.GetObjectRequest {
	return &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key}
}

// put stores data under key with a Writer.
func put(t *testing.T, c *Client, key string, data []byte) *cosgatev1.Object {
	t.Helper()
	s := spec(key)
	s.Size = new(int64(len(data)))
	w := c.NewWriter(t.Context(), s)
	defer w.Close()
	if _, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
		t.Fatalf("write %q = %v", key, err)
	}
	o, err := w.Commit(t.Context())
	if err != nil {
		t.Fatalf("Commit of %q = %v", key, err)
	}
	return o
}

// mustHold checks what is stored under key.
func mustHold(t *testing.T, c *Client, key string, want []byte) {
	t.Helper()
	r, err := c.NewReader(t.Context(), object(key))
	if err != nil {
		t.Fatalf("NewReader(%q) = %v", key, err)
	}
	defer r.Close()
	got, err := io.ReadAll(struct{ io.Reader }{r})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("reading %q gives %d bytes, the right ones: %t, and %v; want %d bytes", key, len(got), bytes.Equal(got, want), err, len(want))
	}
}
