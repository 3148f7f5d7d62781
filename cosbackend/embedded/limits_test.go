package embedded_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
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

func TestASlowUploadGoesOnAndADripDoesNot(t *testing.T) {
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
				a, err := readAnswer(resp)
				if err != nil || a.StatusCode != tt.want {
					t.Errorf("answer = %d %s, %v, want %d", a.StatusCode, a.err.Code, err, tt.want)
				}
				if tt.want == 400 && (a.err.Code != "RequestTimeout" || time.Since(began) > 2*time.Minute) {
					t.Errorf("refused with %s after %v", a.err.Code, time.Since(began))
				}
				<-time.After(time.Hour) // lets the client find out that nobody reads on
			})
		})
	}
}

func TestHeadersMustArriveInTime(t *testing.T) {
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
// answer breaks off before the damaged block.
func TestDamagedBodiesAreNotSent(t *testing.T) {
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

// panicking is an answer whose headers cannot be used.
type panicking struct{ http.ResponseWriter }

func (p panicking) WriteHeader(status int) {
	if status == http.StatusOK {
		panic("broken writer")
	}
	p.ResponseWriter.WriteHeader(status)
}

func TestAPanicIsTheServersFault(t *testing.T) {
	c := open(t)
	c.put(t, "k", "x")
	rec := newRecorder()
	r := c.request(t, call{method: "GET", key: "k"})
	r.Host = testHost
	func() {
		defer func() { _ = recover() }() // the connection of an answer that was begun is closed
		c.server.Handler().ServeHTTP(panicking{rec}, r)
	}()
	es := c.server.Journal().Entries()
	if e := es[len(es)-1]; e.Operation != "GetObject" || e.AnswerDelivered {
		t.Errorf("journal = %+v", e)
	}
	c.do(t, call{method: "GET", key: "k"}).want(t, 200, "") // and the server lives on
}
