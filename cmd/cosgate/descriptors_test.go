package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestDescriptorsLeaveRoomForTheRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d                descriptors
		needed, accepted int
	}{
		{descriptors{limit: 65_536, connections: 10_000}, 20_128, 10_000},
		{descriptors{limit: 65_536, connections: 10_000, calls: 500}, 10_628, 10_000},
		{descriptors{limit: 1024, connections: 10_000}, 20_128, 448},
		{descriptors{limit: 1024, connections: 300, calls: 2000}, 2428, 300},
		{descriptors{limit: 256, connections: 10_000}, 20_128, 64},
		{descriptors{limit: 64, connections: 10_000}, 20_128, 1},
		{descriptors{limit: 0, connections: 10_000}, 20_128, 10_000},
		{descriptors{limit: 1024}, 128, 448},
		{descriptors{}, 128, 0},
	} {
		if needed, accepted := c.d.needed(), c.d.accepted(); needed != c.needed || accepted != c.accepted {
			t.Errorf("%+v needs %d and accepts %d, want %d and %d", c.d, needed, accepted, c.needed, c.accepted)
		}
	}
}

// live asks for liveness on a connection of its own, as a probe does.
func live(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/livez", nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// Callers who connect and do nothing, more of them than the process may have files open, do
// not keep others from the admin port, nor calls on connections that there are.
func TestServeKeepsFilesForItselfWhenConnectionsUseThemUp(t *testing.T) {
	const idle = 400
	path := writeConfig(t, demoProfile(t)+"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\n")
	p := spawn(t, "sh", "-c", `ulimit -n 256 && exec "$0" "$@"`, os.Args[0], "serve", "--config", path)
	if !p.ready() {
		t.Fatalf("serve did not start: %s", p.stderr.String())
	}
	conn := dial(t, p.value("gRPC"))
	if err := putObject(t.Context(), cosgatev1.NewObjectServiceClient(conn), "small", make([]byte, 1<<10)); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range idle {
		c, _ := knock(t, p.value("gRPC"))
		conns = append(conns, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // later, attackers are disconnected
	defer cancel()
	for range 3 {
		if err := live(ctx, p.value("admin")); err != nil {
			t.Errorf("GET /livez with %d idle connections = %v, want success", idle, err)
		}
		if err := peacefulCalls(ctx, conn); err != nil {
			t.Errorf("a call with %d idle connections = %v, want success", idle, err)
		}
	}
	for _, c := range conns {
		_ = c.Close()
	}
	if err := head(t.Context(), dial(t, p.value("gRPC"))); err != nil {
		t.Errorf("a call on a new connection after that = %v, want success", err)
	}
	if log := p.stderr.String(); strings.Count(log, "open_files=256 needed=20128 limits.connections=10000") != 1 || !strings.Contains(log, "accepted=64") {
		t.Errorf("the log is %s, want one line about open files", log)
	}
}
