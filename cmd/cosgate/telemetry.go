package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/telemetry"
	"github.com/cosgate/cosgate/service"
)

// flushTime bounds how long the last spans and metrics may take to be sent.
const flushTime = 5 * time.Second

// A watch is what operators see of the process from outside: metrics, and spans when
// the OTEL_ variables name an exporter.
type watch struct {
	metrics *telemetry.Metrics
	tracing *telemetry.Tracing
	log     *slog.Logger
}

func newWatch(ctx context.Context, log *slog.Logger) (*watch, error) {
	metrics := telemetry.NewMetrics(cosbackend.KnownCode)
	tracing, err := telemetry.NewTracing(ctx, metrics, readBuild().Version)
	if err != nil {
		return nil, err
	}
	return &watch{metrics: metrics, tracing: tracing, log: log}, nil
}

func (w *watch) observer() telemetry.Observer {
	return telemetry.Observer{Metrics: w.metrics, Tracer: w.tracing.Provider}
}

func (w *watch) fill(d *service.Deps) {
	d.Metrics, d.Tracer = w.metrics, w.tracing.Provider
}

// close sends what was not sent yet.
func (w *watch) close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := w.tracing.Shutdown(ctx); err != nil {
		w.log.Warn("the last spans and metrics were not sent", "error", err)
	}
}
