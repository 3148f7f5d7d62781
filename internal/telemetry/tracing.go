package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"

	"github.com/cosgate/cosgate/cosbackend"
)

const tracerName = "github.com/cosgate/cosgate"

// An Observer counts requests to COS and makes a span of each. It is a
// cosbackend.Observer.
type Observer struct {
	// Metrics and Tracer may be nil.
	Metrics *Metrics
	Tracer  trace.TracerProvider
}

// Attempt implements [cosbackend.Observer].
func (o Observer) Attempt(ctx context.Context, info cosbackend.AttemptInfo) (context.Context, func(cosbackend.AttemptResult)) {
	var count func(cosbackend.AttemptResult)
	if o.Metrics != nil {
		count = o.Metrics.begin(info)
	}
	// A span that is not sampled would only cost allocations.
	if o.Tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, count
	}
	ctx, span := o.Tracer.Tracer(tracerName).Start(ctx, "COS "+info.Operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("http.request.method", info.Method),
			attribute.String("server.address", info.Host),
			attribute.String("cos.operation", info.Operation),
			attribute.String("cos.profile", info.Profile),
			attribute.String("cos.bucket", info.Bucket),
			attribute.String("cos.region", info.Region),
			attribute.Int("http.request.resend_count", info.Number-1),
		))
	return ctx, func(r cosbackend.AttemptResult) {
		if count != nil {
			count(r)
		}
		endSpan(span, r)
	}
}

// endSpan records how the request ended. The text of the error is left out, since it can
// hold anything that the endpoint sent.
func endSpan(span trace.Span, r cosbackend.AttemptResult) {
	span.SetAttributes(
		attribute.Int("http.response.status_code", r.HTTPStatus),
		attribute.String("cos.request_id", r.RequestID),
		attribute.Int64("http.request.body.size", r.BytesSent),
		attribute.Int64("http.response.body.size", r.BytesReceived),
		attribute.Bool("cos.retried", r.Retried),
	)
	if r.Err != nil {
		kind := r.Code
		if kind == "" {
			kind = fmt.Sprintf("HTTP %d", r.HTTPStatus)
		}
		if r.Origin == cosbackend.OriginTransport {
			kind = "no response from COS"
		}
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, kind)
	}
	span.End()
}

// Tracing sends spans and metrics to the exporters that the standard OTEL_ environment
// variables name.
type Tracing struct {
	Provider trace.TracerProvider
	shutdown []func(context.Context) error
}

// NewTracing reads the OTEL_ variables. Without OTEL_TRACES_EXPORTER and
// OTEL_METRICS_EXPORTER nothing is exported and no connection is made. The caller calls
// Shutdown, which sends what is still queued.
func NewTracing(ctx context.Context, m *Metrics, version string) (*Tracing, error) {
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessRuntimeName(),
		resource.WithAttributes(attribute.String("service.name", "cosgate"), attribute.String("service.version", version)),
		resource.WithFromEnv()) // last, so that OTEL_SERVICE_NAME takes precedence
	if err != nil {
		return nil, fmt.Errorf("telemetry: describe the process: %w", err)
	}
	t := &Tracing{}
	if err := errors.Join(t.exportSpans(ctx, res), t.exportMetrics(ctx, m, res)); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// exporterChosen reports whether the operator chose an exporter. OpenTelemetry's own
// default is a collector on this machine, which most machines do not have.
func exporterChosen(variable string) bool {
	name := os.Getenv(variable)
	return name != "" && name != "none"
}

func (t *Tracing) exportSpans(ctx context.Context, res *resource.Resource) error {
	if !exporterChosen("OTEL_TRACES_EXPORTER") {
		return nil
	}
	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: OTEL_TRACES_EXPORTER: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(res))
	t.Provider = provider
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

func (t *Tracing) exportMetrics(ctx context.Context, m *Metrics, res *resource.Resource) error {
	if !exporterChosen("OTEL_METRICS_EXPORTER") {
		return nil
	}
	// The library holds one producer for the process, which has one Metrics.
	autoexport.WithFallbackMetricProducer(func(context.Context) (metric.Producer, error) {
		return bridge.NewMetricProducer(bridge.WithGatherer(m.Gatherer())), nil
	})
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: OTEL_METRICS_EXPORTER: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(res))
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// Shutdown sends what is still queued, until ctx ends.
func (t *Tracing) Shutdown(ctx context.Context) error {
	var errs []error
	for _, f := range t.shutdown {
		errs = append(errs, f(ctx))
	}
	t.shutdown = nil
	return errors.Join(errs...)
}

// StatsHandler makes a span for each call of this API, as a child of the caller's span
// when the caller sent its trace context.
func StatsHandler(p trace.TracerProvider) stats.Handler {
	return otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(p),
		otelgrpc.WithMeterProvider(noop.NewMeterProvider()), // Metrics counts calls
		otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool { return strings.HasPrefix(info.FullMethodName, "/cosgate.") }),
	)
}
