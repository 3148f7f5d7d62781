package service

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/frames/framestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testBucket = "test-1250000000"
	testRegion = "ap-guangzhou"
)

// A gateway is the production server over the embedded COS, reached by the generated
// client: bufconn on the outside, the in-memory listener on the inside.
type gateway struct {
	cos      *embedded.Server
	backend  *cosbackend.Client
	server   *Server
	listener *bufconn.Listener
	conn     *grpc.ClientConn
	buckets  cosgatev1.BucketServiceClient
	objects  cosgatev1.ObjectServiceClient
	uploads  cosgatev1.MultipartServiceClient
	configs  cosgatev1.BucketConfigServiceClient
	presign  cosgatev1.PresignServiceClient
	issuing  cosgatev1.CredentialServiceClient
	logs     *lockedBuffer
	pool     *frames.Pool
	stop     context.CancelFunc // begins the graceful stop
	stopped  chan error
}

type setup struct {
	cos     embedded.Options
	backend cosbackend.Config
	dial    []grpc.DialOption
	grace   time.Duration
	options Options
	deps    Deps // without the profile and the logger
	newPool func() *frames.Pool
}

// testPair is the key pair of the embedded servers of tests.
func testPair() embedded.Credential {
	return embedded.Credential{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}
}

func open(t testing.TB, change ...func(*setup)) *gateway {
	t.Helper()
	demo := testPair()
	s := setup{
		cos: embedded.Options{Buckets: []string{testBucket}, Region: testRegion},
		backend: cosbackend.Config{
			Endpoint:    "http://{bucket}.cos.{region}.myqcloud.com",
			Region:      testRegion,
			Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}),
			Retry:       cosbackend.RetryOptions{BaseDelay: time.Microsecond, MaxDelay: time.Microsecond},
		},
		grace:   5 * time.Second,
		newPool: framestest.NewPool,
		options: Options{Reflection: true, ReadStall: 5 * time.Second},
	}
	for _, f := range change {
		f(&s)
	}
	if len(s.cos.Credentials) == 0 {
		s.cos.Credentials = []embedded.Credential{demo}
	}
	cos, err := embedded.New(s.cos)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cos.Close(); err != nil {
			t.Errorf("close the embedded server: %v", err)
		}
	})
	if s.backend.Transport.DialContext == nil {
		s.backend.Transport.DialContext = cos.DialContext
	}
	backend, err := cosbackend.New(s.backend)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	g := &gateway{cos: cos, backend: backend, logs: &lockedBuffer{}, stopped: make(chan error, 1)}
	s.deps.Profiles = map[string]*cosbackend.Client{backend.Profile(): backend}
	s.deps.Logger = slog.New(slog.NewJSONHandler(g.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.server, err = newServer(s.deps, s.options, s.newPool)
	if err != nil {
		t.Fatal(err)
	}
	g.pool = g.server.memory.reads
	g.serve(t, s)
	return g
}

// narrowed has URLs and forms signed with credentials of STS that can do nothing else.
func narrowed(s *setup) { s.backend.Signing.Mode = cosbackend.SignNarrowed }

func (g *gateway) serve(t testing.TB, s setup) {
	t.Helper()
	g.listener = bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go func() { g.stopped <- g.server.Serve(ctx, g.listener, s.grace) }()
	conn := g.dial(t, s.dial...)
	t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-g.stopped; err != nil {
			t.Errorf("Serve = %v, want nil after a graceful stop", err)
		}
		if n := g.pool.InUse(); n != 0 {
			t.Errorf("%d bytes of buffers were not given back", n)
		}
	})
	g.conn = conn
	g.buckets = cosgatev1.NewBucketServiceClient(conn)
	g.objects = cosgatev1.NewObjectServiceClient(conn)
	g.uploads = cosgatev1.NewMultipartServiceClient(conn)
	g.configs = cosgatev1.NewBucketConfigServiceClient(conn)
	g.presign = cosgatev1.NewPresignServiceClient(conn)
	g.issuing = cosgatev1.NewCredentialServiceClient(conn)
}

// dial makes a connection, in plain text unless opts say otherwise. The caller closes it.
func (g *gateway) dial(t testing.TB, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///bufconn", append([]grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return g.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// put stores data under key through the gateway.
func (g *gateway) put(t *testing.T, key string, data []byte) *cosgatev1.Object {
	t.Helper()
	resp, err := g.send(t.Context(), &cosgatev1.PutObjectRequest{
		Spec:   &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key},
		Chunk:  &cosgatev1.Chunk{Data: data},
		Finish: true,
	})
	if err != nil {
		t.Fatalf("PutObject(%q) = %v", key, err)
	}
	return resp.GetObject()
}

// send makes one PutObject call of these messages.
func (g *gateway) send(ctx context.Context, messages ...*cosgatev1.PutObjectRequest) (*cosgatev1.PutObjectResponse, error) {
	stream, err := g.objects.PutObject(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			break // the response is in CloseAndRecv
		}
	}
	return stream.CloseAndRecv()
}

// get reads an object, or a range of it, and everything its messages say.
func (g *gateway) get(ctx context.Context, req *cosgatev1.GetObjectRequest) (data []byte, messages []*cosgatev1.GetObjectResponse, err error) {
	stream, err := g.objects.GetObject(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	for {
		m, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // Recv returns it bare
			return data, messages, nil
		}
		if err != nil {
			return data, messages, err
		}
		data = append(data, m.GetChunk().GetData()...)
		messages = append(messages, m)
	}
}

// mustMissing checks that no object is stored under key, asking the embedded server
// through the gateway.
func (g *gateway) mustMissing(t *testing.T, key string) {
	t.Helper()
	_, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
	if status.Code(err) != codes.NotFound {
		t.Errorf("HeadObject(%q) = %v, want NOT_FOUND: nothing may be stored", key, err)
	}
}

// requests lists the operations that the embedded server saw.
func (g *gateway) requests() []string {
	var ops []string
	for _, e := range g.cos.Journal().Entries() {
		ops = append(ops, e.Operation)
	}
	return ops
}

// detail returns the first detail of type T of a status.
func detail[T proto.Message](err error) (T, bool) {
	for _, d := range status.Convert(err).Details() {
		if m, ok := d.(T); ok {
			return m, true
		}
	}
	var none T
	return none, false
}

func first(md metadata.MD, name string) string {
	if vs := md.Get(name); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

// lockedBuffer is a log's destination.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// profiles are the profiles of the gateway.
func (g *gateway) profiles() map[string]*cosbackend.Client {
	return map[string]*cosbackend.Client{g.backend.Profile(): g.backend}
}
