package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cosgate/cosgate/internal/reload"
	"github.com/cosgate/cosgate/internal/strictjson"
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
	// Algorithms that may sign, with keys that say nothing else of themselves. Empty is
	// RS256, PS256, ES256, ES384 and EdDSA. Symmetric ones and "none" are refused.
	Algorithms []string
	// NameClaim names the caller; "" is "sub".
	NameClaim string
	// GroupsClaim lists its groups; "" is "groups". It may be absent.
	GroupsClaim string
	// Prefix is put before names and groups, a name and a colon such as "corp:". With
	// several providers each needs its own, or one could name the callers of another.
	Prefix string
	// Leeway is how far the provider's clock may be off, ahead or behind: 0 to 5 minutes.
	Leeway time.Duration
	// Logger and Clock may be nil.
	Logger *slog.Logger
	Clock  func() time.Time
}

const (
	maxLeeway  = 5 * time.Minute
	keyTimeout = 5 * time.Second
)

// JWT authenticates callers by tokens that an identity provider signed. It is a [Bearer].
type JWT struct {
	opts JWTOptions
	keys interface {
		verify(ctx context.Context, t signedToken) ([]byte, error)
		Check() error
		Reload() error
	}
}

// NewJWT checks o and reads the keys when they are in a file. Keys at a URL are fetched
// for the first token, and until ctx ends.
func NewJWT(ctx context.Context, o JWTOptions) (*JWT, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o.complete()
	j := &JWT{opts: o}
	if o.keysAtURL() {
		j.keys = newURLKeys(ctx, o)
		return j, nil
	}
	f, err := reload.Open(o.Keys, parseKeyFile, reload.Options{What: "keys", Logger: o.Logger, Clock: o.Clock})
	if err != nil {
		return nil, err
	}
	j.keys = fileKeys{f}
	return j, nil
}

// Check returns what is wrong with o, without looking at the keys. The error begins with
// the name of the key in the configuration.
func (o JWTOptions) Check() error {
	switch {
	case o.Issuer == "":
		return errors.New("issuer: must be set")
	case len(o.Audiences) == 0 || slices.Contains(o.Audiences, ""):
		return errors.New("audiences: at least one is needed, none empty; a token for another service must not be valid here")
	case o.Prefix != "" && !callerPrefix.MatchString(o.Prefix):
		return errors.New(`prefix: must be letters, digits and ._-, at most 64, and a colon, such as "corp:"`)
	case o.Leeway < 0 || o.Leeway > maxLeeway:
		return fmt.Errorf("leeway: %s is not between 0 and %s", o.Leeway, maxLeeway)
	case o.Keys == "":
		return errors.New("jwks: must be set")
	}
	for _, a := range o.Algorithms {
		if !slices.Contains(asymmetric(), jose.SignatureAlgorithm(a)) {
			return fmt.Errorf("algorithms: %q is not one of %v", a, asymmetric())
		}
	}
	if !o.keysAtURL() {
		return nil
	}
	u, err := url.Parse(o.Keys)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname())) {
		return errors.New("jwks: the URL must be https, or http on loopback, without a user: whoever can change the keys can be any caller")
	}
	return nil
}

func (o JWTOptions) keysAtURL() bool { return strings.Contains(o.Keys, "://") }

func (o *JWTOptions) complete() {
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}
	}
	if o.NameClaim == "" {
		o.NameClaim = "sub"
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

// callerPrefix has one colon, at its end: names with different prefixes never meet.
var callerPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}:$`)

func asymmetric() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

func loopbackHost(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

var errShape = errors.New("identity: the token does not have three parts in base64")

// segment decodes one of the three parts of a token, a JSON object.
func segment(token string, number int) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errShape
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[number])
	if err != nil {
		return nil, errShape
	}
	return strictjson.Object(raw)
}

// checkHeader refuses tokens that are not meant to prove who calls, and those that ask for
// something that this gateway does not do.
func checkHeader(token string) error {
	header, err := segment(token, 0)
	if err != nil {
		return err
	}
	for _, name := range []string{"crit", "b64"} {
		if _, present := header[name]; present {
			return fmt.Errorf("identity: the token has the header %s", name)
		}
	}
	typ, present := header["typ"]
	text, _ := typ.(string)
	switch strings.TrimPrefix(strings.ToLower(text), "application/") {
	case "jwt", "at+jwt":
		return nil
	}
	if !present {
		return nil
	}
	return errors.New("identity: the token is of another kind than JWT or at+jwt")
}

// Knows reports whether the token claims to be of this issuer.
func (j *JWT) Knows(token string) bool {
	payload, err := segment(token, 1)
	return err == nil && payload["iss"] == j.opts.Issuer
}

// Identify checks signature, issuer, audience and lifetime.
func (j *JWT) Identify(ctx context.Context, token string) (Caller, error) {
	payload, err := j.verify(ctx, token)
	if err != nil {
		return Caller{}, j.refusal(ctx, err)
	}
	object, err := strictjson.Object(payload)
	if err != nil {
		return Caller{}, j.refusal(ctx, err)
	}
	found := claims(object)
	if err := found.checkAddressee(&j.opts); err != nil {
		return Caller{}, err
	}
	if err := found.checkLifetime(j.opts.Clock(), j.opts.Leeway); err != nil {
		return Caller{}, err
	}
	return found.caller(&j.opts)
}

func (j *JWT) verify(ctx context.Context, token string) ([]byte, error) {
	signed, err := parseSigned(token, j.opts.Algorithms)
	if err != nil {
		return nil, err
	}
	return j.keys.verify(ctx, signed)
}

// refusal describes why a token cannot be verified, without the text of err, which may hold
// parts of the token.
func (j *JWT) refusal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	j.opts.Logger.DebugContext(ctx, "bearer token refused", "issuer", j.opts.Issuer, "problem", fmt.Sprintf("%T", err))
	return rejected("the bearer token cannot be verified: it is not signed by a key of its issuer with an accepted algorithm, or is not a token in the strict form")
}

// Check reads a changed key file once it is still, and fetches keys at a URL when they are
// old.
func (j *JWT) Check() error { return j.keys.Check() }

// Reload reads a changed key file now, and fetches keys at a URL when they are old.
func (j *JWT) Reload() error { return j.keys.Reload() }
