package cosbackend

import (
	"io"
	"net/http"
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

// stubTransport answers without a network.
type stubTransport struct{ header http.Header }

func (s stubTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: s.header, Body: io.NopCloser(strings.NewReader("")), ContentLength: 10, Request: r}, nil
}

func BenchmarkHeadObjectWithoutNetwork(b *testing.B) {
	c, err := New(Config{Region: testRegion, Credentials: StaticCredentials(testCredentials())})
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
