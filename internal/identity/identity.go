// Package identity finds out who calls: by client certificate, by a bearer token of an
// identity provider, or by a static token.
//
// A caller's name begins with the way it was proved, "cert:", "jwt:" or "token:", so
// that no identity provider can hand out the name of a certificate. What callers may
// do is not decided here.
package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// A Caller is whoever made a call, proved.
type Caller struct {
	// Name is unique, such as "cert:spiffe://prod.example/billing", "jwt:alice" or
	// "token:nightly-backup".
	Name string
	// Groups are what the token says, and what the configuration says of Name.
	Groups []string
}

// ErrNone says that a call carries nothing that could prove who makes it.
var ErrNone = errors.New("identity: the call carries no client certificate and no bearer token that is asked for here")

// A RejectedError says that what a call carries proves nothing: it is expired, not
// signed by the right party, not known. Its text never holds the token.
type RejectedError struct {
	Problem string
}

func (e *RejectedError) Error() string { return "identity: " + e.Problem }

func rejected(format string, args ...any) error {
	return &RejectedError{Problem: fmt.Sprintf(format, args...)}
}

// A Bearer proves callers by the token in the metadata "authorization: Bearer ...".
type Bearer interface {
	// Knows reports, without judging it, whether the token is of this kind.
	Knows(token string) bool
	// Identify returns who the token belongs to, or a *RejectedError.
	Identify(ctx context.Context, token string) (Caller, error)
}

// An Authenticator finds out who calls. Ways that are nil or empty are off.
type Authenticator struct {
	Certificates *Certificates
	Bearers      []Bearer
	// Groups are further members of groups: group to names of callers.
	Groups map[string][]string
}

// Identify returns who makes the call that ctx belongs to. A bearer token goes before
// a certificate, which may belong to a proxy, and a token that is not good is refused
// even beside a good certificate. The error is ErrNone or a *RejectedError.
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
	return Caller{}, rejected("the bearer token is of no kind and no issuer that is taken here")
}

// maxToken bounds what is looked at of a token, in bytes.
const maxToken = 16 << 10

// bearerToken returns the token of the call, if it has one. Two of them, or one that is
// not a bearer token, are refused rather than guessed about.
func bearerToken(ctx context.Context) (token string, ok bool, err error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
	default:
		return "", false, rejected("the metadata authorization stands more than once")
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
