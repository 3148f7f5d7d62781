package service

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// A rawCall is a call as it is on the wire, so that it can be what no client of gRPC sends.
type rawCall struct {
	method  string
	headers map[string]string
	data    []byte // frames of gRPC
	open    bool   // the caller does not end its side of the stream
}

// A rawResponse is what the gateway sent.
type rawResponse struct {
	err     error // the status
	headers map[string]string
}

// frame is a message in gRPC's frame, with a size that may be a lie.
func frame(flag byte, size int, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(size)), message...)
}

func whole(message []byte) []byte { return frame(0, len(message), message) }

func gzipped(t *testing.T, message []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return frame(1, b.Len(), b.Bytes())
}

// call makes a call on a connection of its own.
func (g *gateway) call(t *testing.T, c rawCall) rawResponse {
	t.Helper()
	conn := g.dialRaw(t)
	defer conn.Close()
	f := greet(t, conn)
	go c.send(f)
	f.ReadMetaHeaders = hpack.NewDecoder(64<<10, nil)
	r := rawResponse{headers: make(map[string]string)}
	for {
		got, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("%s: no status came: %v", c.method, err)
		}
		headers, ok := got.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		for _, h := range headers.Fields {
			r.headers[h.Name] = h.Value
		}
		if headers.StreamEnded() {
			r.err = r.status(t)
			return r
		}
	}
}

// send writes a call. The gateway may hang up before it has all of it.
func (c rawCall) send(f *http2.Framer) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", c.method},
		{":authority", "gateway"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		_ = enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	for name, value := range c.headers {
		_ = enc.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	for data := c.data; len(data) > 0; data = data[min(len(data), 16<<10):] {
		_ = f.WriteData(1, false, data[:min(len(data), 16<<10)])
	}
	if !c.open {
		_ = f.WriteData(1, true, nil)
	}
}

func (r rawResponse) status(t *testing.T) error {
	t.Helper()
	code, err := strconv.Atoi(r.headers["grpc-status"])
	if err != nil {
		t.Fatalf("grpc-status: %v", err)
	}
	text, err := url.PathUnescape(r.headers["grpc-message"])
	if err != nil {
		t.Fatalf("grpc-message: %v", err)
	}
	bin := r.headers["grpc-status-details-bin"]
	if bin == "" {
		return status.Error(codes.Code(code), text)
	}
	b, err := base64.RawStdEncoding.DecodeString(bin)
	if err != nil {
		t.Fatal(err)
	}
	st := &spb.Status{}
	if err := proto.Unmarshal(b, st); err != nil {
		t.Fatal(err)
	}
	return status.ErrorProto(st)
}
