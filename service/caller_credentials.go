package service

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// Metadata by which a caller brings COS credentials of its own. The token belongs to
// temporary ones.
const (
	mdSecretID      = "cosgate-cos-secret-id"      //nolint:gosec // the name of a credential is none
	mdSecretKey     = "cosgate-cos-secret-key"     //nolint:gosec // the name of a credential is none
	mdSecurityToken = "cosgate-cos-security-token" //nolint:gosec // the name of a credential is none
)

// maxSecretBytes bounds each of them; tokens of STS have some hundred bytes.
const maxSecretBytes = 4 << 10

// broughtCredentials are what a caller brought. They are behind a pointer, so that
// whatever prints the call they belong to prints an address.
type broughtCredentials struct {
	credentials *cosbackend.Credentials
	flaw        error // why they cannot be used
}

// takeCredentials takes the credentials out of the metadata of a call: from here on
// nobody finds them there. It returns nil when the caller brought none.
func takeCredentials(ctx context.Context) (context.Context, *broughtCredentials) {
	if !brings(ctx, mdSecretID) && !brings(ctx, mdSecretKey) && !brings(ctx, mdSecurityToken) {
		return ctx, nil
	}
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	found := &cosbackend.Credentials{}
	b := &broughtCredentials{credentials: found}
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
		if problem := flawOf(values, has, v.required); problem != "" && b.flaw == nil {
			b.flaw = cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonCallerCredentialsInvalid, v.name, problem)
		} else if problem == "" && has {
			*v.to = values[0]
		}
	}
	return metadata.NewIncomingContext(ctx, md), b
}

func brings(ctx context.Context, name string) bool {
	return metadata.ValueFromIncomingContext(ctx, name) != nil
}

// flawOf says what is wrong with the values of one metadata key. It repeats none.
func flawOf(values []string, has, required bool) string {
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

// callerCredentials lets calls with credentials of their own pass where the profile
// takes them and the connection keeps them secret. All others that bring some are
// refused, and nothing of them reaches COS: going on with the profile's credentials
// would do with other rights what the caller asked for with its own.
type callerCredentials struct {
	profiles  profiles
	taken     map[string]bool
	plaintext bool
}

func (c callerCredentials) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	b := callFrom(ctx).brought
	if b == nil {
		return handler(ctx, req)
	}
	if err := c.admit(ctx, b); err != nil {
		return nil, err
	}
	if err := c.judge(req); err != nil {
		return nil, err
	}
	return handler(cosbackend.WithCallerCredentials(ctx, *b.credentials), req)
}

func (c callerCredentials) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	b := callFrom(ss.Context()).brought
	if b == nil {
		return handler(srv, ss)
	}
	if err := c.admit(ss.Context(), b); err != nil {
		return err
	}
	return handler(srv, &judgedStream{
		ServerStream: ss, judge: c.judge,
		ctx: cosbackend.WithCallerCredentials(ss.Context(), *b.credentials),
	})
}

// admit refuses what no profile would take.
func (c callerCredentials) admit(ctx context.Context, b *broughtCredentials) error {
	if !c.plaintext && !private(ctx) {
		return failPrecondition(cosstatus.ReasonCallerCredentialsNeedTLS, mdSecretKey, "the caller's own COS credentials are taken over TLS only; whoever saw them on the way has them now")
	}
	return b.flaw
}

// private reports whether nobody on the way can read what the caller sends. A
// transport that does not say is not trusted.
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

// judge asks whether the profile of a request takes callers' credentials. A profile
// that does not exist is left to who looks for it.
func (c callerCredentials) judge(req any) error {
	name, ok := profileOf(req)
	if !ok {
		return nil
	}
	if name == "" {
		name = c.profiles.fallback
	}
	if _, exists := c.profiles.clients[name]; !exists || c.taken[name] {
		return nil
	}
	return failPrecondition(cosstatus.ReasonCallerCredentialsNotAccepted, mdSecretID, "this profile takes no COS credentials of callers; leave them out, or name a profile that does")
}

// judgedStream judges the messages of a stream before its handler sees them.
type judgedStream struct {
	grpc.ServerStream
	ctx   context.Context //nolint:containedctx // a ServerStream carries its context
	judge func(req any) error
}

func (s *judgedStream) Context() context.Context { return s.ctx }

func (s *judgedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.judge(m)
}

// profileOf returns the profile that a request names, itself or in its spec, as those
// do that begin an upload; false when it has no place for one. A test holds every
// request of the contract to this.
func profileOf(req any) (string, bool) {
	if r, ok := req.(*frames.Received); ok {
		req = r.Message
	}
	m, ok := req.(proto.Message)
	if !ok {
		return "", false
	}
	r := m.ProtoReflect()
	if f := r.Descriptor().Fields().ByName("profile"); f != nil && f.Kind() == protoreflect.StringKind {
		return r.Get(f).String(), true
	}
	if f := r.Descriptor().Fields().ByName("spec"); f != nil && f.Message() != nil && r.Has(f) {
		return profileOf(r.Get(f).Message().Interface())
	}
	return "", false
}

// failPrecondition says that a call cannot be as the gateway is set up, and which
// metadata key is the reason.
func failPrecondition(reason, key, problem string) error {
	return cosstatus.Fail(codes.FailedPrecondition, reason, key+": "+problem, &errdetails.PreconditionFailure{
		Violations: []*errdetails.PreconditionFailure_Violation{{Type: reason, Subject: key, Description: problem}},
	})
}
