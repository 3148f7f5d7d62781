// Package service is the gRPC side of cosgate: it implements the RPCs of
// proto/cosgate/v1 by asking COS through package cosbackend, and turns every
// failure into a status with typed details.
//
// It has the server, the interceptors and the handlers. The error contract is in package
// status, the rights of each RPC in package access. It knows nothing about HTTP, and about
// credentials only whether COS accepted them.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"buf.build/go/protovalidate"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	"github.com/cosgate/cosgate/internal/logline"
	"github.com/cosgate/cosgate/internal/telemetry"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// Bounds of the gRPC server, in one place.
const (
	// firstMessage is the default of Options.FirstMessage.
	firstMessage = 30 * time.Second
	// connWindow is how much a caller may send ahead on one connection, in addition to
	// Options.UploadWindow for each stream. Never set only one of them: that would leave
	// the other at 64 KiB.
	connWindow = 16 << 20
	// bufferSize is what a connection reads and writes at a time.
	bufferSize = 128 << 10
)

// Deps are what the server needs. The caller closes the clients after the server
// has stopped.
type Deps struct {
	// Profiles are the COS clients by the name of their profile. At least one.
	Profiles map[string]*cosbackend.Client
	// DefaultProfile is used by requests that name none; it must be in Profiles.
	// It may be empty when there is only one.
	DefaultProfile string
	// Authenticator identifies callers, and Authorizer decides what they are allowed to do.
	// Set both or neither: without them every caller is allowed to do everything.
	Authenticator Authenticator
	Authorizer    Authorizer
	// CallerCredentials names the profiles that accept COS credentials which a caller sends
	// with its call (metadata cosgate-cos-secret-id, -secret-key and -security-token), and
	// sign with them instead of their own. All others refuse them.
	CallerCredentials map[string]bool
	// CallbackHosts are the servers that COS may be told to call when an object is stored,
	// by the name of the profile, as CheckCallbackHosts accepts them. A profile that has
	// none refuses callbacks.
	CallbackHosts map[string][]string
	// Metrics count calls. Nil counts nothing. Requests to COS are counted when the clients
	// in Profiles have an Observer with the same Metrics.
	Metrics *telemetry.Metrics
	// Tracer makes a span of each call. Nil makes none.
	Tracer trace.TracerProvider
	// Logger gets one line for each RPC. Nil discards.
	Logger *slog.Logger
	// Audit gets one record for each call that changes something or tries to, and for each
	// call that is denied. Nil discards.
	Audit *slog.Logger
}

// Options change the server. The zero value is usable.
type Options struct {
	// Reflection serves the descriptors of the API to tools such as grpcurl.
	Reflection bool
	// PlaintextCallerCredentials accepts callers' COS credentials also over connections
	// without TLS: for tests, and where the network is private by other means.
	// Anyone who can read the traffic gets the credentials. Loopback is no exception.
	PlaintextCallerCredentials bool
	// Credentials encrypt connections and may ask callers for certificates. Nil is plain
	// text.
	Credentials credentials.TransportCredentials
	// Connections bound the connections of callers.
	Connections ConnectionOptions
	// DrainWait is how long calls are still accepted after shutdown has begun and health was
	// turned off, so that load balancers notice first. 0 accepts none.
	DrainWait time.Duration
	// PartSize is the size of the first parts of objects that are uploaded in parts,
	// in bytes. 0 is 8 MiB; COS accepts no part below 1 MiB except the last.
	PartSize int64
	// PartsInParallel is how many parts of one object are sent to COS at a time. 0 is 4.
	PartsInParallel int
	// Limits bound what callers use at once.
	Limits Limits
	// UploadMemory is how many bytes all uploads in parts hold together. 0 is 512 MiB.
	// In addition each upload holds what its caller sent ahead, UploadWindow, and the message
	// that is being received, about 2 MiB. Only the number of calls bounds the sum of
	// those, since a message is in memory before it can be refused.
	UploadMemory int64
	// UploadWindow is how many bytes a caller may send ahead on one stream, which is what a
	// stalled upload costs in memory. grpc extends the window for a message that is being
	// read, so that only callers who send small messages profit from more. 0 is 256 KiB.
	UploadWindow int32
	// ReadMemory is how many bytes of content all reads hold together before they send
	// small messages only. 0 is 256 MiB. Beyond it each read holds one message of 16 KiB.
	ReadMemory int64
	// ReadStall is how long a read waits for COS to send anything before it makes a new
	// request. 0 is 30 s.
	ReadStall time.Duration
	// CopyPart is how much of an object too large for CopyObject one request copies, in
	// bytes. 0 is 512 MiB.
	CopyPart int64
	// FirstMessage is how long a caller may take for the first message of a call, and for the
	// end of the stream behind it where there is only one message. 0 is 30 s.
	FirstMessage time.Duration
	// ReceiveMemory is how many bytes the requests of all calls hold together, without those
	// below 16 KiB and without uploads, from before they are read until their calls end. With
	// authentication one caller may have a quarter of it. 0 is 128 MiB.
	ReceiveMemory int64
	// PresignMax is the maximum lifetime of presigned URLs and forms. 0 is 1 hour.
	PresignMax time.Duration
	// CredentialsMax is the maximum lifetime of the temporary credentials that callers get.
	// 0 is 1 hour.
	CredentialsMax time.Duration
}

// withDefaults replaces zero values by their defaults. The gateway that `cosgate serve`
// runs has those of internal/config for what that can set.
func (o Options) withDefaults() Options {
	o.PartSize = cmp.Or(o.PartSize, 8<<20)
	o.PartsInParallel = cmp.Or(o.PartsInParallel, 4)
	o.CopyPart = cmp.Or(o.CopyPart, copyPart)
	o.UploadMemory = cmp.Or(o.UploadMemory, 512<<20)

	o.UploadWindow = cmp.Or(o.UploadWindow, 256<<10)
	o.ReadMemory = cmp.Or(o.ReadMemory, 256<<20)
	o.ReadStall = cmp.Or(o.ReadStall, readStall)
	o.ReceiveMemory = cmp.Or(o.ReceiveMemory, defaultReceiveMemory)
	o.FirstMessage = cmp.Or(o.FirstMessage, firstMessage)
	o.PresignMax = cmp.Or(o.PresignMax, defaultPresignMax)
	o.CredentialsMax = cmp.Or(o.CredentialsMax, defaultPresignMax)
	return o
}

// A Server is the gRPC server with everything registered: the services of
// cosgate.v1, grpc.health.v1 with a status for each service and profile, and
// reflection when asked for.
type Server struct {
	grpc           *grpc.Server
	methods        methods
	health         *health.Server
	profiles       *profileHealth
	defaultProfile string
	shutdown       *shutdown
	wait           time.Duration // Options.DrainWait
	memory         memory
}

// memory is what calls share for content.
type memory struct {
	reads   *frames.Pool
	uploads *byteLimit // of Options.UploadMemory
}

// NewServer builds the server that cmd/cosgate runs. It does not contact COS.
func NewServer(deps Deps, opts Options) (*Server, error) {
	return newServer(deps, opts, frames.NewPool)
}

// Check returns what NewServer refuses in the options.
func (o Options) Check() error {
	o = o.withDefaults()
	return o.Limits.check(o.PartSize)
}

// newServer is NewServer with a choice of pools, so that tests see when a buffer is used
// after it was given back.
func newServer(deps Deps, opts Options, newPool func() *frames.Pool) (*Server, error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	clients, err := newProfiles(deps)
	if err != nil {
		return nil, err
	}
	validator, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("service: prepare validation: %w", err)
	}
	log := logline.Logger(deps.Logger)
	h := health.NewServer()
	s := &Server{
		health: h, profiles: newProfileHealth(h, deps.Profiles, log), defaultProfile: clients.defaultProfile,
		shutdown: newShutdown(), wait: opts.DrainWait,
	}
	m := cosstatus.NewMapper()
	rules, err := access.Load()
	if err != nil {
		return nil, err
	}
	rules.Narrowed = clients.narrowed
	authorization, err := newAuthorization(deps, clients.defaultProfile, rules, log)
	if err != nil {
		return nil, err
	}
	buffers := newPool() // that of grpc clears a buffer each time it hands it out
	options := append(opts.Connections.serverOptions(),
		grpc.Creds(opts.Credentials),
		grpc.ForceServerCodecV2(frames.NewCodec()),
		experimental.BufferPool(buffers),
		grpc.InTapHandle(endable),
		grpc.InitialWindowSize(opts.UploadWindow),
		grpc.InitialConnWindowSize(connWindow),
		grpc.WaitForHandlers(true), // a cancelled upload still has to be aborted
		grpc.ReadBufferSize(bufferSize),
		grpc.WriteBufferSize(bufferSize),
		grpc.UnknownServiceHandler(noSuchMethod),
	)
	if deps.Tracer != nil {
		options = append(options, grpc.StatsHandler(telemetry.StatsHandler(deps.Tracer)))
	}
	s.methods.receiver = &receiver{pool: buffers, bounds: newMessageBounds(), timeout: opts.FirstMessage, memory: newReceiveMemory(opts.ReceiveMemory, authorization != nil)}
	chain{
		log: log, audit: newAudit(deps.Audit, clients.defaultProfile, rules), shutdown: s.shutdown, authorization: authorization, limits: newLimits(opts.Limits),
		credentials: callerCredentials{profiles: clients, accepting: deps.CallerCredentials, plaintext: opts.PlaintextCallerCredentials, rules: rules},
		validation:  validation{validator, &plainRequests{validator: validator}},
		errors:      &errorMapping{mapper: m, log: log, health: s.profiles, metrics: deps.Metrics},
	}.register(&s.methods, deps.Metrics)
	s.grpc = grpc.NewServer(append(options, grpc.StreamInterceptor(s.methods.runStream))...)
	s.methods.server = s.grpc
	s.memory = memory{reads: newPool(), uploads: newByteLimit(max(opts.UploadMemory, opts.PartSize))}
	s.register(services(clients, m, log, opts, s.memory), opts.Reflection)
	if deps.Metrics != nil {
		deps.Metrics.Calls.InitializeMetrics(s.grpc)
		deps.Metrics.Watch(deps.Profiles, s.memory.reads.InUse, s.memory.uploads.inUse.Load, s.methods.receiver.memory.InUse)
	}
	return s, nil
}

// A registration is one service of the API and its implementation.
type registration struct {
	desc *grpc.ServiceDesc
	impl any
}

// services are those of cosgate.v1.
func services(p profiles, m *cosstatus.Mapper, log *slog.Logger, opts Options, memory memory) []registration {
	return []registration{
		{&cosgatev1.BucketService_ServiceDesc, &bucketServer{profiles: p}},
		{&cosgatev1.BucketConfigService_ServiceDesc, &bucketConfigServer{profiles: p, mapper: m}},
		{&cosgatev1.MultipartService_ServiceDesc, &multipartServer{profiles: p}},
		{&cosgatev1.ObjectService_ServiceDesc, &objectServer{
			profiles: p, mapper: m,
			parts: newPartSettings(opts, memory.uploads, log),
			reads: readSettings{pool: memory.reads, budget: frames.NewBudget(opts.ReadMemory), stall: opts.ReadStall},
		}},
		{&cosgatev1.PresignService_ServiceDesc, &presignServer{profiles: p, maxLifetime: opts.PresignMax}},
		{&cosgatev1.CredentialService_ServiceDesc, &credentialServer{profiles: p, maxLifetime: opts.CredentialsMax}},
	}
}

func (s *Server) register(services []registration, withReflection bool) {
	for _, r := range services {
		s.methods.RegisterService(r.desc, r.impl)
	}
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(&s.methods, newWatchedHealth(s.health))
	if withReflection {
		reflection.Register(s.grpc) // v1 and v1alpha
	}
}

// Serve serves calls on lis until ctx ends. Then health turns NOT_SERVING; after
// Options.DrainWait no new call is accepted, and those in flight may continue for at most
// grace; what still runs then ends with UNAVAILABLE and the reason SERVER_STOPPING. It
// returns nil after such an end, and closes lis in any case.
func (s *Server) Serve(ctx context.Context, lis net.Listener, grace time.Duration) error {
	defer s.profiles.close()
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.health.Shutdown()
		<-time.After(s.wait)
		s.shutdown.end(s.grpc, grace)
	})
	err := s.grpc.Serve(lis)
	if stop() { // the listener failed before ctx ended
		s.health.Shutdown()
		s.shutdown.cancelAll()
		s.grpc.Stop()
		s.shutdown.handlers.Wait()
		return fmt.Errorf("service: serve: %w", err)
	}
	<-stopped
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// Ready returns nil when the server can do its work, as far as is known, and otherwise the
// reason why not.
func (s *Server) Ready() error {
	if !s.profiles.serving(s.defaultProfile) {
		return fmt.Errorf("service: COS refuses the credentials of profile %q", s.defaultProfile)
	}
	return nil
}
