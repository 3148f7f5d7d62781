package identity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/cosgate/cosgate/internal/identity"
)

func now() time.Time { return time.Unix(1_800_000_000, 0) }

func withBearer(token string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", "Bearer "+token))
}

func withCertificate(ctx context.Context, leaf *x509.Certificate) context.Context {
	info := credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}}
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: info})
}

func leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	spiffe, err := url.Parse("spiffe://prod.example/billing")
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{
		Subject:  pkix.Name{CommonName: "billing"},
		DNSNames: []string{"billing.example"},
		URIs:     []*url.URL{spiffe},
		NotAfter: now().Add(time.Hour),
	}
}

func wantRejected(t *testing.T, err error, text string) {
	t.Helper()
	if r, ok := errors.AsType[*identity.RejectedError](err); !ok || !strings.Contains(r.Problem, text) {
		t.Errorf("Identify = %v, want a rejection that says %q", err, text)
	}
}

func TestCertificatesNameTheCallerByTheFirstSource(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		sources []identity.NameSource
		change  func(*x509.Certificate)
		want    string
	}{
		{"spiffe", []identity.NameSource{identity.SPIFFE, identity.CommonName}, nil, "cert:spiffe://prod.example/billing"},
		{"dns", []identity.NameSource{identity.DNSName}, nil, "cert:billing.example"},
		{"common name", []identity.NameSource{identity.CommonName}, nil, "cert:billing"},
		{"the next one", []identity.NameSource{identity.SPIFFE, identity.CommonName}, func(c *x509.Certificate) { c.URIs = nil }, "cert:billing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := leaf(t)
			if test.change != nil {
				test.change(c)
			}
			a := &identity.Authenticator{Certificates: &identity.Certificates{Sources: test.sources, Clock: now}}
			got, err := a.Identify(withCertificate(t.Context(), c))
			if err != nil || got.Name != test.want {
				t.Errorf("Identify = %v, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestCertificatesRefuseAmbiguousNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		change     func(*x509.Certificate)
	}{
		{"none", "none of the names", func(c *x509.Certificate) { c.URIs, c.DNSNames, c.Subject.CommonName = nil, nil, "" }},
		{"two SPIFFE ids", "several SPIFFE ids", func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }},
		{"two DNS names", "several DNS names", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"a", "b"} }},
		{"a DNS name that is a SPIFFE id", "looks like a URI", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"spiffe://prod.example/root"} }},
		{"a common name that is a SPIFFE id", "looks like a URI", func(c *x509.Certificate) {
			c.URIs, c.DNSNames, c.Subject.CommonName = nil, nil, "spiffe://prod.example/root"
		}},
		{"expired on the connection", "has expired", func(c *x509.Certificate) { c.NotAfter = now().Add(-time.Second) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := leaf(t)
			test.change(c)
			a := &identity.Authenticator{Certificates: &identity.Certificates{Sources: []identity.NameSource{identity.SPIFFE, identity.DNSName, identity.CommonName}, Clock: now}}
			_, err := a.Identify(withCertificate(t.Context(), c))
			wantRejected(t, err, test.want)
		})
	}
}

func TestAuthenticatorFindsNobodyWithoutCredentials(t *testing.T) {
	t.Parallel()
	a := &identity.Authenticator{Certificates: &identity.Certificates{Sources: []identity.NameSource{identity.SPIFFE}}}
	for name, ctx := range map[string]context.Context{
		"no connection":           t.Context(),
		"plain text":              peer.NewContext(t.Context(), &peer.Peer{}),
		"TLS without certificate": peer.NewContext(t.Context(), &peer.Peer{AuthInfo: credentials.TLSInfo{}}),
	} {
		if _, err := a.Identify(ctx); !errors.Is(err, identity.ErrNone) {
			t.Errorf("%s: Identify = %v, want ErrNone", name, err)
		}
	}
}

func openTokens(t *testing.T, clock func() time.Time, lines ...string) (*identity.Tokens, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := identity.OpenTokens(path, nil, clock)
	if err != nil {
		t.Fatal(err)
	}
	return tokens, path
}

func newToken(t *testing.T, name string, groups ...string) (token, line string) {
	t.Helper()
	token, line, err := identity.NewToken(name, groups...)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(line, token) {
		t.Fatalf("the line %q holds the token", line)
	}
	return token, line
}

func TestTokensNameTheCallerAndGroups(t *testing.T) {
	t.Parallel()
	token, line := newToken(t, "backup", "jobs", "nightly")
	tokens, _ := openTokens(t, nil, "# tokens", "", line)
	a := &identity.Authenticator{
		Bearers: []identity.Bearer{tokens},
		Groups:  map[string][]string{"writers": {"token:backup"}, "others": {"token:else"}, "jobs": {"token:backup"}},
	}
	got, err := a.Identify(withBearer(token))
	if err != nil {
		t.Fatal(err)
	}
	want := identity.Caller{Name: "token:backup", Groups: []string{"jobs", "nightly", "writers"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Identify (-want +got):\n%s", diff)
	}
	again, err := a.Identify(withBearer(token))
	if err != nil || !cmp.Equal(got, again) {
		t.Errorf("the second Identify = %v, %v, want as the first", again, err)
	}
}

func TestTokensRefuseAWithdrawnTokenWithinASecond(t *testing.T) {
	t.Parallel()
	at := now()
	token, line := newToken(t, "backup")
	_, other := newToken(t, "other")
	tokens, path := openTokens(t, func() time.Time { return at }, line)
	a := &identity.Authenticator{Bearers: []identity.Bearer{tokens}}
	if _, err := a.Identify(withBearer(token)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(other+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Second)
	_, err := a.Identify(withBearer(token))
	wantRejected(t, err, "unknown")
}

func TestAuthenticatorRefusesAnInvalidTokenDespiteAValidCertificate(t *testing.T) {
	t.Parallel()
	tokens, _ := openTokens(t, nil)
	a := &identity.Authenticator{
		Certificates: &identity.Certificates{Sources: []identity.NameSource{identity.SPIFFE}, Clock: now},
		Bearers:      []identity.Bearer{tokens},
	}
	for _, token := range []string{"cosgate_UNKNOWN", "something else", "a.b.c"} {
		_, err := a.Identify(withCertificate(withBearer(token), leaf(t)))
		wantRejected(t, err, "token")
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the error %q holds the token", err)
		}
	}
	got, err := a.Identify(withCertificate(t.Context(), leaf(t)))
	if err != nil || got.Name != "cert:spiffe://prod.example/billing" {
		t.Errorf("Identify without a token = %v, %v, want the certificate's holder", got, err)
	}
}

func TestAuthenticatorRefusesMetadataWithoutABearerToken(t *testing.T) {
	t.Parallel()
	tokens, _ := openTokens(t, nil)
	a := &identity.Authenticator{Bearers: []identity.Bearer{tokens}}
	for name, md := range map[string]metadata.MD{
		"another scheme": metadata.Pairs("authorization", "Basic abc"),
		"no token":       metadata.Pairs("authorization", "Bearer "),
		"two of them":    metadata.Pairs("authorization", "Bearer a", "authorization", "Bearer b"),
		"too long":       metadata.Pairs("authorization", "Bearer "+strings.Repeat("x", 17<<10)),
	} {
		_, err := a.Identify(metadata.NewIncomingContext(t.Context(), md))
		if _, ok := errors.AsType[*identity.RejectedError](err); !ok {
			t.Errorf("%s: Identify = %v, want a rejection", name, err)
		}
	}
}

func TestOpenTokensNamesTheLineOfAProblem(t *testing.T) {
	t.Parallel()
	_, good := newToken(t, "a")
	for name, test := range map[string]struct{ text, want string }{
		"a token instead of its hash": {good + "\nb cosgate_ABCDEF", "line 2: the hash"},
		"a short hash":                {"b sha256:abcd", "line 1: the hash"},
		"one word":                    {"b", "line 1: it is not a name"},
		"a bad name":                  {strings.Replace(good, "a ", "a/b ", 1), "line 1: names and groups"},
		"an empty group":              {good + " x,,y", "line 1: names and groups"},
		"twice":                       {good + "\n" + good, "line 2: the token is there twice"},
	} {
		path := filepath.Join(t.TempDir(), "tokens")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.OpenTokens(path, nil, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: OpenTokens = %v, want %q", name, err, test.want)
		}
	}
}

func TestNewTokenRefusesNamesThatTheFileCannotHold(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a b", "a,b", strings.Repeat("x", 65)} {
		if _, _, err := identity.NewToken(name); err == nil {
			t.Errorf("NewToken(%q) is fine, want an error", name)
		}
	}
}
