package service

import (
	"context"
	"log/slog"
	"path"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// audit keeps a record of every call that was to change something and of every call
// that was refused to a caller: who, what, when, and how it ended. It stands outside
// of everything that can refuse a call, and knows requests by what they name only.
type audit struct {
	log            *slog.Logger
	defaultProfile string
	rules          *access.Rules
}

// newAudit returns nil when nobody wants a record.
func newAudit(log *slog.Logger, defaultProfile string, rules *access.Rules) *audit {
	if log == nil {
		return nil
	}
	return &audit{log: log, defaultProfile: defaultProfile, rules: rules}
}

func (a *audit) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	started := time.Now()
	resp, err := handler(ctx, req)
	a.record(ctx, info.FullMethod, req, resp, started, err)
	return resp, err
}

func (a *audit) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	started := time.Now()
	first := &firstMessage{ServerStream: ss}
	err := handler(srv, first)
	a.record(ss.Context(), info.FullMethod, first.message, nil, started, err)
	return err
}

// A firstMessage keeps the first message of a stream, which names what it is about.
type firstMessage struct {
	grpc.ServerStream
	message proto.Message
	seen    bool
}

func (s *firstMessage) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err != nil || s.seen {
		return err
	}
	s.seen = true
	if r, ok := m.(*frames.Received); ok {
		m = r.Message
	}
	if message, ok := m.(proto.Message); ok {
		// The message is used again for those that follow.
		s.message = proto.Clone(message)
	}
	return nil
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
	if failed := failedKeys(resp); len(failed) > 0 {
		attrs = append(attrs, slog.Any("failed", failed))
	}
	if info := c.trace.Snapshot(); info.Attempts > 0 {
		attrs = append(attrs, slog.String("cos_request_id", info.RequestID), slog.Int("cos_attempts", info.Attempts))
	}
	a.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "audit", attrs...)
}

// named lists what the request is about. Nothing else of it is kept: a request can hold
// keys of customers and content.
func (a *audit) named(rule *access.Rule, m proto.Message) []slog.Attr {
	t := rule.Target(m.ProtoReflect(), a.defaultProfile)
	attrs := []slog.Attr{slog.String("profile", t.Profile)}
	var resources []string
	for _, n := range rule.Needs(m.ProtoReflect(), a.defaultProfile) {
		resources = append(resources, n.Resource.String())
	}
	if t.Version != "" {
		attrs = append(attrs, slog.String("version_id", t.Version))
	}
	return append(attrs, slog.Any("resources", resources))
}

// decisionOf is what the gateway said to the caller, not what became of the call.
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

// failedKeys are the items of a batch that a successful answer says were not done.
func failedKeys(resp any) []string {
	deleted, ok := resp.(*cosgatev1.DeleteObjectsResponse)
	if !ok {
		return nil
	}
	var keys []string
	for _, f := range deleted.GetFailures() {
		keys = append(keys, f.GetKey()+": "+codes.Code(f.GetStatus().GetCode()).String()) //nolint:gosec // a code
	}
	return keys
}
