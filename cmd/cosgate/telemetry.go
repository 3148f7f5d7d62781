package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/telemetry"
	"github.com/cosgate/cosgate/service"
)

// flushTimeout bounds sending the last spans and metrics.
const flushTimeout = 5 * time.Second

// A monitor has what operators see of the process: metrics, and spans when the OTEL_
// variables name an exporter.
type monitor struct {
	metrics *telemetry.Metrics
	tracing *telemetry.Tracing
	log     *slog.Logger
}

func newMonitor(ctx context.Context, log *slog.Logger) (*monitor, error) {
	metrics := telemetry.NewMetrics(cosbackend.KnownCode)
	tracing, err := telemetry.NewTracing(ctx, metrics, readBuild().Version)
	if err != nil {
		return nil, err
	}
	return &monitor{metrics: metrics, tracing: tracing, log: log}, nil
}

func (m *monitor) observer() telemetry.Observer {
	return telemetry.Observer{Metrics: m.metrics, Tracer: m.tracing.Provider}
}

func (m *monitor) fill(d *service.Deps) {
	d.Metrics, d.Tracer = m.metrics, m.tracing.Provider
}

// close sends what is still buffered.
func (m *monitor) close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := m.tracing.Shutdown(ctx); err != nil {
		m.log.Warn("the last spans and metrics were not sent", "error", err)
	}
}
