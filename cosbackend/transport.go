package cosbackend

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	transferBuffer = 64 << 10
	// lateAnswer is how long a connection that can no longer be written to is kept
	// for the answer that may be the reason.
	lateAnswer = time.Second
)

// newTransport returns the one transport of a client. There is no limit on a
// whole request: a transfer takes as long as its context allows.
func newTransport(o TransportOptions) *http.Transport {
	dial := o.DialContext
	if dial == nil {
		dialer := &net.Dialer{Timeout: durationOr(o.DialTimeout, 5*time.Second), KeepAlive: 30 * time.Second}
		dial = dialer.DialContext
	} else if o.DialTimeout > 0 {
		dial = dialWithin(dial, o.DialTimeout)
	}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &patientConn{Conn: conn, closed: make(chan struct{})}, nil
		},
		TLSClientConfig:       &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   durationOr(o.TLSHandshakeTimeout, 10*time.Second),
		ResponseHeaderTimeout: durationOr(o.ResponseHeaderTimeout, 60*time.Second),
		IdleConnTimeout:       durationOr(o.IdleConnTimeout, 90*time.Second),
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          0,
		MaxIdleConnsPerHost:   o.MaxIdleConnsPerHost,
		ReadBufferSize:        transferBuffer,
		WriteBufferSize:       transferBuffer,
		DisableCompression:    true, // an object is handed over as it is stored
		Protocols:             &http1,
	}
	if t.MaxIdleConnsPerHost == 0 {
		t.MaxIdleConnsPerHost = 256
	}
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	return t
}

func durationOr(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func dialWithin(dial dialFunc, limit time.Duration) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return dial(ctx, network, addr)
	}
}

// A patientConn delays a write error until the connection is closed, for at most
// lateAnswer. COS may refuse an upload while it is being sent and close the
// connection; net/http then sees the broken write first and would report that
// instead of the refusal that waits to be read.
type patientConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *patientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.awaitClose()
	}
	return n, err
}

func (c *patientConn) awaitClose() {
	timer := time.NewTimer(lateAnswer)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
	}
}

func (c *patientConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// copyBuffers is a pool of the blocks that uploads without TLS are sent in.
var copyBuffers = sync.Pool{New: func() any { return new([4 * transferBuffer]byte) }} //nolint:gochecknoglobals // a pool holds no state

// ReadFrom sends r in larger blocks than net/http would, which saves system calls.
func (c *patientConn) ReadFrom(r io.Reader) (int64, error) {
	block, _ := copyBuffers.Get().(*[4 * transferBuffer]byte)
	defer copyBuffers.Put(block)
	var total int64
	for {
		n, readErr := r.Read(block[:])
		if n > 0 {
			written, err := c.Write(block[:n])
			total += int64(written)
			if err != nil {
				return total, err
			}
		}
		if readErr == io.EOF {
			return total, nil
		}
		if readErr != nil {
			return total, readErr
		}
	}
}
