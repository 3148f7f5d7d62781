package embedded

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

func TestMemoryListenerConnectionsBehaveAsNetConns(t *testing.T) {
	t.Parallel()
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		x, y := newMemoryConns(16 << 10)
		return x, y, func() { _, _ = x.Close(), y.Close() }, nil
	})
}

// A deadline that was taken back must not strike, however close it was. net/http
// sets one in the past to wake its own reader, and takes it back at once.
func TestMemoryListenerIgnoresWithdrawnDeadlines(t *testing.T) {
	t.Parallel()
	a, b := newMemoryConns(1 << 10)
	defer func() { _, _ = a.Close(), b.Close() }()
	buf := make([]byte, 1)
	for range 20_000 {
		_ = a.SetReadDeadline(time.Unix(1, 0))
		_ = a.SetReadDeadline(time.Time{})
		if _, err := b.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(buf); err != nil {
			t.Fatalf("Read = %v after the deadline was taken back", err)
		}
	}
}

func TestMemoryListenerRefusesDialsAfterClose(t *testing.T) {
	t.Parallel()
	l := newMemoryListener(1 << 10)
	_ = l.Close()
	if _, err := l.dial(t.Context()); err == nil {
		t.Error("dial = nil error after Close")
	}
	open := newMemoryListener(1 << 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open.dial(ctx); err == nil {
		t.Error("dial = nil error with an ended context")
	}
}
