// Package identity authenticates callers: by client certificate, by a bearer token of an
// identity provider, or by a static token.
//
// A caller's name begins with the way it was proved: "cert:spiffe://", "cert:dns:",
// "cert:cn:", "jwt:" or "token:". No identity provider can hand out the name of a
// certificate, and no common name is the DNS name of another. What callers may do is not
// decided here.
package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// The ways to prove who calls, which names of callers begin with.
const (
	certKind  = "cert:"
	jwtKind   = "jwt:"
	tokenKind = "token:"
)

// A Caller is an authenticated caller.
type Caller struct {
	// Name is unique, such as "cert:spiffe://prod.example/billing", "jwt:alice" or
	// "token:nightly-backup".
	Name string
	// Groups are those in the token and those that the configuration has for Name.
	Groups []string
}

// ErrNone says that a call carries nothing that identifies its caller.
var ErrNone = errors.New("identity: the call carries neither a client certificate nor a bearer token that this gateway accepts")

// A RejectedError says that the certificate or token of a call is invalid: expired, not
// signed by the right party, or unknown. Its text never holds the token.
type RejectedError struct {
	Problem string
}

func (e *RejectedError) Error() string { return "identity: " + e.Problem }

func rejected(format string, args ...any) error {
	return &RejectedError{Problem: fmt.Sprintf(format, args...)}
}

// A Bearer authenticates callers by the token in the metadata "authorization: Bearer ...".
type Bearer interface {
	// Knows reports whether the token is of this kind, without verifying it.
	Knows(token string) bool
	// Identify returns the caller that the token belongs to, or a *RejectedError.
	Identify(ctx context.Context, token string) (Caller, error)
}

// An Authenticator authenticates callers. Ways that are nil or empty are off.
type Authenticator struct {
	Certificates *Certificates
	Bearers      []Bearer
	// Groups are further members of groups: group to names of callers.
	Groups map[string][]string
}

// Identify returns the caller of the call that ctx belongs to. A bearer token takes
// precedence over a certificate, which may belong to a proxy, and an invalid token is
// refused even together with a valid certificate. The error is ErrNone or a *RejectedError.
func (a *Authenticator) Identify(ctx context.Context) (Caller, error) {
	caller, err := a.identify(ctx)
	if err != nil {
		return Caller{}, err
	}
	for group, members := range a.Groups {
		if slices.Contains(members, caller.Name) && !slices.Contains(caller.Groups, group) {
			caller.Groups = append(slices.Clip(caller.Groups), group)
		}
	}
	return caller, nil
}

func (a *Authenticator) identify(ctx context.Context) (Caller, error) {
	if len(a.Bearers) > 0 {
		token, ok, err := bearerToken(ctx)
		if err != nil {
			return Caller{}, err
		}
		if ok {
			return a.byToken(ctx, token)
		}
	}
	if a.Certificates != nil {
		return a.Certificates.identify(ctx)
	}
	return Caller{}, ErrNone
}

func (a *Authenticator) byToken(ctx context.Context, token string) (Caller, error) {
	for _, b := range a.Bearers {
		if b.Knows(token) {
			return b.Identify(ctx, token)
		}
	}
	return Caller{}, rejected("the bearer token is of no kind and no issuer that this gateway accepts")
}

// maxToken bounds the length of a token in bytes.
const maxToken = 16 << 10

// bearerToken returns the token of the call, if it has one. Several tokens, or one that
// is not a bearer token, are refused.
func bearerToken(ctx context.Context) (token string, ok bool, err error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
	default:
		return "", false, rejected("the metadata authorization occurs more than once")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case !strings.EqualFold(scheme, "bearer") || token == "":
		return "", false, rejected(`the metadata authorization is not "Bearer" and a token`)
	case len(token) > maxToken:
		return "", false, rejected("the bearer token is longer than 16 KiB")
	}
	return token, true, nil
}
