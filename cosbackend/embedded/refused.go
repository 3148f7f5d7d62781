package embedded

import (
	"bytes"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
)

// An idListener gives ids to what net/http answers by itself: the requests that it
// cannot read, with 400, 431 and the like. Every answer of COS has a request id, and
// SDKs take one without for the answer of something else.
type idListener struct {
	net.Listener
	s *Server
}

// Accept waits for a connection.
func (l *idListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &idConn{Conn: c, s: l.s}, nil
}

// An idConn is a connection of an idListener.
type idConn struct {
	net.Conn
	s *Server
	// served is set while a handler answers. Otherwise what is written is an answer
	// of net/http, whole and in one piece.
	served atomic.Bool
}

// Write writes, and puts ids into an answer that has none.
func (c *idConn) Write(p []byte) (int, error) {
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

// serving notes that a handler answers on the connection of a request.
func serving(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*idConn); ok {
		c.served.Store(true)
	}
}
