package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/certs/certstest"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/identity/identitytest"
)

const (
	rotations = 3
	urlIssuer = "https://elsewhere.example"
	// patience is how long a change may take on a busy machine; that files are checked
	// once a second is tested with a fake clock, where they are read.
	patience = 30 * time.Second
)

// A keeperCOS is an embedded COS that accepts all of its key pairs, behind a listener that
// notes which are used and refuses those that were withdrawn.
type keeperCOS struct {
	addr      string
	pairs     []embedded.Credential
	mu        sync.Mutex
	used      map[string]int
	withdrawn map[string]bool
	late      int // requests that were signed with a withdrawn pair
}

var signedBy = regexp.MustCompile(`q-ak=([A-Za-z0-9]+)`)

func startKeeper(t *testing.T) *keeperCOS {
	t.Helper()
	k := &keeperCOS{used: make(map[string]int), withdrawn: make(map[string]bool)}
	for i := range rotations + 1 {
		k.pairs = append(k.pairs, embedded.Credential{SecretID: fmt.Sprintf("AKIDrotation%d", i), SecretKey: fmt.Sprintf("secretofrotation%d", i)})
	}
	cos, err := embedded.New(embedded.Options{Buckets: []string{demoBucket}, Credentials: k.pairs})
	if err != nil {
		t.Fatal(err)
	}
	handler := cos.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := signedBy.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			k.note(m[1])
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		if err := cos.Close(); err != nil {
			t.Error(err)
		}
	})
	k.addr = server.Listener.Addr().String()
	return k
}

func (k *keeperCOS) note(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used[id]++
	if k.withdrawn[id] {
		k.late++
	}
}

func (k *keeperCOS) uses(i int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.used[k.pairs[i].SecretID]
}

func (k *keeperCOS) withdraw(i int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.withdrawn[k.pairs[i].SecretID] = true
}

func (k *keeperCOS) file(i int) []byte {
	return fmt.Appendf(nil, "secret_id=%s\nsecret_key=%s\n", k.pairs[i].SecretID, k.pairs[i].SecretKey)
}

// secrets are the new secrets of one round.
type secrets struct {
	proofs

	round     int
	authority *certstest.Authority
	keys      [2]identitytest.Key // of the provider with a file, of that with a URL
	line      string              // of the static token
}

// A rotation is serve with everything that can be replaced.
type rotation struct {
	certstest.Folder

	t        *testing.T
	dir      string
	cos      *keeperCOS
	url      atomic.Pointer[[]byte] // the key set at the URL
	gateway  *running
	servers  *certstest.Authority
	probe    string // a token that stays
	probeIs  string // its line
	waits    map[string][]time.Duration
	policies int
}

func (r *rotation) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rotation) token(name string) (token, line string) {
	r.t.Helper()
	token, line, err := identity.NewToken(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return token, line
}

func (r *rotation) newSecrets(round int) secrets {
	s := secrets{round: round, authority: certstest.NewAuthority(r.t, fmt.Sprint("clients ", round))}
	s.certificate = s.authority.Issue(r.t, "loader", nil).TLS
	s.tokens[0], s.line = r.token("loader")
	for i, issuer := range []string{identitytest.Issuer, urlIssuer} {
		s.keys[i] = identitytest.NewKey(r.t, fmt.Sprint("key ", round))
		s.tokens[1+i] = s.keys[i].Sign(r.t, identitytest.Claims("loader", map[string]any{"iss": issuer}))
	}
	return s
}

// write replaces the files so that these secrets are valid.
func (r *rotation) write(good ...secrets) {
	r.t.Helper()
	var authorities, lines []byte
	var keys [2][]identitytest.Key
	for _, s := range good {
		authorities = append(authorities, s.authority.PEM...)
		lines = fmt.Appendln(lines, s.line)
		for i := range keys {
			keys[i] = append(keys[i], s.keys[i])
		}
	}
	certstest.Write(r.t, r.ClientCA, authorities)
	certstest.Write(r.t, r.path("tokens"), fmt.Appendln(lines, r.probeIs))
	certstest.Write(r.t, r.path("keys.json"), identitytest.Set(r.t, keys[0]...))
	set := identitytest.Set(r.t, keys[1]...)
	r.url.Store(&set)
}

// writePolicies lets the probe delete or not.
func (r *rotation) writePolicies(deletes bool) {
	r.t.Helper()
	r.policies++
	effect := "forbid"
	if deletes {
		effect = "permit"
	}
	certstest.Write(r.t, r.path("policies.cedar"), fmt.Appendf(nil, `// Version %d.
permit (principal, action in [Action::"read", Action::"write"], resource in Bucket::"%s");
%s (principal == Caller::"token:probe", action == Action::"DeleteObject", resource);
`, r.policies, demoBucket, effect))
}

func openRotation(t *testing.T, first func(*rotation) secrets) (*rotation, secrets) {
	t.Helper()
	r := &rotation{t: t, dir: t.TempDir(), cos: startKeeper(t), servers: certstest.NewAuthority(t, "servers"), waits: make(map[string][]time.Duration)}
	r.probe, r.probeIs = r.token("probe")
	s := first(r)
	r.Folder = certstest.NewFolder(t, r.servers.Issue(t, "gateway", nil), s.authority)
	r.write(s)
	r.writePolicies(true)
	certstest.Write(t, r.path("cos"), r.cos.file(0))
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*r.url.Load()) }))
	t.Cleanup(provider.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	r.gateway = start(t, "serve", "--config", writeConfig(t, fmt.Sprintf(`
listen: 127.0.0.1:0
admin: 127.0.0.1:0
lifecycle: {drain_wait: 0s}
log: {level: warn}
tls: {cert: '%s', key: '%s', client_ca: '%s', client_auth: verify_if_given}
authentication:
  certificates: {name_from: [cn]}
  tokens: '%s'
  jwt:
    - {issuer: '%s', audiences: [cosgate], jwks: '%s', prefix: 'a:'}
    - {issuer: '%s', audiences: [cosgate], jwks: '%s', prefix: 'b:'}
authorization: {policies: '%s'}
profiles: {main: {endpoint: 'http://{bucket}.cos.{region}.localhost', region: ap-guangzhou, proxy: 'http://%s', credentials: {file: '%s'}}}
`, r.Cert, r.Key, r.ClientCA, r.path("tokens"), identitytest.Issuer, r.path("keys.json"), urlIssuer, provider.URL,
		r.path("policies.cedar"), r.cos.addr, r.path("cos"))))
	return r, s
}

// within waits for a condition, and records how long that took.
func (r *rotation) within(what string, holds func() bool) {
	r.t.Helper()
	begin := time.Now()
	eventually(r.t, func() bool { return holds() || time.Since(begin) > patience })
	took := time.Since(begin)
	r.waits[what] = append(r.waits[what], took)
	if took > patience {
		r.t.Errorf("%s: that did not count after %s", what, took)
	}
}

// ask makes one call over a new connection, and returns the serial number of the
// certificate that the gateway showed.
func (r *rotation) ask(certificate *tls.Certificate, token string, call func(*grpc.ClientConn, ...grpc.CallOption) error) (serial string, code codes.Code) {
	r.t.Helper()
	c := &tls.Config{RootCAs: r.servers.Pool(), MinVersion: tls.VersionTLS13}
	if certificate != nil {
		// Also one that the gateway's authorities have not issued is shown.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	opts := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(c))}
	if token != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer(token)))
	}
	conn, err := grpc.NewClient(r.gateway.value("gRPC"), opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // no call is in flight
	var p peer.Peer
	err = call(conn, grpc.Peer(&p))
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
		serial = info.State.PeerCertificates[0].SerialNumber.String()
	}
	return serial, status.Code(err)
}

func (r *rotation) head(conn *grpc.ClientConn, opts ...grpc.CallOption) error {
	_, err := cosgatev1.NewBucketServiceClient(conn).HeadBucket(r.t.Context(), &cosgatev1.HeadBucketRequest{Bucket: demoBucket}, opts...)
	return err
}

func (r *rotation) remove(conn *grpc.ClientConn, opts ...grpc.CallOption) error {
	_, err := cosgatev1.NewObjectServiceClient(conn).DeleteObject(r.t.Context(), &cosgatev1.DeleteObjectRequest{Bucket: demoBucket, Key: "absent"}, opts...)
	return err
}

// results reports whether all these ways to call have these results.
func (r *rotation) results(certificate *tls.Certificate, tokens []string, byCertificate, byToken codes.Code) bool {
	if _, code := r.ask(certificate, "", r.head); code != byCertificate {
		return false
	}
	for _, token := range tokens {
		if _, code := r.ask(nil, token, r.head); code != byToken {
			return false
		}
	}
	return true
}

// renew gives the gateway a new certificate and waits until it is shown.
func (r *rotation) renew() {
	r.t.Helper()
	leaf := r.servers.Issue(r.t, "gateway", nil)
	certstest.Write(r.t, r.Cert, leaf.CertPEM)
	certstest.Write(r.t, r.Key, leaf.KeyPEM)
	parsed, err := x509.ParseCertificate(leaf.TLS.Certificate[0])
	if err != nil {
		r.t.Fatal(err)
	}
	r.within("the gateway's certificate", func() bool {
		serial, code := r.ask(nil, r.probe, r.head)
		return code == codes.OK && serial == parsed.SerialNumber.String()
	})
}

// round replaces everything once while l continues.
func (r *rotation) round(l *load, before, after secrets) {
	t := r.t
	t.Helper()
	r.write(before, after)
	if _, code := r.ask(nil, after.tokens[2], r.head); code != codes.OK {
		t.Errorf("round %d: the first token of a new key at the URL = %s, want OK", after.round, code)
	}
	r.within("new secrets", func() bool {
		return r.results(&after.certificate, after.tokens[:], codes.OK, codes.OK)
	})
	l.move(t, after.proofs)
	r.write(after)
	r.within("withdrawn secrets", func() bool {
		return r.results(&before.certificate, before.tokens[:2], codes.Unavailable, codes.Unauthenticated)
	})
	r.renew()
	for _, deletes := range []bool{false, true} {
		r.writePolicies(deletes)
		want := map[bool]codes.Code{false: codes.PermissionDenied, true: codes.OK}[deletes]
		r.within(fmt.Sprintf("policies with deletes=%t", deletes), func() bool {
			_, code := r.ask(nil, r.probe, r.remove)
			return code == want
		})
	}
	certstest.Write(t, r.path("cos"), r.cos.file(after.round))
	r.within("credentials of COS", func() bool { return r.cos.uses(after.round) > 0 })
	l.move(t, after.proofs) // until no call is left that began before
	r.cos.withdraw(after.round - 1)
}

// Everything that can be replaced is replaced repeatedly while callers read and write over
// old and new connections. No call fails, and what was withdrawn is refused.
func TestServeRotatesEverythingWhileCallersStream(t *testing.T) {
	begin := time.Now()
	r, current := openRotation(t, func(r *rotation) secrets { return r.newSecrets(0) })
	l := startLoad(t, r.gateway.value("gRPC"), &tls.Config{RootCAs: r.servers.Pool(), MinVersion: tls.VersionTLS13}, current.proofs)
	stop := sync.OnceFunc(l.stop)
	defer stop()
	withdrawn := current.tokens[2]
	for n := range rotations {
		next := r.newSecrets(n + 1)
		r.round(l, current, next)
		if n > 0 { // the key set at the URL was read again since
			if _, code := r.ask(nil, withdrawn, r.head); code != codes.Unauthenticated {
				t.Errorf("round %d: a token of a key that is no longer at the URL = %s, want UNAUTHENTICATED", n+1, code)
			}
			withdrawn = current.tokens[2]
		}
		current = next
	}
	stop()
	r.cos.mu.Lock()
	defer r.cos.mu.Unlock()
	if r.cos.late > 0 {
		t.Errorf("%d requests were signed with a pair that was withdrawn", r.cos.late)
	}
	if bytes.Contains([]byte(r.gateway.stderr.String()), []byte("not usable")) {
		t.Logf("the gateway said: %s", r.gateway.stderr.String())
	}
	t.Logf("%d rotations of everything in %s under %d callers: %d calls over %d connections, %d failed",
		rotations, time.Since(begin).Round(time.Millisecond), loadCallers, l.calls.Load(), l.dials.Load(), l.failed.Load())
	for what, waits := range r.waits {
		t.Logf("  until %s counted: %v", what, waits)
	}
}
