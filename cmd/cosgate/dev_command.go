package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	"github.com/cosgate/cosgate/internal/logline"
	"github.com/cosgate/cosgate/service"
)

const (
	demoBucket = "demo-1250000000"
	demoRegion = "ap-guangzhou"
	// devGrace is short: stopping a development server should not take long.
	devGrace = 5 * time.Second
)

type devCommand struct {
	Listen    string `placeholder:"ADDR" default:"127.0.0.1:50051" help:"Where to serve gRPC, in plain text and with reflection; port 0 takes a free one. Default: ${default}."`
	Admin     string `placeholder:"ADDR" default:"127.0.0.1:8081" help:"Where to serve /livez, /readyz, /buildinfo, /debug/pprof/ and a page to call the API from a browser, /grpcui/. Default: ${default}."`
	CosListen string `placeholder:"ADDR" default:"127.0.0.1:9000" help:"Where the embedded COS serves HTTP, for COS SDKs and for presigned URLs. Default: ${default}."`
	storeFlags
	temporaryFlags
}

// Help is printed below the flags.
func (devCommand) Help() string {
	return `It creates the bucket ` + demoBucket + ` in ` + demoRegion + ` on the first start and prints grpcurl lines to paste. The gateway reaches the embedded COS with the code that reaches the real one. Everything listens on loopback only. Examples:

    cosgate dev
    cosgate dev --memory --listen 127.0.0.1:0 --admin 127.0.0.1:0 --cos-listen 127.0.0.1:0`
}

// Run serves until ctx ends. It stops the gateway first, then the embedded COS,
// then what the client kept open.
func (c devCommand) Run(ctx context.Context, out streams) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	log := slog.New(logline.Bound(slog.NewTextHandler(out.stderr, nil)))
	temporary, err := c.temporaryFlags.read(ctx)
	if err != nil {
		return err
	}
	cos, err := openEmbedded(c.storeFlags, embedded.Options{Region: demoRegion, Buckets: []string{demoBucket}, Temporary: temporary, RefuseWebPages: true, Logger: log})
	if err != nil {
		return err
	}
	cosAddr, err := cos.Listen(c.CosListen)
	if err != nil {
		return errors.Join(c.cosAddress().refused(err), cos.Close())
	}
	client, err := newDevClient(cos, cosAddr, log)
	if err != nil {
		return errors.Join(err, cos.Close())
	}
	defer func() {
		err = errors.Join(err, cos.Close())
		client.Close()
	}()
	g, err := openGateway(ctx, gatewayOptions{
		listen:   c.rpcAddress(),
		admin:    c.adminAddress(),
		grace:    devGrace,
		profiles: map[string]*cosbackend.Client{client.Profile(): client},
		server:   service.Options{Reflection: true},
		grpcui:   true,
		log:      log,
	})
	if err != nil {
		return err
	}
	c.announce(out.stdout, g, cosAddr.String(), cos.Credential())
	return g.run(ctx)
}

func (c devCommand) rpcAddress() address   { return address{"--listen", c.Listen} }
func (c devCommand) adminAddress() address { return address{"--admin", c.Admin} }
func (c devCommand) cosAddress() address   { return address{"--cos-listen", c.CosListen} }

func (c devCommand) check() error {
	for _, a := range []address{c.rpcAddress(), c.adminAddress(), c.cosAddress()} {
		if err := a.checkLoopback(); err != nil {
			return err
		}
	}
	return nil
}

// newDevClient reaches cos through its in-memory listener, with real host names. Others
// use the TCP listener at addr: presigned URLs lead there, by names under localhost, which
// curl and browsers resolve to loopback by themselves.
func newDevClient(cos *embedded.Server, addr net.Addr, log *slog.Logger) (*cosbackend.Client, error) {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil, err
	}
	own := cos.Credential()
	return cosbackend.New(cosbackend.Config{
		Endpoint:       "http://{bucket}.cos.{region}.myqcloud.com",
		PublicEndpoint: "http://{bucket}.cos.{region}.localhost:" + port,
		Region:         demoRegion,
		Credentials:    cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: own.SecretID, SecretKey: own.SecretKey}),
		Transport:      cosbackend.TransportOptions{DialContext: cos.DialContext},
		Logger:         log,
	})
}

// announce prints the addresses and what to paste. The grpcurl lines are run by
// TestE2EDevPrintsLinesThatWork.
func (c devCommand) announce(w io.Writer, g *gateway, cosAddr string, own embedded.Credential) {
	fmt.Fprintf(w, `cosgate dev: the gateway and an embedded COS, on loopback only

  gRPC        %[1]s  (plain text, with reflection)
  COS         http://%[2]s  (usable as the HTTP proxy of a COS SDK)
  admin       http://%[3]s  (/livez /readyz /buildinfo /debug/pprof/)
  browser     http://%[3]s%[10]s  (call the API from a form)
  data        %[4]s
  bucket      %[5]s in %[6]s
  secret id   %[7]s
  secret key  %[8]s  (%[11]s)

To paste in another terminal. Without grpcurl on the path, first paste this in the repository:

  grpcurl() { go tool -modfile=tools/go.mod grpcurl "$@"; }

Look at the bucket; store, read and list an object; create a URL that curl and browsers can read it with; ask for one that does not exist:

  grpcurl -plaintext -d '{"bucket":"%[5]s"}' %[1]s cosgate.v1.BucketService/HeadBucket
  echo '{"spec":{"bucket":"%[5]s","key":"hello.txt"},"chunk":{"data":"aGVsbG8gd29ybGQK"},"finish":true}' | grpcurl -plaintext -d @ %[1]s cosgate.v1.ObjectService/PutObject
  grpcurl -plaintext -d '{"bucket":"%[5]s","key":"hello.txt"}' %[1]s cosgate.v1.ObjectService/GetObject
  grpcurl -plaintext -d '{"bucket":"%[5]s"}' %[1]s cosgate.v1.ObjectService/ListObjects
  grpcurl -plaintext -d '{"bucket":"%[5]s","key":"hello.txt","operation":"PRESIGN_OPERATION_GET_OBJECT"}' %[1]s cosgate.v1.PresignService/PresignUrl
  grpcurl -plaintext -d '{"bucket":"%[5]s","key":"absent.txt"}' %[1]s cosgate.v1.ObjectService/GetObject

%[9]s
`, g.rpc.Addr(), cosAddr, g.ops.Addr(), c.storeFlags, demoBucket, demoRegion, own.SecretID, own.SecretKey, readyLine, grpcuiPath, c.keptCredential())
}
