package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What shows the inside of the process is for this machine; the rest is for everybody
// who reaches the port.
func TestAdminShowsInternalsToThisMachineOnly(t *testing.T) {
	t.Parallel()
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := adminHandler(func() error { return nil }, nil, page)
	for name, c := range map[string]struct {
		local, remote, host string
		here                bool
	}{
		"same machine":         {"127.0.0.1:8081", "127.0.0.1:4000", "127.0.0.1:8081", true},
		"by name":              {"127.0.0.1:8081", "127.0.0.1:4000", "localhost:8081", true},
		"IPv6":                 {"[::1]:8081", "[::1]:4000", "[::1]:8081", true},
		"without port":         {"127.0.0.1:80", "127.0.0.1:4000", "localhost", true},
		"from elsewhere":       {"10.0.0.5:8081", "10.0.0.9:4000", "10.0.0.5:8081", false},
		"a lie in Host":        {"10.0.0.5:8081", "10.0.0.9:4000", "127.0.0.1:8081", false},
		"a sidecar's listener": {"10.0.0.5:8081", "127.0.0.6:4000", "127.0.0.1:8081", false},
		"a page's name":        {"127.0.0.1:8081", "127.0.0.1:4000", "rebound.example.com:8081", false},
	} {
		for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/buildinfo": 200, "/debug/pprof/cmdline": 200, "/grpcui/": http.StatusTeapot} {
			local, err := net.ResolveTCPAddr("tcp", c.local)
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, local), http.MethodGet, "http://x"+path, nil)
			req.RemoteAddr, req.Host = c.remote, c.host
			if !c.here && (path == "/debug/pprof/cmdline" || path == "/grpcui/") {
				want = http.StatusForbidden
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != want {
				t.Errorf("%s: GET %s = %d, want %d", name, path, w.Code, want)
			}
		}
	}
}
