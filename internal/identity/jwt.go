package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/cosgate/cosgate/internal/reload"
)

// JWTOptions say which tokens of an identity provider are accepted.
type JWTOptions struct {
	// Issuer must be the claim iss.
	Issuer string
	// Audiences: the claim aud must hold one of them.
	Audiences []string
	// Keys is where the provider's public keys are: a file, which is read again when
	// it changes, or an https URL (http on loopback only), which is fetched again every
	// minute and for an unknown key. A JSON Web Key Set either way.
	Keys string
	// Algorithms that may sign. Empty is RS256, PS256, ES256, ES384 and EdDSA.
	// Symmetric ones and "none" are refused.
	Algorithms []string
	// NameClaim names the caller; "" is "sub".
	NameClaim string
	// GroupsClaim lists its groups; "" is "groups". It may be absent.
	GroupsClaim string
	// Prefix is put before names and groups, a name and a colon such as "corp:". With
	// several providers each needs its own, or one could name the callers of another.
	Prefix string
	// Leeway is how far the provider's clock may be off; 0 is a minute.
	Leeway time.Duration
	// Logger and Clock may be nil.
	Logger *slog.Logger
	Clock  func() time.Time
}

const (
	defaultLeeway  = time.Minute
	maxLeeway      = 5 * time.Minute
	keyTimeout     = 5 * time.Second
	maxNameInToken = 256
	maxGroups      = 256
)

// JWT authenticates callers by tokens that an identity provider signed. It is a [Bearer].
type JWT struct {
	opts     JWTOptions
	verifier *oidc.IDTokenVerifier
	file     *reload.File[*jose.JSONWebKeySet] // nil for keys at a URL
	url      *urlKeys                          // nil for keys in a file
}

// NewJWT checks o and reads the keys when they are in a file. Keys at a URL are fetched
// for the first token, and until ctx ends.
func NewJWT(ctx context.Context, o JWTOptions) (*JWT, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	j := &JWT{opts: o}
	keys, err := j.keys(ctx)
	if err != nil {
		return nil, err
	}
	j.verifier = oidc.NewVerifier(o.Issuer, keys, &oidc.Config{
		SkipClientIDCheck:    true, // there may be several audiences; Identify checks them
		SkipIssuerCheck:      true, // Identify checks it, without the exception for one provider
		SupportedSigningAlgs: o.Algorithms,
		// The library allows five minutes before nbf and none after exp.
		Now: func() time.Time { return o.Clock().Add(-o.Leeway) },
	})
	return j, nil
}

func (o *JWTOptions) complete() error {
	if o.Issuer == "" {
		return errors.New("issuer: must be set")
	}
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		return errors.New("audiences: at least one is needed, none empty; a token for another service must not be valid here")
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{oidc.RS256, oidc.PS256, oidc.ES256, oidc.ES384, oidc.EdDSA}
	}
	for _, a := range o.Algorithms {
		if !slices.Contains(asymmetric(), jose.SignatureAlgorithm(a)) {
			return fmt.Errorf("algorithms: %q is not one of %v", a, asymmetric())
		}
	}
	if o.Prefix != "" && !callerPrefix.MatchString(o.Prefix) {
		return errors.New(`prefix: must be letters, digits and ._-, at most 64, and a colon, such as "corp:"`)
	}
	if o.Leeway == 0 {
		o.Leeway = defaultLeeway
	}
	if o.Leeway < 0 || o.Leeway > maxLeeway {
		return fmt.Errorf("leeway: %s is not between 0 and %s", o.Leeway, maxLeeway)
	}
	if o.NameClaim == "" {
		o.NameClaim = "sub"
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return nil
}

// callerPrefix has one colon, at its end: names with different prefixes never meet.
var callerPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}:$`)

func asymmetric() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

func (j *JWT) keys(ctx context.Context) (oidc.KeySet, error) {
	if !strings.Contains(j.opts.Keys, "://") {
		f, err := reload.Open(j.opts.Keys, parseKeys, reload.Options{What: "keys", Logger: j.opts.Logger, Clock: j.opts.Clock})
		if err != nil {
			return nil, err
		}
		j.file = f
		return fileKeys{file: f, algorithms: j.opts.Algorithms}, nil
	}
	u, err := url.Parse(j.opts.Keys)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname())) {
		return nil, errors.New("keys: the URL must be https, or http on loopback, without a user: whoever can change the keys can be any caller")
	}
	j.url = newURLKeys(ctx, j.opts)
	return j.url, nil
}

func loopbackHost(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// Knows reports whether the token claims to be of this issuer.
func (j *JWT) Knows(token string) bool {
	_, rest, ok := strings.Cut(token, ".")
	payload, _, signed := strings.Cut(rest, ".")
	if !ok || !signed {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	return json.Unmarshal(raw, &claims) == nil && claims.Issuer == j.opts.Issuer
}

// Identify checks signature, issuer, audience and lifetime.
func (j *JWT) Identify(ctx context.Context, token string) (Caller, error) {
	verified, err := j.verifier.Verify(ctx, token)
	if err != nil {
		return Caller{}, j.refusal(ctx, err)
	}
	if verified.Issuer != j.opts.Issuer {
		return Caller{}, rejected("the bearer token is of another issuer")
	}
	if !slices.ContainsFunc(verified.Audience, func(a string) bool { return slices.Contains(j.opts.Audiences, a) }) {
		return Caller{}, rejected("the bearer token is for another audience")
	}
	claims := make(map[string]any)
	if err := verified.Claims(&claims); err != nil {
		return Caller{}, rejected("the claims of the bearer token cannot be read")
	}
	return j.caller(claims)
}

// refusal describes what the library found, without its text, which may hold parts of the
// token.
func (j *JWT) refusal(ctx context.Context, err error) error {
	var expired *oidc.TokenExpiredError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &expired):
		return rejected("the bearer token has expired")
	}
	if j.opts.Logger != nil {
		j.opts.Logger.DebugContext(ctx, "bearer token refused", "issuer", j.opts.Issuer, "problem", fmt.Sprintf("%T", err))
	}
	return rejected("the bearer token cannot be verified: it is not signed by a key of its issuer with an accepted algorithm, or not valid yet")
}

func (j *JWT) caller(claims map[string]any) (Caller, error) {
	name, _ := claims[j.opts.NameClaim].(string)
	if name == "" || len(name) > maxNameInToken {
		return Caller{}, rejected("the claim %s of the bearer token is not a name of 1 to %d bytes", j.opts.NameClaim, maxNameInToken)
	}
	c := Caller{Name: "jwt:" + j.opts.Prefix + name}
	switch groups := claims[j.opts.GroupsClaim].(type) {
	case nil:
	case string:
		c.Groups = []string{j.opts.Prefix + groups}
	case []any:
		for _, g := range groups {
			if text, ok := g.(string); ok && len(c.Groups) < maxGroups {
				c.Groups = append(c.Groups, j.opts.Prefix+text)
			}
		}
	default:
		return Caller{}, rejected("the claim %s of the bearer token is not a list of names", j.opts.GroupsClaim)
	}
	return c, nil
}

// Reload reads a changed key file now, and fetches keys at a URL when they are old.
func (j *JWT) Reload() error {
	if j.file == nil {
		return j.url.renew()
	}
	return j.file.Reload()
}
