package service

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/auth"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/selector"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/policy"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// An Authenticator finds out who makes a call. [identity.Authenticator] is one. Its
// error is identity.ErrNone or an *identity.RejectedError.
type Authenticator interface {
	Identify(ctx context.Context) (identity.Caller, error)
}

// An Authorizer says whether a caller may do one thing. [policy.Engine] is one.
type Authorizer interface {
	Decide(q policy.Request) policy.Decision
}

var errHalfAccess = errors.New("service: authentication and authorisation go together: an Authenticator without an Authorizer would let every caller do everything, and an Authorizer without an Authenticator knows no callers")

// access lets proved callers do what policies allow. Nothing is sent to COS before
// every object that a request names was decided on.
type access struct {
	who      Authenticator
	may      Authorizer
	log      *slog.Logger
	fallback string // the profile of requests that name none
	rules    map[string]map[string]accessRule
}

// newAccess returns nil when nobody is asked who they are.
func newAccess(deps Deps, fallback string, log *slog.Logger) (*access, error) {
	switch {
	case deps.Authenticator == nil && deps.Authorizer == nil:
		return nil, nil
	case deps.Authenticator == nil || deps.Authorizer == nil:
		return nil, errHalfAccess
	}
	return &access{who: deps.Authenticator, may: deps.Authorizer, log: log, fallback: fallback, rules: accessRules()}, nil
}

// interceptors are authentication and, inside it, authorisation. Health is open:
// balancers have no identity. Reflection wants to know who asks, and no more.
func (a *access) interceptors() ([]grpc.UnaryServerInterceptor, []grpc.StreamServerInterceptor) {
	if a == nil {
		return nil, nil
	}
	closed := selector.MatchFunc(func(_ context.Context, c interceptors.CallMeta) bool {
		return c.Service != healthpb.Health_ServiceDesc.ServiceName
	})
	unary := selector.UnaryServerInterceptor(auth.UnaryServerInterceptor(a.identify), closed)
	stream := selector.StreamServerInterceptor(auth.StreamServerInterceptor(a.identify), closed)
	return []grpc.UnaryServerInterceptor{unary, a.unary}, []grpc.StreamServerInterceptor{stream, a.stream}
}

// identify is the AuthFunc: it proves the caller and notes it with the call.
func (a *access) identify(ctx context.Context) (context.Context, error) {
	caller, err := a.who.Identify(ctx)
	if err == nil {
		callFrom(ctx).caller.Store(&caller)
		return ctx, nil
	}
	if ctx.Err() != nil {
		return ctx, ctx.Err()
	}
	text := "the call says nothing of who makes it: send a bearer token in the metadata authorization, or connect with a client certificate"
	if refused, ok := errors.AsType[*identity.RejectedError](err); ok {
		text = refused.Problem
	} else if !errors.Is(err, identity.ErrNone) {
		return ctx, err
	}
	return ctx, cosstatus.Fail(codes.Unauthenticated, cosstatus.ReasonCallerUnknown, text)
}

// isOurs reports whether an RPC needs a rule: those of this API do, health and
// reflection do not.
func isOurs(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/cosgate.") }

func (a *access) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if isOurs(info.FullMethod) {
		if err := a.check(ctx, info.FullMethod, req); err != nil {
			return nil, err
		}
	}
	return handler(ctx, req)
}

func (a *access) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if isOurs(info.FullMethod) {
		ss = &authorizedStream{ServerStream: ss, access: a, method: info.FullMethod}
	}
	return handler(srv, ss)
}

// An authorizedStream hands its first message to the handler only when the caller may
// do what it says. Later ones name nothing: handlers refuse a second spec.
type authorizedStream struct {
	grpc.ServerStream
	access *access
	method string
	passed bool
}

func (s *authorizedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil || s.passed {
		return err
	}
	if err := s.access.check(s.Context(), s.method, m); err != nil {
		return err
	}
	s.passed = true
	return nil
}

// check decides on everything that the request needs.
func (a *access) check(ctx context.Context, fullMethod string, req any) error {
	service, name, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	rule, ok := a.rules[service][name]
	if r, received := req.(*frames.Received); received {
		req = r.Message
	}
	m, isMessage := req.(proto.Message)
	if !ok || !isMessage {
		return a.denied(ctx, need{action: name}, policy.Decision{})
	}
	for _, n := range rule.needs(name, newTarget(m.ProtoReflect(), a.fallback)) {
		if d := a.decide(ctx, n); !d.Allowed {
			return a.denied(ctx, n, d)
		}
	}
	return nil
}

func (a *access) decide(ctx context.Context, n need) policy.Decision {
	caller := callFrom(ctx).caller.Load()
	if caller == nil {
		return policy.Decision{}
	}
	return a.may.Decide(policy.Request{
		Caller: caller.Name, Groups: caller.Groups, Action: n.action, Resource: n.resource, Prefix: n.prefix,
	})
}

// denied tells the caller what was denied, and the log by which policies.
func (a *access) denied(ctx context.Context, n need, d policy.Decision) error {
	c := callFrom(ctx)
	name := ""
	if caller := c.caller.Load(); caller != nil {
		name = caller.Name
	}
	resource := n.resource.String()
	a.log.LogAttrs(ctx, slog.LevelWarn, "denied",
		slog.String("request_id", c.requestID), slog.String("caller", name), slog.String("action", n.action),
		slog.String("resource", resource), slog.Any("policies", d.Policies))
	return cosstatus.FailInfo(codes.PermissionDenied, &errdetails.ErrorInfo{
		Reason: cosstatus.ReasonCallerNotAllowed, Domain: cosstatus.Domain,
		Metadata: map[string]string{"action": n.action, "resource": resource},
	}, "the caller may not "+n.action+" on "+resource+"; the gateway's operators decide that")
}
