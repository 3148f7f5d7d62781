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
	// maxHeaders is how many bytes the metadata of a call may have, as HTTP/2 counts them
	// (32 more for each field). A token with many groups has some KiB. grpc alone would
	// keep 16 MiB for each stream.
	maxHeaders = 64 << 10
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
	// Handshake is how long a new connection may take for TLS and the beginning of HTTP/2.
	// 0 is 20 s.
	Handshake time.Duration
}

func (o ConnectionOptions) serverOptions() []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.ConnectionTimeout(cmp.Or(o.Handshake, handshakeTime)),
		grpc.MaxHeaderListSize(maxHeaders),
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
