package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/certs"
	"github.com/cosgate/cosgate/service"
)

// gatewayOptions are the parts of a gateway.
type gatewayOptions struct {
	listen, admin  address
	adminHosts     []string // names of the admin port, next to addresses
	connections    int      // at a time; 0 is no limit
	grace          time.Duration
	profiles       map[string]*cosbackend.Client
	defaultProfile string
	deps           service.Deps    // without profiles and the logger
	server         service.Options // without credentials
	metrics        http.Handler    // nil serves none
	certificates   *certs.Store    // nil is plain text
	grpcui         bool
	reloads        []reloader
	hangup         <-chan os.Signal
	log            *slog.Logger
}

// A gateway is a gRPC server and its admin port, with both listeners open. run serves
// and closes them.
type gateway struct {
	gatewayOptions

	rpcServer *service.Server
	rpc       net.Listener
	ops       net.Listener // the admin port
}

// openGateway opens both listeners, so that an address in use shows before anything is
// announced.
func openGateway(ctx context.Context, o gatewayOptions) (*gateway, error) {
	if o.certificates != nil {
		o.server.Credentials = o.certificates.Credentials()
	}
	o.deps.Profiles, o.deps.DefaultProfile, o.deps.Logger = o.profiles, o.defaultProfile, o.log
	server, err := service.NewServer(o.deps, o.server)
	if err != nil {
		return nil, err
	}
	rpc, err := listen(ctx, o.listen)
	if err != nil {
		return nil, err
	}
	files := descriptors{limit: openFiles(), connections: o.connections, calls: o.server.Limits.Calls}
	files.warn(o.log)
	if n := files.accepted(); n > 0 {
		rpc = netutil.LimitListener(rpc, n)
	}
	admin, err := listen(ctx, o.admin)
	if err != nil {
		return nil, errors.Join(err, rpc.Close())
	}
	return &gateway{gatewayOptions: o, rpcServer: server, rpc: rpc, ops: netutil.LimitListener(admin, adminConnections)}, nil
}

// run serves until ctx ends. The admin port responds until the last call is done, and
// reports from the moment ctx ends that the gateway is not ready. When one of the two
// fails, the other is stopped as well.
func (g *gateway) run(ctx context.Context) error {
	page, closePage, err := g.page()
	if err != nil {
		return errors.Join(err, g.rpc.Close(), g.ops.Close())
	}
	defer closePage()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAdmin()
	ready := func() error {
		if ctx.Err() != nil {
			return errors.New("cosgate: stopping")
		}
		return g.rpcServer.Ready()
	}
	var background sync.WaitGroup
	var adminErr error
	background.Go(func() {
		defer cancel()
		adminErr = serveAdmin(adminCtx, g.ops, adminHandler(ready, g.metrics, page, g.adminHosts))
	})
	background.Go(func() { followFiles(adminCtx, g.hangup, g.reloads, g.log) })
	err = g.rpcServer.Serve(ctx, g.rpc, g.grace)
	stopAdmin()
	background.Wait()
	if err = errors.Join(err, adminErr); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
