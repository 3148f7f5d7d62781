package service

import (
	"cmp"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	// minPing is how often a client may ping when nothing else is said.
	minPing = 10 * time.Second
	// handshakeTime is how long a new connection may take to say what it wants.
	handshakeTime = 20 * time.Second
)

// ConnectionOptions bound the connections of callers. The zero value is usable.
type ConnectionOptions struct {
	// MaxStreams is how many calls one connection may have at a time; its client holds
	// the others back. 0 is no bound.
	MaxStreams uint32
	// MaxAge is how long a connection is used for new calls, give or take a tenth, so
	// that callers spread over new servers. Calls in flight go on. 0 is for ever.
	MaxAge time.Duration
	// MaxAgeGrace cuts the calls on a connection that is that much older than MaxAge.
	// 0 lets them end by themselves.
	MaxAgeGrace time.Duration
	// PingAfter is how long a connection may be silent before the caller is asked for a
	// sign of life, PingTimeout how long that may take. 0 is 2 h, and 20 s.
	PingAfter, PingTimeout time.Duration
	// MinPing is how often a client may ping at most. One that does more often is
	// disconnected. 0 is 10 s.
	MinPing time.Duration
}

func (o ConnectionOptions) serverOptions() []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: cmp.Or(o.MinPing, minPing), PermitWithoutStream: true,
		}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: o.MaxAge, MaxConnectionAgeGrace: o.MaxAgeGrace,
			Time: o.PingAfter, Timeout: o.PingTimeout,
		}),
	}
	if o.MaxStreams > 0 {
		opts = append(opts, grpc.MaxConcurrentStreams(o.MaxStreams))
	}
	return opts
}
