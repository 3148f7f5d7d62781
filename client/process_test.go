package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
)

// The test binary is a gateway when serverVariable holds the address of a COS; it
// listens at the one in listenVariable, prints it, and serves until its input ends.
const (
	serverVariable = "COSGATE_TEST_COS"
	listenVariable = "COSGATE_TEST_LISTEN"
)

func runServer() int {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve() error {
	cos := os.Getenv(serverVariable)
	server, backend, err := newGateway(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, cos)
	})
	if err != nil {
		return err
	}
	defer backend.Close()
	lis, err := net.Listen("tcp", os.Getenv(listenVariable))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, lis.Addr())
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return server.Serve(ctx, lis, time.Second)
}

// A process is a gateway of its own.
type process struct {
	addr string
	cmd  *exec.Cmd
	in   io.Closer
}

// start starts a gateway at addr in front of the COS at cos and waits until it listens.
func start(t *testing.T, cos, addr string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"="+cos, listenVariable+"="+addr)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, in: in}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the gateway does not say where it listens: %v", err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.in.Close()
}

// openProcess starts a gateway in another process and dials it as a user would. again
// starts another one at the same address.
func openProcess(t *testing.T) (c *Client, p *process, again func()) {
	t.Helper()
	addr, err := newCOS(t).Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = start(t, addr.String(), "127.0.0.1:0")
	c, err = Dial("dns:///"+p.addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond},
			MinConnectTimeout: 20 * time.Second,
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, p, func() { start(t, addr.String(), p.addr) }
}

func TestAnObjectGoesToAnotherProcessAndBack(t *testing.T) {
	c, _, _ := openProcess(t)
	data := content(5<<20 + 3)
	o := put(t, c, "k", data)
	if o.GetSize() != int64(len(data)) || o.GetEtag() == "" || o.Crc64Ecma == nil {
		t.Errorf("Commit = %v, want size, etag and crc64ecma", o)
	}
	mustHold(t, c, "k", data)
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	if n, err := r.WriteTo(&got); n != int64(len(data)) || err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("WriteTo = %d, %v, the right bytes: %t; want all %d", n, err, bytes.Equal(got.Bytes(), data), len(data))
	}
}

func TestAReaderOutlivesTheGateway(t *testing.T) {
	c, p, again := openProcess(t)
	data := content(24 << 20) // more than the windows hold
	put(t, c, "k", data)
	restarts := 0
	wait := c.resume.wait
	c.resume.wait = func(ctx context.Context, d time.Duration) error {
		if restarts++; restarts == 1 {
			again()
		}
		return wait(ctx, d)
	}
	r, err := c.NewReader(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	if _, err := io.CopyN(&got, struct{ io.Reader }{r}, 1<<20); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if _, err := r.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("after kill -9: WriteTo = %v with %d bytes, the right ones: %t", err, got.Len(), bytes.Equal(got.Bytes(), data))
	}
	if restarts == 0 {
		t.Error("the Reader never lost its connection")
	}
}

func TestAGatewayThatIsKilledStoresNothingOfAWrite(t *testing.T) {
	c, p, again := openProcess(t)
	w := c.NewWriter(t.Context(), spec("k"))
	defer w.Close()
	data := content(2 << 20)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	p.kill()
	var err error
	for range 100 { // until the connection is known to be gone
		if _, err = w.Write(data); err != nil {
			break
		}
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable || e.OutcomeUnknown {
		t.Fatalf("Write = %v, want UNAVAILABLE, with a known outcome: nothing was committed", err)
	}
	if _, err := w.Commit(t.Context()); !errors.Is(err, e) {
		t.Errorf("Commit = %v, want the error of Write again", err)
	}
	again()
	mustMiss(t, c, "k")
}
