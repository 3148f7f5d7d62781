package embedded_test

import (
	"crypto/md5"
	"crypto/sha1"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func (c *client) append(t testing.TB, key string, position int, body string, header ...string) response {
	t.Helper()
	return c.do(t, call{method: "POST", key: key, query: "append&position=" + strconv.Itoa(position), body: []byte(body), header: headers(header)})
}

// TestAppendObjectGrowsAnObject holds E038 and E039.
func TestAppendObjectGrowsAnObject(t *testing.T) {
	t.Parallel()
	c := open(t)
	whole := ""
	for i, piece := range []string{"one ", "", "two ", strings.Repeat("three", 20_000)} {
		a := c.append(t, "k", len(whole), piece, "Content-Type", fmt.Sprintf("type/%d", i), "x-cos-meta-n", strconv.Itoa(i)).want(t, 200, "")
		whole += piece
		h := a.Header
		if h.Get("x-cos-next-append-position") != strconv.Itoa(len(whole)) || h.Get("x-cos-hash-crc64ecma") != crcOf(whole) || h.Get("ETag") == "" ||
			h.Get("x-cos-content-sha1") != fmt.Sprintf("%x", md5.Sum([]byte(piece))) || len(a.body) != 0 {
			t.Errorf("append %d = %v %q", i, h, a.body)
		}
	}
	got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	h := got.Header
	if string(got.body) != whole || h.Get("x-cos-hash-crc64ecma") != crcOf(whole) || h.Get("x-cos-object-type") != "appendable" || h.Get("Content-Type") != "type/0" || h.Get("x-cos-meta-n") != "0" {
		t.Errorf("GET = %d bytes %v", len(got.body), h)
	}
	if h := c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "").Header; h.Get("x-cos-object-type") != "appendable" || h.Get("Content-Length") != strconv.Itoa(len(whole)) {
		t.Errorf("HEAD = %v", h)
	}
	c.put(t, "k", "plain")
	if h := c.do(t, call{method: "HEAD", key: "k"}).Header; h.Get("x-cos-object-type") != "" {
		t.Errorf("HEAD after a PUT over it = %v", h)
	}
	c.append(t, "k", 5, "x").want(t, 409, "ObjectNotAppendable")
}

// TestAppendObjectRefusesAnotherPosition holds E032, E037 and E039.
func TestAppendObjectRefusesAnotherPosition(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "plain", "x")
	c.append(t, "k", 0, "12345", "x-cos-storage-class", "STANDARD_IA", "x-cos-acl", "public-read").want(t, 200, "")
	for name, tt := range map[string]struct {
		key, query string
		change     func(*call)
		status     int
		code, next string
	}{
		"before the end":    {key: "k", query: "append&position=0", status: 409, code: "AppendPositionErr", next: "5"},
		"behind the end":    {key: "k", query: "position=6&append", status: 409, code: "AppendPositionErr", next: "5"},
		"an absent key":     {key: "absent", query: "append&position=1", status: 409, code: "AppendPositionErr", next: "0"},
		"a normal object":   {key: "plain", query: "append&position=1", status: 409, code: "ObjectNotAppendable"},
		"no position":       {key: "k", query: "append", status: 400, code: "InvalidArgument"},
		"an empty position": {key: "k", query: "append&position=", status: 400, code: "InvalidArgument"},
		"a word":            {key: "k", query: "append&position=end", status: 400, code: "InvalidArgument"},
		"below zero":        {key: "k", query: "append&position=-1", status: 400, code: "InvalidArgument"},
		"a sign":            {key: "k", query: "append&position=%2B5", status: 400, code: "InvalidArgument"},
		"beyond 5 GB":       {key: "k", query: "append&position=5368709120", status: 400, code: "EntityTooLarge"},
		"chunked":           {key: "k", query: "append&position=5", change: func(in *call) { in.chunked = true }, status: 411, code: "MissingContentLength"},
		"a tiered class":    {key: "new", query: "append&position=0", change: func(in *call) { in.header["x-cos-storage-class"] = "INTELLIGENT_TIERING" }, status: 400, code: "NotSupportedStorageClass"},
		"forbid-overwrite":  {key: "k", query: "append&position=5", change: func(in *call) { in.header["x-cos-forbid-overwrite"] = "true" }, status: 501, code: "NotImplemented"},
		"another MD5":       {key: "k", query: "append&position=5", change: func(in *call) { in.header["Content-MD5"] = contentMD5(nil) }, status: 400, code: "BadDigest"},
		"another SHA-1":     {key: "k", query: "append&position=5", change: func(in *call) { in.header["x-cos-content-sha1"] = strings.Repeat("0", 40) }, status: 400, code: "InvalidSHA1Digest"},
		"unsigned":          {key: "k", query: "append&position=5", change: func(in *call) { in.unsigned = true }, status: 403, code: "AccessDenied"},
		"on a bucket":       {query: "append&position=0", status: 501, code: "NotImplemented"},
		"by PUT":            {key: "k", query: "append&position=5", change: func(in *call) { in.method = "PUT" }, status: 405, code: "MethodNotAllowed"},
	} {
		t.Run(name, func(t *testing.T) {
			in := call{method: "POST", key: tt.key, query: tt.query, body: []byte("x"), header: map[string]string{}}
			if tt.change != nil {
				tt.change(&in)
			}
			if a := c.do(t, in).want(t, tt.status, tt.code); a.Header.Get("x-cos-next-append-position") != tt.next {
				t.Errorf("x-cos-next-append-position = %q, want %q", a.Header.Get("x-cos-next-append-position"), tt.next)
			}
		})
	}
	c.append(t, "k", 5, "6", "x-cos-content-sha1", fmt.Sprintf("%x", sha1.Sum([]byte("6"))), "Content-MD5", contentMD5([]byte("6"))).want(t, 200, "")
	got := c.do(t, call{method: "GET", key: "k", unsigned: true}).want(t, 200, "")
	if string(got.body) != "123456" || got.Header.Get("x-cos-storage-class") != "STANDARD_IA" {
		t.Errorf("GET = %q %v", got.body, got.Header)
	}
}

func TestAppendObjectAtOnePositionSucceedsOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.append(t, "k", 0, "start").want(t, 200, "")
	var wg sync.WaitGroup
	codes := make(chan string, 8)
	for i := range 8 {
		wg.Go(func() { codes <- c.append(t, "k", 5, strconv.Itoa(i)).err.Code })
	}
	wg.Wait()
	close(codes)
	won := 0
	for code := range codes {
		switch code {
		case "":
			won++
		case "AppendPositionErr":
		default:
			t.Errorf("an append failed with %s", code)
		}
	}
	if got := c.do(t, call{method: "GET", key: "k"}); won != 1 || len(got.body) != 6 {
		t.Errorf("%d appends won and left %q", won, got.body)
	}
}

// A copy is a new object, made by another operation than append.
// It holds E046.
func TestCopyObjectOfAnAppendableObjectIsNormal(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.append(t, "k", 0, "a").want(t, 200, "")
	c.append(t, "k", 1, "b").want(t, 200, "")
	c.copy(t, "copy", testHost+"/k").want(t, 200, "")
	c.append(t, "k", 2, "c").want(t, 200, "")
	got := c.do(t, call{method: "GET", key: "copy"}).want(t, 200, "")
	if string(got.body) != "ab" || got.Header.Get("x-cos-object-type") != "" {
		t.Errorf("GET of the copy = %q %v", got.body, got.Header)
	}
	c.append(t, "copy", 2, "c").want(t, 409, "ObjectNotAppendable")
}
