// Package service is the gRPC side of cosgate: it answers the RPCs of
// proto/cosgate/v1 by asking COS through package cosbackend, and turns every
// failure into a status with typed details.
//
// It holds the error contract (errors.go, statuses.go), the interceptors and the
// handlers. It knows nothing of HTTP, and of credentials only that COS took them or
// did not.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Bounds of the gRPC server, in one place.
const (
	// maxReceive lets a PutObject message have its 2 MiB of data and a full spec.
	maxReceive = 4 << 20
	// bufferSize is what a connection reads and writes at a time.
	bufferSize = 128 << 10
	// minPing is how often a client may ping at most.
	minPing = 10 * time.Second
)

// Deps are what the server needs. The caller closes the clients after the server
// has stopped.
type Deps struct {
	// Profiles are the ways to reach COS, by name. At least one.
	Profiles map[string]*cosbackend.Client
	// DefaultProfile is used by requests that name none; it must be in Profiles.
	// It may be empty when there is only one.
	DefaultProfile string
	// Logger gets one line for each RPC. Nil discards.
	Logger *slog.Logger
}

// Options change the server. The zero value is usable.
type Options struct {
	// Reflection serves the descriptors of the API to tools such as grpcurl.
	Reflection bool
}

// A Server is the gRPC server with everything registered: the services of
// cosgate.v1, grpc.health.v1 with a status for each service and profile, and
// reflection when asked for.
type Server struct {
	grpc     *grpc.Server
	health   *health.Server
	profiles *profileHealth
	fallback string
}

// NewServer builds the server that cmd/cosgate runs; tests use the same. It does not
// contact COS.
func NewServer(deps Deps, opts Options) (*Server, error) {
	clients, err := newProfiles(deps)
	if err != nil {
		return nil, err
	}
	validator, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("service: prepare validation: %w", err)
	}
	log := deps.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := health.NewServer()
	s := &Server{health: h, profiles: newProfileHealth(h, deps.Profiles), fallback: clients.fallback}
	m := newMapper()
	s.grpc = grpc.NewServer(append(
		chain(log, &errorMapping{mapper: m, log: log, health: s.profiles}, validator),
		grpc.MaxRecvMsgSize(maxReceive),
		grpc.ReadBufferSize(bufferSize),
		grpc.WriteBufferSize(bufferSize),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
	)...)
	s.register(clients, m, opts)
	return s, nil
}

func newProfiles(deps Deps) (profiles, error) {
	p := profiles{clients: deps.Profiles, fallback: deps.DefaultProfile}
	if p.fallback == "" && len(deps.Profiles) == 1 {
		for name := range deps.Profiles {
			p.fallback = name
		}
	}
	if _, ok := deps.Profiles[p.fallback]; !ok {
		return profiles{}, fmt.Errorf("service: default profile %q is not among the profiles", p.fallback)
	}
	return p, nil
}

func (s *Server) register(p profiles, m *mapper, opts Options) {
	cosgatev1.RegisterBucketServiceServer(s.grpc, &bucketServer{profiles: p})
	cosgatev1.RegisterObjectServiceServer(s.grpc, &objectServer{profiles: p, mapper: m})
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(s.grpc, s.health)
	if opts.Reflection {
		reflection.Register(s.grpc) // v1 and v1alpha
	}
}

// Serve answers calls on lis until ctx ends. Then health turns NOT_SERVING, no new
// call is taken, and those in flight may finish for at most grace; what still runs
// then is cut off with UNAVAILABLE. It returns nil after such an end, and closes lis
// in any case.
func (s *Server) Serve(ctx context.Context, lis net.Listener, grace time.Duration) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.health.Shutdown()
		cut := time.AfterFunc(grace, s.grpc.Stop)
		defer cut.Stop()
		s.grpc.GracefulStop()
	})
	err := s.grpc.Serve(lis)
	if stop() { // the listener failed before ctx ended
		s.health.Shutdown()
		s.grpc.Stop()
		return fmt.Errorf("service: serve: %w", err)
	}
	<-stopped
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// Ready returns nil when the server can do its work as far as is known, and
// otherwise what keeps it from that.
func (s *Server) Ready() error {
	if !s.profiles.serving(s.fallback) {
		return fmt.Errorf("service: COS refuses the credentials of profile %q", s.fallback)
	}
	return nil
}
