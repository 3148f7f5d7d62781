package embedded

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxConnections is how many connections one TCP listener serves at a time;
	// further ones wait to be accepted.
	maxConnections = 4096
	// closeGrace is how long Close waits for requests under way.
	closeGrace = 5 * time.Second

	headerTimeout  = 15 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// newHTTPServer is the one HTTP server behind all listeners. It sets no limit for
// a request as a whole: bodies have a progress deadline instead (see bodyTimeout).
func (s *Server) newHTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
		ConnState:         s.connState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		// OPTIONS * is handled like any other request: with a request id.
		DisableGeneralOptionsHandler: true,
	}
}

// connState follows a connection from request to request.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.newConns.track(c, state)
	if idle, ok := c.(*requestIDConn); ok && state == http.StateIdle {
		idle.served.Store(false) // the response is written
	}
}

// serve serves l in the background until Close.
func (s *Server) serve(l net.Listener) {
	s.serving.Go(func() {
		if err := s.http.Serve(&requestIDListener{l, s}); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.opts.Logger.Error("embedded: listener failed", "addr", l.Addr().String(), "error", err)
		}
	})
}

// newConns are the connections on which no request has begun. Shutdown would
// wait seconds for a first request on them; clients open such connections ahead.
type newConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

func (f *newConns) track(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state != http.StateNew {
		delete(f.conns, c)
		return
	}
	if f.closed {
		_ = c.Close()
		return
	}
	if f.conns == nil {
		f.conns = make(map[net.Conn]struct{})
	}
	f.conns[c] = struct{}{}
}

// close closes them all, and those still to come.
func (f *newConns) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.conns {
		_ = c.Close()
	}
}

// limitListener accepts a connection only while fewer than its limit are open.
type limitListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimitListener(l net.Listener, limit int) *limitListener {
	return &limitListener{Listener: l, slots: make(chan struct{}, limit), closed: make(chan struct{})}
}

// Accept waits for a free slot, then for a connection.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept; open connections stay.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close closes the connection and frees its slot.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// abortive makes the coming Close of a TCP connection send RST.
func abortive(c net.Conn) {
	if i, ok := c.(*requestIDConn); ok {
		c = i.Conn
	}
	if l, ok := c.(*limitedConn); ok {
		c = l.Conn
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // an error means that it is closed already
	}
}

// A requestIDListener adds request ids to the responses that net/http sends by
// itself, 400, 431 and the like, to requests that it cannot read. Every COS response
// has a request id, and SDKs take one without for the response of something else.
type requestIDListener struct {
	net.Listener
	s *Server
}

// Accept waits for a connection.
func (l *requestIDListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &requestIDConn{Conn: c, s: l.s}, nil
}

// A requestIDConn is a connection of an requestIDListener.
type requestIDConn struct {
	net.Conn
	s *Server
	// served is set while a handler responds. Otherwise what is written is a response
	// of net/http, complete and in one piece.
	served atomic.Bool
	// tunnel is set while the request is a CONNECT.
	tunnel atomic.Bool
	begun  bool // the first byte was read
}

// plainHTTPOnly tells clients that speak TLS what to do. It is also the reason phrase of the
// response to CONNECT, which is all that most clients show of it.
const plainHTTPOnly = "This port speaks plain HTTP: use http:// URLs."

// tlsHandshake is the first byte of a client that speaks TLS. No HTTP request begins with it.
const tlsHandshake = 0x16

// Read reads. A client that begins with TLS gets a sentence at once: net/http would wait for
// the end of a request line, and the client for a response.
func (c *requestIDConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.begun {
		c.begun = true
		if p[0] == tlsHandshake {
			c.s.opts.Logger.Warn("embedded: a client speaks TLS where plain HTTP is served; it must use http:// URLs",
				"addr", c.LocalAddr().String())
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
				strconv.Itoa(len(plainHTTPOnly)) + "\r\nConnection: close\r\n\r\n" + plainHTTPOnly))
			return 0, io.EOF
		}
	}
	return n, err
}

// Write writes, and adds ids to a response that has none. The reason phrase of the response to
// CONNECT says what is wrong.
func (c *requestIDConn) Write(p []byte) (int, error) {
	if c.tunnel.Load() {
		if rest, ok := bytes.CutPrefix(p, []byte("HTTP/1.1 501 Not Implemented\r\n")); ok {
			line := "HTTP/1.1 501 " + strings.TrimSuffix(plainHTTPOnly, ".") + "\r\n"
			if _, err := c.Conn.Write(append([]byte(line), rest...)); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	line := bytes.Index(p, []byte("\r\n"))
	if c.served.Load() || line < 0 || !bytes.HasPrefix(p, []byte("HTTP/1.1 ")) {
		return c.Conn.Write(p)
	}
	ids := "\r\n" + headerRequestID + ": " + c.s.newRequestID(c.s.opts.Clock()) + "\r\n" + headerTraceID + ": " + newTraceID()
	if _, err := c.Conn.Write(slices.Insert(slices.Clone(p), line, []byte(ids)...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// serving notes that a handler responds on the connection of a request.
func serving(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*requestIDConn); ok {
		c.served.Store(true)
		c.tunnel.Store(r.Method == http.MethodConnect)
	}
}
