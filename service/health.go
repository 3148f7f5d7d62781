package service

import (
	"sync"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/cosgate/cosgate/cosbackend"
)

// healthOfProfile is the name under which grpc.health.v1 knows a profile.
func healthOfProfile(profile string) string { return "profile/" + profile }

// profileHealth keeps one health status for each profile: NOT_SERVING from the
// moment COS refuses its credentials until COS takes them again.
type profileHealth struct {
	server *health.Server
	mu     sync.Mutex
	down   map[string]bool
}

func newProfileHealth(server *health.Server, profiles map[string]*cosbackend.Client) *profileHealth {
	for name := range profiles {
		server.SetServingStatus(healthOfProfile(name), healthpb.HealthCheckResponse_SERVING)
	}
	return &profileHealth{server: server, down: make(map[string]bool)}
}

func (h *profileHealth) rejected(profile string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down[profile] = true
	h.server.SetServingStatus(healthOfProfile(profile), healthpb.HealthCheckResponse_NOT_SERVING)
}

func (h *profileHealth) accepted(info cosbackend.TraceInfo) {
	if !info.CredentialsAccepted {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down[info.Profile] {
		delete(h.down, info.Profile)
		h.server.SetServingStatus(healthOfProfile(info.Profile), healthpb.HealthCheckResponse_SERVING)
	}
}

// serving reports whether COS takes the credentials of a profile, as far as is known.
func (h *profileHealth) serving(profile string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down[profile]
}
