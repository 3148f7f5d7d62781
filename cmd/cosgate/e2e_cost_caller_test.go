//go:build e2e

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

// A frameCaller makes calls over one connection, frame by frame, and says what it likes in
// them. It keeps to flow control: who does not is only disconnected.
type frameCaller struct {
	conn net.Conn
	*http2.Framer

	sending sync.Mutex // of frames, and what follows
	block   bytes.Buffer
	fields  *hpack.Encoder
	next    uint32

	mu      sync.Mutex
	room    *sync.Cond // window, initial, or a call changed
	window  int64
	initial int64
	calls   map[uint32]*frameCall
	ended   error
	reader  sync.WaitGroup
}

// A frameCall is one call of a frameCaller. Its result is there once done is closed.
type frameCall struct {
	stream   uint32
	window   int64 // of the stream alone
	status   string
	trailers int // how many bytes HTTP/2 counts for the last header list
	done     chan struct{}
}

// dialFrames connects; config nil is plain text.
func dialFrames(t *testing.T, addr string, config *tls.Config) *frameCaller {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * costPatience))
	c := &frameCaller{conn: conn, Framer: http2.NewFramer(conn, conn), next: 1, window: 65535, initial: 65535, calls: make(map[uint32]*frameCall)}
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.fields = hpack.NewEncoder(&c.block)
	c.room = sync.NewCond(&c.mu)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	c.reader.Go(c.read)
	return c
}

// close disconnects.
func (c *frameCaller) close() {
	_ = c.conn.Close()
	c.reader.Wait()
}

func (c *frameCaller) read() {
	for {
		f, err := c.ReadFrame()
		if _, odd := errors.AsType[http2.StreamError](err); odd {
			continue
		}
		if err != nil {
			c.end(err)
			return
		}
		c.take(f)
	}
}

func (c *frameCaller) take(f http2.Frame) {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			c.settings(f)
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			c.send(func() error { return c.WritePing(true, f.Data) })
		}
	case *http2.WindowUpdateFrame:
		c.widen(f.StreamID, int64(f.Increment))
	case *http2.DataFrame:
		if n := f.Header().Length; n > 0 {
			c.send(func() error {
				return errors.Join(c.WriteWindowUpdate(0, n), c.WriteWindowUpdate(f.StreamID, n))
			})
		}
	case *http2.MetaHeadersFrame:
		if f.StreamEnded() {
			c.finish(f.StreamID, statusOf(f), f)
		}
	case *http2.RSTStreamFrame:
		c.finish(f.StreamID, "RST_STREAM "+f.ErrCode.String(), nil)
	}
}

func (c *frameCaller) settings(f *http2.SettingsFrame) {
	if size, ok := f.Value(http2.SettingInitialWindowSize); ok {
		c.mu.Lock()
		for _, call := range c.calls {
			call.window += int64(size) - c.initial
		}
		c.initial = int64(size)
		c.room.Broadcast()
		c.mu.Unlock()
	}
	c.send(c.WriteSettingsAck)
}

// send writes frames that belong together.
func (c *frameCaller) send(write func() error) {
	c.sending.Lock()
	defer c.sending.Unlock()
	_ = write() // the reader sees the end
}

func (c *frameCaller) widen(stream uint32, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stream == 0 {
		c.window += n
	} else if call := c.calls[stream]; call != nil {
		call.window += n
	}
	c.room.Broadcast()
}

func (c *frameCaller) finish(stream uint32, status string, headers *http2.MetaHeadersFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.calls[stream]
	if call == nil {
		return
	}
	delete(c.calls, stream)
	call.status = status
	if headers != nil {
		for _, f := range headers.Fields {
			call.trailers += int(f.Size())
		}
	}
	close(call.done)
	c.room.Broadcast()
}

// end is the end of the connection.
func (c *frameCaller) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = err
	for stream, call := range c.calls {
		delete(c.calls, stream)
		call.status = "disconnected"
		close(call.done)
	}
	c.room.Broadcast()
}

// statusOf is the code of gRPC, or what there is instead.
func statusOf(f *http2.MetaHeadersFrame) string {
	for _, field := range f.Fields {
		if n, err := strconv.ParseUint(field.Value, 10, 32); field.Name == "grpc-status" && err == nil {
			return codes.Code(n).String()
		}
	}
	return "HTTP " + f.PseudoValue("status")
}

// begin opens a stream.
func (c *frameCaller) begin(path string, more []hpack.HeaderField) *frameCall {
	call := &frameCall{done: make(chan struct{})}
	c.sending.Lock()
	defer c.sending.Unlock()
	c.mu.Lock()
	call.stream, call.window = c.next, c.initial
	c.next += 2
	if c.ended != nil {
		call.status = "disconnected"
		close(call.done)
		c.mu.Unlock()
		return call
	}
	c.calls[call.stream] = call
	c.mu.Unlock()
	c.block.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: "gateway"},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	}, more...) {
		_ = c.fields.WriteField(f)
	}
	const frame = 16 << 10
	rest := c.block.Bytes()
	n := min(len(rest), frame)
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: call.stream, BlockFragment: rest[:n], EndHeaders: n == len(rest)})
	for rest = rest[n:]; len(rest) > 0; rest = rest[n:] {
		n = min(len(rest), frame)
		_ = c.WriteContinuation(call.stream, n == len(rest), rest[:n])
	}
	return call
}

// reserve waits until some of n bytes can be sent. It returns 0 when the call is over.
func (c *frameCaller) reserve(call *frameCall, n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.calls[call.stream] == call {
		if k := min(int64(n), call.window, c.window, 16<<10); k > 0 {
			call.window -= k
			c.window -= k
			return int(k)
		}
		c.room.Wait()
	}
	return 0
}

// call makes an attack's call. What is left of its body when the gateway ends the call, or
// when ctx ends, is not sent.
func (c *frameCaller) call(ctx context.Context, a costAttack, more []hpack.HeaderField) *frameCall {
	call := c.begin("/"+a.method, more)
	defer context.AfterFunc(ctx, func() { c.leave(call) })()
	for body := a.body; len(body) > 0; {
		n := c.reserve(call, len(body))
		if n == 0 {
			return call
		}
		last := n == len(body) && !a.open
		c.send(func() error { return c.WriteData(call.stream, last, body[:n]) })
		body = body[n:]
	}
	var hold <-chan time.Time
	if a.hold > 0 {
		hold = time.After(a.hold)
	}
	select {
	case <-call.done:
	case <-ctx.Done():
	case <-hold:
		c.leave(call)
	}
	return call
}

// leave gives a call up that is not over.
func (c *frameCaller) leave(call *frameCall) {
	c.mu.Lock()
	_, there := c.calls[call.stream]
	c.mu.Unlock()
	if there {
		c.send(func() error { return c.WriteRSTStream(call.stream, http2.ErrCodeCancel) })
		c.finish(call.stream, "held", nil)
	}
}

// framed is a message as gRPC sends it.
func framed(compressed bool, message []byte) []byte {
	return append(announced(compressed, len(message)), message...)
}

// announced is what stands before a message of n bytes.
func announced(compressed bool, n int) []byte {
	prefix := []byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	if compressed {
		prefix[0] = 1
	}
	return prefix
}

// callers are connections that take turns.
type frameCallers []*frameCaller

func dialManyFrames(t *testing.T, n int, addr string, config *tls.Config) frameCallers {
	t.Helper()
	callers := make(frameCallers, n)
	for i := range callers {
		callers[i] = dialFrames(t, addr, config)
	}
	return callers
}

func (f frameCallers) close() {
	for _, c := range f {
		c.close()
	}
}

// tally counts the results of calls.
type tally struct {
	mu       sync.Mutex
	statuses map[string]int
	trailers int // the largest
}

func (n *tally) add(call *frameCall) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.statuses == nil {
		n.statuses = make(map[string]int)
	}
	n.statuses[call.status]++
	n.trailers = max(n.trailers, call.trailers)
}

// String names the most frequent status, and how many others there were.
func (n *tally) String() string {
	best, total := "", 0
	for status, k := range n.statuses {
		total += k
		if k > n.statuses[best] || k == n.statuses[best] && status < best {
			best = status
		}
	}
	if others := total - n.statuses[best]; others > 0 {
		return fmt.Sprintf("%s, %d of %d others", best, others, total)
	}
	return best
}
