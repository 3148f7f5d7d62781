package config

import (
	"time"

	"github.com/cosgate/cosgate/service"
)

// Lifecycle says how connections and the process end.
type Lifecycle struct {
	// SIGTERM turns health and readiness off at once. New calls are still accepted for
	// this long, so that load balancers notice first.
	DrainWait Duration `yaml:"drain_wait" default:"5s"`
	// Calls in flight may then continue for this long. Those that are left end with
	// UNAVAILABLE, reason SERVER_STOPPING, and reads say where to resume. The process
	// ends a few seconds later at most; give it drain_wait + grace + 15s before it is
	// killed.
	Grace Duration `yaml:"grace" default:"30s"`
	// A connection accepts new calls for this long, so that callers spread over new
	// gateways; calls in flight continue.
	MaxConnectionAge Duration `yaml:"max_connection_age" default:"30m" min:"1s" zero:"no limit"`
	// Calls on a connection that exceeds its age by this much are cancelled.
	MaxConnectionAgeGrace Duration `yaml:"max_connection_age_grace" default:"0s" zero:"never"`
	// How dead connections are found, and how often clients may ping.
	Keepalive Keepalive `yaml:"keepalive"`
}

// Keepalive says how dead connections are found, and how often clients may ping.
type Keepalive struct {
	// A connection that is silent for this long is pinged.
	PingAfter Duration `yaml:"ping_after" default:"1m" min:"1s"`
	// It is closed when no response to the ping arrives in time.
	PingTimeout Duration `yaml:"ping_timeout" default:"20s" min:"1s"`
	// Clients that ping more often than this are disconnected.
	MinClientPingInterval Duration `yaml:"min_client_ping_interval" default:"10s" min:"1s"`
}

func (l Lifecycle) check(r *report) {
	if l.MaxConnectionAgeGrace > 0 && l.MaxConnectionAge == 0 {
		r.add("max_connection_age_grace", "is set, and max_connection_age: 0s means that connections have no age limit", "set lifecycle.max_connection_age as well, or leave this out")
	}
}

// Apply writes the section into the options of the server. The grace is an argument
// of its Serve.
func (l Lifecycle) Apply(o *service.Options) {
	o.DrainWait = time.Duration(l.DrainWait)
	o.Connections.MaxAge = time.Duration(l.MaxConnectionAge)
	o.Connections.MaxAgeGrace = time.Duration(l.MaxConnectionAgeGrace)
	o.Connections.PingAfter = time.Duration(l.Keepalive.PingAfter)
	o.Connections.PingTimeout = time.Duration(l.Keepalive.PingTimeout)
	o.Connections.MinPing = time.Duration(l.Keepalive.MinClientPingInterval)
}
