package cosbackend

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func BenchmarkSign(b *testing.B) {
	key := newSigningKey(testCredentials(), window(time.Unix(1_700_000_000, 0)))
	params := []pair{{"versionId", "v1"}}
	headers := []pair{{"host", "photos-1250000000.cos.ap-guangzhou.myqcloud.com"}, {"if-match", `"etag"`}, {"range", "bytes=0-1023"}}
	b.ReportAllocs()
	for b.Loop() {
		_ = key.authorization(http.MethodGet, "/photos/2024/a.jpg", params, headers)
	}
}

// stubTransport responds without a network.
type stubTransport struct{ header http.Header }

func (s stubTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: s.header, Body: io.NopCloser(strings.NewReader("")), ContentLength: 10, Request: r}, nil
}

// BenchmarkHeadObjectWithoutNetwork shows what the client itself costs, alone and
// with an Observer.
func BenchmarkHeadObjectWithoutNetwork(b *testing.B) {
	b.Run("unobserved", func(b *testing.B) { benchmarkHead(b, nil) })
	b.Run("observed", func(b *testing.B) { benchmarkHead(b, silentObserver{}) })
}

func benchmarkHead(b *testing.B, observer Observer) {
	c, err := New(Config{Region: testRegion, Credentials: StaticCredentials(testCredentials()), Observer: observer})
	if err != nil {
		b.Fatal(err)
	}
	c.transport = stubTransport{http.Header{
		"X-Cos-Request-Id": {"req-1"}, "Etag": {`"e"`}, "X-Cos-Hash-Crc64ecma": {"7"},
		"Last-Modified": {"Thu, 16 May 2019 06:45:51 GMT"}, "Content-Type": {"text/plain"},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.HeadObject(b.Context(), at(testBucket), "photos/2024/a.jpg", ReadOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutObject sends 64 MiB held in views of 16 KiB, as they are received, to
// a server on the same machine: read through the 256 KiB blocks of the connection,
// written view by view, and four at a time.
func BenchmarkPutObject(b *testing.B) {
	pieces := make([][]byte, 4096)
	for i := range pieces {
		pieces[i] = make([]byte, 16<<10)
	}
	const size = 64 << 20
	for name, reader := range map[string]func() io.Reader{
		"read":     func() io.Reader { return &viewsReader{pieces: pieces} },
		"written":  func() io.Reader { return &views{pieces: pieces} },
		"gathered": func() io.Reader { return &views{pieces: pieces, gather: 4} },
	} {
		for _, scheme := range []string{"http", "https"} {
			b.Run(scheme+"/"+name, func(b *testing.B) {
				c := sink(b, scheme)
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.PutObject(b.Context(), at(testBucket), "k", Body{Size: size, Reader: reader()}, PutOptions{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// viewsReader is views with a Read method only.
type viewsReader struct {
	pieces [][]byte
	r      bytes.Reader
}

func (v *viewsReader) Read(p []byte) (int, error) {
	for v.r.Len() == 0 {
		if len(v.pieces) == 0 {
			return 0, io.EOF
		}
		v.r.Reset(v.pieces[0])
		v.pieces = v.pieces[1:]
	}
	return v.r.Read(p)
}

// sink returns a client of a server that reads bodies and discards them.
func sink(b *testing.B, scheme string) *Client {
	b.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cosHeader(w)
	}))
	o := TransportOptions{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
	}}
	if scheme == "https" {
		server.StartTLS()
		o.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	} else {
		server.Start()
	}
	b.Cleanup(server.Close)
	c, err := New(Config{Endpoint: scheme + "://{bucket}.example.com", Credentials: StaticCredentials(testCredentials()), Transport: o})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}
