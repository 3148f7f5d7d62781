// Package client calls cosgate from Go.
//
// A [Client] hands out the generated stubs of cosgate.v1 and two types that know how
// its streams are to be used: a [Reader] reads an object, holds every byte against its
// checksums and goes on by itself where a connection broke; a [Writer] stores one,
// whole or not at all. Both move content without the copies that the ordinary codec
// makes. Every error of a call, also of the stubs, has an [*Error] with the COS code
// and the RequestId in it, to be found with errors.As.
//
// Callers in other languages, and Go callers with stubs of their own, need nothing of
// this: the wire is plain gRPC.
package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
)

// Sizes of a connection. Both windows are set, or neither: one alone would turn off the
// estimate that grpc makes of the other.
const (
	streamWindow = 4 << 20
	connWindow   = 16 << 20
	bufferSize   = 128 << 10
)

// What shows that a silent gateway is gone: a ping after pingAfter of silence during a
// call, and the end of the connection when nothing came for pingTimeout. The gateway
// takes pings every 10 seconds.
const (
	pingAfter   = 30 * time.Second
	pingTimeout = 20 * time.Second
)

// A Client calls one gateway. It is safe for concurrent use.
type Client struct {
	conn   caller
	close  func() error
	pool   *frames.Pool
	resume backoff
}

// Dial makes a client of a connection of its own. It does not connect yet: the first
// call does. target is as in [grpc.NewClient], such as "dns:///cosgate:50051".
//
// Windows, buffers, keepalive and [ServiceConfig], with its balancing and retries, are
// set already; opts are applied after that and win. Only a service config is not
// replaced: Dial fails when opts have a [grpc.WithDefaultServiceConfig], which would
// remove the retries. Whoever wants another one passes a connection to [New].
//
// Transport credentials are not set: without [grpc.WithTransportCredentials] Dial fails.
// Interceptors see the content messages of Reader and Writer as types internal to this
// module.
func Dial(target string, opts ...grpc.DialOption) (*Client, error) {
	return dial(frames.NewPool(), target, opts...)
}

var errServiceConfig = errors.New("client: dial: grpc.WithDefaultServiceConfig would replace the balancing and the retries of client.ServiceConfig; " +
	"leave it out, or pass a connection of your own to client.New")

func dial(pool *frames.Pool, target string, opts ...grpc.DialOption) (*Client, error) {
	if replacesServiceConfig(target, opts) {
		return nil, errServiceConfig
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithDefaultServiceConfig(ServiceConfig()),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithReadBufferSize(bufferSize),
		grpc.WithWriteBufferSize(bufferSize),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		experimental.WithBufferPool(pool),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("client: dial: %w", err)
	}
	c := New(conn)
	c.close, c.pool = conn.Close, pool
	return c, nil
}

// New makes a client of a connection that the caller has, and closes. What Dial sets for
// a connection, retries too, is then the caller's business; Reader and Writer work with
// any.
func New(conn grpc.ClientConnInterface) *Client {
	return &Client{
		conn:   caller{conn},
		close:  func() error { return nil },
		pool:   frames.NewPool(),
		resume: backoff{attempts: resumeAttempts, base: resumeDelay, most: maxResumeDelay, jitter: rand.Float64, wait: wait},
	}
}

// Close closes the connection of a client that Dial made, and with it every call, Reader
// and Writer of it. For one of New it does nothing.
func (c *Client) Close() error { return c.close() }

// Buckets returns the stub of BucketService.
func (c *Client) Buckets() cosgatev1.BucketServiceClient {
	return cosgatev1.NewBucketServiceClient(c.conn)
}

// Objects returns the stub of ObjectService. For GetObject and PutObject there are
// NewReader and NewWriter.
func (c *Client) Objects() cosgatev1.ObjectServiceClient {
	return cosgatev1.NewObjectServiceClient(c.conn)
}

// Multipart returns the stub of MultipartService. A Writer needs none of it.
func (c *Client) Multipart() cosgatev1.MultipartServiceClient {
	return cosgatev1.NewMultipartServiceClient(c.conn)
}

// BucketConfigs returns the stub of BucketConfigService.
func (c *Client) BucketConfigs() cosgatev1.BucketConfigServiceClient {
	return cosgatev1.NewBucketConfigServiceClient(c.conn)
}

// Presign returns the stub of PresignService.
func (c *Client) Presign() cosgatev1.PresignServiceClient {
	return cosgatev1.NewPresignServiceClient(c.conn)
}
