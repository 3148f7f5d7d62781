package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/internal/certs/certstest"
	"github.com/cosgate/cosgate/internal/reload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A listener is a server of health behind a Store, with a clock that a test can advance.
type listener struct {
	*Store
	certstest.Folder
	servers, clients *certstest.Authority
	addr             string
	health           *health.Server
	ahead            atomic.Int64 // of the real time
	logs             *logs
}

type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func openListener(t *testing.T, change func(*Options)) *listener {
	t.Helper()
	d := &listener{servers: certstest.NewAuthority(t, "servers"), clients: certstest.NewAuthority(t, "clients"), logs: &logs{}}
	d.Folder = certstest.NewFolder(t, d.servers.Issue(t, "gateway", nil), d.clients)
	o := Options{
		Cert: d.Cert, Key: d.Key, ClientCA: d.ClientCA, RequireClient: true, MinVersion: tls.VersionTLS13,
		Logger: slog.New(slog.NewTextHandler(d.logs, nil)),
		Clock:  func() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if d.Store, err = Open(o); err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = lis.Addr().String()
	server := grpc.NewServer(grpc.Creds(d.Credentials()))
	d.health = health.NewServer()
	healthpb.RegisterHealthServer(server, d.health)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(lis) }()
	t.Cleanup(func() { server.Stop(); <-ended })
	return d
}

// later makes the next connection take changed files: they were seen, and are still.
func (d *listener) later() {
	d.ahead.Add(int64(2 * checkInterval))
	d.Leaf()
	d.ahead.Add(int64(reload.Settle))
}

// client is the configuration of a client that trusts servers and is leaf.
func client(servers *certstest.Authority, leaf ...certstest.Leaf) *tls.Config {
	c := &tls.Config{RootCAs: servers.Pool(), MinVersion: tls.VersionTLS12}
	for _, l := range leaf {
		c.Certificates = append(c.Certificates, l.TLS)
	}
	return c
}

func (d *listener) dial(t *testing.T, c *tls.Config) healthpb.HealthClient {
	t.Helper()
	conn, err := grpc.NewClient(d.addr, grpc.WithTransportCredentials(credentials.NewTLS(c)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return healthpb.NewHealthClient(conn)
}

// check makes a new connection and one call.
func (d *listener) check(t *testing.T, c *tls.Config) error {
	t.Helper()
	_, err := d.dial(t, c).Check(t.Context(), &healthpb.HealthCheckRequest{})
	return err
}

// greet connects below gRPC and waits for the first frame of the server.
func (d *listener) greet(t *testing.T, c *tls.Config) error {
	t.Helper()
	conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", d.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.ReadFull(conn, make([]byte, 9))
	return err
}

func mustRefuse(t *testing.T, what string, err error) {
	t.Helper()
	if status.Code(err) != codes.Unavailable {
		t.Errorf("%s = %v, want a refused connection", what, err)
	}
}

func TestStoreAcceptsOnlyClientsOfTheAuthority(t *testing.T) {
	t.Parallel()
	d := openListener(t, nil)
	mine := d.clients.Issue(t, "caller", nil)
	if err := d.check(t, client(d.servers, mine)); err != nil {
		t.Errorf("a client of the authority = %v", err)
	}
	other := certstest.NewAuthority(t, "clients") // of the same name
	mustRefuse(t, "a client of another authority", d.check(t, client(d.servers, other.Issue(t, "caller", nil))))
	mustRefuse(t, "a client without a certificate", d.check(t, client(d.servers)))
	mustRefuse(t, "an expired client", d.check(t, client(d.servers, d.clients.Issue(t, "caller", func(c *x509.Certificate) {
		c.NotAfter = time.Now().Add(-time.Minute)
	}))))
	mustRefuse(t, "a certificate for servers only", d.check(t, client(d.servers, d.clients.Issue(t, "caller", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}))))
	mustRefuse(t, "a client that trusts others", d.check(t, client(other, mine)))
}

func TestStoreVerifiesOptionalClientCertificates(t *testing.T) {
	t.Parallel()
	d := openListener(t, func(o *Options) { o.RequireClient = false })
	if err := d.check(t, client(d.servers)); err != nil {
		t.Errorf("a client without a certificate = %v", err)
	}
	other := certstest.NewAuthority(t, "others")
	bad := client(d.servers)
	leaf := other.Issue(t, "caller", nil)
	bad.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &leaf.TLS, nil }
	mustRefuse(t, "a client of another authority", d.check(t, bad))
}

func TestStoreRefusesADowngrade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		least, client uint16
		taken         bool
	}{
		{tls.VersionTLS13, tls.VersionTLS12, false},
		{tls.VersionTLS13, tls.VersionTLS13, true},
		{tls.VersionTLS12, tls.VersionTLS12, true},
		{tls.VersionTLS12, tls.VersionTLS11, false},
	} {
		d := openListener(t, func(o *Options) { o.MinVersion = c.least })
		cfg := client(d.servers, d.clients.Issue(t, "caller", nil))
		cfg.MinVersion, cfg.MaxVersion, cfg.NextProtos = tls.VersionTLS10, c.client, []string{"h2"}
		if err := d.greet(t, cfg); (err == nil) != c.taken {
			t.Errorf("a client of at most %x at a server of at least %x = %v, want taken %v", c.client, c.least, err, c.taken)
		}
	}
}

func TestStoreSpeaksOnlyHTTP2(t *testing.T) {
	t.Parallel()
	d := openListener(t, nil)
	for proto, taken := range map[string]bool{"h2": true, "http/1.1": false, "h3": false} {
		cfg := client(d.servers, d.clients.Issue(t, "caller", nil))
		cfg.NextProtos = []string{proto}
		if err := d.greet(t, cfg); (err == nil) != taken {
			t.Errorf("a client of %s = %v, want taken %v", proto, err, taken)
		}
	}
}

// A stream that runs goes on, and new connections see the new files.
func TestStoreUsesNewFilesForNewConnectionsOnly(t *testing.T) {
	t.Parallel()
	d := openListener(t, nil)
	mine := d.clients.Issue(t, "caller", nil)
	running, err := d.dial(t, client(d.servers, mine)).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Recv(); err != nil {
		t.Fatal(err)
	}
	servers, clients := certstest.NewAuthority(t, "new servers"), certstest.NewAuthority(t, "new clients")
	d.Replace(t, servers.Issue(t, "gateway", nil), clients)
	d.later()
	if err := d.check(t, client(servers, clients.Issue(t, "caller", nil))); err != nil {
		t.Errorf("a new client of the new authority = %v", err)
	}
	mustRefuse(t, "a client of the old authority", d.check(t, client(servers, mine)))
	mustRefuse(t, "a client that trusts the old authority", d.check(t, client(d.servers, clients.Issue(t, "caller", nil))))
	d.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	if got, err := running.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the stream that ran before = %v, %v, want it to go on", got, err)
	}
	if d.logs.count("certificates were read again") != 1 {
		t.Error("the log does not say that certificates were read again")
	}
}

// A chain or a list of authorities that is being written is valid at the end of each
// certificate in it.
func TestStoreWaitsForAuthoritiesThatAreBeingWritten(t *testing.T) {
	t.Parallel()
	d := openListener(t, nil)
	second := certstest.NewAuthority(t, "second")
	mine := client(d.servers, d.clients.Issue(t, "caller", nil))
	for range 3 { // each part is a valid list without the authority of the caller
		certstest.Write(t, d.ClientCA, append(bytes.Clone(second.PEM), '\n'))
		d.ahead.Add(int64(reload.Settle) * 3 / 4)
		if err := d.check(t, mine); err != nil {
			t.Fatalf("a caller while the list is written = %v", err)
		}
		second = certstest.NewAuthority(t, "second")
	}
	certstest.Write(t, d.ClientCA, append(bytes.Clone(second.PEM), d.clients.PEM...))
	d.later()
	for name, c := range map[string]*tls.Config{"before": mine, "added": client(d.servers, second.Issue(t, "caller", nil))} {
		if err := d.check(t, c); err != nil {
			t.Errorf("a caller of the authority %s = %v", name, err)
		}
	}
}

// A client that kept a session of before must not come back with it.
func TestStoreResumesNoSession(t *testing.T) {
	t.Parallel()
	d := openListener(t, func(o *Options) { o.MinVersion = tls.VersionTLS12 })
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := client(d.servers, d.clients.Issue(t, "caller", nil))
		cfg.MaxVersion = version
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		if err := d.check(t, cfg); err != nil {
			t.Fatal(err)
		}
		clients := certstest.NewAuthority(t, "new clients")
		d.Replace(t, d.servers.Issue(t, "gateway", nil), clients)
		d.later()
		mustRefuse(t, "a client of the old authority with its session", d.check(t, cfg))
		d.clients = clients
	}
}

func TestStoreKeepsThePreviousFilesWhenNewOnesAreBroken(t *testing.T) {
	t.Parallel()
	d := openListener(t, nil)
	mine := client(d.servers, d.clients.Issue(t, "caller", nil))
	good := d.servers.Issue(t, "gateway", nil)
	expired := d.servers.Issue(t, "gateway", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	truncated := d.clients.PEM[:len(d.clients.PEM)/2]
	for _, c := range []struct {
		name            string
		cert, key, auth []byte
	}{
		{"not PEM", []byte("x"), good.KeyPEM, d.clients.PEM},
		{"empty", nil, nil, nil},
		{"key of another", good.CertPEM, expired.KeyPEM, d.clients.PEM},
		{"expired", expired.CertPEM, expired.KeyPEM, d.clients.PEM},
		{"no authority", good.CertPEM, good.KeyPEM, []byte("x")},
		{"half an authority behind another", good.CertPEM, good.KeyPEM, append(bytes.Clone(d.clients.PEM), truncated...)},
	} {
		certstest.Write(t, d.Cert, c.cert)
		certstest.Write(t, d.Key, c.key)
		certstest.Write(t, d.ClientCA, c.auth)
		before := d.logs.count("level=ERROR")
		for range 3 {
			d.later()
			if err := d.check(t, mine); err != nil {
				t.Errorf("%s: a connection = %v, want what was in force before", c.name, err)
			}
			if err := d.Reload(); err == nil {
				t.Errorf("%s: Reload = nil, want what is wrong", c.name)
			}
		}
		if got := d.logs.count("level=ERROR") - before; got != 1 {
			t.Errorf("%s: the log complains %d times, want once", c.name, got)
		}
	}
	d.Replace(t, good, d.clients)
	if err := d.Reload(); err != nil {
		t.Errorf("Reload of good files = %v", err)
	}
	if !d.Leaf().Equal(good.TLS.Leaf) {
		t.Error("the good files are not in force")
	}
}

func TestOpenRefusesUnusableFiles(t *testing.T) {
	t.Parallel()
	ca := certstest.NewAuthority(t, "a")
	f := certstest.NewFolder(t, ca.Issue(t, "gateway", nil), ca)
	for name, o := range map[string]Options{
		"no certificate": {Cert: f.Cert + "x", Key: f.Key},
		"no key":         {Cert: f.Cert, Key: f.Key + "x"},
		"no authority":   {Cert: f.Cert, Key: f.Key, ClientCA: f.ClientCA + "x"},
		"swapped":        {Cert: f.Key, Key: f.Cert},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "tls.") && !strings.Contains(err.Error(), "ca.crt") {
			t.Errorf("%s: Open = %v, want an error that names the file", name, err)
		}
	}
}
