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
	// adminGrace bounds how long a profile that is being taken may hold up the end.
	adminGrace = time.Second
)

// adminHandler is what operators ask: is it alive, is it ready, what was built,
// where does the time go. ready returns what keeps the gateway from its work. metrics
// and page may be nil.
//
// Balancers and probes may reach the port from elsewhere. What shows the inside of the
// process, or lets a browser call the API, is for this machine alone: also where that
// is the end of a kubectl port-forward.
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
		_ = json.NewEncoder(w).Encode(readBuild()) // a caller that left needs no answer
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	here := http.NewServeMux()
	here.HandleFunc("GET /debug/pprof/", pprof.Index)
	here.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	here.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	here.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	here.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	here.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/pprof/", fromHere(here))
	if page != nil {
		mux.Handle(grpcuiPath, fromHere(http.StripPrefix(strings.TrimSuffix(grpcuiPath, "/"), page)))
	}
	return mux
}

// fromHere answers only requests over loopback. The name that was asked for counts as
// well: a page of the internet can make its own name lead here, and would then pass as
// this one.
func fromHere(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if local == nil || !config.Loopback(local.String()) || !config.Loopback(r.RemoteAddr) || !loopbackName(r.Host) {
			http.Error(w, "this is for requests from the same machine, to 127.0.0.1 or localhost", http.StatusForbidden)
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

// serveAdmin answers on lis until ctx ends.
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
		_ = server.Close() // what still runs is only a look from outside
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}
