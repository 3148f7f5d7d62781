// Command testgateway is what the tests and examples of package client call: gateways
// with an embedded COS each, in a process of their own. Package client must not import
// them, not even in its tests, for whoever imports a package downloads what its tests
// need.
//
// Without flags it serves [Gateways] as JSON-RPC on stdin and stdout, until stdin ends.
// With -cos it is one gateway in front of that COS and prints its address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"sync"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	"github.com/cosgate/cosgate/service"
)

const (
	region    = "ap-guangzhou"
	stopGrace = time.Second
)

func main() {
	cos := flag.String("cos", "", "the address of a COS; serve one gateway in front of it")
	listen := flag.String("listen", "127.0.0.1:0", "where that gateway listens")
	flag.Parse()
	run := serveRPC
	if *cos != "" {
		run = func() error { return serveOne(*cos, *listen) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "testgateway:", err)
		os.Exit(1)
	}
}

func serveRPC() error {
	g := &Gateways{open: make(map[int]*gateway)}
	server := rpc.NewServer()
	if err := server.Register(g); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(standardStreams{os.Stdin, os.Stdout}))
	return g.closeAll()
}

type standardStreams struct {
	io.Reader
	io.WriteCloser
}

func serveOne(cos, listen string) error {
	lis, err := new(net.ListenConfig).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return err
	}
	stop, err := serve(lis, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, cos)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, lis.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, stop())
}

// testPair is the key pair of the embedded servers behind the gateways.
func testPair() embedded.Credential {
	return embedded.Credential{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}
}

// serve starts the production server in front of a COS that dial reaches.
func serve(lis net.Listener, dial func(ctx context.Context, network, addr string) (net.Conn, error)) (stop func() error, err error) {
	pair := testPair()
	backend, err := cosbackend.New(cosbackend.Config{
		Endpoint:    "http://{bucket}.cos.{region}.myqcloud.com",
		Region:      region,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: pair.SecretID, SecretKey: pair.SecretKey}),
		Retry:       cosbackend.RetryOptions{MaxAttempts: 1, BaseDelay: time.Microsecond, MaxDelay: time.Microsecond},
		Transport:   cosbackend.TransportOptions{DialContext: dial},
	})
	if err != nil {
		return nil, err
	}
	server, err := service.NewServer(service.Deps{
		Profiles: map[string]*cosbackend.Client{backend.Profile(): backend},
		Logger:   slog.New(slog.DiscardHandler),
	}, service.Options{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, lis, stopGrace) }()
	return func() error {
		cancel()
		defer backend.Close()
		return <-served
	}, nil
}

// A gateway has a COS of its own.
type gateway struct {
	cos  *embedded.Server
	stop func() error
}

// Gateways is served by JSON-RPC.
type Gateways struct {
	mu   sync.Mutex
	last int
	open map[int]*gateway
}

// Opened says how to reach a gateway and its COS.
type Opened struct {
	ID      int
	Addr    string
	COSAddr string
}

// Open starts an embedded COS with one bucket, in memory, and a gateway in front of it.
func (g *Gateways) Open(bucket string, reply *Opened) error {
	cos, err := embedded.New(embedded.Options{Buckets: []string{bucket}, Region: region, Credentials: []embedded.Credential{testPair()}})
	if err != nil {
		return err
	}
	cosAddr, err := cos.Listen("127.0.0.1:0")
	if err != nil {
		return errors.Join(err, cos.Close())
	}
	lis, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, cos.Close())
	}
	stop, err := serve(lis, cos.DialContext)
	if err != nil {
		return errors.Join(err, lis.Close(), cos.Close())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	g.open[g.last] = &gateway{cos: cos, stop: stop}
	*reply = Opened{ID: g.last, Addr: lis.Addr().String(), COSAddr: cosAddr.String()}
	return nil
}

// Close stops a gateway and its COS.
func (g *Gateways) Close(id int, _ *struct{}) error {
	g.mu.Lock()
	gw, ok := g.open[id]
	delete(g.open, id)
	g.mu.Unlock()
	if !ok {
		return fmt.Errorf("no gateway %d", id)
	}
	return errors.Join(gw.stop(), gw.cos.Close())
}

func (g *Gateways) closeAll() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, gw := range g.open {
		errs = append(errs, gw.stop(), gw.cos.Close())
	}
	return errors.Join(errs...)
}

func (g *Gateways) faults(id int) (*embedded.Faults, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gw, ok := g.open[id]
	if !ok {
		return nil, fmt.Errorf("no gateway %d", id)
	}
	return gw.cos.Faults(), nil
}

// A FaultRequest is a fault for the COS of a gateway.
type FaultRequest struct {
	ID    int
	Fault embedded.Fault
}

// AddFault adds a fault and returns its id.
func (g *Gateways) AddFault(req FaultRequest, reply *int) error {
	faults, err := g.faults(req.ID)
	if err != nil {
		return err
	}
	*reply = faults.Add(req.Fault)
	return nil
}

// A HitsRequest names a fault of a gateway.
type HitsRequest struct{ ID, Fault int }

// FaultHits returns how many requests a fault has hit.
func (g *Gateways) FaultHits(req HitsRequest, reply *int) error {
	faults, err := g.faults(req.ID)
	if err != nil {
		return err
	}
	*reply = faults.Hits(req.Fault)
	return nil
}

// ClearFaults removes all faults of a gateway.
func (g *Gateways) ClearFaults(id int, _ *struct{}) error {
	faults, err := g.faults(id)
	if err != nil {
		return err
	}
	faults.Clear()
	return nil
}
