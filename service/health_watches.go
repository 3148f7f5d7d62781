package service

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

// maxWatches is how many Watches of health one connection may have at a time. Everybody may
// watch, without an identity and for as long as it likes, and no other limit counts that. A
// client needs one for a service.
const maxWatches = 32

// watchedHealth is the health service with that limit.
type watchedHealth struct {
	*health.Server

	mu      sync.Mutex
	watches map[string]int // by the caller's address, which is that of its connection
}

func newWatchedHealth(s *health.Server) *watchedHealth {
	return &watchedHealth{Server: s, watches: make(map[string]int)}
}

// Watch implements healthpb.HealthServer.
func (h *watchedHealth) Watch(in *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	var from string
	if p, ok := peer.FromContext(stream.Context()); ok {
		from = p.Addr.String()
	}
	if !h.begin(from) {
		return overLimit("health_watches", "a connection", fmt.Sprintf("it has %d calls of Watch already", maxWatches), cosstatus.SoonDelay)
	}
	defer h.end(from)
	return h.Server.Watch(in, stream)
}

func (h *watchedHealth) begin(from string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watches[from] >= maxWatches {
		return false
	}
	h.watches[from]++
	return true
}

func (h *watchedHealth) end(from string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watches[from]--; h.watches[from] == 0 {
		delete(h.watches, from)
	}
}
