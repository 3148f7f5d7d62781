package service

import (
	"cmp"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	// minPingInterval is the default of ConnectionOptions.MinPing.
	minPingInterval = 10 * time.Second
	// handshakeTimeout is the default of ConnectionOptions.Handshake.
	handshakeTimeout = 20 * time.Second
	// maxHeaders is how many bytes the metadata of a call may have, as HTTP/2 counts them
	// (32 more for each field). A token with many groups has a few KiB. The default of grpc
	// is 16 MiB for each stream.
	maxHeaders = 64 << 10
)

// ConnectionOptions bound the connections of callers. The zero value is usable.
type ConnectionOptions struct {
	// MaxStreams is how many calls one connection may have at a time; its client delays the
	// others. 0 is no limit.
	MaxStreams uint32
	// MaxAge is how long a connection is used for new calls, give or take a tenth, so
	// that callers spread over new servers. Calls in flight continue. 0 is no limit.
	MaxAge time.Duration
	// MaxAgeGrace is how long after MaxAge the calls on a connection are cancelled. 0 lets
	// them finish.
	MaxAgeGrace time.Duration
	// PingAfter is how long a connection may be silent before the server sends a ping,
	// PingTimeout how long the reply may take. 0 is 2 h, and 20 s.
	PingAfter, PingTimeout time.Duration
	// MinPing is the minimum interval between the pings of a client. One that pings more
	// often is disconnected. 0 is 10 s.
	MinPing time.Duration
	// Handshake is how long a new connection may take for TLS and the beginning of HTTP/2.
	// 0 is 20 s.
	Handshake time.Duration
}

func (o ConnectionOptions) serverOptions() []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.ConnectionTimeout(cmp.Or(o.Handshake, handshakeTimeout)),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: cmp.Or(o.MinPing, minPingInterval), PermitWithoutStream: true,
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
