// Package telemetry counts and traces what the gateway does: its calls, its requests to
// COS, its connections, buffers and credentials.
//
// Metrics are Prometheus's, for /metrics and, through OpenTelemetry's bridge, for
// whatever the standard OTEL_ variables name. Every label has few values: what comes
// from outside, such as a COS error code, is counted as "other" unless it is known.
package telemetry

import (
	"net/http"
	"strconv"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
)

// Whose fault a failed call is.
const (
	FaultCaller  = "caller"  // its request, its rights, its deadline
	FaultCOS     = "cos"     // COS, or the way to it
	FaultGateway = "gateway" // the gateway itself, its configuration included
)

// Metrics are the metrics of one process. They are safe for concurrent use.
type Metrics struct {
	// Calls are the metrics of the RPCs, with interceptors that feed them.
	Calls *grpcprom.ServerMetrics

	registry *prometheus.Registry
	known    func(code string) bool

	faults     *prometheus.CounterVec
	denied     *prometheus.CounterVec
	requests   *prometheus.CounterVec
	repeats    *prometheus.CounterVec
	heads      *prometheus.HistogramVec
	bytes      *prometheus.CounterVec
	inFlight   *prometheus.GaugeVec
	reconnects *prometheus.CounterVec
}

// NewMetrics returns metrics that count nothing yet. known tells the COS error codes
// that get a label of their own.
func NewMetrics(known func(code string) bool) *Metrics {
	m := &Metrics{
		Calls: grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram(
			grpcprom.WithHistogramBuckets([]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}))),
		registry: prometheus.NewRegistry(),
		known:    known,
		faults: counter("cosgate_failed_calls_total",
			"Calls that failed, by whose fault it was: the caller's, COS's or the gateway's.", "method", "code", "fault"),
		denied: counter("cosgate_denied_calls_total",
			"Calls that were refused because the caller was not known or not allowed.", "method", "reason"),
		requests: counter("cosgate_cos_requests_total",
			"Requests to COS, each attempt by itself. status is 0 when no answer came; code is the COS error code.",
			"operation", "profile", "status", "code"),
		repeats: counter("cosgate_cos_repeats_total",
			"Requests to COS that are repeated.", "operation", "profile"),
		heads: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cosgate_cos_request_seconds", Help: "Time until the head of COS's answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"operation", "profile"}),
		bytes: counter("cosgate_cos_bytes_total",
			"Content sent to COS and received from it.", "profile", "direction"),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cosgate_cos_requests_in_flight", Help: "Requests to COS that are not over.",
		}, []string{"profile"}),
		reconnects: counter("cosgate_cos_requests_on_new_connection_total",
			"Requests to COS for which a connection had to be opened.", "profile"),
	}
	m.registry.MustRegister(
		m.Calls, m.faults, m.denied, m.requests, m.repeats, m.heads, m.bytes, m.inFlight, m.reconnects,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Handler serves the metrics as Prometheus wants them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Gatherer gives the metrics to bridges and tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// CallFailed counts a call that ended with code. retries after limits and the like are
// the caller's, what COS refused for its own reasons is COS's.
func (m *Metrics) CallFailed(method string, code codes.Code, fromCOS bool) {
	if m != nil {
		m.faults.WithLabelValues(method, code.String(), fault(code, fromCOS)).Inc()
	}
}

// CallDenied counts a call that was refused to its caller.
func (m *Metrics) CallDenied(method, reason string) {
	if m != nil {
		m.denied.WithLabelValues(method, reason).Inc()
	}
}

func fault(code codes.Code, fromCOS bool) string {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Unavailable, codes.ResourceExhausted:
		switch {
		case fromCOS:
			return FaultCOS
		case code == codes.ResourceExhausted:
			return FaultCaller
		}
		return FaultGateway
	default:
		return FaultCaller
	}
}

// begin counts a request to COS that begins; the result counts its end.
func (m *Metrics) begin(info cosbackend.AttemptInfo) func(cosbackend.AttemptResult) {
	m.inFlight.WithLabelValues(info.Profile).Inc()
	return func(r cosbackend.AttemptResult) {
		m.inFlight.WithLabelValues(info.Profile).Dec()
		code := r.Code
		if code != "" && !m.known(code) {
			code = "other"
		}
		m.requests.WithLabelValues(info.Operation, info.Profile, strconv.Itoa(r.HTTPStatus), code).Inc()
		if r.Head > 0 {
			m.heads.WithLabelValues(info.Operation, info.Profile).Observe(r.Head.Seconds())
		}
		if r.Retried {
			m.repeats.WithLabelValues(info.Operation, info.Profile).Inc()
		}
		if !r.ConnectionReused {
			m.reconnects.WithLabelValues(info.Profile).Inc()
		}
		m.bytes.WithLabelValues(info.Profile, "sent").Add(float64(r.BytesSent))
		m.bytes.WithLabelValues(info.Profile, "received").Add(float64(r.BytesReceived))
	}
}

// Watch adds what the clients know of their connections and credentials, and how many
// bytes reads and uploads in parts hold. Call it once.
func (m *Metrics) Watch(clients map[string]*cosbackend.Client, reads, uploads func() int64) {
	m.registry.MustRegister(&state{clients: clients, now: time.Now}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cosgate_read_buffer_bytes", Help: "Bytes of the buffers that reads hold.",
	}, func() float64 { return float64(reads()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cosgate_upload_reserved_bytes", Help: "Bytes that uploads in parts have reserved of limits.upload_memory.",
	}, func() float64 { return float64(uploads()) }))
}

// state collects what is asked for when somebody looks.
type state struct {
	clients map[string]*cosbackend.Client
	now     func() time.Time
}

func gauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"profile"}, nil)
}

type stateDescs struct {
	open, inUse, opened, failed, age, life, failures *prometheus.Desc
}

func newStateDescs() stateDescs {
	return stateDescs{
		open:     gauge("cosgate_cos_connections_open", "Connections to COS that are open."),
		inUse:    gauge("cosgate_cos_connections_in_use", "Connections to COS that a request holds."),
		opened:   gauge("cosgate_cos_connections_opened_total", "Connections to COS that were opened."),
		failed:   gauge("cosgate_cos_connections_failed_total", "Connections to COS that could not be opened."),
		age:      gauge("cosgate_credentials_age_seconds", "Age of the temporary credentials in use."),
		life:     gauge("cosgate_credentials_expire_seconds", "Time until the temporary credentials in use expire; negative when they have."),
		failures: gauge("cosgate_credentials_refresh_failures", "Attempts to renew temporary credentials that failed since the last success."),
	}
}

// Describe implements [prometheus.Collector].
func (s *state) Describe(ch chan<- *prometheus.Desc) {
	d := newStateDescs()
	for _, desc := range []*prometheus.Desc{d.open, d.inUse, d.opened, d.failed, d.age, d.life, d.failures} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (s *state) Collect(ch chan<- prometheus.Metric) {
	d := newStateDescs()
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, profile string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, value, profile)
	}
	for profile, client := range s.clients {
		pool := client.Pool()
		send(d.open, prometheus.GaugeValue, float64(pool.Open), profile)
		send(d.inUse, prometheus.GaugeValue, float64(pool.InUse), profile)
		send(d.opened, prometheus.CounterValue, float64(pool.Opened), profile)
		send(d.failed, prometheus.CounterValue, float64(pool.Failed), profile)
		credentials, temporary := client.CredentialStatus()
		if !temporary {
			continue
		}
		send(d.failures, prometheus.GaugeValue, float64(credentials.Failures), profile)
		if !credentials.Obtained.IsZero() {
			send(d.age, prometheus.GaugeValue, s.now().Sub(credentials.Obtained).Seconds(), profile)
			send(d.life, prometheus.GaugeValue, credentials.Expires.Sub(s.now()).Seconds(), profile)
		}
	}
}
