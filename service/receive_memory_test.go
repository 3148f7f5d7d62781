package service

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// manyKeys is a request of about 100 KB.
func manyKeys() *cosgatev1.DeleteObjectsRequest {
	r := &cosgatev1.DeleteObjectsRequest{Bucket: testBucket}
	for range 1000 {
		r.Objects = append(r.Objects, &cosgatev1.ObjectIdentifier{Key: strings.Repeat("k", 100)})
	}
	return r
}

// hold begins calls that announce a large request and never send it, until the gateway has
// reserved memory for all of them. release hangs up.
func (g *gateway) hold(t *testing.T, token string, calls, size int) (release func()) {
	t.Helper()
	var conns []net.Conn
	before := g.server.methods.receiver.memory.InUse()
	for range calls {
		conn := g.dialRaw(t)
		conns = append(conns, conn)
		f := greet(t, conn)
		go func() { _, _ = f.ReadFrame() }()
		rawCall{
			method:  cosgatev1.ObjectService_DeleteObjects_FullMethodName,
			headers: map[string]string{"authorization": "Bearer " + token},
			data:    frame(0, size, make([]byte, 10)), open: true,
		}.send(f)
	}
	for g.server.methods.receiver.memory.InUse() < before+int64(calls*2*size) {
		select {
		case <-t.Context().Done():
			t.Fatal("the calls do not hold what they announced")
		case <-time.After(time.Millisecond):
		}
	}
	return func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

func mustLackMemory(t *testing.T, err error, subject string) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	retry, _ := detail[*errdetails.RetryInfo](err)
	if status.Code(err) != codes.ResourceExhausted || info.GetMetadata()["limit"] != "receive_memory" || retry.GetRetryDelay().AsDuration() <= 0 ||
		!strings.Contains(status.Convert(err).Message(), subject) {
		t.Errorf("the call = %v, want RESOURCE_EXHAUSTED for receive_memory of %s, with a delay", err, subject)
	}
}

// A caller that announces large requests and never sends them uses up its own share, and
// nothing of the others'. Small requests need no share, and content neither.
func TestReceiveMemoryIsSharedAmongCallers(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, permitAll, []string{"a", "b"}, func(s *setup) { s.options.ReceiveMemory = 8 << 20 })
	g.server.methods.receiver.memory.wait = 20 * time.Millisecond
	ctxA, ctxB := g.as(t.Context(), "a"), g.as(t.Context(), "b")
	g.hold(t, g.tokens["a"], 10, 100_000) // 2 MB of 2 MiB
	remove := func(ctx context.Context) error {
		_, err := g.objects.DeleteObjects(ctx, manyKeys())
		return err
	}
	mustLackMemory(t, remove(ctxA), "token:a")
	if err := remove(ctxB); err != nil {
		t.Errorf("another caller's call = %v", err)
	}
	if _, err := g.objects.HeadObject(ctxA, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}); status.Code(err) != codes.NotFound {
		t.Errorf("a small call = %v, want NOT_FOUND", err)
	}
	if _, err := g.send(ctxA, chunks(spec(-1), noise(1<<20), 1<<20)...); err != nil {
		t.Errorf("an upload = %v", err)
	}
}

// Without authentication all callers are one, which may have all of the memory. It comes
// back when the calls end, however they end.
func TestReceiveMemoryComesBack(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.options.ReceiveMemory = 1 << 20
	})
	memory := g.server.methods.receiver.memory
	release := g.hold(t, "", 5, 100_000)
	memory.wait = time.Millisecond
	_, err := g.objects.DeleteObjects(t.Context(), manyKeys())
	mustLackMemory(t, err, "the gateway")
	memory.wait = time.Minute
	go release()
	if _, err := g.objects.DeleteObjects(t.Context(), manyKeys()); err != nil {
		t.Errorf("a call that waits until the others hang up = %v", err)
	}
	if _, err := g.objects.SelectObjectContent(t.Context(), &cosgatev1.SelectObjectContentRequest{}); err != nil {
		t.Error(err)
	}
	for memory.InUse() > 0 {
		select {
		case <-t.Context().Done():
			t.Fatalf("%d bytes stay reserved", memory.InUse())
		case <-time.After(time.Millisecond):
		}
	}
}

// A caller that waits for memory and gives up is not waited for.
func TestReceiveMemoryIsWaitedForWithTheContext(t *testing.T) {
	t.Parallel()
	m := newReceiveMemory(1<<20, false)
	ctx, cancel := context.WithCancel(t.Context())
	if err := m.acquire(ctx, &call{}, 1<<20); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := m.acquire(ctx, &call{}, 1); err != context.Canceled { //nolint:errorlint // as it is
		t.Errorf("acquire = %v, want that the caller gave up", err)
	}
}
