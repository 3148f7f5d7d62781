package embedded_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// conversation writes and reads on one in-memory connection.
type conversation struct {
	io.Writer
	*bufio.Reader
}

func (c *client) talk(t testing.TB) conversation {
	t.Helper()
	conn, err := c.server.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conversation{conn, bufio.NewReader(conn)}
}

func (v conversation) say(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(v.Writer, text); err != nil {
		t.Fatal(err)
	}
}

func (v conversation) hear(t testing.TB) response {
	t.Helper()
	resp, err := http.ReadResponse(v.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusContinue {
		return response{Response: resp}
	}
	a, err := readResponse(resp)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPutObjectSendsContinue(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.initiate(t, "k")
	for name, in := range map[string]call{
		"PutObject":    {method: "PUT", key: "k"},
		"UploadPart":   {method: "PUT", key: "k", query: partQuery(1, id)},
		"AppendObject": {method: "POST", key: "log", query: "append&position=0"},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.talk(t)
			r := c.request(t, in)
			v.say(t, in.method+" "+r.URL.RequestURI()+" HTTP/1.1\r\nHost: "+testHost+"\r\n"+c.authorizationFor(t, in)+"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
			if a := v.hear(t); a.StatusCode != 100 {
				t.Fatalf("before the body: %d, want 100", a.StatusCode)
			}
			v.say(t, "body")
			if a := v.hear(t).want(t, 200, ""); a.Header.Get("x-cos-hash-crc64ecma") != crcOf("body") {
				t.Errorf("after the body: %v", a.Header)
			}
		})
	}
}

func TestUploadPartAndAppendObjectAreRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.initiate(t, "k")
	c.append(t, "log", 0, "x").want(t, 200, "")
	for name, tt := range map[string]struct {
		in     call
		status int
		code   string
	}{
		"no such upload": {call{method: "PUT", key: "k", query: partQuery(1, "absent")}, 404, "NoSuchUpload"},
		"bad number":     {call{method: "PUT", key: "k", query: partQuery(0, id)}, 400, "InvalidArgument"},
		"bad limit":      {call{method: "PUT", key: "k", query: partQuery(1, id) + "&x-cos-traffic-limit=1"}, 400, "InvalidArgument"},
		"bad position":   {call{method: "POST", key: "log", query: "append&position=0"}, 409, "AppendPositionErr"},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.talk(t)
			r := c.request(t, tt.in)
			v.say(t, tt.in.method+" "+r.URL.RequestURI()+" HTTP/1.1\r\nHost: "+testHost+"\r\n"+c.authorizationFor(t, tt.in)+"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
			v.hear(t).want(t, tt.status, tt.code)
		})
	}
}

func TestPutObjectReadsChunkedBodiesToTheirEnd(t *testing.T) {
	t.Parallel()
	c := open(t)
	head := "PUT /k HTTP/1.1\r\nHost: " + testHost + "\r\n" + c.authorizationFor(t, call{method: "PUT", key: "k"}) + "Transfer-Encoding: chunked\r\n\r\n"
	for name, tt := range map[string]struct {
		chunks string
		status int
		code   string
	}{
		"two chunks":          {"3\r\none\r\nA;name=value\r\n0123456789\r\n0\r\n\r\n", 200, ""},
		"trailers":            {"3\r\none\r\n0\r\nx-cos-meta-a: 1\r\n\r\n", 200, ""},
		"nothing":             {"0\r\n\r\n", 200, ""},
		"no size":             {"x\r\none\r\n0\r\n\r\n", 400, "IncompleteBody"},
		"another size":        {"2\r\none\r\n0\r\n\r\n", 400, "IncompleteBody"},
		"many of single bits": {strings.Repeat("1\r\nx\r\n", 1000) + "0\r\n\r\n", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.talk(t)
			v.say(t, head+tt.chunks)
			v.hear(t).want(t, tt.status, tt.code)
		})
	}
	v := c.talk(t)
	v.say(t, head)
	want := ""
	for i := range 60 { // pieces of many sizes
		piece := strings.Repeat("x", i*4999%70_000) + fmt.Sprint(i)
		v.say(t, fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
		want += piece
	}
	v.say(t, "0\r\n\r\n")
	v.hear(t).want(t, 200, "")
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != want || got.Header.Get("x-cos-hash-crc64ecma") != crcOf(want) {
		t.Errorf("GET = %d bytes, want %d", len(got.body), len(want))
	}
	c.cut(t, head+"5\r\non").want(t, 400, "IncompleteBody")
	if got := c.do(t, call{method: "GET", key: "k"}); string(got.body) != want {
		t.Error("a body that was cut replaced the object")
	}
}
