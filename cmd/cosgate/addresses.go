package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/cosgate/cosgate/internal/config"
)

// An address is where to listen, and the flag or the key that sets it.
type address struct {
	option string
	addr   string // host:port
}

// check refuses an address that cannot work.
func (a address) check() error {
	if err := config.CheckAddress(a.addr); err != nil {
		return usageErrorf("%s %q %s", a.option, a.addr, err)
	}
	return nil
}

// checkLoopback also refuses what others could reach: dev speaks plain text and does not
// authenticate callers.
func (a address) checkLoopback() error {
	if err := a.check(); err != nil {
		return err
	}
	if !config.Loopback(a.addr) {
		return usageErrorf("%s %q is not a loopback address: dev does not authenticate callers; use 127.0.0.1, or cosgate serve", a.option, a.addr)
	}
	return nil
}

// listen opens a TCP listener at a.
func listen(ctx context.Context, a address) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.addr)
	if err != nil {
		return nil, a.refused(err)
	}
	return l, nil
}

// refused says in one line why a could not be opened.
func (a address) refused(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s %s is in use by another process; choose another port (0 takes a free one)", a.option, a.addr)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the address, which is named already
	}
	return fmt.Errorf("%s %s: %w", a.option, a.addr, err)
}
