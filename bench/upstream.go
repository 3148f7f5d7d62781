package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An upstream responds as COS does, from memory. It accepts every signature and stores
// nothing.
type upstream struct {
	content *content
	buffers sync.Pool // of *[]byte, for the content of uploads
	calls   atomic.Int64
}

func newUpstream(ctx context.Context, s settings) (*runningRole, error) {
	u := &upstream{content: newContent()}
	u.buffers.New = func() any {
		b := make([]byte, blockSize)
		return &b
	}
	return serveHTTP(ctx, u, s.SocketBuffer)
}

// serveHTTP serves handler on a free port until the runningRole is closed.
func serveHTTP(ctx context.Context, handler http.Handler, socketBuffer int) (*runningRole, error) {
	lis, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if tcp, ok := conn.(*net.TCPConn); ok && socketBuffer > 0 {
				_ = tcp.SetReadBuffer(socketBuffer) // a bound on memory, not on correctness
				_ = tcp.SetWriteBuffer(socketBuffer)
			}
			return ctx
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // clients that hang up
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(lis) }) // ends with Close
	return &runningRole{addr: lis.Addr().String(), close: func() {
		_ = server.Close()
		served.Wait()
	}}, nil
}

func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

// ServeHTTP implements [http.Handler].
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, size, err := parseKey(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h := w.Header()
	h.Set("Server", "tencent-cos")
	h.Set("x-cos-request-id", "NjRlYjA2YmVf"+strconv.FormatInt(u.calls.Add(1), 16))
	h.Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("x-cos-hash-crc64ecma", strconv.FormatUint(u.content.crc64(size), 10))
		h.Set("Last-Modified", "Thu, 16 May 2019 06:45:51 GMT")
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Accept-Ranges", "bytes")
		h.Set("Content-Length", strconv.FormatInt(size, 10))
		if r.Method == http.MethodGet {
			u.send(w, size)
		}
	case http.MethodPut:
		u.receive(w, r, kind)
	default:
		http.Error(w, "only GET, HEAD and PUT are implemented", http.StatusNotImplemented)
	}
}

func (u *upstream) send(w io.Writer, size int64) {
	for offset := int64(0); offset < size; {
		n, err := w.Write(u.content.at(offset, int(min(blockSize, size-offset))))
		if err != nil {
			return // the client hung up
		}
		offset += int64(n)
	}
}

// receive reads an upload and responds with its checksum. That of an ordinary upload is
// known in advance, so that computing it does not slow any variant.
func (u *upstream) receive(w http.ResponseWriter, r *http.Request, kind string) {
	if kind == stallKey {
		_, _ = r.Body.Read(make([]byte, 1)) // so that the client may begin to send
		<-r.Context().Done()
		return
	}
	sum, err := u.drain(r.Body, r.ContentLength, kind == verifyKey)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("x-cos-hash-crc64ecma", strconv.FormatUint(sum, 10))
}

func (u *upstream) drain(body io.Reader, size int64, verify bool) (uint64, error) {
	buf, _ := u.buffers.Get().(*[]byte)
	defer u.buffers.Put(buf)
	var sum uint64
	var received int64
	for {
		n, err := body.Read(*buf)
		received += int64(n)
		if verify {
			sum = crc64.Update(sum, u.content.ecma, (*buf)[:n])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if received != size {
		return 0, fmt.Errorf("%d bytes were received, but Content-Length is %d", received, size)
	}
	known := u.content.crc64(size)
	if verify && sum != known {
		return 0, errors.New("the content is not what was sent")
	}
	return known, nil
}
