// Package client calls cosgate from Go.
//
// A [Client] has the generated stubs of cosgate.v1, and three things on top of them:
//
//   - a [Reader] reads an object, verifies every byte, and resumes by itself after a
//     broken connection;
//   - a [Writer] stores an object completely or not at all;
//   - iterators such as [Client.ListObjects] go through the pages of a list.
//
// Reader and Writer move content without the copies that the ordinary codec makes.
//
// # Connecting
//
// [Dial] takes a target and the options of gRPC; the transport credentials must be among
// them. One Client is enough for a program. It spreads its calls over all addresses of the
// target and reconnects by itself.
//
//	c, err := client.Dial("dns:///cosgate.example.com:50051", grpc.WithTransportCredentials(credentials.NewTLS(config)))
//
// # Objects
//
// Write into the [Writer] of [Client.NewWriter] and call [Writer.Commit]: the object
// exists when Commit returns without an error, with exactly the content that was written.
// The [Reader] of [Client.NewReader] is an [io.Reader]: when it ends with io.EOF, every
// byte matched its checksums. A long read survives restarts of gateways; it fails with
// [ErrChanged] when the object was replaced meanwhile. To continue a read in another
// process, ask for the missing range with the ETag of [Reader.Object] as if_match.
//
// Everything else is a call of a stub, such as
//
//	_, err := c.Objects().DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: bucket, Key: key})
//
// # Errors
//
// Every call that fails, also that of a stub, returns an [*Error], possibly wrapped:
//
//	if e, ok := errors.AsType[*client.Error](err); ok && e.Reason == "NO_SUCH_KEY" {
//		…
//	}
//
// Decide by Code and Reason; docs/errors.md lists both. RequestID and GatewayRequestID
// belong into the log of the caller.
//
// # Retries
//
// A Client retries what is safe to retry, within the deadline of the context: gRPC
// retries idempotent calls as [ServiceConfig] says, the gateway retries requests to COS,
// and a Reader resumes. Nothing retries a Writer, and nothing else that is not idempotent.
// After an error with OutcomeUnknown, read the state before the next attempt; after one
// with Retryable, wait for RetryDelay.
//
// # What is promised
//
// The names of this package and of gen/cosgate/v1 follow semantic versioning, and so do
// the codes and reasons of errors. The texts of messages may change, and so may timing:
// how often and when a call is retried, and how content is split into messages.
//
// Nothing of this package is needed to call cosgate: the wire is plain gRPC, and any stub
// in any language fits.
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

// Sizes of a connection. Set both windows or neither: one alone would turn off gRPC's
// estimate of the other.
const (
	streamWindow = 4 << 20
	connWindow   = 16 << 20
	bufferSize   = 128 << 10
)

// How a silent gateway is detected: a ping after pingAfter of silence during a call, and
// the end of the connection when nothing is received for pingTimeout after it. The
// gateway accepts pings every 10 seconds.
const (
	pingAfter   = 30 * time.Second
	pingTimeout = 20 * time.Second
)

// A Client calls one gateway, or the replicas of one. It is safe for concurrent use.
type Client struct {
	conn    connection
	close   func() error
	pool    *frames.Pool
	backoff backoff
}

// Dial makes a client with a connection of its own, which [Client.Close] closes. It does
// not connect: the first call does. target is as in [grpc.NewClient], such as
// "dns:///cosgate:50051".
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

// New makes a client from a connection of the caller, who also closes it. Reader, Writer
// and iterators work with any connection. What Dial sets, including the retries, is up to
// the caller; see [ServiceConfig].
func New(conn grpc.ClientConnInterface) *Client {
	return &Client{
		conn:    connection{conn},
		close:   func() error { return nil },
		pool:    frames.NewPool(),
		backoff: backoff{attempts: resumeAttempts, min: minResumeDelay, max: maxResumeDelay, jitter: rand.Float64, wait: wait},
	}
}

// Close closes the connection of a client made by [Dial], and ends all its calls,
// Readers and Writers. It does nothing to a client made by [New].
func (c *Client) Close() error { return c.close() }

// Buckets returns the stub of BucketService.
func (c *Client) Buckets() cosgatev1.BucketServiceClient {
	return cosgatev1.NewBucketServiceClient(c.conn)
}

// Objects returns the stub of ObjectService. In place of its GetObject, PutObject and
// lists, use NewReader, NewWriter and the iterators, such as ListObjects.
func (c *Client) Objects() cosgatev1.ObjectServiceClient {
	return cosgatev1.NewObjectServiceClient(c.conn)
}

// Multipart returns the stub of MultipartService. Large objects do not need it: the
// gateway splits what a Writer sends.
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

// Credentials returns the stub of CredentialService.
func (c *Client) Credentials() cosgatev1.CredentialServiceClient {
	return cosgatev1.NewCredentialServiceClient(c.conn)
}
