package service

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// The fault matrix holds every operation that moves content against every fault of
// COS, through the production chain with its production time limits: time is virtual.
// The operations and what is expected of them are in faultcells_test.go.

const (
	// patience is the caller's deadline: longer than all attempts of any operation with
	// all their time-outs, so that only what has no limit of its own runs into it.
	patience = 10 * time.Minute
	// dripPatience is enough for a few hundred requests that bring one byte each.
	dripPatience = 20 * time.Second
)

// A trouble is one column of the matrix.
type trouble struct {
	name string
	// fault makes the rule; size is that of the response body.
	fault func(size int64) embedded.Fault
	// body says that it strikes the body of the response: one without a body is spared.
	body bool
	// acts says that COS does the work all the same.
	acts bool
	// patience is the caller's deadline when it is not the usual one.
	patience time.Duration
}

func always(f embedded.Fault) func(int64) embedded.Fault {
	return func(int64) embedded.Fault { return f }
}

func troubles() []trouble {
	return []trouble{
		{name: "reset", fault: always(embedded.Fault{Reset: true})},
		{name: "no response", fault: always(embedded.Fault{Delay: 24 * time.Hour})},
		{name: "stall at 0", fault: always(embedded.Fault{StallAfter: -1}), body: true, acts: true},
		{name: "stall in the middle", fault: func(n int64) embedded.Fault { return embedded.Fault{StallAfter: n / 2} }, body: true, acts: true},
		{name: "cut at 0", fault: always(embedded.Fault{Truncate: -1}), body: true, acts: true},
		{name: "cut at 1", fault: always(embedded.Fault{Truncate: 1}), body: true, acts: true, patience: dripPatience},
		{name: "cut in the middle", fault: func(n int64) embedded.Fault { return embedded.Fault{Truncate: n / 2} }, body: true, acts: true},
		{name: "cut at the last byte", fault: func(n int64) embedded.Fault { return embedded.Fault{Truncate: n - 1} }, body: true, acts: true},
		{name: "corrupt byte", fault: always(embedded.Fault{FlipByte: 2}), body: true, acts: true}, // in an XML response what follows the first <
		{name: "500", fault: always(embedded.Fault{Code: "InternalError"})},
		{name: "503", fault: always(embedded.Fault{Code: "SlowDown"})},
		{name: "503 before the content", fault: always(embedded.Fault{Code: "SlowDown", EarlyResponse: true})},
		{name: "error inside 200", fault: always(embedded.Fault{ErrorInSuccess: "InternalError"})},
		{name: "lost response", fault: always(embedded.Fault{LoseResponse: true}), acts: true},
		{name: "no checksum", fault: always(embedded.Fault{DropHeader: []string{"x-cos-hash-crc64ecma"}}), acts: true},
		{name: "wrong checksum", fault: always(embedded.Fault{WrongCRC64: true}), acts: true},
	}
}

// What callers are told, as code and reason.
const (
	fine        = "OK"
	unreachable = "Unavailable BACKEND_UNREACHABLE"
	unknown     = "Unavailable OUTCOME_UNKNOWN"
	failed      = "Internal INTERNAL_ERROR"
	slow        = "ResourceExhausted SLOW_DOWN"
	damaged     = "DataLoss CHECKSUM_MISMATCH"
	unreadable  = "Internal BACKEND_RESPONSE_MALFORMED"
	late        = "DeadlineExceeded" // mostly said by the caller's own side
)

// A cell is what is expected when the trouble strikes once, and when it stays.
type cell struct{ once, stays string }

// A matrixRow is one operation of the gateway and the request of it that is struck.
type matrixRow struct {
	name   string
	struck string // operation of COS
	nth    int    // which of them is struck once; 0 is the first
	// prepare makes what was there before; both may be nil.
	prepare func(t *testing.T, m *matrix)
	// call makes the call and compares a successful response.
	call func(ctx context.Context, m *matrix) error
	// look returns what is there after the call: the whole content of an object. It
	// cleans up what the caller, not the gateway, has to.
	look          func(t *testing.T, m *matrix) []byte
	before, after []byte          // what look may find
	cells         map[string]cell // by the trouble's name
}

// A matrix is one gateway that goes through a row, trouble by trouble.
type matrix struct {
	*gateway
	wire   *wire
	upload string // the id of the upload a row works on
}

func TestFaultMatrix(t *testing.T) {
	for _, row := range matrixRows() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := openMatrix(t)
				size := m.responseSize(t, row)
				if row.struck == "GetObject" {
					size = int64(len(row.after))
				}
				struck := 0
				for _, tr := range troubles() {
					want, ok := row.cells[tr.name]
					if strikes := !tr.body || size > 0; strikes != ok {
						t.Errorf("%s: expected %v, but it strikes: %v", tr.name, ok, strikes)
					}
					if ok {
						m.strike(t, row, tr, size, 1, want.once)
						m.strike(t, row, tr, size, 0, want.stays)
						struck += 2
					}
				}
				t.Logf("%d cells", struck)
			})
		})
	}
}

// openMatrix opens a gateway with the time limits of production. The memory for parts
// is that of one upload: what a call did not give back would be missed by the next.
func openMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{wire: &wire{}}
	t.Cleanup(func() { // the last one: after the gateway and its backend are closed
		if n := m.wire.open(); n != 0 {
			t.Errorf("%d connections to COS were left open", n)
		}
	})
	m.gateway = open(t, smallParts, func(s *setup) {
		s.backend.Retry = cosbackend.RetryOptions{}
		s.backend.Transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return m.wire.dial(m.cos.DialContext(ctx, network, addr))
		}
		s.options.ReadStall = 0
		s.options.UploadMemory = 4 * partSize
		s.cos.MaxCopySize, s.options.CopyPart = partSize/2, partSize/4
	})
	return m
}

// responseSize makes the call undisturbed and returns the size of the struck response.
func (m *matrix) responseSize(t *testing.T, row matrixRow) int64 {
	t.Helper()
	id := m.cos.Faults().Add(embedded.Fault{Operation: row.struck, Header: map[string][]string{"X-Test-Struck": {"1"}}})
	if got := m.attempt(t, row); got != fine {
		t.Fatalf("undisturbed: %s", got)
	}
	if m.cos.Faults().Hits(id) == 0 {
		t.Fatalf("COS saw no %s", row.struck)
	}
	m.cos.Faults().Clear()
	if got := row.look(t, m); !bytes.Equal(got, row.after) {
		t.Fatalf("undisturbed: %d bytes are there, want %d others", len(got), len(row.after))
	}
	return m.wire.struck()
}

// strike fills in one cell.
func (m *matrix) strike(t *testing.T, row matrixRow, tr trouble, size int64, count int, want string) {
	t.Helper()
	name := fmt.Sprintf("%s, %s", tr.name, map[int]string{0: "stays", 1: "once"}[count])
	if row.prepare != nil {
		row.prepare(t, m)
	}
	f := tr.fault(size)
	f.Operation, f.Count = row.struck, count
	if count == 1 {
		f.Nth = row.nth
	}
	m.cos.Journal().Reset()
	id := m.cos.Faults().Add(f)
	got, err := m.try(t, row, cmp.Or(tr.patience, patience))
	if got != want {
		t.Errorf("%s: %s (%v), want %s", name, got, err, want)
	}
	synctest.Wait() // the handler has returned
	if m.cos.Faults().Hits(id) == 0 {
		t.Errorf("%s: nothing was struck", name)
	}
	m.cos.Faults().Clear()
	m.checkAdvice(t, name, got, err)
	m.checkContent(t, row, tr, name, got)
	m.checkRest(t, name)
}

func (m *matrix) attempt(t *testing.T, row matrixRow) string {
	t.Helper()
	if row.prepare != nil {
		row.prepare(t, m)
	}
	got, _ := m.try(t, row, patience)
	return got
}

// try makes the call and returns what its caller is told.
func (m *matrix) try(t *testing.T, row matrixRow, limit time.Duration) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := row.call(ctx, m)
	if err == nil {
		return fine, nil
	}
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) == codes.DeadlineExceeded && info.GetReason() == cosstatus.ReasonDeadline {
		return late, err // the server's word came first
	}
	return strings.TrimSpace(status.Code(err).String() + " " + info.GetReason()), err
}

// checkAdvice checks that a caller is asked to come back exactly when that is safe and
// may help.
func (m *matrix) checkAdvice(t *testing.T, name, got string, err error) {
	t.Helper()
	_, advised := detail[*errdetails.RetryInfo](err)
	if want := slices.Contains([]string{unreachable, failed, slow}, got); advised != want {
		t.Errorf("%s: %s with RetryInfo %v, want %v", name, got, advised, want)
	}
}

// checkContent checks that what is there is whole: the old when the call failed, unless
// COS did the work, and the new when it went well.
func (m *matrix) checkContent(t *testing.T, row matrixRow, tr trouble, name, got string) {
	t.Helper()
	is := row.look(t, m)
	switch {
	case bytes.Equal(is, row.after) && (got == fine || tr.acts):
	case bytes.Equal(is, row.before) && (got != fine || bytes.Equal(row.before, row.after)):
	default:
		t.Errorf("%s: %s left %d bytes (the old: %v, the new: %v)", name, got, len(is), bytes.Equal(is, row.before), bytes.Equal(is, row.after))
	}
}

// checkRest checks that nothing else is left behind.
func (m *matrix) checkRest(t *testing.T, name string) {
	t.Helper()
	if n := m.pool.InUse(); n != 0 {
		t.Errorf("%s: %d bytes of buffers were not given back", name, n)
	}
	if left := m.dropUploads(t); left > 0 {
		t.Errorf("%s: %d uploads were left behind", name, left)
	}
	if strings.Contains(m.logs.String(), "was not aborted") {
		t.Errorf("%s: the log speaks of an upload that was not aborted", name)
	}
	m.logs.reset()
}

func (l *lockedBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

// dropUploads aborts all uploads and returns how many there were.
func (m *matrix) dropUploads(t *testing.T) int {
	t.Helper()
	list, err := m.uploads.ListMultipartUploads(t.Context(), &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list.GetUploads() {
		m.drop(t, u.GetKey(), u.GetUploadId())
	}
	return len(list.GetUploads())
}

// drop aborts an upload that may be gone.
func (m *matrix) drop(t *testing.T, key, id string) {
	t.Helper()
	_, err := m.uploads.AbortMultipartUpload(t.Context(), &cosgatev1.AbortMultipartUploadRequest{Bucket: testBucket, Key: key, UploadId: id})
	if err != nil && status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
}

// A wire counts the connections to COS, and reads from them how long struck responses are.
type wire struct {
	mu     sync.Mutex
	opened int
	closed int
	length int64
}

type wiredConn struct {
	net.Conn
	wire *wire
	once sync.Once
}

func (w *wire) dial(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened++
	return &wiredConn{Conn: conn, wire: w}, nil
}

func (w *wire) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opened - w.closed
}

func (w *wire) struck() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.length
}

func (c *wiredConn) Close() error {
	c.once.Do(func() {
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		c.wire.closed++
	})
	return c.Conn.Close()
}

var contentLength = regexp.MustCompile(`\r\nContent-Length: (\d+)\r\n`)

func (c *wiredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if head, _, _ := bytes.Cut(p[:n], []byte("\r\n\r\n")); bytes.Contains(head, []byte("X-Test-Struck")) {
		if found := contentLength.FindSubmatch(append(head, "\r\n"...)); found != nil {
			c.wire.mu.Lock()
			defer c.wire.mu.Unlock()
			c.wire.length, _ = strconv.ParseInt(string(found[1]), 10, 64)
		}
	}
	return n, err
}
