package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// An address is where to listen, and the flag or the key that said so.
type address struct {
	option string
	addr   string // host:port
}

// check refuses an address that cannot work.
func (a address) check() error {
	_, port, err := net.SplitHostPort(a.addr)
	if err != nil {
		return usageErrorf("%s %q is not host:port, such as 127.0.0.1:0", a.option, a.addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return usageErrorf("%s %q: the port is not a number from 0 to 65535", a.option, a.addr)
	}
	return nil
}

// checkLoopback also refuses what others could reach: this version speaks plain text
// and asks no caller who it is.
func (a address) checkLoopback() error {
	if err := a.check(); err != nil {
		return err
	}
	if !isLoopback(a.addr) {
		return usageErrorf("%s %q is not a loopback address: this version has no TLS and knows no callers, so it listens on loopback only; use 127.0.0.1", a.option, a.addr)
	}
	return nil
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// listen opens a TCP door at a.
func listen(ctx context.Context, a address) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.addr)
	if err != nil {
		return nil, a.refused(err)
	}
	return l, nil
}

// refused says in one line why a door could not be opened at a.
func (a address) refused(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s %s is in use by another process; choose another port (0 takes a free one)", a.option, a.addr)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the address, which is named already
	}
	return fmt.Errorf("%s %s: %w", a.option, a.addr, err)
}
