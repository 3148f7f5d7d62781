package service

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// Metadata with COS credentials of the caller's own. The token belongs to temporary
// credentials.
const (
	mdSecretID      = "cosgate-cos-secret-id"      //nolint:gosec // the name of a credential is none
	mdSecretKey     = "cosgate-cos-secret-key"     //nolint:gosec // the name of a credential is none
	mdSecurityToken = "cosgate-cos-security-token" //nolint:gosec // the name of a credential is none
)

// maxSecretBytes bounds each of them; tokens of STS have a few hundred bytes.
const maxSecretBytes = 4 << 10

// sentCredentials are the credentials that a caller sent with a call. They are behind a
// pointer, so that printing the call prints an address.
type sentCredentials struct {
	credentials *cosbackend.Credentials
	invalid     error // why they cannot be used
}

// removeCredentials moves the credentials out of the metadata of a call, where nothing can
// read them from then on. It returns nil when the caller sent none.
func removeCredentials(ctx context.Context) (context.Context, *sentCredentials) {
	if !has(ctx, mdSecretID) && !has(ctx, mdSecretKey) && !has(ctx, mdSecurityToken) {
		return ctx, nil
	}
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	found := &cosbackend.Credentials{}
	b := &sentCredentials{credentials: found}
	for _, v := range []struct {
		name     string
		to       *string
		required bool
	}{
		{mdSecretID, &found.SecretID, true},
		{mdSecretKey, &found.SecretKey, true},
		{mdSecurityToken, &found.Token, false},
	} {
		values, has := md[v.name]
		delete(md, v.name)
		if problem := credentialProblem(values, has, v.required); problem != "" && b.invalid == nil {
			b.invalid = cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonCallerCredentialsInvalid, v.name, problem)
		} else if problem == "" && has {
			*v.to = values[0]
		}
	}
	return metadata.NewIncomingContext(ctx, md), b
}

func has(ctx context.Context, name string) bool {
	return metadata.ValueFromIncomingContext(ctx, name) != nil
}

// credentialProblem says what is wrong with the values of one metadata key, without
// repeating them.
func credentialProblem(values []string, has, required bool) string {
	switch {
	case !has && required:
		return "must be given with the other parts of the caller's credentials"
	case !has:
		return ""
	case len(values) != 1:
		return "must be given once"
	case values[0] == "":
		return "must not be empty"
	case len(values[0]) > maxSecretBytes:
		return "must have at most 4096 bytes"
	}
	for i := range len(values[0]) {
		if c := values[0][i]; c <= ' ' || c > '~' {
			return "must be printable ASCII without spaces"
		}
	}
	return ""
}

// callerCredentials admits calls with credentials of their own when the profile accepts
// them and the connection is encrypted. It refuses all others: using the profile's
// credentials instead would give the call rights that its caller did not ask for.
type callerCredentials struct {
	profiles  profiles
	accepting map[string]bool // by name of the profile
	plaintext bool
	rules     *access.Rules // which find the profile that a request names
}

func (c callerCredentials) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	b := callFrom(ctx).credentials
	if b == nil {
		return handler(ctx, req)
	}
	if err := c.admit(ctx, b); err != nil {
		return nil, err
	}
	if err := c.checkProfile(info.FullMethod, req); err != nil {
		return nil, err
	}
	return handler(cosbackend.WithCallerCredentials(ctx, *b.credentials), req)
}

// admit refuses credentials that no profile would accept.
func (c callerCredentials) admit(ctx context.Context, b *sentCredentials) error {
	if !c.plaintext && !private(ctx) {
		return failPrecondition(cosstatus.ReasonCallerCredentialsNeedTLS, mdSecretKey, "the caller's own COS credentials are accepted over TLS only; consider these as disclosed")
	}
	return b.invalid
}

// private reports whether the connection is encrypted. A transport that does not say so is
// not trusted.
func private(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	info, ok := p.AuthInfo.(interface {
		GetCommonAuthInfo() credentials.CommonAuthInfo
	})
	return ok && info.GetCommonAuthInfo().SecurityLevel == credentials.PrivacyAndIntegrity
}

// checkProfile refuses a request whose profile does not accept callers' credentials. A
// profile that does not exist is left to the handler.
func (c callerCredentials) checkProfile(fullMethod string, req any) error {
	rule, ok := c.rules.Rule(fullMethod)
	m, isMessage := frames.MessageOf(req)
	if !ok || !isMessage {
		return nil
	}
	name := rule.Target(m.ProtoReflect(), c.profiles.defaultProfile).Profile
	if _, exists := c.profiles.clients[name]; !exists || c.accepting[name] {
		return nil
	}
	return failPrecondition(cosstatus.ReasonCallerCredentialsNotAccepted, mdSecretID, "this profile accepts no COS credentials of callers; leave them out, or name a profile that does")
}

// failPrecondition says that the configuration of the gateway does not allow a call, and
// which metadata key is the reason.
func failPrecondition(reason, key, problem string) error {
	return cosstatus.Fail(codes.FailedPrecondition, reason, key+": "+problem, &errdetails.PreconditionFailure{
		Violations: []*errdetails.PreconditionFailure_Violation{{Type: reason, Subject: key, Description: problem}},
	})
}
