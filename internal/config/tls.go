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
	version13 = "1.3"
)

// TLS says how callers reach the gateway. Without a certificate they do in plain text.
type TLS struct {
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
	ClientCA   string `yaml:"client_ca"`
	ClientAuth string `yaml:"client_auth"`
	MinVersion string `yaml:"min_version"`
}

func (t TLS) enabled() bool { return t.Cert != "" || t.Key != "" }

func (t TLS) check(r *report) {
	switch {
	case t.Cert != "" && t.Key == "":
		r.add("cert", "is set without key", "set tls.key to the file with its private key")
	case t.Cert == "" && t.Key != "":
		r.add("key", "is set without cert", "set tls.cert to the file with its certificate")
	case !t.enabled() && t.ClientCA != "":
		r.add("client_ca", "is set without cert and key", "set those as well: client certificates come with TLS")
	}
	switch t.ClientAuth {
	case clientAuthNone:
		if t.ClientCA != "" {
			r.add("client_ca", "is set, and client_auth: none does not use it", "set tls.client_auth: require or verify_if_given")
		}
	case clientAuthGiven, clientAuthRequire:
		if t.ClientCA == "" {
			r.add("client_auth", fmt.Sprintf("is %s without client_ca", t.ClientAuth), "set tls.client_ca to the file with the authorities of client certificates")
		}
	default:
		r.add("client_auth", fmt.Sprintf("%q is unknown", t.ClientAuth), "use none, verify_if_given or require")
	}
	if t.MinVersion != version12 && t.MinVersion != version13 {
		r.add("min_version", fmt.Sprintf("%q is not offered", t.MinVersion), "use 1.3, or 1.2 for old clients")
	}
}

// BuildTLS reads the certificates. It returns nil when the section is empty.
func (c *Config) BuildTLS(log *slog.Logger) (*certs.Store, error) {
	t := c.TLS
	if !t.enabled() {
		return nil, nil //nolint:nilnil // plain text
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
