package service

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/telemetry"
)

// A network leads to one embedded COS, except to hosts under the domains that are down.
type network struct {
	mu     sync.Mutex
	cos    *embedded.Server
	down   []string
	dialed []string // the hosts
}

func (n *network) dial(ctx context.Context, kind, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host, _, _ := net.SplitHostPort(addr)
	n.dialed = append(n.dialed, host)
	for _, d := range n.down {
		if strings.HasSuffix(host, d) {
			return nil, &net.OpError{Op: "dial", Net: kind, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
		}
	}
	return n.cos.DialContext(ctx, kind, addr)
}

// openWithout opens a gateway over a network in which hosts under some domains are not
// found. STS is reached all the same.
func openWithout(t *testing.T, down []string, change ...func(*setup)) (*gateway, *network) {
	t.Helper()
	n := &network{down: down}
	g := open(t, append([]func(*setup){func(s *setup) {
		s.backend.BackupDomain = true
		s.backend.Transport.DialContext = n.dial
	}}, change...)...)
	n.cos = g.cos
	return g, n
}

// TestBackupDomainTakesEveryRequest holds A109: whatever an operation does, nothing of it
// was sent where no connection was found.
func TestBackupDomainTakesEveryRequest(t *testing.T) {
	t.Parallel()
	metrics := telemetry.NewMetrics(cosbackend.KnownCode)
	logs := &lockedBuffer{}
	g, _ := openWithout(t, []string{".myqcloud.com"}, func(s *setup) {
		s.backend.Observer = telemetry.Observer{Metrics: metrics}
		s.backend.Logger = slog.New(slog.NewTextHandler(logs, nil))
	})
	ctx := t.Context()
	g.put(t, "k", []byte("content"))
	if data, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil || string(data) != "content" {
		t.Errorf("GetObject = %q, %v", data, err)
	}
	calls := map[string]func() error{
		"HeadObject": func() error {
			_, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
			return err
		},
		"CreateBucket": func() error {
			_, err := g.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000"})
			return err
		},
		"AppendObject": func() error {
			stream, err := g.objects.AppendObject(ctx)
			if err != nil {
				return err
			}
			_ = stream.Send(&cosgatev1.AppendObjectRequest{
				Spec: &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: "log", Size: proto.Int64(4)}, Chunk: &cosgatev1.Chunk{Data: []byte("line")}, Finish: true,
			})
			_, err = stream.CloseAndRecv()
			return err
		},
		"CopyObject": func() error {
			_, err := g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}})
			return err
		},
		"DeleteObject": func() error {
			_, err := g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "absent"})
			return err
		},
		"InitiateMultipartUpload": func() error {
			_, err := g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "parts"})
			return err
		},
		"PutBucketTagging": func() error {
			_, err := g.configs.PutBucketTagging(ctx, &cosgatev1.PutBucketTaggingRequest{
				Bucket: testBucket, Tagging: &cosgatev1.BucketTagging{Tags: []*cosgatev1.Tag{{Key: "a", Value: "b"}}},
			})
			return err
		},
	}
	for name, call := range calls {
		if err := call(); err != nil {
			t.Errorf("%s = %v", name, err)
		}
	}
	seen := g.cos.Journal().Entries()
	if len(seen) < len(calls)+2 {
		t.Errorf("COS saw %d requests, want %d", len(seen), len(calls)+2)
	}
	for _, e := range seen {
		if !strings.HasSuffix(e.Host, ".cos."+testRegion+".tencentcos.cn") || e.Status >= 300 {
			t.Errorf("%s went to %s and got %d", e.Operation, e.Host, e.Status)
		}
	}
	const line = "no connection to COS; trying its other domain"
	if text := logs.String(); !strings.Contains(text, line) {
		t.Errorf("the log does not say %q:\n%s", line, text)
	}
	if n, err := testutil.GatherAndCount(metrics.Gatherer(), "cosgate_cos_backup_requests_total"); err != nil || n < len(calls) {
		t.Errorf("cosgate_cos_backup_requests_total has %d series, %v, want %d at least", n, err, len(calls))
	}
}

// A request that COS may have received goes nowhere else.
func TestBackupDomainIsNotTriedAfterAConnection(t *testing.T) {
	t.Parallel()
	g, n := openWithout(t, nil)
	for name, f := range map[string]embedded.Fault{
		"a lost response": {Operation: "CreateBucket", Count: 1, LoseResponse: true},
		"a failure":       {Operation: "CreateBucket", Count: 1, Status: 500, Code: "InternalError"},
	} {
		g.cos.Faults().Add(f)
		_, err := g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000"})
		if err == nil {
			t.Errorf("CreateBucket with %s succeeded: it was sent again", name)
		}
	}
	g.cos.Faults().Add(embedded.Fault{Operation: "HeadBucket", Count: 3, Status: 503})
	if _, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket}); err != nil {
		t.Errorf("HeadBucket = %v", err)
	}
	for _, host := range n.dialed {
		if !strings.HasSuffix(host, ".myqcloud.com") {
			t.Errorf("%s was connected to", host)
		}
	}
}

// The domains take turns, so that one that comes back is found.
func TestBackupDomainTakesTurns(t *testing.T) {
	t.Parallel()
	g, n := openWithout(t, []string{".myqcloud.com", ".tencentcos.cn"})
	_, err := g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000"})
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.Unavailable || e.GetOutcomeUnknown() || !e.GetRetryable() {
		t.Errorf("CreateBucket without any domain = %v (%v), want UNAVAILABLE, retryable", err, e)
	}
	want := "myqcloud.com tencentcos.cn myqcloud.com tencentcos.cn"
	var got []string
	for _, host := range n.dialed {
		got = append(got, strings.TrimPrefix(host, "new-1250000000.cos."+testRegion+"."))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("connected to %v, want %s", got, want)
	}
}

func TestBackupDomainIsOffByDefault(t *testing.T) {
	t.Parallel()
	g, n := openWithout(t, []string{".myqcloud.com"}, func(s *setup) { s.backend.BackupDomain = false })
	if _, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket}); status.Code(err) != codes.Unavailable {
		t.Errorf("HeadBucket = %v, want UNAVAILABLE", err)
	}
	for _, host := range n.dialed {
		if !strings.HasSuffix(host, ".myqcloud.com") {
			t.Errorf("%s was connected to", host)
		}
	}
}

// Who uses a URL may be anywhere, and the signature covers its host.
func TestPresignUrlStaysAtItsDomain(t *testing.T) {
	t.Parallel()
	g, _ := openWithout(t, []string{".myqcloud.com"}, func(s *setup) { s.backend.Signing.Mode = cosbackend.SignWithOwnKeys })
	g.put(t, "k", []byte("x"))
	u, err := g.presign.PresignUrl(t.Context(), &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT})
	if err != nil || !strings.Contains(u.GetUrl(), ".myqcloud.com/") {
		t.Errorf("PresignUrl does not name myqcloud.com: %v", err)
	}
}
