package main

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
)

const (
	pprofPath = "/debug/pprof/"
	// maxProfileSeconds bounds a profile, a trace or a difference of two profiles.
	maxProfileSeconds = 60
)

// profiles serves the profiles of the process, one at a time: each costs CPU time, and
// some stop the process for a moment.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	turn := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, s := range r.URL.Query()["seconds"] {
			if n, err := strconv.ParseFloat(s, 64); err != nil || !(n > 0 && n <= maxProfileSeconds) {
				http.Error(w, fmt.Sprintf("seconds must be a number above 0, at most %d", maxProfileSeconds), http.StatusBadRequest)
				return
			}
		}
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
			mux.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "another profile is being taken; there is one at a time", http.StatusServiceUnavailable)
		}
	})
}
