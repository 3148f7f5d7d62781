package service

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/logline"
)

// Whatever callers send and whatever COS returns, no line of the log and no audit record is
// long, and each says who and which call.
func TestLogLinesOfEveryRPCAreBounded(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	h := hostile{rand.New(rand.NewPCG(seed, 1))}
	audit := &lockedBuffer{}
	g := openGuarded(t, `permit (principal == Caller::"token:alice", action, resource);`, []string{"alice", "bob"}, func(s *setup) {
		s.backend.Retry.MaxAttempts = 1
		s.deps.Audit = slog.New(slog.NewJSONHandler(audit, nil))
	})
	for full, d := range g.ourMethods(t) {
		for round := range 6 {
			m := newMessage(t, d.Input())
			fill(m.ProtoReflect(), testBucket, strings.Repeat("\x18", 800))
			if round > 1 {
				h.corrupt(m.ProtoReflect(), 0)
			}
			if proto.Size(m) > 3<<20 { // larger messages do not arrive
				continue
			}
			g.cos.Faults().Clear()
			g.cos.Faults().Add(h.fault())
			ctx := g.as(t.Context(), []string{"alice", "bob"}[round%2])
			if round == 5 {
				ctx = metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+strings.Repeat("x", 4000), "x-request-id", strings.Repeat("y", 3000))
			}
			_ = g.callAny(ctx, t, full, d, m)
		}
	}
	lines, longest := 0, 0
	for name, log := range map[string]string{"log": g.logs.String(), "audit": audit.String()} {
		for line := range strings.Lines(log) {
			lines++
			longest = max(longest, len(line))
			if len(line) > logline.MaxLine || !json.Valid([]byte(line)) {
				t.Errorf("a line of %s has %d bytes, want JSON of at most %d: %.200s", name, len(line), logline.MaxLine, line)
			}
		}
	}
	t.Logf("%d lines, the longest has %d bytes", lines, longest)
}

// An audit record names the first resources of a batch and counts the others.
func TestAuditRecordOfALargeBatchCountsItsResources(t *testing.T) {
	t.Parallel()
	audit := &lockedBuffer{}
	g := openGuarded(t, `permit (principal, action, resource);`, []string{"alice"}, func(s *setup) {
		s.deps.Audit = slog.New(slog.NewJSONHandler(audit, nil))
	})
	req := &cosgatev1.DeleteObjectsRequest{Bucket: testBucket}
	for range 1000 {
		req.Objects = append(req.Objects, &cosgatev1.ObjectIdentifier{Key: "a"})
	}
	req.Objects[0].Key = strings.Repeat("键", 283)
	if _, err := g.objects.DeleteObjects(g.as(t.Context(), "alice"), req); err != nil {
		t.Fatal(err)
	}
	resources, _ := records(t, audit)[0]["resources"].([]any)
	if len(resources) != logline.MaxItems+1 || resources[0] != "object "+testBucket+"/"+req.GetObjects()[0].GetKey() || resources[logline.MaxItems] != "…and 900 more" {
		t.Errorf("the record has %d resources: %.200v, want 100 and the number of the others", len(resources), resources)
	}
}
