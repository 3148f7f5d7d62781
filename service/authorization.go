package service

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// An Authenticator finds out who makes a call. [identity.Authenticator] is one. Its
// error is identity.ErrNone or an *identity.RejectedError.
type Authenticator interface {
	Identify(ctx context.Context) (identity.Caller, error)
}

// An Authorizer decides whether a caller is allowed to do one thing. [policy.Engine] is one.
type Authorizer interface {
	Decide(q policy.Request) policy.Decision
}

var errHalfAccess = errors.New("service: authentication and authorization go together: an Authenticator without an Authorizer would let every caller do everything, and an Authorizer without an Authenticator knows no callers")

// authorization lets callers do what policies allow, once it is proved who they are.
// Nothing is sent to COS before every right that a request needs was decided on.
type authorization struct {
	authenticator  Authenticator
	authorizer     Authorizer
	log            *slog.Logger
	defaultProfile string // the profile of requests that name none
	rules          *access.Rules
}

// newAuthorization returns nil when callers are not authenticated.
func newAuthorization(deps Deps, defaultProfile string, rules *access.Rules, log *slog.Logger) (*authorization, error) {
	switch {
	case deps.Authenticator == nil && deps.Authorizer == nil:
		return nil, nil
	case deps.Authenticator == nil || deps.Authorizer == nil:
		return nil, errHalfAccess
	}
	return &authorization{
		authenticator: deps.Authenticator, authorizer: deps.Authorizer, log: log,
		defaultProfile: defaultProfile, rules: rules,
	}, nil
}

func (a *authorization) identifyUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := a.identify(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (a *authorization) identifyStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := a.identify(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, ss)
}

// identify finds out who the caller is and records it with the call. Health is open to
// everyone, since load balancers have no identity. Reflection needs an identity, but no
// right; and so does a method that does not exist.
func (a *authorization) identify(ctx context.Context, fullMethod string) error {
	if strings.HasPrefix(fullMethod, "/"+healthpb.Health_ServiceDesc.ServiceName+"/") {
		return nil
	}
	caller, err := a.authenticator.Identify(ctx)
	if err == nil {
		callFrom(ctx).caller.Store(&caller)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := "the call says nothing of who makes it: send a bearer token in the metadata authorization, or connect with a client certificate"
	if refused, ok := errors.AsType[*identity.RejectedError](err); ok {
		text = refused.Problem
	} else if !errors.Is(err, identity.ErrNone) {
		return err
	}
	return cosstatus.Fail(codes.Unauthenticated, cosstatus.ReasonCallerUnknown, text)
}

// isOurs reports whether an RPC needs a rule: those of this API do, health and
// reflection do not.
func isOurs(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/cosgate.") }

func (a *authorization) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if isOurs(info.FullMethod) {
		if err := a.check(ctx, info.FullMethod, req); err != nil {
			return nil, err
		}
	}
	return handler(ctx, req)
}

// check decides on every right that the request needs.
func (a *authorization) check(ctx context.Context, fullMethod string, req any) error {
	rule, ok := a.rules.Rule(fullMethod)
	m, isMessage := frames.MessageOf(req)
	if !ok || !isMessage {
		return a.denied(ctx, access.Need{Field: "request"}, policy.Decision{})
	}
	for _, n := range rule.Needs(m.ProtoReflect(), a.defaultProfile) {
		if ctx.Err() != nil {
			return ctx.Err() // nobody waits for the rest of a batch
		}
		if d := a.decide(ctx, n); !d.Allowed {
			return a.denied(ctx, n, d)
		}
	}
	return nil
}

func (a *authorization) decide(ctx context.Context, n access.Need) policy.Decision {
	caller := callFrom(ctx).caller.Load()
	if caller == nil || n.Action == "" {
		return policy.Decision{}
	}
	return a.authorizer.Decide(policy.Request{
		Caller: caller.Name, Groups: caller.Groups, Action: n.Action, Resource: n.Resource, Prefix: n.Prefix,
	})
}

// denied tells the caller what was denied, and the log which policies denied it.
func (a *authorization) denied(ctx context.Context, n access.Need, d policy.Decision) error {
	c := callFrom(ctx)
	name := ""
	if caller := c.caller.Load(); caller != nil {
		name = caller.Name
	}
	resource := n.Resource.String()
	a.log.LogAttrs(ctx, slog.LevelWarn, "denied",
		slog.String("request_id", c.requestID), slog.String("caller", name), slog.String("action", n.Action),
		slog.String("resource", resource), slog.String("field", n.Field), slog.Any("policies", d.Policies))
	text := "the caller may not " + n.Action + " on " + resource + "; the gateway's operators decide that"
	metadata := map[string]string{"action": n.Action, "resource": resource}
	if n.Action == "" {
		text = "no policy can allow what " + n.Field + " asks for: there is no such action, or it is not clear which resource is meant"
		metadata["field"] = n.Field
	}
	return cosstatus.FailInfo(codes.PermissionDenied, &errdetails.ErrorInfo{
		Reason: cosstatus.ReasonCallerNotAllowed, Domain: cosstatus.Domain, Metadata: metadata,
	}, text)
}
