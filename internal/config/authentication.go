package config

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cosgate/cosgate/internal/identity"
)

// Authentication says how callers prove who they are. Empty: nobody is asked, and
// everybody may do everything.
type Authentication struct {
	// Certificates names callers by client certificates.
	Certificates *Certificates `yaml:"certificates,omitempty"`
	// JWT are the identity providers whose tokens are taken.
	JWT []JWT `yaml:"jwt,omitempty"`
	// Tokens is a file with hashes of static tokens.
	Tokens string `yaml:"tokens,omitempty"`
	// Groups are further members of groups: group to names of callers.
	Groups map[string][]string `yaml:"groups,omitempty"`
}

// Certificates say which field of a client certificate names the caller.
type Certificates struct {
	NameFrom []string `yaml:"name_from"`
}

// JWT is one identity provider.
type JWT struct {
	Issuer      string   `yaml:"issuer"`
	Audiences   []string `yaml:"audiences"`
	Keys        string   `yaml:"keys"`
	Algorithms  []string `yaml:"algorithms,omitempty"`
	NameClaim   string   `yaml:"name_claim,omitempty"`
	GroupsClaim string   `yaml:"groups_claim,omitempty"`
	Prefix      string   `yaml:"prefix,omitempty"`
	Leeway      Duration `yaml:"leeway,omitempty"`
}

func (a Authentication) enabled() bool {
	return a.Certificates != nil || len(a.JWT) > 0 || a.Tokens != ""
}

func nameSources() []string {
	return []string{string(identity.SPIFFE), string(identity.DNSName), string(identity.CommonName)}
}

func (c *Config) checkAuthentication(r *report) {
	a := c.Authentication
	if !a.enabled() && len(a.Groups) > 0 {
		r.add("groups", "are set and nobody is asked who they are", "set certificates, jwt or tokens as well")
	}
	if a.Certificates != nil {
		a.Certificates.check(r.in("certificates"))
		if c.TLS.ClientCA == "" {
			r.add("certificates", "is set and no client certificate is asked for", "set tls.client_ca and tls.client_auth")
		}
	}
	if c.bearers() && !c.TLS.enabled() && !Loopback(c.Listen) {
		r.add("", "takes bearer tokens over plain text from elsewhere, where others can read them", "set tls.cert and tls.key")
	}
	issuers, prefixes := make(map[string]bool), make(map[string]bool)
	for i, j := range a.JWT {
		at := r.in(fmt.Sprintf("jwt[%d]", i))
		j.check(at)
		if issuers[j.Issuer] {
			at.add("issuer", "stands there twice", "give it all its audiences in one place")
		}
		issuers[j.Issuer] = true
		if len(a.JWT) > 1 && (j.Prefix == "" || prefixes[j.Prefix]) {
			at.add("prefix", "is not its own, and there are several providers: each could name the callers and groups of the others", `give each provider its own, such as "corp:"`)
		}
		prefixes[j.Prefix] = true
	}
	for group, members := range a.Groups {
		for _, m := range members {
			if !strings.HasPrefix(m, "cert:") && !strings.HasPrefix(m, "jwt:") && !strings.HasPrefix(m, "token:") {
				r.in("groups").add(group, fmt.Sprintf("%q is not a name of a caller", m), `names begin with "cert:", "jwt:" or "token:"; the access log shows them`)
			}
		}
	}
}

func (c *Config) bearers() bool {
	return len(c.Authentication.JWT) > 0 || c.Authentication.Tokens != ""
}

func (c *Certificates) check(r *report) {
	if len(c.NameFrom) == 0 {
		r.add("name_from", "is empty", "use one or more of "+strings.Join(nameSources(), ", "))
	}
	for _, n := range c.NameFrom {
		if !slices.Contains(nameSources(), n) {
			r.add("name_from", fmt.Sprintf("%q is not a field of a certificate", n), "use "+strings.Join(nameSources(), ", "))
		}
	}
}

func (j JWT) check(r *report) {
	if j.Issuer == "" {
		r.add("issuer", "is not set", "use the value of iss in the provider's tokens")
	}
	if len(j.Audiences) == 0 {
		r.add("audiences", "is empty", "name what tokens for this gateway have in aud; a token for another service must not open this one")
	}
	if j.Keys == "" {
		r.add("keys", "is not set", "name the file or the https URL of the provider's JSON Web Key Set")
	}
}

func (j JWT) options(log *slog.Logger) identity.JWTOptions {
	return identity.JWTOptions{
		Issuer: j.Issuer, Audiences: j.Audiences, Keys: j.Keys, Algorithms: j.Algorithms,
		NameClaim: j.NameClaim, GroupsClaim: j.GroupsClaim, Prefix: j.Prefix, Leeway: time.Duration(j.Leeway), Logger: log,
	}
}

// A Reloader looks at its files now and returns why they are not usable; what was read
// before then stays in force.
type Reloader interface{ Reload() error }

// BuildAuthentication reads what proves callers. It returns nil when nobody is asked
// who they are.
func (c *Config) BuildAuthentication(ctx context.Context, log *slog.Logger) (*identity.Authenticator, []Reloader, error) {
	a := c.Authentication
	if !a.enabled() {
		return nil, nil, nil
	}
	out := &identity.Authenticator{Groups: a.Groups}
	var reloads []Reloader
	if a.Certificates != nil {
		out.Certificates = &identity.Certificates{}
		for _, n := range a.Certificates.NameFrom {
			out.Certificates.Sources = append(out.Certificates.Sources, identity.NameSource(n))
		}
	}
	if a.Tokens != "" {
		t, err := identity.OpenTokens(a.Tokens, log, nil)
		if err != nil {
			return nil, nil, c.Refuse("authentication.tokens", err.Error(), "")
		}
		out.Bearers, reloads = append(out.Bearers, t), append(reloads, t)
	}
	for i, j := range a.JWT {
		p, err := identity.NewJWT(ctx, j.options(log))
		if err != nil {
			return nil, nil, c.Refuse(fmt.Sprintf("authentication.jwt[%d]", i), err.Error(), "")
		}
		out.Bearers, reloads = append(out.Bearers, p), append(reloads, p)
	}
	return out, reloads, nil
}
