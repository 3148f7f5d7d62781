package identity

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// A NameSource is a field of a certificate that names its holder.
type NameSource string

// The fields that can name a caller.
const (
	SPIFFE     NameSource = "spiffe" // the only URI SAN of scheme spiffe
	DNSName    NameSource = "dns"    // the only DNS SAN
	CommonName NameSource = "cn"     // the subject's common name
)

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
		if err == nil && source != SPIFFE && strings.Contains(name, "://") {
			// A common name is free text: it must not be the SPIFFE id of another.
			err = fmt.Errorf("has a name that looks like a URI as its %s", source)
		}
		if err != nil {
			return Caller{}, rejected("the client certificate %s", err)
		}
		if name != "" {
			return Caller{Name: "cert:" + name}, nil
		}
	}
	return Caller{}, rejected("the client certificate has none of the names that this gateway uses: %v", c.Sources)
}

// of reads a name. Several names would be ambiguous.
func (s NameSource) of(leaf *x509.Certificate) (string, error) {
	switch s {
	case SPIFFE:
		var name string
		for _, u := range leaf.URIs {
			if u.Scheme != "spiffe" {
				continue
			}
			if name != "" {
				return "", errors.New("has several SPIFFE ids")
			}
			name = u.String()
		}
		return name, nil
	case DNSName:
		switch len(leaf.DNSNames) {
		case 0:
			return "", nil
		case 1:
			return leaf.DNSNames[0], nil
		default:
			return "", errors.New("has several DNS names")
		}
	case CommonName:
		return leaf.Subject.CommonName, nil
	default:
		return "", nil
	}
}
