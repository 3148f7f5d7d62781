package service

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// The ids of COS, of real length, arrive whole wherever they are promised, whichever RPC it is,
// also beside the longest texts: in the details, in the plain trailers, in the access log, in the
// audit and in the statuses of items.
func TestTraceIDsOfEveryRPCArriveWhole(t *testing.T) {
	t.Parallel()
	audit := &lockedBuffer{}
	g := openGuarded(t, `permit (principal, action, resource);`, []string{"alice"}, func(s *setup) {
		s.backend.Retry.MaxAttempts = 1
		s.deps.Audit = slog.New(slog.NewJSONHandler(audit, nil))
	})
	raw := newRawClient(t, g.gateway)
	header := map[string][]string{"Authorization": {"Bearer " + g.tokens["alice"]}, "X-Request-Id": {strings.Repeat("i", 128)}}
	for name, key := range map[string]string{"a short key": "k", "the longest key": strings.Repeat("键", 283)} {
		for _, r := range g.everyRPC(t, key) {
			for _, message := range []string{"denied", strings.Repeat("%慢", 5000)} {
				g.cos.Faults().Clear()
				g.cos.Faults().Add(embedded.Fault{Status: 403, Code: "AccessDenied", Message: message, Header: map[string][]string{"Etag": {strings.Repeat("e", 300)}}})
				end := raw.call(t.Context(), t, r.full, r.req, header)
				st := statusIn(t, end)
				if r.name == "GetBucketConfig" || r.name == "HeadObjects" {
					continue // have statuses of items
				}
				e, _ := detail[*cosgatev1.CosError](st.Err())
				id, trace := e.GetRequestId(), e.GetTraceId()
				if st.Code() != codes.PermissionDenied || len(id) != 44 || len(trace) != 172 {
					t.Fatalf("%s with %s: %v, CosError %v, want PERMISSION_DENIED with ids of 44 and 172 bytes", r.name, name, st, e)
				}
				if end.Get("X-Cos-Request-Id") != id || end.Get("X-Cos-Trace-Id") != trace {
					t.Errorf("%s with %s: the trailers are %v, want the ids of CosError", r.name, name, end)
				}
				checkLine(t, r.name, "access log", g.logs.String(), id, trace)
				if strings.Contains(audit.String(), id) {
					checkLine(t, r.name, "audit", audit.String(), id, trace)
				} else if strings.HasPrefix(r.name, "Put") || strings.HasPrefix(r.name, "Delete") {
					t.Errorf("%s: the audit has no record with the id %s", r.name, id)
				}
			}
		}
	}
}

// checkLine checks that the line of a log that has a request id also has the trace id, whole.
func checkLine(t *testing.T, rpc, what, text, id, trace string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var record struct {
			RequestID string `json:"cos_request_id"`
			TraceID   string `json:"cos_trace_id"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.RequestID != id {
			continue
		}
		if record.TraceID == trace {
			return
		}
		t.Errorf("%s: the line in the %s has the trace id %q, want %q", rpc, what, record.TraceID, trace)
		return
	}
	t.Errorf("%s: the %s has no line with the request id %s", rpc, what, id)
}

// The statuses of items have the ids of the response they come from.
func TestTraceIDsOfItemsArriveWhole(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	key := strings.Repeat("键", 283)
	fault := embedded.Fault{Status: 403, Code: "AccessDenied", Message: strings.Repeat("%慢", 5000)}
	g.cos.Faults().Add(fault)
	config, err := g.configs.GetBucketConfig(t.Context(), &cosgatev1.GetBucketConfigRequest{Bucket: testBucket})
	must(t, err)
	var items []*spb.Status
	for _, f := range config.GetFailures() {
		items = append(items, f.GetStatus())
	}
	heads, err := g.objects.HeadObjects(t.Context(), &cosgatev1.HeadObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.HeadObjectsItem{{Key: key}}})
	must(t, err)
	items = append(items, heads.GetResults()[0].GetStatus())
	g.cos.Faults().Clear()
	trace := strings.Repeat("t", 171) + "="
	g.cos.Faults().Add(embedded.Fault{
		Body:        []byte("<DeleteResult><Error><Key>" + key + "</Key><Code>PathConflict</Code><Message>" + strings.Repeat("慢", 300) + "</Message></Error></DeleteResult>"),
		ContentType: "application/xml", Header: map[string][]string{"X-Cos-Trace-Id": {trace}},
	})
	deleted, err := g.objects.DeleteObjects(t.Context(), &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: key}}})
	must(t, err)
	items = append(items, deleted.GetFailures()[0].GetStatus())
	if len(items) < 15 {
		t.Fatalf("%d items failed, want all sections, one object and one key", len(items))
	}
	for _, item := range items {
		e, _ := detail[*cosgatev1.CosError](status.FromProto(item).Err())
		if len(e.GetRequestId()) != 44 || len(e.GetTraceId()) != 172 {
			t.Errorf("the CosError of an item is %v, want ids of 44 and 172 bytes", e)
		}
		if proto.Size(item) > 2048 || cosstatus.ReasonOf(status.FromProto(item)) == "" {
			t.Errorf("the status of an item has %d bytes: %v", proto.Size(item), item)
		}
	}
}
