package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const (
	drainWait  = 500 * time.Millisecond
	drainGrace = 2 * time.Second
	// drainClose is the longest time that the gateway needs after both, with room for a
	// slow machine.
	drainClose = 8 * time.Second

	drainConns  = 10
	drainPerOne = 10         // streams of a connection
	drainSize   = 1 << 20    // of objects that are read in time
	drainLarge  = 8 << 20    // of objects that are not
	drainKey    = "in time"  // the object of drainSize
	drainSlow   = "too long" // the object of drainLarge
)

func TestSIGTERMWithAHundredStreamsInFlight(t *testing.T) {
	profile := demoProfile(t)
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	drainRounds(t, profile, rounds)
}

func drainRounds(t *testing.T, profile string, rounds int) {
	t.Helper()
	path := writeConfig(t, profile+fmt.Sprintf(
		"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: {level: warn}\nlifecycle: {drain_wait: %s, grace: %s}\n", drainWait, drainGrace))
	for round := range rounds {
		d := startDrain(t, path)
		d.round(t)
		if t.Failed() {
			t.Fatalf("round %d; the gateway said %s", round, d.stderr.String())
		}
	}
}

// A drain is one gateway in a process of its own, with streams in flight.
type drain struct {
	*process
	conns  []*grpc.ClientConn
	quick  []cosgatev1.ObjectService_GetObjectClient // read to the end in time
	stalls []cosgatev1.ObjectService_GetObjectClient // not read until they were cancelled
	done   []cosgatev1.ObjectService_PutObjectClient // finished in time
	open   []cosgatev1.ObjectService_PutObjectClient // never finished
}

func startDrain(t *testing.T, path string) *drain {
	t.Helper()
	d := &drain{process: spawn(t, os.Args[0], "serve", "--config", path)}
	if !d.ready() {
		t.Fatalf("serve did not start: %s", d.stderr.String())
	}
	for range drainConns {
		// A window that does not grow: what is not read must not arrive anyway.
		d.conns = append(d.conns, dial(t, d.value("gRPC"), grpc.WithStaticStreamWindowSize(256<<10), grpc.WithStaticConnWindowSize(16<<20)))
	}
	objects := cosgatev1.NewObjectServiceClient(d.conns[0])
	for key, size := range map[string]int{drainKey: drainSize, drainSlow: drainLarge} {
		if err := putZeros(t.Context(), objects, key, size); err != nil {
			t.Fatal(err)
		}
	}
	for i := range drainConns * drainPerOne {
		d.begin(t, cosgatev1.NewObjectServiceClient(d.conns[i%drainConns]), i)
	}
	return d
}

// putZeros stores size bytes in messages of 1 MiB.
func putZeros(ctx context.Context, objects cosgatev1.ObjectServiceClient, key string, size int) error {
	put, err := objects.PutObject(ctx)
	if err != nil {
		return err
	}
	m := &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: key, Size: new(int64(size))}}
	for sent := 0; sent < size; sent += 1 << 20 {
		m.Chunk = &cosgatev1.Chunk{Data: make([]byte, 1<<20)}
		m.Finish = sent+1<<20 == size
		if err := put.Send(m); err != nil {
			break // the response has the reason
		}
		m = &cosgatev1.PutObjectRequest{}
	}
	_, err = put.CloseAndRecv()
	return err
}

// begin makes one stream and waits until the gateway works on it.
func (d *drain) begin(t *testing.T, objects cosgatev1.ObjectServiceClient, i int) {
	t.Helper()
	if i%4 < 2 {
		key := []string{drainKey, drainSlow}[i%4]
		get, err := objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: key})
		if err == nil {
			_, err = get.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
		if key == drainKey {
			d.quick = append(d.quick, get)
		} else {
			d.stalls = append(d.stalls, get)
		}
		return
	}
	put, err := objects.PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spec := &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: fmt.Sprint("upload ", i), Size: new(int64(5))}
	if err := put.Send(&cosgatev1.PutObjectRequest{Spec: spec, Chunk: &cosgatev1.Chunk{Data: []byte("la")}}); err != nil {
		t.Fatal(err)
	}
	if i%4 == 2 {
		d.done = append(d.done, put)
	} else {
		d.open = append(d.open, put)
	}
}

func (d *drain) readyCode(t *testing.T) int {
	t.Helper()
	code, _ := get(t, d, "/readyz")
	return code
}

func (d *drain) round(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return d.readyCode(t) == http.StatusServiceUnavailable })
	unready := time.Now()
	// The wait: old and new connections are served as before.
	for _, conn := range []*grpc.ClientConn{d.conns[0], dial(t, d.value("gRPC"))} {
		if err := head(t.Context(), conn); err != nil && time.Since(begin) < drainWait {
			t.Errorf("HeadBucket during the wait = %v", err)
		}
	}
	d.refusedAfter(t, unready)
	var ends sync.WaitGroup
	for _, put := range d.done {
		ends.Go(func() { d.finish(t, put) })
	}
	for _, stream := range d.quick {
		ends.Go(func() { d.readOn(t, stream) })
	}
	for _, put := range d.open {
		ends.Go(func() { mustBeCut(t, "PutObject", put.RecvMsg(&cosgatev1.PutObjectResponse{})) })
	}
	ends.Wait() // the uploads that never finish show when the grace was over
	for _, stream := range d.stalls {
		ends.Go(func() { d.resume(t, stream) })
	}
	ends.Wait()
	<-d.exited
	took := time.Since(begin)
	if code := d.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("exit code = %d, want 0", code)
	}
	if took > drainWait+drainGrace+drainClose {
		t.Errorf("the end took %v, want at most %v", took, drainWait+drainGrace+drainClose)
	}
	t.Logf("ended after %v: %d calls OK, %d cut", took.Round(time.Millisecond), len(d.done)+len(d.quick), len(d.open)+len(d.stalls))
}

func head(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := cosgatev1.NewBucketServiceClient(conn).HeadBucket(ctx, &cosgatev1.HeadBucketRequest{Bucket: demoBucket})
	return err
}

// refusedAfter makes calls over new connections and over an old one, until one is refused.
// That must be when the wait is over, and none may be accepted after it. What was sent
// over an old connection before the gateway's GOAWAY arrived is still accepted.
func (d *drain) refusedAfter(t *testing.T, unready time.Time) {
	t.Helper()
	for name, call := range map[string]func() error{
		"new": func() error {
			conn := dial(t, d.value("gRPC"))
			defer conn.Close()
			return head(t.Context(), conn)
		},
		"old": func() error { return head(t.Context(), d.conns[0]) },
	} {
		var err error
		eventually(t, func() bool { err = call(); return err != nil })
		if after := time.Since(unready); status.Code(err) != codes.Unavailable || after < drainWait-100*time.Millisecond || after > drainWait+time.Second {
			t.Errorf("the first call over the %s connection that was not taken = %v, %v after not ready, want UNAVAILABLE after the wait of %v", name, err, after, drainWait)
		}
		if err := call(); status.Code(err) != codes.Unavailable {
			t.Errorf("the next call over the %s connection = %v, want UNAVAILABLE", name, err)
		}
	}
}

func (d *drain) finish(t *testing.T, put cosgatev1.ObjectService_PutObjectClient) {
	if err := put.Send(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Data: []byte("ter")}, Finish: true}); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
		return
	}
	if _, err := put.CloseAndRecv(); err != nil {
		t.Errorf("PutObject that ends in time = %v", err)
	}
}

// rest reads to the end and returns where that was.
func rest(stream cosgatev1.ObjectService_GetObjectClient) (end int64, err error) {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		end = m.GetChunk().GetOffset() + int64(len(m.GetChunk().GetData()))
	}
}

func (d *drain) readOn(t *testing.T, stream cosgatev1.ObjectService_GetObjectClient) {
	if end, err := rest(stream); err != nil || end != drainSize {
		t.Errorf("GetObject that ends in time = %d bytes, %v", end, err)
	}
}

// resume reads what was sent of a cancelled read, and its hint where to resume.
func (d *drain) resume(t *testing.T, stream cosgatev1.ObjectService_GetObjectClient) {
	end, err := rest(stream)
	mustBeCut(t, "GetObject", err)
	for _, detail := range status.Convert(err).Details() {
		if r, ok := detail.(*cosgatev1.ReadResume); ok {
			if r.GetEtag() == "" || r.GetNextOffset() != end {
				t.Errorf("ReadResume = %v after %d bytes", r, end)
			}
			return
		}
	}
	t.Errorf("GetObject that was cut = %v after %d bytes, want ReadResume", err, end)
}

func mustBeCut(t *testing.T, what string, err error) {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && status.Code(err) == codes.Unavailable && info.GetReason() == "SERVER_STOPPING" {
			return
		}
	}
	t.Errorf("%s that was cut = %v, want UNAVAILABLE, SERVER_STOPPING", what, err)
}
