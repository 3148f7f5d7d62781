package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/cosgate/cosgate/cosbackend"
)

// probeInterval is how often COS is asked whether it accepts credentials that it refused.
const probeInterval = 15 * time.Second

// healthOfProfile is the name under which grpc.health.v1 knows a profile.
func healthOfProfile(profile string) string { return "profile/" + profile }

// profileHealth keeps one health status for each profile: NOT_SERVING from the moment COS
// refuses its credentials until COS accepts them again. It probes COS in between, since a
// gateway that is not ready gets no calls from which it could learn that.
type profileHealth struct {
	server  *health.Server
	clients map[string]*cosbackend.Client
	log     *slog.Logger

	lifetime context.Context // of the server: probes end with it
	end      context.CancelFunc
	probes   sync.WaitGroup

	mu      sync.Mutex
	down    map[string]bool
	probing map[string]bool // a goroutine probes COS
}

func newProfileHealth(server *health.Server, clients map[string]*cosbackend.Client, log *slog.Logger) *profileHealth {
	h := &profileHealth{
		server: server, clients: clients, log: log,
		down: make(map[string]bool), probing: make(map[string]bool),
	}
	h.lifetime, h.end = context.WithCancel(context.Background())
	for name := range clients {
		h.setStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	return h
}

// close ends the probes.
func (h *profileHealth) close() {
	h.end()
	h.probes.Wait()
}

func (h *profileHealth) setStatus(profile string, s healthpb.HealthCheckResponse_ServingStatus) {
	h.server.SetServingStatus(healthOfProfile(profile), s)
}

func (h *profileHealth) rejected(profile string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down[profile] {
		return
	}
	h.down[profile] = true
	h.setStatus(profile, healthpb.HealthCheckResponse_NOT_SERVING)
	h.log.LogAttrs(h.lifetime, slog.LevelError, "COS refuses the credentials of a profile", slog.String("profile", profile))
	if !h.probing[profile] && h.lifetime.Err() == nil {
		h.probing[profile] = true
		h.probes.Go(func() { h.probe(profile) })
	}
}

func (h *profileHealth) observe(info cosbackend.TraceInfo) {
	if info.CredentialsAccepted {
		h.up(info.Profile)
	}
}

func (h *profileHealth) up(profile string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.down[profile] {
		return
	}
	delete(h.down, profile)
	h.setStatus(profile, healthpb.HealthCheckResponse_SERVING)
	h.log.LogAttrs(h.lifetime, slog.LevelInfo, "COS accepts the credentials of a profile again", slog.String("profile", profile))
}

// probe asks COS for as long as the profile is down.
func (h *profileHealth) probe(profile string) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for h.keepProbing(profile) {
		select {
		case <-tick.C:
		case <-h.lifetime.Done():
			return
		}
		ctx, cancel := context.WithTimeout(h.lifetime, probeInterval)
		if _, err := h.clients[profile].ListBuckets(ctx, cosbackend.ListBucketsOptions{MaxKeys: 1}); acceptsCredentials(err) {
			h.up(profile)
		}
		cancel()
	}
}

func (h *profileHealth) keepProbing(profile string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probing[profile] = h.down[profile]
	return h.probing[profile]
}

// acceptsCredentials reports whether the result of a probe lets the profile be used again.
// COS may deny the list to credentials that are valid; should they be invalid after all,
// the next call shows it.
func acceptsCredentials(err error) bool {
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*cosbackend.Error](err)
	return ok && e.Origin == cosbackend.OriginCOS && e.Code == "AccessDenied"
}

// serving reports whether COS accepts the credentials of a profile, as far as is known.
func (h *profileHealth) serving(profile string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down[profile]
}
