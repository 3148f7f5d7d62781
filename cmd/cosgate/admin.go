package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	adminHeaderTimeout = 5 * time.Second
	adminHeaderBytes   = 16 << 10
	adminIdleTimeout   = time.Minute
	// adminGrace bounds how long a running profile may delay the end of the process.
	adminGrace = time.Second
)

// adminHandler serves what operators ask for: liveness, readiness, build, profiles. ready
// returns why the gateway is not ready. metrics and page may be nil. hosts are names of
// this machine, next to addresses and localhost, under which it may be asked for metrics.
//
// Balancers and probes may reach the port from elsewhere, Prometheus as well. What shows
// the inside of the process, or lets a browser call the API, is for this machine alone,
// which includes the end of a kubectl port-forward. adminGuard says what else is refused.
func adminHandler(ready func() error, metrics, page http.Handler, hosts []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	guard := adminGuard{hosts: hosts}
	mux.Handle("GET /buildinfo", guard.observers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(readBuild()) // the caller may have disconnected
	})))
	if metrics != nil {
		mux.Handle("GET /metrics", guard.observers(metrics))
	}
	mux.Handle(pprofPath, guard.thisMachine(profiles()))
	if page != nil {
		mux.Handle(grpcuiPath, guard.thisMachine(http.StripPrefix(strings.TrimSuffix(grpcuiPath, "/"), page)))
	}
	return neverFramed(mux)
}

// serveAdmin serves lis until ctx ends.
func serveAdmin(ctx context.Context, lis net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: adminHeaderTimeout, IdleTimeout: adminIdleTimeout, MaxHeaderBytes: adminHeaderBytes}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(lis) }()
	select {
	case err := <-failed:
		return fmt.Errorf("admin: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close() // only observers are disconnected
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}
