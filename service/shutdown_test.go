package service

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// cutSoon leaves calls in flight hardly any time.
func cutSoon(s *setup) { s.grace = 20 * time.Millisecond }

// eventually waits until something is so, without an end of its own: the test's is.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("that did not come about")
		}
	}
}

func (g *gateway) awaitEnd(t *testing.T) {
	t.Helper()
	err := <-g.stopped
	if err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	g.stopped <- nil // for the cleanup
}

// mustSayStopping checks the status of a call that was cut.
func mustSayStopping(t *testing.T, what string, err error) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.Unavailable || info.GetReason() != "SERVER_STOPPING" || info.GetDomain() != "cosgate" {
		t.Errorf("%s = %v (%v), want UNAVAILABLE, SERVER_STOPPING", what, err, info)
	}
	if _, ok := detail[*errdetails.RetryInfo](err); !ok {
		t.Errorf("%s = %v has no RetryInfo", what, err)
	}
	if _, ok := detail[*cosgatev1.CosError](err); ok {
		t.Errorf("%s = %v has a CosError, but COS is not to blame", what, err)
	}
}

// A read that its caller does not take is cut, and says exactly how much was sent.
func TestShutdownOfGetObjectSaysWhereToContinue(t *testing.T) {
	t.Parallel()
	g := open(t, cutSoon)
	data := g.store(t, 16<<20)
	stream, err := g.objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{
		Bucket: testBucket, Key: "k", Range: &cosgatev1.ByteRange{Offset: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	got := first.GetChunk().GetData()
	g.stop()
	<-g.server.shutdown.calls.Done()
	for err == nil {
		var m *cosgatev1.GetObjectResponse
		if m, err = stream.Recv(); err == nil {
			got = append(got, m.GetChunk().GetData()...)
		}
	}
	mustSayStopping(t, "GetObject", err)
	resume, ok := detail[*cosgatev1.ReadResume](err)
	if !ok || resume.GetNextOffset() != int64(1000+len(got)) || resume.GetEtag() != first.GetObject().GetEtag() {
		t.Errorf("ReadResume = %v after %d bytes from 1000 on, want to go on right behind them", resume, len(got))
	}
	if !bytes.Equal(got, data[1000:1000+len(got)]) {
		t.Error("what was read is not the object")
	}
	g.awaitEnd(t)
}

// A message above what grpc lets wait inside of it does not keep a read from its status.
func TestShutdownEndsGetObjectOfLargeMessages(t *testing.T) {
	const largeMessage = 256 << 10
	g := open(t, cutSoon, func(s *setup) {
		s.dial = append(s.dial, grpc.WithStaticStreamWindowSize(64<<10)) // or all of it is taken ahead
	})
	g.store(t, 128<<20)
	stream, err := g.objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	must(t, err)
	var first *cosgatev1.Object
	var got int64
	receive := func() (size int, err error) {
		m, err := stream.Recv()
		if m.GetObject() != nil {
			first = m.GetObject()
		}
		size = len(m.GetChunk().GetData())
		got += int64(size)
		return size, err
	}
	for size := 0; size <= largeMessage; {
		size, err = receive()
		must(t, err) // also when the object ends: its messages should have grown
	}
	eventually(t, func() bool { return g.pool.InUse() > largeMessage }) // which the caller does not take
	begin := time.Now()
	g.stop()
	<-g.server.shutdown.calls.Done()
	for err == nil {
		_, err = receive()
	}
	mustSayStopping(t, "GetObject", err)
	if resume, _ := detail[*cosgatev1.ReadResume](err); resume.GetNextOffset() != got || resume.GetEtag() != first.GetEtag() {
		t.Errorf("ReadResume = %v after %d bytes, want to go on right behind them", resume, got)
	}
	g.awaitEnd(t)
	if took := time.Since(begin); took > flushTimeout {
		t.Errorf("the end took %v, want less than %v", took, flushTimeout)
	}
}

func TestShutdownOfPutObjectStoresNothing(t *testing.T) {
	t.Parallel()
	size := int64(10 << 20)
	for name, spec := range map[string]*cosgatev1.PutObjectSpec{
		"size known":   {Bucket: testBucket, Key: "k", Size: &size},
		"size unknown": {Bucket: testBucket, Key: "k"},
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, cutSoon)
			stream, err := g.objects.PutObject(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range 9 {
				m := &cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Offset: new(int64(i << 20)), Data: make([]byte, 1<<20)}}
				if i == 0 {
					m.Spec = spec
				}
				if err := stream.Send(m); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, func() bool { return len(g.requests()) > 0 || spec.Size != nil })
			g.stop()
			mustSayStopping(t, "PutObject", stream.RecvMsg(&cosgatev1.PutObjectResponse{}))
			g.awaitEnd(t)
			ops := g.requests()
			for _, op := range ops {
				if op == "CompleteMultipartUpload" {
					t.Errorf("COS saw %v, want no upload to be completed", ops)
				}
			}
			// The journal has a cancelled part when COS noticed that, which may be late.
			left, err := g.backend.ListMultipartUploads(t.Context(), cosbackend.Location{Bucket: testBucket}, cosbackend.ListUploadsOptions{})
			if err != nil || len(left.Uploads) > 0 || spec.Size == nil && !slices.Contains(ops, "AbortMultipartUpload") {
				t.Errorf("COS saw %v and has %v, %v, want the upload aborted before Serve returned", ops, left.Uploads, err)
			}
		})
	}
}

func TestShutdownOfAUnaryCallSaysSo(t *testing.T) {
	t.Parallel()
	g := open(t, cutSoon)
	hang := g.cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Delay: time.Hour})
	ended := make(chan error, 1)
	go func() {
		_, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
		ended <- err
	}()
	eventually(t, func() bool { return g.cos.Faults().Hits(hang) > 0 })
	g.stop()
	mustSayStopping(t, "HeadObject", <-ended)
	g.awaitEnd(t)
}

// A change that COS may have made must not be retried blindly, whoever cancelled it.
func TestShutdownOfAChangeIsNotRetryable(t *testing.T) {
	t.Parallel()
	g := open(t, cutSoon)
	hang := g.cos.Faults().Add(embedded.Fault{Operation: "CreateBucket", Delay: time.Hour})
	ended := make(chan error, 1)
	go func() {
		_, err := g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000", Region: testRegion})
		ended <- err
	}()
	eventually(t, func() bool { return g.cos.Faults().Hits(hang) > 0 })
	g.stop()
	err := <-ended
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.Unavailable || info.GetReason() != cosstatus.ReasonOutcomeUnknown {
		t.Errorf("CreateBucket = %v (%v), want UNAVAILABLE, %s", err, info, cosstatus.ReasonOutcomeUnknown)
	}
	if _, ok := detail[*errdetails.RetryInfo](err); ok {
		t.Errorf("CreateBucket = %v says that it is retryable", err)
	}
	g.awaitEnd(t)
}

func watch(t *testing.T, conn grpc.ClientConnInterface) healthpb.Health_WatchClient {
	t.Helper()
	w, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// During the wait everything is as before, but for health. Then a watch, which would
// never end by itself, does not hold up the end.
func TestShutdownAcceptsCallsUntilDrainWaitEnds(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.grace, s.options.DrainWait = time.Hour, 300*time.Millisecond })
	w := watch(t, g.conn)
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{
		healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING,
	} {
		if got, err := w.Recv(); err != nil || got.GetStatus() != want {
			t.Fatalf("health = %v, %v, want %v", got, err, want)
		}
		if want == healthpb.HealthCheckResponse_SERVING {
			g.stop()
		}
	}
	g.put(t, "during", []byte("the wait"))
	if _, err := w.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("health after the wait = %v, want UNAVAILABLE", err)
	}
	g.awaitEnd(t)
	before := len(g.requests())
	if _, err := g.send(t.Context(), &cosgatev1.PutObjectRequest{
		Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "after"}, Finish: true,
	}); status.Code(err) != codes.Unavailable {
		t.Errorf("PutObject after the end = %v, want UNAVAILABLE", err)
	}
	if after := g.requests(); len(after) != before {
		t.Errorf("COS saw %v after the end", after[before:])
	}
}

// A read whose request never comes ends like any other call.
func TestShutdownDoesNotWaitForTheRequestOfGetObject(t *testing.T) {
	g := open(t, cutSoon)
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true} // so that nothing is sent by itself
	stream, err := g.conn.NewStream(t.Context(), desc, cosgatev1.ObjectService_GetObject_FullMethodName)
	must(t, err)
	g.put(t, "other", nil) // the first call has begun as well
	begin := time.Now()
	g.stop()
	mustSayStopping(t, "GetObject", stream.RecvMsg(&cosgatev1.GetObjectResponse{}))
	g.awaitEnd(t)
	if took := time.Since(begin); took > flushTimeout {
		t.Errorf("the end took %v, want less than %v", took, flushTimeout)
	}
}

// A caller that sends half a call and nothing more cannot hold up the end.
func TestShutdownDoesNotWaitForSilentCallers(t *testing.T) {
	g := open(t, cutSoon)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := g.objects.PutObject(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k"}}); err != nil {
		t.Fatal(err)
	}
	g.put(t, "other", nil) // the first call has begun as well
	begin := time.Now()
	g.stop()
	g.awaitEnd(t)
	if took := time.Since(begin); took > flushTimeout {
		t.Errorf("the end took %v, want less than %v", took, flushTimeout)
	}
	if err := stream.RecvMsg(&cosgatev1.PutObjectResponse{}); err == io.EOF { //nolint:errorlint // gRPC promises io.EOF itself
		t.Error("PutObject succeeded")
	} else {
		mustSayStopping(t, "PutObject", err)
	}
}
