// Package telemetry counts and traces what the gateway does: its calls, its requests to
// COS, its connections, buffers and credentials.
//
// Metrics are in the Prometheus format for /metrics, and go through OpenTelemetry's
// bridge to the exporters that the standard OTEL_ variables name. Every label has few
// values: one that comes from outside, such as a COS error code, is counted as "other"
// unless it is known.
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

// Values of the label fault: which side a failed call is blamed on.
const (
	FaultCaller  = "caller"  // the request, the caller's rights or its deadline
	FaultCOS     = "cos"     // COS, or the network path to it
	FaultGateway = "gateway" // the gateway itself, including its configuration
)

// Metrics are the metrics of one process. They are safe for concurrent use.
type Metrics struct {
	// Calls are the metrics of the RPCs, with the interceptors that feed them.
	Calls *grpcprom.ServerMetrics

	registry *prometheus.Registry
	known    func(code string) bool

	failedCalls     *prometheus.CounterVec
	deniedCalls     *prometheus.CounterVec
	requests        *prometheus.CounterVec
	retries         *prometheus.CounterVec
	backupRequests  *prometheus.CounterVec
	timeToHeaders   *prometheus.HistogramVec
	bytes           *prometheus.CounterVec
	inFlight        *prometheus.GaugeVec
	onNewConnection *prometheus.CounterVec
}

// NewMetrics returns metrics that have counted nothing yet. known reports whether a COS
// error code gets a label value of its own.
func NewMetrics(known func(code string) bool) *Metrics {
	m := &Metrics{
		Calls: grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram(
			grpcprom.WithHistogramBuckets([]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}))),
		registry: prometheus.NewRegistry(),
		known:    known,
		failedCalls: counter("cosgate_failed_calls_total",
			"Calls that failed, by the side at fault: caller, cos or gateway.", "method", "code", "fault"),
		deniedCalls: counter("cosgate_denied_calls_total",
			"Calls that were denied because the caller was not known or not allowed.", "method", "reason"),
		requests: counter("cosgate_cos_requests_total",
			"Requests to COS, counting each attempt. status is 0 when there was no response; code is the COS error code.",
			"operation", "profile", "status", "code"),
		retries: counter("cosgate_cos_retries_total",
			"Retries of requests to COS.", "operation", "profile"),
		backupRequests: counter("cosgate_cos_backup_requests_total",
			"Requests to COS at its backup domain, after no connection to the other could be established.", "operation", "profile"),
		timeToHeaders: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cosgate_cos_request_seconds", Help: "Time until the headers of the COS response.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"operation", "profile"}),
		bytes: counter("cosgate_cos_bytes_total",
			"Content sent to COS and received from it.", "profile", "direction"),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cosgate_cos_requests_in_flight", Help: "Requests to COS that are in progress.",
		}, []string{"profile"}),
		onNewConnection: counter("cosgate_cos_requests_on_new_connection_total",
			"Requests to COS that had to open a connection.", "profile"),
	}
	m.registry.MustRegister(
		m.Calls, m.failedCalls, m.deniedCalls, m.requests, m.retries, m.backupRequests, m.timeToHeaders, m.bytes, m.inFlight, m.onNewConnection,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Handler serves the metrics in the Prometheus format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Gatherer returns the source of the metrics, for bridges and tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// CallFailed counts a call that ended with code. fromCOS says that the failure came from
// COS, or from the network path to it.
func (m *Metrics) CallFailed(method string, code codes.Code, fromCOS bool) {
	if m != nil {
		m.failedCalls.WithLabelValues(method, code.String(), faultOf(code, fromCOS)).Inc()
	}
}

// CallDenied counts a call that its caller was not allowed to make.
func (m *Metrics) CallDenied(method, reason string) {
	if m != nil {
		m.deniedCalls.WithLabelValues(method, reason).Inc()
	}
}

func faultOf(code codes.Code, fromCOS bool) string {
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

// begin counts the start of a request to COS, and returns the function that counts its
// end.
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
			m.timeToHeaders.WithLabelValues(info.Operation, info.Profile).Observe(r.Head.Seconds())
		}
		if r.Retried {
			m.retries.WithLabelValues(info.Operation, info.Profile).Inc()
		}
		if info.Backup {
			m.backupRequests.WithLabelValues(info.Operation, info.Profile).Inc()
		}
		if !r.ConnectionReused {
			m.onNewConnection.WithLabelValues(info.Profile).Inc()
		}
		m.bytes.WithLabelValues(info.Profile, "sent").Add(float64(r.BytesSent))
		m.bytes.WithLabelValues(info.Profile, "received").Add(float64(r.BytesReceived))
	}
}

// Watch adds the state of the clients' connections and credentials, and how many bytes
// reads, multipart uploads and large requests hold. Call it once.
func (m *Metrics) Watch(clients map[string]*cosbackend.Client, reads, uploads, requests func() int64) {
	m.registry.MustRegister(&clientCollector{clients: clients, now: time.Now}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cosgate_read_buffer_bytes", Help: "Bytes of buffers held by reads.",
	}, func() float64 { return float64(reads()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cosgate_upload_reserved_bytes", Help: "Bytes of limits.upload_memory that uploads in parts have reserved.",
	}, func() float64 { return float64(uploads()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cosgate_receive_reserved_bytes", Help: "Bytes of limits.receive_memory that large requests have reserved.",
	}, func() float64 { return float64(requests()) }))
}

// A clientCollector reads the state of the clients whenever metrics are gathered.
type clientCollector struct {
	clients map[string]*cosbackend.Client
	now     func() time.Time
}

func gauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"profile"}, nil)
}

type clientDescs struct {
	open, inUse, opened, failed, age, remaining, failures *prometheus.Desc
}

func newClientDescs() clientDescs {
	return clientDescs{
		open:      gauge("cosgate_cos_connections_open", "Connections to COS that are open."),
		inUse:     gauge("cosgate_cos_connections_in_use", "Connections to COS that a request is using."),
		opened:    gauge("cosgate_cos_connections_opened_total", "Connections to COS opened so far."),
		failed:    gauge("cosgate_cos_connections_failed_total", "Connections to COS that failed to open."),
		age:       gauge("cosgate_credentials_age_seconds", "Age of the temporary credentials in use."),
		remaining: gauge("cosgate_credentials_expire_seconds", "Time until the temporary credentials in use expire; negative once they have."),
		failures:  gauge("cosgate_credentials_refresh_failures", "Failed attempts to renew temporary credentials since the last success."),
	}
}

// Describe implements [prometheus.Collector].
func (c *clientCollector) Describe(ch chan<- *prometheus.Desc) {
	d := newClientDescs()
	for _, desc := range []*prometheus.Desc{d.open, d.inUse, d.opened, d.failed, d.age, d.remaining, d.failures} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c *clientCollector) Collect(ch chan<- prometheus.Metric) {
	d := newClientDescs()
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, profile string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, value, profile)
	}
	for profile, client := range c.clients {
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
			send(d.age, prometheus.GaugeValue, c.now().Sub(credentials.Obtained).Seconds(), profile)
			send(d.remaining, prometheus.GaugeValue, credentials.Expires.Sub(c.now()).Seconds(), profile)
		}
	}
}
