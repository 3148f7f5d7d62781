package service

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// connectionsOf has a gateway with options for connections.
func connectionsOf(o ConnectionOptions) func(*setup) {
	return func(s *setup) { s.options.Connections = o }
}

// dialRaw connects without a client of gRPC. The connection gives up after a time.
func (g *gateway) dialRaw(t *testing.T) net.Conn {
	t.Helper()
	conn, err := g.listener.DialContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// greet begins HTTP/2.
func greet(t *testing.T, conn net.Conn) *http2.Framer {
	t.Helper()
	f := http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// mustEnd reads until the gateway hangs up, and returns the code of its goodbye.
func mustEnd(t *testing.T, conn net.Conn) (away http2.ErrCode) {
	t.Helper()
	f := http2.NewFramer(conn, conn)
	for {
		frame, err := f.ReadFrame()
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Fatal("the gateway keeps the connection")
		}
		if err != nil {
			return away
		}
		if g, ok := frame.(*http2.GoAwayFrame); ok {
			away = g.ErrCode
		}
	}
}

func TestConnectionsWithoutAHandshakeAreClosed(t *testing.T) {
	t.Parallel()
	g := open(t, connectionsOf(ConnectionOptions{Handshake: 50 * time.Millisecond}))
	for name, begin := range map[string]string{
		"silence":        "",
		"half a preface": http2.ClientPreface[:10],
		"no settings":    http2.ClientPreface,
	} {
		conn := g.dialRaw(t)
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		mustEnd(t, conn)
	}
	g.put(t, "k", nil)
}

// A caller that sends a frame a byte at a time, or is gone without a word, gives no sign
// of life either.
func TestConnectionsThatDoNotReplyToPingsAreClosed(t *testing.T) {
	t.Parallel()
	g := open(t, connectionsOf(ConnectionOptions{PingAfter: time.Second, PingTimeout: 100 * time.Millisecond}))
	gone, slow := g.dialRaw(t), g.dialRaw(t)
	greet(t, gone)
	greet(t, slow)
	if _, err := slow.Write([]byte{0, 0, 100, byte(http2.FrameHeaders), 0}); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, gone)
	mustEnd(t, slow)
	g.put(t, "k", nil)
}

func TestConnectionsThatPingTooOftenAreClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		min  time.Duration
		want http2.ErrCode
	}{
		"too often":    {time.Hour, http2.ErrCodeEnhanceYourCalm},
		"often enough": {time.Nanosecond, http2.ErrCodeNo},
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, connectionsOf(ConnectionOptions{MinPing: c.min}))
			conn := g.dialRaw(t)
			f := greet(t, conn)
			go func() {
				for range 10 {
					if f.WritePing(false, [8]byte{1}) != nil {
						return
					}
				}
			}()
			if got := endOrPings(t, f, 10); got != c.want {
				t.Errorf("after 10 pings the connection ended with %v, want %v", got, c.want)
			}
		})
	}
}

// endOrPings reads until the connection ends or so many pings were answered.
func endOrPings(t *testing.T, f *http2.Framer, pings int) (away http2.ErrCode) {
	t.Helper()
	for pings > 0 {
		frame, err := f.ReadFrame()
		if err != nil {
			return away
		}
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			away = frame.ErrCode
		case *http2.PingFrame:
			if frame.IsAck() {
				pings--
			}
		}
	}
	return away
}

// A connection that has come of age takes no new calls; those on it go on, and new ones
// find another connection without an error.
func TestConnectionsAtMaxAgeLetCallsContinue(t *testing.T) {
	t.Parallel()
	g := open(t, connectionsOf(ConnectionOptions{MaxAge: 100 * time.Millisecond}))
	conn := g.connect(t)
	objects := cosgatev1.NewObjectServiceClient(conn)
	stream, err := objects.PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spec := &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "old", Size: new(int64(4))}
	if err := stream.Send(&cosgatev1.PutObjectRequest{Spec: spec, Chunk: &cosgatev1.Chunk{Data: []byte("ol")}}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the client notices twice: its first connection came of age, and its second
		for state := connectivity.Ready; state == connectivity.Ready; state = conn.GetState() {
			if !conn.WaitForStateChange(t.Context(), connectivity.Ready) {
				t.Fatal("the connection does not come of age")
			}
		}
		if _, err := cosgatev1.NewBucketServiceClient(conn).HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket}); err != nil {
			t.Errorf("a call when the connection before came of age = %v", err)
		}
	}
	if err := stream.Send(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Data: []byte("d.")}, Finish: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Errorf("a call on a connection that came of age = %v", err)
	}
}

// connect makes another client.
func (g *gateway) connect(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return g.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// This client heeds the bound that the gateway tells it; those that do not are among the
// hostile callers that cmd/cosgate is tested with.
func TestConnectionsBoundMetadata(t *testing.T) {
	t.Parallel()
	g := open(t)
	for size, want := range map[int]codes.Code{60 << 10: codes.OK, 70 << 10: codes.Internal} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-token", strings.Repeat("x", size))
		_, err := g.buckets.HeadBucket(ctx, &cosgatev1.HeadBucketRequest{Bucket: testBucket})
		if status.Code(err) != want {
			t.Errorf("HeadBucket with %d bytes of metadata = %v, want code %v", size, err, want)
		}
	}
}
