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

// askAgain is how often COS is asked whether it takes credentials that it refused.
const askAgain = 15 * time.Second

// healthOfProfile is the name under which grpc.health.v1 knows a profile.
func healthOfProfile(profile string) string { return "profile/" + profile }

// profileHealth keeps one health status for each profile: NOT_SERVING from the
// moment COS refuses its credentials until COS takes them again. It asks COS itself then:
// a gateway that is not ready gets no calls that would tell.
type profileHealth struct {
	server  *health.Server
	clients map[string]*cosbackend.Client
	log     *slog.Logger

	lifetime context.Context //nolint:containedctx // of the server: asking ends with it
	end      context.CancelFunc
	asking   sync.WaitGroup

	mu   sync.Mutex
	down map[string]bool
	asks map[string]bool // COS is being asked
}

func newProfileHealth(server *health.Server, clients map[string]*cosbackend.Client, log *slog.Logger) *profileHealth {
	h := &profileHealth{
		server: server, clients: clients, log: log,
		down: make(map[string]bool), asks: make(map[string]bool),
	}
	h.lifetime, h.end = context.WithCancel(context.Background())
	for name := range clients {
		h.tell(name, healthpb.HealthCheckResponse_SERVING)
	}
	return h
}

// close ends the asking.
func (h *profileHealth) close() {
	h.end()
	h.asking.Wait()
}

func (h *profileHealth) tell(profile string, s healthpb.HealthCheckResponse_ServingStatus) {
	h.server.SetServingStatus(healthOfProfile(profile), s)
}

func (h *profileHealth) rejected(profile string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down[profile] {
		return
	}
	h.down[profile] = true
	h.tell(profile, healthpb.HealthCheckResponse_NOT_SERVING)
	h.log.LogAttrs(h.lifetime, slog.LevelError, "COS refuses the credentials of a profile", slog.String("profile", profile))
	if !h.asks[profile] && h.lifetime.Err() == nil {
		h.asks[profile] = true
		h.asking.Go(func() { h.ask(profile) })
	}
}

func (h *profileHealth) accepted(info cosbackend.TraceInfo) {
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
	h.tell(profile, healthpb.HealthCheckResponse_SERVING)
	h.log.LogAttrs(h.lifetime, slog.LevelInfo, "COS takes the credentials of a profile again", slog.String("profile", profile))
}

// ask asks COS for as long as the profile is down.
func (h *profileHealth) ask(profile string) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for h.asksOn(profile) {
		select {
		case <-tick.C:
		case <-h.lifetime.Done():
			return
		}
		ctx, cancel := context.WithTimeout(h.lifetime, askAgain)
		if _, err := h.clients[profile].ListBuckets(ctx, cosbackend.ListBucketsOptions{MaxKeys: 1}); takes(err) {
			h.up(profile)
		}
		cancel()
	}
}

func (h *profileHealth) asksOn(profile string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asks[profile] = h.down[profile]
	return h.asks[profile]
}

// takes says whether an answer lets the profile be tried again. COS may refuse the list to
// credentials that are good for other things; should they be bad after all, the next call
// will tell.
func takes(err error) bool {
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*cosbackend.Error](err)
	return ok && e.Origin == cosbackend.OriginCOS && e.Code == "AccessDenied"
}

// serving reports whether COS takes the credentials of a profile, as far as is known.
func (h *profileHealth) serving(profile string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down[profile]
}
