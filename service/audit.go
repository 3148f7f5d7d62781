package service

import (
	"context"
	"log/slog"
	"path"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/logline"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// audit writes a record of every call that changes something or tries to, and of every call
// that is denied: the caller, the resources, the time, and how it ended. It is outside of
// every interceptor that can refuse a call. Of a request it records only what the request
// names.
type audit struct {
	log            *slog.Logger
	defaultProfile string
	rules          *access.Rules
}

// newAudit returns nil when there is no log for records.
func newAudit(log *slog.Logger, defaultProfile string, rules *access.Rules) *audit {
	if log == nil {
		return nil
	}
	return &audit{log: logline.Logger(log), defaultProfile: defaultProfile, rules: rules}
}

func (a *audit) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	started := time.Now()
	resp, err := handler(ctx, req)
	if !callFrom(ctx).complete {
		req = nil // refused before anything was received
	}
	a.record(ctx, info.FullMethod, req, resp, started, err)
	return resp, err
}

func (a *audit) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	started := time.Now()
	c := callFrom(ss.Context())
	c.keepsFirst = true
	err := handler(srv, ss)
	var first proto.Message
	if kept := c.first.Load(); kept != nil {
		first = *kept
	}
	a.record(ss.Context(), info.FullMethod, first, nil, started, err)
	return err
}

func (a *audit) record(ctx context.Context, fullMethod string, req, resp any, started time.Time, err error) {
	rule, ok := a.rules.Rule(fullMethod)
	decision := decisionOf(err)
	if !ok || decision == "allow" && !rule.Changes() {
		return
	}
	c := callFrom(ctx)
	attrs := []slog.Attr{
		slog.Time("began", started),
		slog.String("action", path.Base(fullMethod)),
		slog.String("decision", decision),
		slog.String("code", status.Code(err).String()),
		slog.String("request_id", c.requestID),
	}
	if caller := c.caller.Load(); caller != nil {
		attrs = append(attrs, slog.String("caller", caller.Name), slog.Any("groups", caller.Groups))
	}
	if m, ok := req.(proto.Message); ok && m != nil {
		attrs = append(attrs, a.named(rule, m)...)
	}
	if failed := failedKeys(resp); failed.N > 0 {
		attrs = append(attrs, slog.Any("failed", failed))
	}
	if info := c.trace.Snapshot(); info.Attempts > 0 {
		attrs = append(attrs, slog.String("cos_request_id", info.RequestID), slog.Int("cos_attempts", info.Attempts))
		if info.TraceID != "" {
			attrs = append(attrs, slog.String("cos_trace_id", info.TraceID))
		}
	}
	a.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "audit", attrs...)
}

// named lists the resources that the request names. Nothing else of it is recorded, since a
// request can hold encryption keys of callers and content.
func (a *audit) named(rule *access.Rule, m proto.Message) []slog.Attr {
	t := rule.Target(m.ProtoReflect(), a.defaultProfile)
	attrs := []slog.Attr{slog.String("profile", t.Profile)}
	needs := rule.Needs(m.ProtoReflect(), a.defaultProfile)
	if further := furtherActions(rule.Action, needs); len(further) > 0 {
		attrs = append(attrs, slog.Any("rights", further))
	}
	// What stands there for several actions is one resource.
	needs = slices.CompactFunc(needs, func(a, b access.Need) bool { return a.Resource == b.Resource && a.Action != b.Action })
	resources := logline.List{N: len(needs), At: func(i int) string { return needs[i].Resource.String() }}
	if t.Version != "" {
		attrs = append(attrs, slog.String("version_id", t.Version))
	}
	return append(attrs, slog.Any("resources", resources))
}

// furtherActions are the actions that are needed besides the RPC's own, each once: those
// that a URL, a form or credentials allow, for example.
func furtherActions(own string, needs []access.Need) []string {
	var found []string
	for _, n := range needs {
		if n.Action != "" && n.Action != own && !slices.Contains(found, n.Action) {
			found = append(found, n.Action)
		}
	}
	return found
}

// decisionOf is what was decided about the caller, not how the call ended.
func decisionOf(err error) string {
	if err == nil {
		return "allow"
	}
	switch cosstatus.ReasonOf(status.Convert(err)) {
	case cosstatus.ReasonCallerUnknown:
		return "unknown caller"
	case cosstatus.ReasonCallerNotAllowed:
		return "deny"
	default:
		return "allow"
	}
}

// failedKeys are the items of a batch that failed although the call succeeded.
func failedKeys(resp any) logline.List {
	deleted, ok := resp.(*cosgatev1.DeleteObjectsResponse)
	if !ok {
		return logline.List{}
	}
	failures := deleted.GetFailures()
	return logline.List{N: len(failures), At: func(i int) string {
		return failures[i].GetKey() + ": " + codes.Code(failures[i].GetStatus().GetCode()).String() //nolint:gosec // a code
	}}
}
