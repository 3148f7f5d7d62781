package identity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
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
		{"dns", []identity.NameSource{identity.DNSName}, nil, "cert:dns:billing.example"},
		{"dns in capitals", []identity.NameSource{identity.DNSName}, func(c *x509.Certificate) { c.DNSNames = []string{"Billing.EXAMPLE"} }, "cert:dns:billing.example"},
		{"common name", []identity.NameSource{identity.CommonName}, nil, "cert:cn:billing"},
		{"the next one", []identity.NameSource{identity.SPIFFE, identity.CommonName}, func(c *x509.Certificate) { c.URIs = nil }, "cert:cn:billing"},
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

// Whatever stands in a certificate, the same name from another source is another caller.
func TestCertificatesTellTheSourcesOfANameApart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"billing", "dns:billing", "spiffe://prod.example/billing", "cn:billing", "jwt:alice"} {
		seen := make(map[string]identity.NameSource)
		for _, source := range []identity.NameSource{identity.SPIFFE, identity.DNSName, identity.CommonName} {
			c := &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: now().Add(time.Hour)}
			if u, err := url.Parse(name); err == nil {
				c.URIs = []*url.URL{u}
			}
			a := &identity.Authenticator{Certificates: &identity.Certificates{Sources: []identity.NameSource{source}, Clock: now}}
			caller, err := a.Identify(withCertificate(t.Context(), c))
			if err != nil {
				continue // refused, so it is nobody
			}
			if other, taken := seen[caller.Name]; taken {
				t.Errorf("%q from %s and from %s is the same caller %s", name, other, source, caller.Name)
			}
			seen[caller.Name] = source
		}
		if len(seen) == 0 {
			t.Errorf("%q names nobody", name)
		}
	}
}

func TestCertificatesRefuseAmbiguousNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		change     func(*x509.Certificate)
	}{
		{"none", "none of the names", func(c *x509.Certificate) { c.URIs, c.DNSNames, c.Subject.CommonName = nil, nil, "" }},
		{"two SPIFFE ids", "several URIs", func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }},
		{"a SPIFFE id and another URI", "several URIs", func(c *x509.Certificate) { c.URIs = append(c.URIs, &url.URL{Scheme: "https", Host: "example.com"}) }},
		{"a SPIFFE id without a path", "not of the form", func(c *x509.Certificate) { c.URIs[0].Path = "" }},
		{"a SPIFFE id that climbs", "not of the form", func(c *x509.Certificate) { c.URIs[0].Path = "/jobs/../billing" }},
		{"a SPIFFE id with a query", "not of the form", func(c *x509.Certificate) { c.URIs[0].RawQuery = "a=b" }},
		{"a SPIFFE id with a fragment", "not of the form", func(c *x509.Certificate) { c.URIs[0].Fragment = "a" }},
		{"a SPIFFE id with an escape", "not of the form", func(c *x509.Certificate) { c.URIs[0].Path = "/a b" }},
		{"a SPIFFE id in capitals", "not of the form", func(c *x509.Certificate) { c.URIs[0].Host = "PROD.example" }},
		{"two common names", "several common names", func(c *x509.Certificate) {
			cn := pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "billing"}
			c.URIs, c.DNSNames, c.Subject.Names = nil, nil, []pkix.AttributeTypeAndValue{cn, cn}
		}},
		{"a long common name", "common name", func(c *x509.Certificate) {
			c.URIs, c.DNSNames, c.Subject.CommonName = nil, nil, strings.Repeat("x", 257)
		}},
		{"a common name of two lines", "common name", func(c *x509.Certificate) { c.URIs, c.DNSNames, c.Subject.CommonName = nil, nil, "a\nb" }},
		{"a DNS name for many", "one host", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"*.example"} }},
		{"two DNS names", "several DNS names", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"a", "b"} }},
		{"a DNS name that is a SPIFFE id", "one host", func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"spiffe://prod.example/root"} }},
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

func TestTokensRefuseAWithdrawnTokenWithinThreeSeconds(t *testing.T) {
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
	var err error
	for range 3 {
		at = at.Add(time.Second)
		_, err = a.Identify(withBearer(token))
	}
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
