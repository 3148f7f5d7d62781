package embedded_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// drip is a body that gives n bytes at a time, with a pause before each but the first.
type drip struct {
	left, n int
	pause   time.Duration
	begun   bool
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	if d.begun {
		<-time.After(d.pause)
	}
	d.begun = true
	n := min(d.n, d.left, len(p))
	d.left -= n
	return n, nil
}

func TestPutObjectSlowBodyContinuesAndADripDoesNot(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body drip
		want int
	}{
		"slow":     {drip{left: 400 << 10, n: 4 << 10, pause: 9 * time.Second}, 200},
		"dripping": {drip{left: 1 << 20, n: 1, pause: time.Second}, 400},
		"standing": {drip{left: 32 << 10, n: 16 << 10, pause: 5 * time.Minute}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t)
				c.clock = at(time.Now().Unix())
				r := c.request(t, call{method: "PUT", key: "k", body: []byte("x")})
				r.Body, r.ContentLength, r.GetBody = io.NopCloser(&tt.body), int64(tt.body.left), nil
				r.Header.Del("Authorization")
				c.sign(r)
				began := time.Now()
				resp, err := c.http.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				a, err := readResponse(resp)
				if err != nil || a.StatusCode != tt.want {
					t.Errorf("response = %d %s, %v, want %d", a.StatusCode, a.err.Code, err, tt.want)
				}
				if tt.want == 400 && (a.err.Code != "RequestTimeout" || time.Since(began) > 2*time.Minute) {
					t.Errorf("refused with %s after %v", a.err.Code, time.Since(began))
				}
				<-time.After(time.Hour) // lets the client find out that nobody reads on
			})
		})
	}
}

func TestListenerClosesWhenHeadersAreLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		conn, err := c.server.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := bufio.NewReader(conn).ReadByte(); !errors.Is(err, io.EOF) || time.Since(began) > time.Minute {
			t.Errorf("the connection ended with %v after %v", err, time.Since(began))
		}
	})
}

// Damage on disk is never sent: at the start of a body it is a 500, later the
// response ends before the damaged block.
func TestGetObjectDoesNotSendDamagedBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, func(o *embedded.Options) { o.Dir = dir })
	body := strings.Repeat("0123456789abcdef", 20_000)
	c.put(t, "k", body)
	var file string
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			file = path
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("no body file found: %v", err)
	}
	flip := func(at int64) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		if _, err := f.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
	}
	flip(200_000)
	a, err := c.broken(t, call{method: "GET", key: "k"})
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(body, string(a.body)) || len(a.body) == 0 {
		t.Errorf("GET of a damaged body: %v, %d bytes that fit %v", err, len(a.body), strings.HasPrefix(body, string(a.body)))
	}
	flip(10)
	c.do(t, call{method: "GET", key: "k"}).want(t, 500, "InternalError")
	c.do(t, call{method: "HEAD", key: "k"}).want(t, 200, "")
}

// panicking is a body that cannot be read.
type panicking struct{ io.ReadCloser }

func (panicking) Read([]byte) (int, error) { panic("broken body") }

func TestServerPanicIsA500(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "old")
	r := c.request(t, call{method: "PUT", key: "k", body: []byte("new")})
	r.Host, r.Body = testHost, panicking{r.Body}
	r.Header.Set("Content-Length", "3")
	rec := newRecorder()
	c.server.Handler().ServeHTTP(rec, r)
	if rec.Code != 500 || !strings.Contains(rec.Body.String(), "<Code>InternalError</Code>") || strings.Contains(rec.Body.String(), "broken") {
		t.Errorf("response = %d %s", rec.Code, rec.Body)
	}
	es := c.server.Journal().Entries()
	if e := es[len(es)-1]; e.Operation != "PutObject" || e.Status != 500 || e.Code != "InternalError" {
		t.Errorf("journal = %+v", e)
	}
	if got := c.do(t, call{method: "GET", key: "k"}).want(t, 200, ""); string(got.body) != "old" {
		t.Errorf("GET = %q, want old", got.body)
	}
}

// A client that waits for 100 Continue gets the error before it has sent its body.
func TestPutObjectIsRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	c := open(t)
	head := "PUT /k HTTP/1.1\r\nHost: " + testHost + "\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
	c.raw(t, head).want(t, 403, "AccessDenied")
}

func TestListenerLimitsConnections(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	accepted := make(chan struct{}, 3)
	var lc net.ListenConfig
	inner, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := embedded.LimitListener(inner, 2)
	done := make(chan error)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				done <- err
				return
			}
			accepted <- struct{}{}
			go func() { <-release; conn.Close() }()
		}
	}()
	for range 3 {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	<-accepted
	<-accepted
	if len(accepted) != 0 {
		t.Error("a third connection was accepted")
	}
	release <- struct{}{}
	<-accepted // its slot is free again
	close(release)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close = %v", err)
	}
}
