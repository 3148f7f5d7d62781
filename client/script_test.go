package client

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/protoadapt"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
)

type (
	getStream = grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]
	putStream = grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]
)

// A scripted is a gateway that sends what a test wants, for what the real one never sends,
// or not at a known time. It uses the ordinary codec.
type scripted struct {
	cosgatev1.UnimplementedObjectServiceServer
	conns trackedListener

	mu       sync.Mutex
	received []*cosgatev1.PutObjectRequest
	requests []*cosgatev1.GetObjectRequest

	put func(putStream) error // responds when all was received; nil reports it as stored
	// gets respond to one GetObject after the other; the last one to all the rest.
	gets []func(*cosgatev1.GetObjectRequest, getStream) error
}

// script starts it and dials it.
func script(t *testing.T, gets ...func(*cosgatev1.GetObjectRequest, getStream) error) (*scripted, *Client) {
	t.Helper()
	s := &scripted{gets: gets}
	lis := bufconn.Listen(1 << 20)
	s.conns.Listener = lis
	server := grpc.NewServer()
	cosgatev1.RegisterObjectServiceServer(server, s)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(&s.conns) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-stopped; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return s, dialTest(t, frames.NewPool(), "passthrough:///bufconn", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return lis.DialContext(ctx)
	}))
}

func (s *scripted) PutObject(stream putStream) error {
	var size int64
	var crc uint64
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.received = append(s.received, m)
		s.mu.Unlock()
		size += int64(len(m.GetChunk().GetData()))
		crc = crc64ecma.Update(crc, m.GetChunk().GetData())
	}
	if s.put != nil {
		return s.put(stream)
	}
	return stream.SendAndClose(&cosgatev1.PutObjectResponse{Object: &cosgatev1.Object{Size: size, Crc64Ecma: &crc}})
}

func (s *scripted) GetObject(req *cosgatev1.GetObjectRequest, stream getStream) error {
	s.mu.Lock()
	s.requests = append(s.requests, req)
	get := s.gets[min(len(s.requests), len(s.gets))-1]
	s.mu.Unlock()
	return get(req, stream)
}

// getRequests lists the GetObject requests so far.
func (s *scripted) getRequests() []*cosgatev1.GetObjectRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// breakConnections closes all connections, as a gateway does that crashes.
func (s *scripted) breakConnections() {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	for _, c := range s.conns.all {
		_ = c.Close()
	}
	s.conns.all = nil
}

type trackedListener struct {
	net.Listener
	mu  sync.Mutex
	all []net.Conn
}

func (l *trackedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.all = append(l.all, c)
		l.mu.Unlock()
	}
	return c, err
}

// A getResponse is the stream of a GetObject, correct until a test changes it.
type getResponse []*cosgatev1.GetObjectResponse

// responseOf returns data[from:] of an object in chunks.
func responseOf(data []byte, from int64, chunk int) getResponse {
	crc := crc64ecma.Checksum(data)
	a := getResponse{{
		Object: &cosgatev1.Object{Bucket: testBucket, Key: "k", Size: int64(len(data)), Etag: "e1", Crc64Ecma: &crc},
		Range:  &cosgatev1.ContentRange{Offset: from, Length: int64(len(data)) - from, Size: int64(len(data))},
	}}
	for rest := data[from:]; len(rest) > 0; {
		n := min(chunk, len(rest))
		a = append(a, &cosgatev1.GetObjectResponse{Chunk: &cosgatev1.Chunk{
			Offset: new(int64(len(data) - len(rest))), Data: rest[:n],
			Crc32C: new(crc32.Checksum(rest[:n], crc32.MakeTable(crc32.Castagnoli))),
		}})
		rest = rest[n:]
	}
	return append(a, &cosgatev1.GetObjectResponse{Summary: &cosgatev1.ReadSummary{
		Bytes: int64(len(data)) - from, Crc64Ecma: crc64ecma.Checksum(data[from:]),
	}})
}

// send sends the first n messages, -1 for all, and ends with err.
func (a getResponse) send(stream getStream, n int, err error) error {
	if n < 0 {
		n = len(a)
	}
	for _, m := range a[:n] {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return err
}

// serveAll responds to every request with all it asks for.
func serveAll(data []byte, chunk int) func(*cosgatev1.GetObjectRequest, getStream) error {
	return func(req *cosgatev1.GetObjectRequest, stream getStream) error {
		return responseOf(data, req.GetRange().GetOffset(), chunk).send(stream, -1, nil)
	}
}

// breakAfter responds with the first n messages and then fails.
func breakAfter(data []byte, chunk, n int, err error) func(*cosgatev1.GetObjectRequest, getStream) error {
	return func(req *cosgatev1.GetObjectRequest, stream getStream) error {
		return responseOf(data, req.GetRange().GetOffset(), chunk).send(stream, n, err)
	}
}

// pushedBack adds the trailer that says when to retry.
func pushedBack(value string, get func(*cosgatev1.GetObjectRequest, getStream) error) func(*cosgatev1.GetObjectRequest, getStream) error {
	return func(req *cosgatev1.GetObjectRequest, stream getStream) error {
		stream.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", value))
		return get(req, stream)
	}
}

// failed makes a status with details.
func failed(code codes.Code, details ...protoadapt.MessageV1) error {
	st, err := status.New(code, "as the test wants").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return st.Err()
}
