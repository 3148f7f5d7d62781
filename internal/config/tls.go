package config

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"github.com/cosgate/cosgate/internal/certs"
)

const (
	clientAuthNone    = "none"
	clientAuthGiven   = "verify_if_given"
	clientAuthRequire = "require"

	version12 = "1.2"
)

// TLS says how connections to the gateway are protected.
type TLS struct {
	// The certificate of the gateway, followed by its intermediates. Without certificate
	// and key gRPC is plain text.
	Cert string `yaml:"cert" example:"/etc/cosgate/tls/tls.crt"`
	// The private key of the certificate.
	Key string `yaml:"key" example:"/etc/cosgate/tls/tls.key"`
	// The certificate authorities of clients.
	ClientCA string `yaml:"client_ca" example:"/etc/cosgate/tls/ca.crt"`
	// Whether clients show a certificate. none: they are not asked for one.
	// verify_if_given: one that is shown must be of client_ca. require: no connection
	// without one.
	ClientAuth string `yaml:"client_auth" default:"none" enum:"none,verify_if_given,require" example:"require"`
	// The oldest version of TLS. 1.2 lets older clients in.
	MinVersion string `yaml:"min_version" default:"1.3" enum:"1.2,1.3"`
}

func (t TLS) enabled() bool { return t.Cert != "" || t.Key != "" }

func (t TLS) check(r *report) {
	switch {
	case t.Cert != "" && t.Key == "":
		r.add("cert", "is set without key", "set tls.key to the file with its private key")
	case t.Cert == "" && t.Key != "":
		r.add("key", "is set without cert", "set tls.cert to the file with its certificate")
	case !t.enabled() && t.ClientCA != "":
		r.add("client_ca", "is set without cert and key", "set those as well: client certificates need TLS")
	}
	switch {
	case t.ClientAuth == clientAuthNone && t.ClientCA != "":
		r.add("client_ca", "is set, and client_auth: none does not use it", "set tls.client_auth: require or verify_if_given")
	case (t.ClientAuth == clientAuthGiven || t.ClientAuth == clientAuthRequire) && t.ClientCA == "":
		r.add("client_auth", fmt.Sprintf("is %s without client_ca", t.ClientAuth), "set tls.client_ca to the file with the certificate authorities of clients")
	}
}

// BuildTLS reads the certificates. It returns nil when the section is empty.
func (c *Config) BuildTLS(log *slog.Logger) (*certs.Store, error) {
	t := c.TLS
	if !t.enabled() {
		return nil, nil // plain text
	}
	o := certs.Options{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, MinVersion: tls.VersionTLS13, Logger: log}
	if t.MinVersion == version12 {
		o.MinVersion = tls.VersionTLS12
	}
	o.RequireClient = t.ClientAuth == clientAuthRequire
	store, err := certs.Open(o)
	if err != nil {
		return nil, c.Refuse("tls.cert", err.Error(), "")
	}
	return store, nil
}
