package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/service"
)

// gatewayOptions say what a gateway is made of.
type gatewayOptions struct {
	listen, admin  address
	grace          time.Duration
	presignMax     time.Duration // 0 is the default of package service
	profiles       map[string]*cosbackend.Client
	defaultProfile string
	log            *slog.Logger
}

// A gateway is a gRPC server and its admin port, with both doors open. They are
// served by run, which also closes them.
type gateway struct {
	server *service.Server
	rpc    net.Listener
	admin  net.Listener
	grace  time.Duration
}

// openGateway opens both doors, so that an address which is taken shows before
// anything is announced.
func openGateway(ctx context.Context, o gatewayOptions) (*gateway, error) {
	server, err := service.NewServer(
		service.Deps{Profiles: o.profiles, DefaultProfile: o.defaultProfile, Logger: o.log},
		service.Options{Reflection: true, PresignMax: o.presignMax},
	)
	if err != nil {
		return nil, err
	}
	rpc, err := listen(ctx, o.listen)
	if err != nil {
		return nil, err
	}
	admin, err := listen(ctx, o.admin)
	if err != nil {
		return nil, errors.Join(err, rpc.Close())
	}
	return &gateway{server: server, rpc: rpc, admin: admin, grace: o.grace}, nil
}

// run serves until ctx ends. The admin port answers until the last call is
// done, and reports from the first moment of the end that the gateway is not
// ready. When one of the two fails, the other is stopped as well.
func (g *gateway) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAdmin()
	ready := func() error {
		if ctx.Err() != nil {
			return errors.New("cosgate: stopping")
		}
		return g.server.Ready()
	}
	var admin sync.WaitGroup
	var adminErr error
	admin.Go(func() {
		defer cancel()
		adminErr = serveAdmin(adminCtx, g.admin, adminHandler(ready))
	})
	err := g.server.Serve(ctx, g.rpc, g.grace)
	stopAdmin()
	admin.Wait()
	if err = errors.Join(err, adminErr); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
