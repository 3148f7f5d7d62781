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

// checkAddress refuses an address of the option called name that cannot work.
func checkAddress(name, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return usageErrorf("%s %q is not host:port, such as 127.0.0.1:0", name, addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return usageErrorf("%s %q: the port is not a number from 0 to 65535", name, addr)
	}
	return nil
}

// checkLoopback refuses what others could reach: this version speaks plain text
// and asks no caller who it is.
func checkLoopback(name, addr string) error {
	if err := checkAddress(name, addr); err != nil {
		return err
	}
	if !isLoopback(addr) {
		return usageErrorf("%s %q is not a loopback address: this version has no TLS and knows no callers, so it listens on loopback only; use 127.0.0.1", name, addr)
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

// listen opens addr; name is the option to change when it is taken.
func listen(ctx context.Context, name, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, listenError(name, addr, err)
	}
	return l, nil
}

func listenError(name, addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s %s is in use by another process; choose another port (0 takes a free one)", name, addr)
	}
	return fmt.Errorf("%s %s: %w", name, addr, rootCause(err))
}

// rootCause drops what net repeats of the address.
func rootCause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
