package service

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/telemetry"
)

// openWatched is a gateway with metrics and a collector of spans.
func openWatched(t *testing.T) (*gateway, *telemetry.Metrics, *tracetest.SpanRecorder) {
	t.Helper()
	metrics := telemetry.NewMetrics(cosbackend.KnownCode)
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	t.Cleanup(func() {
		if err := provider.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	g := open(t, func(s *setup) {
		s.backend.Observer = telemetry.Observer{Metrics: metrics, Tracer: provider}
		s.deps.Metrics, s.deps.Tracer = metrics, provider
	})
	return g, metrics, spans
}

func attributesOf(s sdktrace.ReadOnlySpan) map[attribute.Key]attribute.Value {
	all := make(map[attribute.Key]attribute.Value)
	for _, a := range s.Attributes() {
		all[a.Key] = a.Value
	}
	return all
}

func TestTraceRunsFromTheCallerThroughTheGatewayToEachAttempt(t *testing.T) {
	t.Parallel()
	g, _, spans := openWatched(t)
	g.put(t, "k", []byte("x"))
	g.cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Count: 1, Status: 503, Code: "ServiceUnavailable"})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", parent)
	if _, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	traceID, err := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
	if err != nil {
		t.Fatal(err)
	}
	var call sdktrace.ReadOnlySpan
	var attempts []sdktrace.ReadOnlySpan
	for _, s := range spans.Ended() {
		switch {
		case s.SpanContext().TraceID() != traceID:
		case s.SpanKind() == trace.SpanKindServer:
			call = s
		default:
			attempts = append(attempts, s)
		}
	}
	if call == nil || len(attempts) != 2 {
		t.Fatalf("the caller's trace has the call %v and %d attempts, want one and 2", call, len(attempts))
	}
	if got := call.Parent().SpanID().String(); got != "b7ad6b7169203331" {
		t.Errorf("the parent of the call is %s, want the caller's span", got)
	}
	journal := g.cos.Journal().Entries()
	for i, s := range attempts {
		a := attributesOf(s)
		entry := journal[len(journal)-2+i]
		if s.Name() != "COS HeadObject" || s.Parent().SpanID() != call.SpanContext().SpanID() {
			t.Errorf("attempt %d is %q under %s, want COS HeadObject under the call", i, s.Name(), s.Parent().SpanID())
		}
		if a["cos.request_id"].AsString() != entry.RequestID || a["http.response.status_code"].AsInt64() != int64(entry.Status) {
			t.Errorf("attempt %d has %v, want request id %s and status %d", i, s.Attributes(), entry.RequestID, entry.Status)
		}
	}
	if attempts[0].Status().Code != codes.Error || attempts[1].Status().Code != codes.Unset {
		t.Errorf("the attempts ended with %v and %v, want an error and none", attempts[0].Status(), attempts[1].Status())
	}
}

func TestMetricsCountCallsAttemptsAndFaults(t *testing.T) {
	t.Parallel()
	g, metrics, _ := openWatched(t)
	g.put(t, "k", []byte("content"))
	head := func(key string) {
		_, _ = g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
	}
	fault := func(f embedded.Fault) {
		f.Operation = "HeadBucket"
		f.Count = 1
		g.cos.Faults().Add(f)
		_, _ = g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket})
	}
	head("k")
	head("absent")
	head("") // the caller's fault, before COS
	fault(embedded.Fault{Status: 403, Code: "AccessDenied"})
	g.cos.Faults().Add(embedded.Fault{Operation: "GetBucketLocation", Status: 400, Code: "NewCodeOfCos"})
	_, _ = g.buckets.GetBucketLocation(t.Context(), &cosgatev1.GetBucketLocationRequest{Bucket: testBucket})
	g.cos.Faults().Add(embedded.Fault{Operation: "DeleteBucket", Status: 500, Code: "InternalError"})
	_, _ = g.buckets.DeleteBucket(t.Context(), &cosgatev1.DeleteBucketRequest{Bucket: testBucket})

	want := `
# HELP cosgate_cos_requests_total Requests to COS, counting each attempt. status is 0 when there was no response; code is the COS error code.
# TYPE cosgate_cos_requests_total counter
cosgate_cos_requests_total{code="",operation="GetBucketLocation",profile="default",status="200"} 1
cosgate_cos_requests_total{code="",operation="HeadBucket",profile="default",status="403"} 1
cosgate_cos_requests_total{code="",operation="HeadObject",profile="default",status="200"} 1
cosgate_cos_requests_total{code="",operation="HeadObject",profile="default",status="404"} 1
cosgate_cos_requests_total{code="",operation="PutObject",profile="default",status="200"} 1
cosgate_cos_requests_total{code="InternalError",operation="DeleteBucket",profile="default",status="500"} 1
cosgate_cos_requests_total{code="other",operation="GetBucketLocation",profile="default",status="400"} 1
# HELP cosgate_failed_calls_total Calls that failed, by the side at fault: caller, cos or gateway.
# TYPE cosgate_failed_calls_total counter
cosgate_failed_calls_total{code="Internal",fault="cos",method="/cosgate.v1.BucketService/DeleteBucket"} 1
cosgate_failed_calls_total{code="InvalidArgument",fault="caller",method="/cosgate.v1.BucketService/GetBucketLocation"} 1
cosgate_failed_calls_total{code="InvalidArgument",fault="caller",method="/cosgate.v1.ObjectService/HeadObject"} 1
cosgate_failed_calls_total{code="NotFound",fault="caller",method="/cosgate.v1.ObjectService/HeadObject"} 1
cosgate_failed_calls_total{code="PermissionDenied",fault="caller",method="/cosgate.v1.BucketService/HeadBucket"} 1
`
	if err := testutil.GatherAndCompare(metrics.Gatherer(), strings.NewReader(want), "cosgate_cos_requests_total", "cosgate_failed_calls_total"); err != nil {
		t.Error(err)
	}
	names := make(map[string]bool)
	families, err := metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, name := range []string{
		"grpc_server_handled_total", "grpc_server_handling_seconds", "cosgate_cos_bytes_total", "cosgate_cos_requests_in_flight",
		"cosgate_cos_request_seconds", "cosgate_cos_connections_open", "cosgate_read_buffer_bytes", "cosgate_upload_reserved_bytes", "go_goroutines", "process_open_fds",
	} {
		if !names[name] {
			t.Errorf("the metric %s is missing", name)
		}
	}
}
