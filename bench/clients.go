package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// The kinds of clients.
const (
	clientHTTP     = "http"     // net/http
	clientOrdinary = "ordinary" // the generated client with default settings
	clientTuned    = "tuned"    // package client
)

// A client moves objects in one way. It is safe for concurrent use.
type client interface {
	// get reads an object and passes every piece to sink, which may wait; an error from
	// sink ends the read. It returns how many messages had content.
	get(ctx context.Context, key string, sink func([]byte) error) (messages int64, err error)
	// put stores the content of the source.
	put(ctx context.Context, key string, s *source) (messages int64, err error)
	head(ctx context.Context, key string) error
	close()
}

func newClient(s settings) (client, error) {
	switch s.Client {
	case clientHTTP:
		return newHTTPClient(s.Target), nil
	case clientOrdinary:
		conns, err := dial(s.Target, s.Conns)
		return &ordinaryClient{conns: conns, chunk: s.Chunk}, err
	case clientTuned:
		return newTunedClient(s)
	}
	return nil, fmt.Errorf("%w: client %q", errUsage, s.Client)
}

// httpClient is net/http with as many connections as there are callers.
type httpClient struct {
	target    string
	transport *http.Transport
	buffers   sync.Pool // of *[]byte
}

func newHTTPClient(target string) *httpClient {
	c := &httpClient{target: "http://" + target + "/", transport: pooledTransport()}
	c.buffers.New = func() any {
		b := make([]byte, blockSize)
		return &b
	}
	return c
}

func (c *httpClient) close() { c.transport.CloseIdleConnections() }

func (c *httpClient) do(ctx context.Context, method, key string, body io.Reader, size int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.target+key, body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = size
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the response is %s", resp.Status), resp.Body.Close())
	}
	return resp, nil
}

func (c *httpClient) get(ctx context.Context, key string, sink func([]byte) error) (int64, error) {
	resp, err := c.do(ctx, http.MethodGet, key, nil, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	buf, _ := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			if err := sink((*buf)[:n]); err != nil {
				return 0, err
			}
		}
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func (c *httpClient) put(ctx context.Context, key string, s *source) (int64, error) {
	resp, err := c.do(ctx, http.MethodPut, key, s, s.size)
	if err != nil {
		return 0, err
	}
	return 0, resp.Body.Close()
}

func (c *httpClient) head(ctx context.Context, key string) error {
	resp, err := c.do(ctx, http.MethodHead, key, nil, 0)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// connections are used in turn.
type connections struct {
	all  []*grpc.ClientConn
	next atomic.Uint64
}

func dial(target string, n int, opts ...grpc.DialOption) (*connections, error) {
	c := &connections{}
	var dialer net.Dialer
	opts = append(opts,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", addr)
		}))
	for range max(n, 1) {
		conn, err := grpc.NewClient("passthrough:///"+target, opts...)
		if err != nil {
			return c, err
		}
		c.all = append(c.all, conn)
	}
	return c, nil
}

func (c *connections) one() *grpc.ClientConn {
	return c.all[c.next.Add(1)%uint64(len(c.all))]
}

func (c *connections) close() {
	for _, conn := range c.all {
		_ = conn.Close()
	}
}

// ordinaryClient is the generated one, with default settings.
type ordinaryClient struct {
	conns *connections
	chunk int
}

func (c *ordinaryClient) close() { c.conns.close() }

func (c *ordinaryClient) head(ctx context.Context, key string) error {
	_, err := cosgatev1.NewObjectServiceClient(c.conns.one()).HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: bucket, Key: key})
	return err
}

var errNoSummary = errors.New("the stream ended without a summary")

func (c *ordinaryClient) get(ctx context.Context, key string, sink func([]byte) error) (messages int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := cosgatev1.NewObjectServiceClient(c.conns.one()).GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: bucket, Key: key})
	if err != nil {
		return 0, err
	}
	ended := false
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) && ended {
			return messages, nil
		}
		if errors.Is(err, io.EOF) {
			return messages, errNoSummary
		}
		if err != nil {
			return messages, err
		}
		ended = m.GetSummary() != nil
		data := m.GetChunk().GetData()
		if len(data) == 0 {
			continue
		}
		messages++
		if err := sink(data); err != nil {
			return messages, err
		}
	}
}

func (c *ordinaryClient) put(ctx context.Context, key string, s *source) (messages int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := cosgatev1.NewObjectServiceClient(c.conns.one()).PutObject(ctx)
	if err != nil {
		return 0, err
	}
	messages, err = upload(key, s, c.chunk, func(m *cosgatev1.PutObjectRequest) error { return stream.Send(m) },
		func(data []byte, offset int64) error {
			return stream.Send(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Offset: &offset, Data: data}})
		})
	if err != nil {
		return messages, err
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return messages, err
	}
	return messages, checkStored(resp, s)
}

// upload sends the messages of an upload. It stops when the server ends the stream, since
// the response says why.
func upload(key string, s *source, chunk int, send func(*cosgatev1.PutObjectRequest) error, sendData func([]byte, int64) error) (messages int64, err error) {
	err = send(putSpec(key, s.size))
	for err == nil {
		offset := s.offset
		data, ended := s.next(chunk)
		if errors.Is(ended, io.EOF) {
			err = send(putFinish(s))
			break
		}
		if ended != nil {
			return messages, ended
		}
		messages++
		err = sendData(data, offset)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return messages, err
}

func putSpec(key string, size int64) *cosgatev1.PutObjectRequest {
	return &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: bucket, Key: key, Size: &size}}
}

// putFinish sends the checksum of all content, which costs this client nothing.
func putFinish(s *source) *cosgatev1.PutObjectRequest {
	sum := s.content.crc64(s.size)
	return &cosgatev1.PutObjectRequest{Checksums: &cosgatev1.Checksums{Crc64Ecma: &sum}, Finish: true}
}

func checkStored(resp *cosgatev1.PutObjectResponse, s *source) error {
	if got, want := resp.GetObject().GetCrc64Ecma(), s.content.crc64(s.size); got != want {
		return fmt.Errorf("the object stored has the CRC64 %d, and the content %d", got, want)
	}
	return nil
}
