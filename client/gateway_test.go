package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cosgate/cosgate/internal/frames"
)

// targetVariable tells the examples which gateway to call.
const targetVariable = "COSGATE_TARGET"

// What TestMain starts: the program testgateway, and its JSON-RPC.
var (
	gatewayProgram string
	gateways       *rpc.Client
)

// TestMain has tests call gateways in another process, so that this package does not
// import them.
func TestMain(m *testing.M) { goleak.VerifyTestMain(withGateways{m}) }

type withGateways struct{ m *testing.M }

func (w withGateways) Run() (code int) {
	stop, err := startGateways()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start testgateway:", err)
		return 1
	}
	code = w.m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop testgateway:", err)
		return 1
	}
	return code
}

// startGateways builds testgateway, with the race detector when this binary has it,
// starts it, and opens the gateway of the examples.
func startGateways() (stop func() error, err error) {
	dir, err := os.MkdirTemp("", "testgateway")
	if err != nil {
		return nil, err
	}
	removeDir := func() { err = errors.Join(err, os.RemoveAll(dir)) }
	gatewayProgram = filepath.Join(dir, "testgateway")
	args := []string{"build", "-o", gatewayProgram}
	if raceDetector() {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "./internal/testgateway")...).CombinedOutput(); err != nil {
		defer removeDir()
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	if err := watchGatewaySources(); err != nil {
		defer removeDir()
		return nil, err
	}
	cmd := exec.Command(gatewayProgram)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		defer removeDir()
		return nil, err
	}
	gateways = jsonrpc.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{out, in})
	stop = func() (err error) {
		defer removeDir()
		return errors.Join(gateways.Close(), cmd.Wait())
	}
	g := &gateway{}
	if err := gateways.Call("Gateways.Open", "examples-1250000000", g); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, os.Setenv(targetVariable, "dns:///"+g.Addr)
}

// watchGatewaySources looks at the source files of testgateway. With that, go test does
// not take a result from its cache after one of them has changed.
func watchGatewaySources() error {
	const files = "{{if and .Module .Module.Main}}{{range .GoFiles}}{{$.Dir}}/{{.}}\n{{end}}{{end}}"
	out, err := exec.Command("go", "list", "-deps", "-f", files, "./internal/testgateway").Output()
	if err != nil {
		return fmt.Errorf("list the sources of testgateway: %w", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if _, err := os.Stat(name); err != nil {
			return err
		}
	}
	return nil
}

func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// A gateway has an embedded COS of its own; both run in another process.
type gateway struct {
	ID      int
	Addr    string
	COSAddr string
}

// A fault has the fields of embedded.Fault that the tests use.
type fault struct {
	Operation string
	Nth       int
	Count     int
	Delay     time.Duration
	Status    int
	Code      string
	Truncate  int64
}

func (g *gateway) call(t *testing.T, method string, args, reply any) {
	t.Helper()
	if err := gateways.Call("Gateways."+method, args, reply); err != nil {
		t.Fatalf("testgateway: %s: %v", method, err)
	}
}

// addFault has the COS misbehave.
func (g *gateway) addFault(t *testing.T, f fault) (id int) {
	t.Helper()
	g.call(t, "AddFault", struct {
		ID    int
		Fault fault
	}{g.ID, f}, &id)
	return id
}

func (g *gateway) faultHits(t *testing.T, id int) (n int) {
	t.Helper()
	g.call(t, "FaultHits", struct{ ID, Fault int }{g.ID, id}, &n)
	return n
}

func (g *gateway) clearFaults(t *testing.T) {
	t.Helper()
	g.call(t, "ClearFaults", g.ID, nil)
}

// newGateway starts a gateway and a COS with the test bucket.
func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{}
	g.call(t, "Open", testBucket, g)
	t.Cleanup(func() { g.call(t, "Close", g.ID, nil) })
	return g
}

// open starts a gateway and dials it. The client does not wait between attempts.
func open(t *testing.T) (*Client, *gateway) {
	t.Helper()
	g := newGateway(t)
	return dialTest(t, frames.NewPool(), "dns:///"+g.Addr), g
}

// dialTest dials a gateway. The client does not wait between attempts.
func dialTest(t *testing.T, pool *frames.Pool, target string, opts ...grpc.DialOption) *Client {
	t.Helper()
	c, err := dial(pool, target, append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	c.backoff.wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return c
}

// A process is a gateway that a test can kill; its COS stays.
type process struct {
	addr string
	cmd  *exec.Cmd
	in   io.Closer
}

// startProcess starts a gateway at addr in front of the COS at cos and waits until it
// listens.
func startProcess(t *testing.T, cos, addr string) *process {
	t.Helper()
	cmd := exec.Command(gatewayProgram, "-cos", cos, "-listen", addr)
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
		t.Fatalf("the gateway does not print where it listens: %v", err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

// kill ends the process as kill -9 does, and waits until it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.in.Close()
}

// openProcess starts a gateway that can be killed and dials it as a user would. restart
// starts another one at the same address.
func openProcess(t *testing.T) (c *Client, p *process, restart func()) {
	t.Helper()
	g := newGateway(t)
	p = startProcess(t, g.COSAddr, "127.0.0.1:0")
	c, err := Dial("dns:///"+p.addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond},
			MinConnectTimeout: 20 * time.Second,
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, p, func() { startProcess(t, g.COSAddr, p.addr) }
}
