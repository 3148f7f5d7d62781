package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/certs/certstest"
)

// eventually waits for a condition.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("that did not come about")
		}
	}
}

// demoProfile is a profile that reaches an embedded COS in this process.
func demoProfile(t *testing.T) string {
	t.Helper()
	demo := testPair()
	t.Setenv("COS_SECRET_ID", demo.SecretID)
	t.Setenv("COS_SECRET_KEY", demo.SecretKey)
	return "profiles: {main: {endpoint: 'http://{bucket}.cos.{region}.localhost', region: ap-guangzhou, proxy: 'http://" +
		startCOS(t) + "', credentials: {env: {}}}}\n"
}

// A tlsGateway is serve with mutual TLS.
type tlsGateway struct {
	*running
	certstest.Folder
	config           string
	servers, clients *certstest.Authority
}

func startTLS(t *testing.T, clientAuth, more string) *tlsGateway {
	t.Helper()
	g := &tlsGateway{servers: certstest.NewAuthority(t, "servers"), clients: certstest.NewAuthority(t, "clients")}
	g.Folder = certstest.NewFolder(t, g.servers.Issue(t, "gateway", nil), g.clients)
	g.config = writeConfig(t, demoProfile(t)+fmt.Sprintf(
		"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\ntls: {cert: '%s', key: '%s', client_ca: '%s', client_auth: %s}\n%s",
		g.Cert, g.Key, g.ClientCA, clientAuth, more))
	g.running = start(t, "serve", "--config", g.config)
	return g
}

func (g *tlsGateway) dial(t *testing.T, servers, clients *certstest.Authority) *grpc.ClientConn {
	t.Helper()
	c := &tls.Config{RootCAs: servers.Pool(), MinVersion: tls.VersionTLS13}
	if clients != nil {
		c.Certificates = []tls.Certificate{clients.Issue(t, "caller", nil).TLS}
	}
	conn, err := grpc.NewClient(g.value("gRPC"), grpc.WithTransportCredentials(credentials.NewTLS(c)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// hangUp sends this process, where serve runs, a SIGHUP, and waits until it took effect.
func (g *tlsGateway) hangUp(t *testing.T) {
	t.Helper()
	g.hangUpUntil(t, "SIGHUP: all files were checked again")
}

// hangUpUntil waits for one more line with said in the log.
func (g *tlsGateway) hangUpUntil(t *testing.T, said string) {
	t.Helper()
	heeded := func() int { return strings.Count(g.stderr.String(), said) }
	before := heeded()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return heeded() > before })
}

func TestServeAcceptsCallersOfItsAuthorityOnly(t *testing.T) {
	g := startTLS(t, "require", "")
	other := certstest.NewAuthority(t, "others")
	for name, c := range map[string]struct {
		conn *grpc.ClientConn
		want codes.Code
	}{
		"right":          {g.dial(t, g.servers, g.clients), codes.OK},
		"no certificate": {g.dial(t, g.servers, nil), codes.Unavailable},
		"wrong CA":       {g.dial(t, g.servers, other), codes.Unavailable},
		"plain text":     {dial(t, g.value("gRPC")), codes.Unavailable},
	} {
		_, err := cosgatev1.NewBucketServiceClient(c.conn).HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: demoBucket})
		if status.Code(err) != c.want {
			t.Errorf("%s: HeadBucket = %v, want code %v", name, err, c.want)
		}
	}
}

// Certificates and authorities are replaced repeatedly while callers stream over
// old connections and make new ones: no call fails.
func TestServeReloadsCertificatesWhileCallersStream(t *testing.T) {
	g := startTLS(t, "require", "")
	want := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	if err := putObject(t.Context(), cosgatev1.NewObjectServiceClient(g.dial(t, g.servers, g.clients)), "key", want); err != nil {
		t.Fatal(err)
	}
	old := g.clients
	var calls, failed atomic.Int64
	read := func(objects cosgatev1.ObjectServiceClient) {
		got, err := getObject(t.Context(), objects, "key")
		calls.Add(1)
		if err != nil || !bytes.Equal(got, want) {
			failed.Add(1)
			t.Errorf("GetObject = %d bytes, %v", len(got), err)
		}
	}
	done := make(chan struct{})
	var callers sync.WaitGroup
	for range 8 {
		objects := cosgatev1.NewObjectServiceClient(g.dial(t, g.servers, g.clients))
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					read(objects)
				}
			}
		})
	}
	for round := range 5 {
		next := certstest.NewAuthority(t, fmt.Sprint("clients ", round))
		server := g.servers.Issue(t, "gateway", nil)
		// The file has both authorities while callers change over.
		g.Replace(t, server, &certstest.Authority{PEM: append(bytes.Clone(g.clients.PEM), next.PEM...)})
		g.hangUp(t)
		for _, a := range []*certstest.Authority{g.clients, next} {
			read(cosgatev1.NewObjectServiceClient(g.dial(t, g.servers, a)))
		}
		g.clients = next
	}
	g.Replace(t, g.servers.Issue(t, "gateway", nil), g.clients)
	g.hangUp(t)
	if _, err := getObject(t.Context(), cosgatev1.NewObjectServiceClient(g.dial(t, g.servers, old)), "key"); status.Code(err) != codes.Unavailable {
		t.Errorf("a new connection with a certificate of the first authority = %v, want code Unavailable", err)
	}
	close(done)
	callers.Wait()
	t.Logf("%d calls during 6 changes, %d failed", calls.Load(), failed.Load())
}

func TestServeLogsBrokenFilesAndKeepsThePreviousOnes(t *testing.T) {
	g := startTLS(t, "require", "")
	certstest.Write(t, g.Cert, []byte("broken"))
	text, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	certstest.Write(t, g.config, []byte("nonsense: 1\n"))
	g.hangUp(t)
	for _, want := range []string{
		"level=ERROR msg=\"certificates are not usable, the previous ones stay in force\"",
		"level=ERROR msg=\"the changed configuration is not usable, the previous one stays in force\"",
		"failed=2",
	} {
		if !strings.Contains(g.stderr.String(), want) {
			t.Errorf("the log lacks %s: %s", want, g.stderr.String())
		}
	}
	if _, err := cosgatev1.NewBucketServiceClient(g.dial(t, g.servers, g.clients)).HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: demoBucket}); err != nil {
		t.Errorf("HeadBucket with broken files = %v", err)
	}
	certstest.Write(t, g.config, append(text, "log: {level: warn}\nreflection: false\n"...))
	g.hangUpUntil(t, "need a restart\" keys=reflection")
	if !strings.Contains(g.stderr.String(), "cosgate.v1.BucketService/HeadBucket") {
		t.Error("the log had no line of the call at level info")
	}
	lines := strings.Count(g.stderr.String(), "\n")
	if _, err := cosgatev1.NewBucketServiceClient(g.dial(t, g.servers, g.clients)).HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: demoBucket}); err != nil {
		t.Errorf("HeadBucket = %v", err)
	}
	g.stop(t)
	for _, line := range strings.Split(g.stderr.String(), "\n")[lines:] {
		if strings.Contains(line, "level=INFO") {
			t.Errorf("the log has %q after its level became warn", line)
		}
	}
}
