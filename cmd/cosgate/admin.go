package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/cosgate/cosgate/internal/config"
)

const (
	adminHeaderTimeout = 5 * time.Second
	adminHeaderBytes   = 16 << 10
	adminIdleTimeout   = time.Minute
	// adminGrace bounds how long a running profile may delay the end of the process.
	adminGrace = time.Second
)

// adminHandler serves what operators ask for: liveness, readiness, build, profiles. ready
// returns why the gateway is not ready. metrics and page may be nil.
//
// Balancers and probes may reach the port from elsewhere. What shows the inside of the
// process, or lets a browser call the API, is for this machine alone, which includes the
// end of a kubectl port-forward.
func adminHandler(ready func() error, metrics, page http.Handler) http.Handler {
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
	mux.HandleFunc("GET /buildinfo", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(readBuild()) // the caller may have disconnected
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	local := http.NewServeMux()
	local.HandleFunc("GET /debug/pprof/", pprof.Index)
	local.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	local.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	local.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	local.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	local.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/pprof/", loopbackOnly(local))
	if page != nil {
		mux.Handle(grpcuiPath, loopbackOnly(http.StripPrefix(strings.TrimSuffix(grpcuiPath, "/"), page)))
	}
	return mux
}

// loopbackOnly refuses requests that do not come over loopback. It checks the Host header
// as well: a page on the internet can make its own name resolve to this machine.
func loopbackOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if local == nil || !config.Loopback(local.String()) || !config.Loopback(r.RemoteAddr) || !loopbackName(r.Host) {
			http.Error(w, "only for requests from the same machine, to 127.0.0.1 or localhost", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// loopbackName reports whether a Host header names this machine, with or without port.
func loopbackName(host string) bool {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "80")
	}
	return config.Loopback(host)
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
