package cosbackend

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// transferBuffer is what a body that must be copied is moved by.
	transferBuffer = 64 << 10
	// readBuffer and writeBuffer are for headers: a body is read into larger buffers,
	// and written from them, past these. Each connection has both.
	readBuffer  = 4 << 10
	writeBuffer = 2 << 10
	// maxResponseHeader bounds the headers of a response.
	maxResponseHeader = 256 << 10
	// writeStall is how long COS may take to accept writeBatch bytes of a request, or one
	// buffer when that is larger.
	writeStall = time.Minute
	writeBatch = 512 << 10
	// refusalWait is how long a connection that can no longer be written to is kept
	// for the response that may explain it.
	refusalWait = time.Second
)

// connections counts the connections of a transport.
type connections struct{ opened, failed, open, inUse atomic.Int64 }

func (c *connections) stats() PoolStats {
	return PoolStats{Opened: c.opened.Load(), Failed: c.failed.Load(), Open: c.open.Load(), InUse: c.inUse.Load()}
}

// newTransport returns the one transport of a client. There is no limit on a
// whole request: a transfer takes as long as its context allows.
func newTransport(o TransportOptions, counts *connections) *http.Transport {
	dial := o.DialContext
	if dial == nil {
		dialer := &net.Dialer{Timeout: cmp.Or(o.DialTimeout, 5*time.Second), KeepAlive: 30 * time.Second}
		dial = dialer.DialContext
	} else if o.DialTimeout > 0 {
		dial = dialWithin(dial, o.DialTimeout)
	}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	patient := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			counts.failed.Add(1)
			return nil, err
		}
		counts.opened.Add(1)
		counts.open.Add(1)
		return &patientConn{Conn: conn, closed: make(chan struct{}), counts: counts}, nil
	}
	config := &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}
	handshake := cmp.Or(o.TLSHandshakeTimeout, 10*time.Second)
	t := &http.Transport{
		DialContext:           patient,
		DialTLSContext:        dialTLS(patient, config, handshake),
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   handshake,
		ResponseHeaderTimeout: cmp.Or(o.ResponseHeaderTimeout, 60*time.Second),
		IdleConnTimeout:       cmp.Or(o.IdleConnTimeout, 90*time.Second),
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          0,
		MaxIdleConnsPerHost:   o.MaxIdleConnsPerHost,
		ReadBufferSize:        readBuffer,
		WriteBufferSize:       writeBuffer,
		// COS has 2 KiB of metadata at most; net/http would take 10 MiB.
		MaxResponseHeaderBytes: maxResponseHeader,

		DisableCompression: true, // an object is handed over as it is stored
		Protocols:          &http1,
	}
	if t.MaxIdleConnsPerHost == 0 {
		t.MaxIdleConnsPerHost = 256
	}
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	return t
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
// refusalWait. COS may refuse an upload while it is being sent and close the
// connection; net/http then sees the broken write first and would report that
// instead of the refusal that waits to be read.
//
// It does not wait for a peer that accepts nothing: a write that makes no progress for
// writeStall fails. The time limits of the transport begin when a request was sent, so
// that nothing else would end the sending of one.
type patientConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
	counts *connections
}

func (c *patientConn) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(writeStall)) // an error shows in the write
	n, err := c.Conn.Write(p)
	if err != nil {
		c.awaitClose()
	}
	return n, err
}

func (c *patientConn) awaitClose() {
	timer := time.NewTimer(refusalWait)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
	}
}

func (c *patientConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.counts.open.Add(-1)
	})
	return c.Conn.Close()
}

// ReadFrom sends a request's body.
func (c *patientConn) ReadFrom(r io.Reader) (int64, error) { return sendBody(c, r) }

// writeBuffers sends several buffers with one system call where it can, but not so many
// bytes that a slow connection would look like one that accepts nothing.
func (c *patientConn) writeBuffers(buffers *net.Buffers) (sent int64, err error) {
	for len(*buffers) > 0 && err == nil {
		var batch net.Buffers
		batch, *buffers = split(*buffers, writeBatch)
		_ = c.SetWriteDeadline(time.Now().Add(writeStall)) // an error shows in the write
		var n int64
		n, err = batch.WriteTo(c.Conn)
		sent += n
	}
	if err != nil {
		c.awaitClose()
	}
	return sent, err
}

// split removes from the front as many buffers as have at least size bytes.
func split(buffers net.Buffers, size int) (front, rest net.Buffers) {
	for i, b := range buffers {
		if size -= len(b); size <= 0 {
			return buffers[: i+1 : i+1], buffers[i+1:]
		}
	}
	return buffers, nil
}

// A secureConn is a TLS connection that sends a request's body as patientConn does.
type secureConn struct{ *tls.Conn }

// ReadFrom sends a request's body.
func (c secureConn) ReadFrom(r io.Reader) (int64, error) { return sendBody(c.Conn, r) }

// dialTLS returns a dialer of secureConns. The one of net/http, which a proxy
// still needs, sends bodies through a buffer of 32 KiB.
func dialTLS(dial dialFunc, config *tls.Config, limit time.Duration) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		config := config.Clone()
		config.ServerName = host
		secure := tls.Client(conn, config)
		ctx, cancel := context.WithTimeoutCause(ctx, limit, errHandshakeTimeout)
		defer cancel()
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			if errors.Is(context.Cause(ctx), errHandshakeTimeout) {
				err = errHandshakeTimeout
			}
			return nil, err
		}
		return secureConn{secure}, nil
	}
}

var errHandshakeTimeout = errors.New("TLS handshake timeout")
