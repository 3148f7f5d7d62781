package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// knock connects and sends the HTTP/2 preface.
func knock(t *testing.T, addr string) (conn net.Conn, f *http2.Framer) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f = http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return conn, f
}

// More connections than allowed wait for one of the others to end.
func TestServeBoundsConnections(t *testing.T) {
	g := start(t, "serve", "--config", writeConfig(t, demoProfile(t)+
		"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\nlimits: {connections: 2}\n"))
	var inside []net.Conn
	for range 2 {
		conn, f := knock(t, g.value("gRPC"))
		if _, err := f.ReadFrame(); err != nil {
			t.Fatal(err)
		}
		inside = append(inside, conn)
	}
	third, f := knock(t, g.value("gRPC"))
	_ = third.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if frame, err := f.ReadFrame(); !timedOut(err) {
		t.Fatalf("a third connection of two = %v, %v, want no response yet", frame, err)
	}
	_ = inside[0].Close()
	_ = third.SetReadDeadline(time.Now().Add(hostilePatience))
	if frame, err := f.ReadFrame(); err != nil || frame.Header().Type != http2.FrameSettings {
		t.Errorf("the third connection when one of two ended = %v, %v, want the gateway's settings", frame, err)
	}
}

func TestAdminBoundsHeaders(t *testing.T) {
	g := start(t, "serve", "--config", writeConfig(t, demoProfile(t)+"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\n"))
	conn, err := net.Dial("tcp", g.value("admin"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hostilePatience))
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("GET with 64 KiB of headers = %v, %v, want 431", resp, err)
		return
	}
	_ = resp.Body.Close()
}

// An incomplete request holds a connection for some seconds only.
func TestAdminDoesNotWaitForHeaders(t *testing.T) {
	g := start(t, "serve", "--config", writeConfig(t, demoProfile(t)+"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\n"))
	conn, err := net.Dial("tcp", g.value("admin"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * adminHeaderTimeout))
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost:"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("half a request = %v, want the connection closed", err)
	}
}
