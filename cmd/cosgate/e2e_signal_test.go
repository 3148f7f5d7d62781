//go:build e2e

package main

import (
	"context"
	"syscall"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// signalled starts dev, begins a PutObject of five bytes of which two are sent,
// sends SIGTERM, and returns once health says that the server is stopping. The
// watch of health has ended by then, so only the transfer is under way.
func signalled(t *testing.T) (*process, cosgatev1.ObjectService_PutObjectClient) {
	t.Helper()
	dev := startBinary(t, everyPortFree...)
	conn := dial(t, dev.value("gRPC"))
	watchCtx, endWatch := context.WithCancel(t.Context())
	defer endWatch()
	watch, err := healthpb.NewHealthClient(conn).Watch(watchCtx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expectHealth(t, watch, healthpb.HealthCheckResponse_SERVING)
	size := int64(5)
	put, err := cosgatev1.NewObjectServiceClient(conn).PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spec := &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: "late", Size: &size}
	if err := put.Send(&cosgatev1.PutObjectRequest{Spec: spec, Chunk: &cosgatev1.Chunk{Data: []byte("la")}}); err != nil {
		t.Fatal(err)
	}
	if err := dev.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expectHealth(t, watch, healthpb.HealthCheckResponse_NOT_SERVING)
	return dev, put
}

func expectHealth(t *testing.T, watch healthpb.Health_WatchClient, want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if got, err := watch.Recv(); err != nil || got.GetStatus() != want {
		t.Fatalf("health = %v, %v, want %v", got, err, want)
	}
}

func TestE2ESIGTERMLetsATransferFinish(t *testing.T) {
	dev, put := signalled(t)
	if err := put.Send(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Data: []byte("ter")}, Finish: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := put.CloseAndRecv(); err != nil {
		t.Errorf("PutObject that was under way = %v, want success", err)
	}
	<-dev.exited
	if code := dev.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("exit code = %d, want %d; stderr: %s", code, exitOK, dev.stderr.String())
	}
}

func TestE2ESIGTERMTwiceKillsAtOnce(t *testing.T) {
	begin := time.Now()
	dev, _ := signalled(t)
	// The first signal gives the second its default effect, but not before health
	// is off: so it is sent until the process is gone.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for gone := false; !gone; {
		select {
		case <-dev.exited:
			gone = true
		case <-again.C:
			_ = dev.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	status, ok := dev.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want killed by SIGTERM", dev.cmd.ProcessState)
	}
	if took := time.Since(begin); took > devGrace {
		t.Errorf("that took %v, want less than the grace of %v", took, devGrace)
	}
}
