package identity

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// A NameSource is a field of a certificate that names its holder.
type NameSource string

// The fields that can name a caller.
const (
	SPIFFE     NameSource = "spiffe" // the only URI SAN: "cert:spiffe://prod.example/billing"
	DNSName    NameSource = "dns"    // the only DNS SAN: "cert:dns:billing.example"
	CommonName NameSource = "cn"     // the subject's only common name: "cert:cn:billing"
)

// maxSPIFFE is the greatest length of a SPIFFE id in bytes.
const maxSPIFFE = 2048

// Certificates authenticate callers by the client certificate of their connection, which
// the TLS handshake has verified with the client CAs.
type Certificates struct {
	// Sources are tried in turn; the first that the certificate has names the caller.
	Sources []NameSource
	// Clock decides whether a certificate has expired since the handshake. Nil is
	// time.Now.
	Clock func() time.Time
}

func (c *Certificates) identify(ctx context.Context) (Caller, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Caller{}, ErrNone
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return Caller{}, ErrNone
	}
	leaf := info.State.VerifiedChains[0][0]
	now := time.Now
	if c.Clock != nil {
		now = c.Clock
	}
	// The handshake checked this once; connections last for hours.
	if now().After(leaf.NotAfter) {
		return Caller{}, rejected("the client certificate has expired since the connection was made; connect again")
	}
	for _, source := range c.Sources {
		name, err := source.of(leaf)
		if err != nil {
			return Caller{}, rejected("the client certificate %s", err)
		}
		if name != "" {
			return Caller{Name: certKind + source.tag() + name}, nil
		}
	}
	return Caller{}, rejected("the client certificate has none of the names that this gateway uses: %v", c.Sources)
}

// tag tells the names of one source from those of the others. A SPIFFE id has its own, the
// scheme.
func (s NameSource) tag() string {
	if s == SPIFFE {
		return ""
	}
	return string(s) + ":"
}

// of reads a name, empty when the certificate has none of this kind. Several names, and
// one that is not in its strict form, would be ambiguous.
func (s NameSource) of(leaf *x509.Certificate) (string, error) {
	switch s {
	case SPIFFE:
		return spiffeID(leaf)
	case DNSName:
		return dnsName(leaf)
	case CommonName:
		return commonName(leaf)
	default:
		return "", nil
	}
}

// spiffeForm is the strict form of the id of a workload: a trust domain in lower case and
// a path, nothing escaped.
var spiffeForm = regexp.MustCompile(`^spiffe://[a-z0-9._-]{1,255}(?:/[A-Za-z0-9._-]+)+$`)

func spiffeID(leaf *x509.Certificate) (string, error) {
	if !slices.ContainsFunc(leaf.URIs, func(u *url.URL) bool { return u.Scheme == "spiffe" }) {
		return "", nil
	}
	if len(leaf.URIs) > 1 {
		return "", errors.New("has several URIs; one with a SPIFFE id has no other")
	}
	id := leaf.URIs[0].String()
	segments := strings.Split(id, "/")
	if len(id) > maxSPIFFE || !spiffeForm.MatchString(id) || slices.Contains(segments, ".") || slices.Contains(segments, "..") {
		return "", errors.New("has a SPIFFE id that is not of the form spiffe://trust-domain/path")
	}
	return id, nil
}

// dnsForm is the name of one host; a wildcard would name many.
var dnsForm = regexp.MustCompile(`^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// dnsName returns the name in lower case: DNS does not tell the two apart.
func dnsName(leaf *x509.Certificate) (string, error) {
	switch len(leaf.DNSNames) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", errors.New("has several DNS names")
	}
	name := strings.ToLower(leaf.DNSNames[0])
	if len(name) > maxName || !dnsForm.MatchString(name) {
		return "", errors.New("has a DNS name that is not the name of one host")
	}
	return name, nil
}

func commonName(leaf *x509.Certificate) (string, error) {
	names := 0
	for _, attribute := range leaf.Subject.Names {
		if attribute.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			names++
		}
	}
	name := leaf.Subject.CommonName
	switch {
	case names > 1:
		return "", errors.New("has several common names")
	case name == "":
		return "", nil
	case !validName(name):
		return "", fmt.Errorf("has a common name that is not 1 to %d bytes of text", maxName)
	}
	return name, nil
}
