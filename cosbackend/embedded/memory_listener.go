package embedded

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryBuffer is how much the in-memory listener holds in each direction before a
// writer waits.
const memoryBuffer = 256 << 10

// A memoryListener is a net.Listener with connections that never leave the process.
// Unlike net.Pipe they buffer, so that neither side waits for the other with each
// write, and unlike grpc's bufconn a withdrawn deadline can no longer expire: net/http
// withdraws one with each request.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	buffer int // bytes held in each direction
}

func newMemoryListener(buffer int) *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{}), buffer: buffer}
}

// Accept waits for the next dial.
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and refuses dials; open connections stay.
func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr names the kind of listener, not an address.
func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

// dial returns the client's end of a new connection.
func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := newMemoryConns(l.buffer)
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// A memoryConn is one end of a connection.
type memoryConn struct {
	in, out *memoryPipe
}

func newMemoryConns(buffer int) (a, b *memoryConn) {
	x, y := newMemoryPipe(buffer), newMemoryPipe(buffer)
	return &memoryConn{in: x, out: y}, &memoryConn{in: y, out: x}
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close lets the other end read what was written, and then io.EOF. Writing ends
// before the reader here learns of it: net/http would respond with 400.
func (c *memoryConn) Close() error {
	c.out.closeWrite()
	c.in.closeRead()
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr { return memoryAddr{} }

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.readers.set(t)
	c.out.writers.set(t)
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.readers.set(t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.writers.set(t)
	return nil
}

// A memoryPipe carries the bytes of one direction.
type memoryPipe struct {
	mu          sync.Mutex
	readers     waiters
	writers     waiters
	limit       int
	buf         []byte // what was written and not yet read is buf[from:]
	from        int
	readClosed  bool
	writeClosed bool
}

func newMemoryPipe(limit int) *memoryPipe {
	p := &memoryPipe{limit: limit}
	p.readers.init(&p.mu)
	p.writers.init(&p.mu)
	return p
}

func (p *memoryPipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readClosed:
			return 0, io.ErrClosedPipe
		case p.readers.late():
			return 0, os.ErrDeadlineExceeded
		case p.from < len(p.buf) || len(b) == 0:
			n := copy(b, p.buf[p.from:])
			if p.from += n; p.from == len(p.buf) {
				p.buf, p.from = p.buf[:0], 0
			}
			p.writers.cond.Broadcast()
			return n, nil
		case p.writeClosed:
			return 0, io.EOF
		}
		p.readers.cond.Wait()
	}
}

func (p *memoryPipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readClosed || p.writeClosed:
			return n, io.ErrClosedPipe
		case p.writers.late():
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		}
		room := p.limit - (len(p.buf) - p.from)
		if room == 0 {
			p.writers.cond.Wait()
			continue
		}
		k := min(room, len(b))
		p.add(b[:k])
		b, n = b[k:], n+k
	}
}

// add appends what fits; the front of buf is reused before it grows.
func (p *memoryPipe) add(b []byte) {
	if p.from > 0 && len(p.buf)+len(b) > cap(p.buf) {
		p.buf, p.from = p.buf[:copy(p.buf, p.buf[p.from:])], 0
	}
	p.buf = append(p.buf, b...)
	p.readers.cond.Broadcast()
}

func (p *memoryPipe) closeRead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readClosed, p.buf, p.from = true, nil, 0
	p.wake()
}

func (p *memoryPipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeClosed = true
	p.wake()
}

func (p *memoryPipe) wake() {
	p.readers.stop()
	p.writers.stop()
	p.readers.cond.Broadcast()
	p.writers.cond.Broadcast()
}

// waiters are the goroutines that wait on one side of a pipe, until a deadline if
// there is one. The deadline itself is the state; the timer only wakes them to check
// it, so a late timer changes nothing.
type waiters struct {
	mu       *sync.Mutex
	cond     sync.Cond
	deadline time.Time
	timer    *time.Timer
}

func (w *waiters) init(mu *sync.Mutex) { w.mu, w.cond.L = mu, mu }

func (w *waiters) set(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
	w.deadline = t
	if !t.IsZero() {
		w.timer = time.AfterFunc(time.Until(t), func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.cond.Broadcast()
		})
	}
	w.cond.Broadcast()
}

func (w *waiters) stop() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

func (w *waiters) late() bool {
	return !w.deadline.IsZero() && !time.Now().Before(w.deadline)
}
