package cosbackend

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// A SigningMode says with which credentials URLs and forms are signed for others.
type SigningMode int

const (
	// SignNarrowed signs with temporary credentials of STS that may do what was asked
	// for and nothing else. Without them nothing is signed.
	SignNarrowed SigningMode = iota
	// SignWithOwnKeys signs with the profile's own credentials. Whoever has what was
	// signed can add headers and parameters to it, and do with them whatever the profile
	// may do.
	SignWithOwnKeys
)

// SigningOptions say how URLs and forms are signed for others, and where temporary
// credentials come from.
//
// STS gives them for long-lived keys (GetFederationToken), and for a role (AssumeRole): that
// of [AssumeRoleCredentials], or RoleARN. Other credentials that are temporary themselves
// can be narrowed only by RoleARN.
type SigningOptions struct {
	// Mode is SignNarrowed unless it is set.
	Mode SigningMode
	// RoleARN is the role to narrow, which Config.Credentials may assume. Empty is the role
	// of Config.Credentials if they are of one, and else none.
	RoleARN string
	// ExternalID is what the trust policy of RoleARN may require.
	ExternalID string
	// MaxDuration bounds the lifetime of the temporary credentials, and so that of what
	// they sign; 0 is two hours. STS takes up to 12 hours for a role and up to 36 hours
	// for the keys of a sub-account, two for those of an account itself (A086, A088).
	MaxDuration time.Duration
	// STSEndpoint replaces "https://sts.tencentcloudapi.com". Without TLS it must be
	// at a loopback address, or reached by a DialContext, or Insecure.
	STSEndpoint string
	// Insecure accepts that others can read the temporary credentials on their way. Where
	// Config.Endpoint has no TLS either and leads through a proxy, STS is then reached
	// in the same way, unless STSEndpoint says otherwise.
	Insecure bool
	// STSRegion is where STS is called. Empty is "ap-guangzhou".
	STSRegion string
}

const (
	federationMaxDuration = 36 * time.Hour // A088
	defaultMaxDuration    = 2 * time.Hour
	// fetchTimeout bounds getting narrowed credentials, all attempts together.
	fetchTimeout = 20 * time.Second
	maxNarrowed  = 4096
)

// ErrNotNarrowable is the cause of an [*Error] when there is no way to narrower
// credentials.
var ErrNotNarrowable = errors.New("they cannot be narrowed")

var (
	errTemporarySource = fmt.Errorf("%w: they are temporary, and STS narrows only long-lived keys and roles; configure a role that they may assume", ErrNotNarrowable)
	errPolicyInUse     = fmt.Errorf("%w: a policy narrows them already, which a second one would replace", ErrNotNarrowable)
)

// A narrower gets credentials of STS that may do less than those of the profile.
type narrower struct {
	sts         *sts
	source      CredentialProvider // signs the calls of STS
	roleARN     string             // "" is none
	externalID  string
	unusable    error // why none can be had; nil if they can
	maxDuration time.Duration
	retry       func(ctx context.Context, failed int, e *Error) error // waits before the attempt after so many
	attempts    int

	lifetime context.Context // of the client: fetches end with it
	fetches  singleflight.Group
	mu       sync.Mutex
	known    map[narrowKey]temporary
}

// A narrowKey is a digest of everything that credentials depend on.
type narrowKey [sha256.Size]byte

// newNarrower checks the options. It sends nothing.
func newNarrower(lifetime context.Context, c *Client, cfg Config) (*narrower, error) {
	o := cfg.Signing
	n := &narrower{
		source: cfg.Credentials, roleARN: o.RoleARN, externalID: o.ExternalID,
		maxDuration: cmp.Or(o.MaxDuration, defaultMaxDuration), retry: c.pause, attempts: c.retry.MaxAttempts,
		lifetime: lifetime, known: make(map[narrowKey]temporary),
	}
	limit := federationMaxDuration
	own, _ := cfg.Credentials.(*TemporaryCredentials)
	if o.RoleARN != "" {
		limit = stsMaxDuration
		if err := checkRoleARN(o.RoleARN); err != nil {
			return nil, configError("Signing.RoleARN", err)
		}
	} else if own != nil {
		n.unusable = errTemporarySource
		if role := own.role; role != nil {
			limit = stsMaxDuration
			n.source, n.roleARN, n.externalID, n.unusable = role.options.Source, role.options.RoleARN, role.options.ExternalID, nil
			if role.options.Policy != "" {
				n.unusable = errPolicyInUse
			}
		}
	}
	if o.MaxDuration < 0 || o.MaxDuration > limit || o.MaxDuration%time.Second != 0 {
		return nil, configError("Signing.MaxDuration", errors.New("must be whole seconds, at most 12 h for a role and 36 h for keys, or 0 for the default"))
	}
	region := cmp.Or(o.STSRegion, stsRegion)
	if !validRegion(region) {
		return nil, configError("Signing.STSRegion", errors.New(`must be like "ap-guangzhou"`))
	}
	inMemory := cfg.Transport.DialContext != nil
	address := cmp.Or(o.STSEndpoint, c.stsBeside(inMemory || o.Insecure && cfg.Transport.Proxy != nil))
	endpoint, err := parseSourceEndpoint(address)
	if err == nil && endpoint.Scheme == "http" && !inMemory && !o.Insecure && !isLoopback(endpoint.Hostname()) {
		err = errors.New("must be https://, except on this machine: the response holds secrets")
	}
	if err != nil {
		return nil, configError("Signing.STSEndpoint", err)
	}
	n.sts = &sts{endpoint: endpoint, region: region, clock: c.clock, http: newCallClient(cfg.Transport)}
	if own != nil && own.role != nil && o.RoleARN == "" && o.STSEndpoint == "" {
		n.sts.endpoint, n.sts.region = own.role.sts.endpoint, own.role.sts.region
		n.sts.http = newCallClient(own.role.options.Transport)
	}
	return n, nil
}

// stsBeside returns where STS is by itself. Whoever plays COS plays STS, too: under
// localhost, or under the names of both where all of them lead to the same place.
func (c *Client) stsBeside(samePlace bool) string {
	suffix, ok := strings.CutPrefix(c.endpoint.serviceHost(), "service.cos.")
	if name, _, _ := strings.Cut(suffix, ":"); ok && name == "localhost" {
		return c.endpoint.scheme + "://sts." + suffix
	}
	if samePlace && c.endpoint.scheme == "http" {
		return "http" + strings.TrimPrefix(stsEndpoint, "https")
	}
	return stsEndpoint
}

// isLoopback knows that names under localhost are (RFC 6761).
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasSuffix("."+host, ".localhost") || ip != nil && ip.IsLoopback()
}

// SignsNarrowed reports whether URLs and forms are signed with narrowed credentials.
func (c *Client) SignsNarrowed() bool { return c.signing == SignNarrowed }

// narrowed returns credentials that may do what p says, for at least lifetime if STS gives
// them for so long. Callers that ask for the same at the same time share one call of STS,
// and later ones use its result while that lasts.
func (c *Client) narrowed(ctx context.Context, region string, p permission, session string, lifetime time.Duration) (Credentials, error) {
	policy, err := newSessionPolicy(region, []permission{p})
	if err != nil {
		return Credentials{}, err
	}
	return c.narrower.credentials(ctx, policy, session, lifetime)
}

// credentials returns what is known, or waits for one fetch.
func (n *narrower) credentials(ctx context.Context, policy, session string, lifetime time.Duration) (Credentials, error) {
	signer, err := n.signer(ctx)
	if err != nil {
		return Credentials{}, err
	}
	key := n.key(signer, policy, session)
	needed := n.sts.clock().Add(min(lifetime, n.maxDuration))
	got, ok := n.cached(key)
	if ok && !got.expires.Before(needed) {
		if n.sts.clock().Add(renewNarrowed(lifetime)).After(got.expires) {
			n.fetch(signer, key, policy, session, lifetime) //nolint:contextcheck // for those who ask later
		}
		return got.credentials, nil
	}
	select {
	case <-ctx.Done():
		return Credentials{}, ctx.Err()
	case result := <-n.fetch(signer, key, policy, session, lifetime): //nolint:contextcheck // it outlives the caller that began it
		if result.Err != nil {
			return Credentials{}, result.Err
		}
		got, _ = result.Val.(temporary)
		return got.credentials, nil
	}
}

// renewNarrowed is how long before their end credentials are fetched again, while they can
// still be used for what has this lifetime.
func renewNarrowed(lifetime time.Duration) time.Duration {
	return lifetime + min(time.Minute, lifetime/4)
}

// fetchDuration is for how long credentials are asked for: twice what is needed, so that
// others who ask for the same find them good, and in few different lengths, so that they
// do.
func (n *narrower) fetchDuration(lifetime time.Duration) time.Duration {
	d := 30 * time.Minute
	for d < 2*lifetime && d < n.maxDuration {
		d *= 2
	}
	return min(d, n.maxDuration)
}

// fetch begins a fetch, or joins the one under way. It does not end with the caller.
func (n *narrower) fetch(signer Credentials, key narrowKey, policy, session string, lifetime time.Duration) <-chan singleflight.Result {
	duration := n.fetchDuration(lifetime)
	return n.fetches.DoChan(string(key[:])+duration.String(), func() (any, error) {
		if got, ok := n.cached(key); ok && !got.expires.Before(n.sts.clock().Add(renewNarrowed(lifetime))) {
			return got, nil // it was fetched a moment ago
		}
		ctx, cancel := context.WithTimeout(n.lifetime, fetchTimeout)
		defer cancel()
		got, err := n.call(ctx, signer, policy, session, duration)
		if err == nil {
			n.remember(key, got)
		}
		return got, err
	})
}

// signer returns the credentials that sign the call of STS.
func (n *narrower) signer(ctx context.Context) (Credentials, error) {
	if n.unusable != nil {
		return Credentials{}, n.unusable
	}
	signer, err := signerOf(ctx, n.source)
	if err == nil && n.roleARN == "" && signer.Token != "" {
		err = errTemporarySource
	}
	return signer, err
}

// key separates what must not be shared. Credentials of GetFederationToken are those of
// the key that asked for them and end with it; those of a role are not.
func (n *narrower) key(signer Credentials, policy, session string) narrowKey {
	parent := signer.SecretID
	if n.roleARN != "" {
		parent = ""
	}
	return sha256.Sum256([]byte(parent + "\n" + session + "\n" + policy)) // the first two hold no line break
}

func (n *narrower) cached(key narrowKey) (temporary, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	got, ok := n.known[key]
	return got, ok
}

// remember keeps credentials, in place of ones that have ended or of any others when there
// are too many.
func (n *narrower) remember(key narrowKey, got temporary) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxNarrowed {
		now := n.sts.clock()
		for k, t := range n.known {
			if !now.Before(t.expires) {
				delete(n.known, k)
			}
		}
		for k := range n.known { // in no order
			if len(n.known) < maxNarrowed {
				break
			}
			delete(n.known, k)
		}
	}
	n.known[key] = got
}

// call asks STS until it responds, the attempts are used up, or another one is of no use.
func (n *narrower) call(ctx context.Context, signer Credentials, policy, session string, duration time.Duration) (temporary, error) {
	r, err := n.request(policy, session, duration)
	if err != nil {
		return temporary{}, err
	}
	for attempt := 1; ; attempt++ {
		got, err := n.sts.call(ctx, signer, r)
		if err == nil {
			err = got.check(n.sts.clock())
		}
		if err == nil {
			return got, nil
		}
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return temporary{}, &Error{Op: r.action, Origin: OriginSTS, Attempts: attempt, Cause: err}
		}
		if e.Attempts = attempt; e.Origin == OriginSTS && stsPolicyTooLong(e.Code) {
			return temporary{}, invalid("grants", "make a longer policy than STS takes for temporary credentials: ask for fewer keys at a time, or for a prefix that they share")
		}
		if !e.Retryable || attempt >= n.attempts || n.retry(ctx, attempt, e) != nil {
			return temporary{}, e
		}
	}
}

// request writes the call for a policy.
func (n *narrower) request(policy, session string, duration time.Duration) (stsRequest, error) {
	r := stsRequest{action: "GetFederationToken", policy: policy}
	var body any = federationTokenBody{
		Name: federationName(session), Policy: escapedPolicy(policy), DurationSeconds: int64(duration / time.Second),
	}
	if n.roleARN != "" {
		r.action = "AssumeRole"
		body = assumeRoleBody{
			RoleArn: n.roleARN, RoleSessionName: roleSessionName(session), ExternalID: n.externalID,
			Policy: escapedPolicy(policy), DurationSeconds: int64(duration / time.Second),
		}
	}
	var err error
	r.payload, err = json.Marshal(body)
	return r, err
}

// roleSessionName makes a name that AssumeRole takes (A086).
func roleSessionName(session string) string {
	name := strings.Map(func(r rune) rune {
		if onlyWordCharsAnd(string(r), sessionNameChars) {
			return r
		}
		return '-'
	}, cmp.Or(session, stsSessionName))
	if len(name) < 2 {
		name = stsSessionName + "-" + name
	}
	return name[:min(len(name), maxSessionName)]
}

// federationName makes a name that GetFederationToken takes: letters and hyphens (A088).
// Where that loses something, a few letters of a digest tell it from others.
func federationName(session string) string {
	var b strings.Builder
	for _, r := range cmp.Or(session, stsSessionName) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "-") && b.Len() > 0:
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if name != cmp.Or(session, stsSessionName) || len(name) > maxFederationName {
		sum := sha256.Sum256([]byte(session))
		for i := range sum[:8] {
			sum[i] = 'a' + sum[i]%26
		}
		name = strings.Trim(name[:min(len(name), maxFederationName-9)], "-") + "-" + string(sum[:8])
	}
	return strings.Trim(name, "-")
}

const maxFederationName = 32
