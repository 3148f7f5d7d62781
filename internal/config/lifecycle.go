package config

import (
	"time"

	"github.com/cosgate/cosgate/service"
)

// Lifecycle says how connections and the process end.
type Lifecycle struct {
	DrainWait             Duration  `yaml:"drain_wait"`
	Grace                 Duration  `yaml:"grace"`
	MaxConnectionAge      Duration  `yaml:"max_connection_age"`
	MaxConnectionAgeGrace Duration  `yaml:"max_connection_age_grace"`
	Keepalive             Keepalive `yaml:"keepalive"`
}

// Keepalive says how dead connections are found, and how often clients may ask.
type Keepalive struct {
	PingAfter     Duration `yaml:"ping_after"`
	PingTimeout   Duration `yaml:"ping_timeout"`
	MinClientPing Duration `yaml:"min_client_ping"`
}

func defaultLifecycle() Lifecycle {
	return Lifecycle{
		DrainWait:        Duration(5 * time.Second),
		Grace:            Duration(30 * time.Second),
		MaxConnectionAge: Duration(30 * time.Minute),
		Keepalive: Keepalive{
			PingAfter:     Duration(time.Minute),
			PingTimeout:   Duration(20 * time.Second),
			MinClientPing: Duration(10 * time.Second),
		},
	}
}

func (l Lifecycle) check(r *report) {
	if l.MaxConnectionAgeGrace > 0 && l.MaxConnectionAge == 0 {
		r.add("max_connection_age_grace", "is set, and max_connection_age: 0s lets connections live for ever", "set lifecycle.max_connection_age as well, or leave this out")
	}
	if 0 < l.MaxConnectionAge && l.MaxConnectionAge < Duration(time.Second) {
		r.add("max_connection_age", "is below 1s: callers would do nothing but connect", "use a time in minutes, or 0s for no limit")
	}
	k := r.in("keepalive")
	if l.Keepalive.PingAfter < Duration(time.Second) {
		k.add("ping_after", "is below 1s", "use 10s or more")
	}
	if l.Keepalive.PingTimeout < Duration(time.Second) {
		k.add("ping_timeout", "is below 1s", "use a time in which a busy caller can answer, such as 20s")
	}
	if l.Keepalive.MinClientPing < Duration(time.Second) {
		k.add("min_client_ping", "is below 1s: a client could keep the gateway busy with pings", "use 5s or more")
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
	o.Connections.MinPing = time.Duration(l.Keepalive.MinClientPing)
}
