package cosbackend

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// TemporaryCredentialsOptions say what temporary credentials may do.
type TemporaryCredentialsOptions struct {
	// Grants are what they may do; at least one.
	Grants []SessionGrant
	// Lifetime is how long they are valid, in whole seconds, at least one and at most
	// Config.Signing.MaxDuration.
	Lifetime time.Duration
	// Session names who asked for them; see PresignOptions.
	Session string
}

// IssuedCredentials are for somebody else. Every way to print them shows only that they
// exist.
type IssuedCredentials struct {
	SecretID  string
	SecretKey string
	Token     string
	// Start and Expires are when they begin, by the client's clock, and end.
	Start, Expires time.Time
	// Region is where the bucket is; "" when the endpoint serves one region that has no
	// name here.
	Region string
}

const redactedIssued = "IssuedCredentials{redacted}"

// String hides the secrets.
func (c IssuedCredentials) String() string { return redactedIssued }

// Format hides the secrets from every verb.
func (c IssuedCredentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedIssued) }

// LogValue hides the secrets from slog.
func (c IssuedCredentials) LogValue() slog.Value { return slog.StringValue(redactedIssued) }

// MarshalText hides the secrets from encoders of text, JSON among them.
func (c IssuedCredentials) MarshalText() ([]byte, error) { return []byte(redactedIssued), nil }

// IssueTemporaryCredentials gets credentials of STS that may do what the grants say and
// nothing else, all in one bucket. It is one call of STS, whatever the mode of signing,
// and an [*Error] says why it failed. A caller's own credentials ([WithCallerCredentials])
// are narrowed in place of the profile's, if they are long-lived keys.
func (c *Client) IssueTemporaryCredentials(ctx context.Context, loc Location, o TemporaryCredentialsOptions) (IssuedCredentials, error) {
	if err := c.checkTemporaryCredentials(loc, o); err != nil {
		return IssuedCredentials{}, err
	}
	region, err := c.locate(ctx, loc.Bucket, loc.Region)
	if err != nil {
		return IssuedCredentials{}, err
	}
	var all []permission
	for _, g := range o.Grants {
		g.Bucket = loc.Bucket
		all = append(all, g.permissions()...)
	}
	policy, err := newSessionPolicy(region, all)
	if err != nil {
		return IssuedCredentials{}, err
	}
	n := c.narrower
	own, brought := callerCredentials(ctx)
	if brought {
		n = &narrower{sts: n.sts, source: StaticCredentials(own), maxDuration: n.maxDuration, retry: n.retry, attempts: n.attempts}
	}
	signer, err := n.signer(ctx)
	start := c.clock()
	var got temporary
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		got, err = n.call(ctx, signer, policy, o.Session, o.Lifetime)
	}
	if err != nil {
		return IssuedCredentials{}, c.unsigned(err, Error{Op: "IssueTemporaryCredentials", Bucket: loc.Bucket, Region: region, CallerCredentials: brought})
	}
	return IssuedCredentials{
		SecretID: got.credentials.SecretID, SecretKey: got.credentials.SecretKey, Token: got.credentials.Token,
		Start: time.Unix(start.Unix(), 0).UTC(), Expires: time.Unix(got.expires.Unix(), 0).UTC(), Region: region,
	}, nil
}

func (c *Client) checkTemporaryCredentials(loc Location, o TemporaryCredentialsOptions) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if len(o.Grants) == 0 {
		return invalid("grants", "must have at least one")
	}
	for i, g := range o.Grants {
		if err := g.check(i, loc.Bucket); err != nil {
			return err
		}
	}
	if o.Lifetime < time.Second || o.Lifetime%time.Second != 0 || o.Lifetime > c.narrower.maxDuration {
		return invalid("expires_in", fmt.Sprintf("must be whole seconds, at least one and at most %d", int64(c.narrower.maxDuration/time.Second)))
	}
	return nil
}

func (g SessionGrant) check(i int, bucket string) error {
	if len(g.Actions) == 0 {
		return invalid(field("grants", i, "actions"), "must have at least one")
	}
	kinds := grantable()
	for _, action := range g.Actions {
		if _, ok := kinds[action]; !ok {
			return invalid(field("grants", i, "actions"), "must be actions that can be granted, such as GetObject")
		}
	}
	if g.Bucket != "" && g.Bucket != bucket {
		return invalid(field("grants", i, "bucket"), "must be the same for all grants")
	}
	name, check := field("grants", i, "key"), checkKey
	if g.Prefix {
		name, check = field("grants", i, "key_prefix"), checkKeyText
	}
	if g.Key != "" || !g.Prefix {
		if err := check(name, g.Key); err != nil {
			return err
		}
	}
	if patternInPolicy(g.Key) {
		return invalid(name, patternProblem)
	}
	return nil
}
