package config

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/policy"
)

// Authentication says how callers prove who they are. When it is empty nobody is asked,
// and everybody may do everything.
type Authentication struct {
	// By client certificate (see tls).
	Certificates *Certificates `yaml:"certificates,omitempty"`
	// By tokens of identity providers, in the metadata "authorization: Bearer ...".
	JWT []JWT `yaml:"jwt,omitempty"`
	// By static tokens: a file with a line for each, which `cosgate token NAME` prints.
	// It holds hashes, and is read again when it has changed and is still.
	Tokens string `yaml:"tokens,omitempty" example:"/etc/cosgate/tokens"`
	// Further members of groups: names of callers by group.
	Groups map[string][]string `yaml:"groups,omitempty"`
}

// Certificates say which field of a client certificate names the caller.
type Certificates struct {
	// The first of these that the certificate has names the caller, with the field in
	// front of it: spiffe (the only URI SAN; the caller is "cert:spiffe://..."), dns (the
	// only DNS SAN; "cert:dns:...", in lower case) or cn (the only common name;
	// "cert:cn:..."). A certificate with several names in that field is refused.
	NameFrom []string `yaml:"name_from" example:"spiffe,dns"`
}

// JWT is one identity provider.
type JWT struct {
	// The value of iss in the provider's tokens.
	Issuer string `yaml:"issuer" example:"https://id.example.com/"`
	// One of these must be in the token's aud.
	Audiences []string `yaml:"audiences" example:"cosgate"`
	// The provider's JSON Web Key Set: an https URL, which is fetched again every minute
	// and for an unknown key, or a file, which is read again when it has changed and is
	// still.
	JWKS string `yaml:"jwks" example:"https://id.example.com/keys"`
	// The signature algorithms that are accepted. A key that says which one it is for is
	// used for that one only; one that is not for signatures is never used.
	Algorithms []string `yaml:"algorithms,omitempty" default:"RS256,PS256,ES256,ES384,EdDSA" example:"RS256,ES256"`
	// The claim with the caller's name, 1 to 256 bytes. Names of claims are exact, and no
	// name may occur twice in a token. With email, an email_verified that is not true is
	// refused.
	NameClaim string `yaml:"name_claim,omitempty" default:"sub"`
	// The claim with the caller's groups: a list of at most 256 names. A token with more is
	// refused, and so is one from which the provider left them out.
	GroupsClaim string `yaml:"groups_claim,omitempty" default:"groups"`
	// Put before names and groups, with a colon at its end: the caller alice is then
	// "jwt:corp:alice". With several providers each needs its own.
	Prefix string `yaml:"prefix,omitempty" example:"corp:"`
	// How far the provider's clock may be off, ahead or behind. It holds for exp, nbf and
	// iat.
	Leeway Duration `yaml:"leeway,omitempty" default:"1m" max:"5m"`
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
		r.add("groups", "are set, and callers need not prove who they are", "set certificates, jwt or tokens as well")
	}
	if a.Certificates != nil {
		a.Certificates.check(r.in("certificates"))
		if c.TLS.ClientCA == "" {
			r.add("certificates", "is set, and clients are not asked for a certificate", "set tls.client_ca and tls.client_auth")
		}
	}
	if c.acceptsBearerTokens() && !c.TLS.enabled() && !Loopback(c.Listen) {
		r.add("", "accepts bearer tokens in plain text over the network, where others can read them", "set tls.cert and tls.key")
	}
	issuers, prefixes := make(map[string]bool), make(map[string]bool)
	for i, j := range a.JWT {
		at := r.in("jwt").item(i)
		j.check(at)
		if issuers[j.Issuer] {
			at.add("issuer", "is configured twice", "list all its audiences in one entry")
		}
		issuers[j.Issuer] = true
		if len(a.JWT) > 1 && (j.Prefix == "" || prefixes[j.Prefix]) {
			at.add("prefix", "is missing or used twice, and there are several providers: each could name the callers and groups of the others", `give each provider its own, such as "corp:"`)
		}
		prefixes[j.Prefix] = true
	}
	for group, members := range a.Groups {
		if group == "" {
			r.add("groups", "has a group without a name", "name it, or leave it out")
		}
		for _, m := range members {
			if err := policy.CheckCaller(m); err != nil {
				r.in("groups").add(group, err.Error(), "")
			}
		}
	}
}

func (c *Config) acceptsBearerTokens() bool {
	return len(c.Authentication.JWT) > 0 || c.Authentication.Tokens != ""
}

func (c *Certificates) check(r *report) {
	if len(c.NameFrom) == 0 {
		r.add("name_from", "is empty", "use one or more of "+strings.Join(nameSources(), ", "))
	}
	for i, n := range c.NameFrom {
		if slices.Contains(c.NameFrom[:i], n) {
			r.add("name_from", n+" is there twice", "name each field once")
		}
		if !slices.Contains(nameSources(), n) {
			r.add("name_from", fmt.Sprintf("%q is not a field of a certificate", n), "use "+strings.Join(nameSources(), ", "))
		}
	}
}

func (j JWT) check(r *report) {
	missing := len(*r.found)
	if j.Issuer == "" {
		r.add("issuer", "is not set", "use the value of iss in the provider's tokens")
	}
	if len(j.Audiences) == 0 {
		r.add("audiences", "is empty", "list what tokens for this gateway have in aud; tokens for another service must not be valid here")
	}
	if j.JWKS == "" {
		r.add("jwks", "is not set", "name the file or the https URL of the provider's JSON Web Key Set")
	}
	if j.Algorithms != nil && len(j.Algorithms) == 0 {
		r.add("algorithms", "is empty", "list those that the provider signs with, or leave the key out")
	}
	if len(*r.found) > missing {
		return
	}
	// The rules of identity, whose errors begin with the key. The range of leeway is in its tag.
	j.Leeway = 0
	if err := j.options(nil).Check(); err != nil {
		key, problem, _ := strings.Cut(err.Error(), ": ")
		r.add(key, problem, "")
	}
}

func (j JWT) options(log *slog.Logger) identity.JWTOptions {
	return identity.JWTOptions{
		Issuer: j.Issuer, Audiences: j.Audiences, Keys: j.JWKS, Algorithms: j.Algorithms,
		NameClaim: j.NameClaim, GroupsClaim: j.GroupsClaim, Prefix: j.Prefix, Leeway: time.Duration(j.Leeway), Logger: log,
	}
}

// A Reloader reads changed files again: Check once they are still, Reload at once. When they
// are not usable it returns why, and the previous content stays in force.
type Reloader interface {
	Check() error
	Reload() error
}

// BuildAuthentication reads what proves callers. It returns nil when callers need not
// prove who they are.
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
