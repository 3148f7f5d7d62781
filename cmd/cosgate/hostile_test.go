package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/certs/certstest"
)

const (
	// hostilePatience is how long an attacker waits for a gateway that does not react, and
	// the limit for a bystander's call. The actual times are printed: attackers, gateway
	// and bystanders share the machine, so on a busy one they mean little.
	hostilePatience = 30 * time.Second
	// bystanderRounds is how often the bystanders call during an attack, and before the
	// first for comparison.
	bystanderRounds = 150
	// What may be left after an attack: heap for pools and idle connections to COS, and a
	// few short-lived goroutines.
	hostileHeap       = 16 << 20
	hostileGoroutines = 8
)

// A siege is a gateway in a process of its own, and bystanders whose calls must keep
// succeeding while others attack it.
type siege struct {
	*process
	conns  []*grpc.ClientConn
	base   time.Duration // the bystanders' 99th percentile without an attack
	before usage
}

// usage is what the gateway uses at the moment.
type usage struct{ goroutines, heap int }

// startSiege starts a gateway with the default limits. dial makes a connection of a
// bystander.
func startSiege(t *testing.T, more string, dial func(t *testing.T, addr string) *grpc.ClientConn) *siege {
	t.Helper()
	path := writeConfig(t, demoProfile(t)+"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: {level: error}\nlifecycle: {drain_wait: 0s}\n"+more)
	s := &siege{process: spawn(t, os.Args[0], "serve", "--config", path)}
	if !s.ready() {
		t.Fatalf("serve did not start: %s", s.stderr.String())
	}
	for range 2 {
		s.conns = append(s.conns, dial(t, s.value("gRPC")))
	}
	objects := cosgatev1.NewObjectServiceClient(s.conns[0])
	if err := errors.Join(putObject(t.Context(), objects, "small", make([]byte, 1<<10)), putZeros(t.Context(), objects, "large", 4<<20)); err != nil {
		t.Fatal(err)
	}
	s.base = s.bystanders(t, nil)
	s.before = s.usage(t)
	t.Logf("in peace: p99 %v, %d goroutines, heap %d KiB", s.base, s.before.goroutines, s.before.heap>>10)
	return s
}

// bystanders make calls until attacked is closed, and no fewer than bystanderRounds. None
// of the calls may fail. It returns the 99th percentile of their times.
func (s *siege) bystanders(t *testing.T, attacked <-chan struct{}) time.Duration {
	t.Helper()
	var mu sync.Mutex
	var times []time.Duration
	var callers sync.WaitGroup
	for _, conn := range s.conns {
		callers.Go(func() {
			for round := 0; round < bystanderRounds || open(attacked); round++ {
				begin := time.Now()
				err := peacefulCalls(t.Context(), conn)
				took := time.Since(begin)
				if err != nil {
					t.Errorf("a bystander's call = %v after %v", err, took)
					return
				}
				mu.Lock()
				times = append(times, took)
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)*99/100]
}

// open reports whether c is neither nil nor closed.
func open(c <-chan struct{}) bool {
	if c == nil {
		return false
	}
	select {
	case <-c:
		return false
	default:
		return true
	}
}

func peacefulCalls(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, hostilePatience)
	defer cancel()
	if err := head(ctx, conn); err != nil {
		return err
	}
	got, err := getObject(ctx, cosgatev1.NewObjectServiceClient(conn), "small")
	if err == nil && len(got) != 1<<10 {
		err = fmt.Errorf("%d bytes", len(got))
	}
	return err
}

var (
	// sameStack is the number of goroutines with the same stack, and that stack.
	sameStack = regexp.MustCompile(`(?m)^(\d+) @ .*\n((?:#.*\n)*)`)
	heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)
)

// usage asks the gateway. Idle connections to COS are kept for a while, and do not count.
func (s *siege) usage(t *testing.T) (u usage) {
	t.Helper()
	_, stacks := get(t, s, "/debug/pprof/goroutine?debug=1")
	for _, group := range sameStack.FindAllStringSubmatch(stacks, -1) {
		if n, _ := strconv.Atoi(group[1]); !strings.Contains(group[2], "net/http.(*persistConn)") {
			u.goroutines += n
		}
	}
	_, heap := get(t, s, "/debug/pprof/heap?debug=1&gc=1")
	if m := heapAlloc.FindStringSubmatch(heap); m != nil {
		u.heap, _ = strconv.Atoi(m[1])
	}
	if u.goroutines == 0 || u.heap == 0 {
		t.Fatalf("the gateway tells neither goroutines nor heap: %+v", u)
	}
	return u
}

// withstand runs an attack. The attackers hold their connections until the bystanders are
// done; after they disconnect nothing of them may be left.
func (s *siege) withstand(t *testing.T, run func(*attack)) {
	t.Helper()
	a := &attack{t: t, addr: s.value("gRPC")}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(a)
	}()
	p99 := s.bystanders(t, done)
	<-done
	during := s.usage(t)
	a.end()
	var after usage
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * hostilePatience)
	for {
		after = s.usage(t)
		if after.goroutines <= s.before.goroutines+hostileGoroutines && after.heap <= s.before.heap+hostileHeap {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			_, stacks := get(t, s, "/debug/pprof/goroutine?debug=1")
			t.Fatalf("after the attack: %+v, want about %+v\n%s", after, s.before, stacks)
		}
	}
	t.Logf("p99 %v; goroutines %d during, %d after; heap %d KiB during, %d KiB after",
		p99, during.goroutines, after.goroutines, during.heap>>10, after.heap>>10)
}

// An attack has the connections of the attackers.
type attack struct {
	t    *testing.T
	addr string

	mu      sync.Mutex
	conns   []net.Conn
	readers sync.WaitGroup
}

// dial opens a connection that gives up after some time.
func (a *attack) dial() net.Conn {
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		a.t.Errorf("an attacker cannot connect: %v", err)
		conn, _ = net.Pipe()
	}
	_ = conn.SetDeadline(time.Now().Add(hostilePatience))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns = append(a.conns, conn)
	return conn
}

func (a *attack) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, conn := range a.conns {
		_ = conn.Close()
	}
	a.readers.Wait()
}

// A rawConn sends arbitrary HTTP/2 frames.
type rawConn struct {
	net.Conn
	*http2.Framer
	block  bytes.Buffer
	fields *hpack.Encoder
}

// open begins HTTP/2 on a new connection.
func (a *attack) open(settings ...http2.Setting) *rawConn {
	c := &rawConn{Conn: a.dial()}
	c.Framer = http2.NewFramer(c.Conn, c.Conn)
	c.fields = hpack.NewEncoder(&c.block)
	_, _ = io.WriteString(c.Conn, http2.ClientPreface)
	_ = c.WriteSettings(settings...)
	return c
}

// openReading also reads what the gateway sends. gone reports how the connection ended,
// and the GOAWAY before that.
func (a *attack) openReading() (c *rawConn, gone <-chan error) {
	c = a.open()
	told := make(chan error, 1)
	a.readers.Go(func() {
		var away error
		for {
			f, err := c.ReadFrame()
			if err != nil {
				told <- errors.Join(away, err)
				return
			}
			if g, ok := f.(*http2.GoAwayFrame); ok {
				away = http2.ConnectionError(g.ErrCode)
			}
		}
	})
	return c, told
}

// headers are those of a call, and extra ones.
func (c *rawConn) headers(method string, more ...hpack.HeaderField) []byte {
	c.block.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: "/cosgate.v1.ObjectService/" + method},
		{Name: ":authority", Value: "gateway"},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	}, more...) {
		_ = c.fields.WriteField(f)
	}
	return c.block.Bytes()
}

// begin opens the nth stream of the connection, and returns its number.
func (c *rawConn) begin(n int, method string) (stream uint32, err error) {
	stream = uint32(2*n + 1)
	return stream, c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.headers(method), EndHeaders: true})
}

func TestServeSurvivesHostileCallers(t *testing.T) {
	s := startSiege(t, "", func(t *testing.T, addr string) *grpc.ClientConn { return dial(t, addr) })
	for _, c := range attacks() {
		t.Run(c.name, func(t *testing.T) { s.withstand(t, c.run) })
	}
}

func TestServeSurvivesHostileCallersToTLS(t *testing.T) {
	servers := certstest.NewAuthority(t, "servers")
	f := certstest.NewFolder(t, servers.Issue(t, "gateway", nil), servers)
	s := startSiege(t, fmt.Sprintf("tls: {cert: '%s', key: '%s'}\n", f.Cert, f.Key), func(t *testing.T, addr string) *grpc.ClientConn {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: servers.Pool(), MinVersion: tls.VersionTLS13})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	})
	for _, c := range attacksOnTLS() {
		t.Run(c.name, func(t *testing.T) { s.withstand(t, c.run) })
	}
}
