package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// adminPaths are all paths of the admin port, by who may ask for them.
var adminPaths = map[string][]string{
	"probe":        {"/livez", "/readyz"},
	"observer":     {"/metrics", "/buildinfo"},
	"this machine": {"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/heap?debug=1", "/debug/pprof/profile?seconds=x", "/debug/pprof/trace?seconds=x", "/grpcui/", "/grpcui/invoke/x"},
}

// Who may ask for what, by where the request comes from and what a browser or a proxy
// says of it.
func TestAdminRefusesOtherSitesProxiesAndForeignNames(t *testing.T) {
	t.Parallel()
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	h := adminHandler(func() error { return nil }, served, served, []string{"cosgate.storage.svc"})
	const here, own = "127.0.0.1:8081", "127.0.0.1:4000"
	local := []string{"probe", "observer", "this machine"}
	for name, c := range map[string]struct {
		listener, peer, host string
		headers              string // "Name: value" lines
		allowed              []string
	}{
		"same machine":                 {here, own, here, "", local},
		"by name":                      {here, own, "localhost:8081", "", local},
		"IPv6":                         {"[::1]:8081", "[::1]:4000", "[::1]:8081", "", local},
		"without port":                 {"127.0.0.1:80", own, "localhost", "", local},
		"an address that was typed":    {here, own, here, "Sec-Fetch-Site: none\nSec-Fetch-Mode: navigate", local},
		"the page itself":              {here, own, here, "Sec-Fetch-Site: same-origin\nOrigin: http://127.0.0.1:8081\nReferer: http://127.0.0.1:8081/grpcui/", local},
		"from elsewhere":               {"10.0.0.5:8081", "10.0.0.9:4000", "10.0.0.5:8081", "", []string{"probe", "observer"}},
		"a lie in Host":                {"10.0.0.5:8081", "10.0.0.9:4000", "127.0.0.1:8081", "", []string{"probe", "observer"}},
		"a configured name":            {"10.0.0.5:8081", "10.0.0.9:4000", "Cosgate.storage.svc:8081", "", []string{"probe", "observer"}},
		"a sidecar":                    {"10.0.0.5:8081", "127.0.0.6:4000", "10.0.0.5:8081", "X-Forwarded-Proto: http\nX-Envoy-Attempt-Count: 1", []string{"probe", "observer"}},
		"a sidecar and a lie in Host":  {"10.0.0.5:8081", "127.0.0.6:4000", "127.0.0.1:8081", "", []string{"probe", "observer"}},
		"a page's name":                {here, own, "rebound.example.com:8081", "", []string{"probe"}},
		"a page's name, same origin":   {here, own, "rebound.example.com", "Sec-Fetch-Site: same-origin", []string{"probe"}},
		"a page's name from elsewhere": {"10.0.0.5:8081", "10.0.0.9:4000", "rebound.example.com:8081", "", []string{"probe"}},
		"a name that looks local":      {here, own, "127.0.0.1.example.com:8081", "", []string{"probe"}},
		"no name":                      {here, own, "", "", []string{"probe"}},
		"another site":                 {here, own, here, "Sec-Fetch-Site: cross-site", []string{"probe"}},
		"another port":                 {here, own, "localhost:8081", "Sec-Fetch-Site: same-site", []string{"probe"}},
		"another site, a link":         {here, own, here, "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document", []string{"probe"}},
		"two values":                   {here, own, here, "Sec-Fetch-Site: none\nSec-Fetch-Site: cross-site", []string{"probe"}},
		"an unknown value":             {here, own, here, "Sec-Fetch-Site: everywhere", []string{"probe"}},
		"another origin":               {here, own, here, "Origin: http://evil.example.com", []string{"probe"}},
		"another port's origin":        {here, own, here, "Origin: http://127.0.0.1:3000", []string{"probe"}},
		"a longer port":                {here, own, here, "Origin: http://127.0.0.1:80810", []string{"probe"}},
		"no origin":                    {here, own, here, "Origin: null", []string{"probe"}},
		"another page":                 {here, own, here, "Referer: https://evil.example.com/", []string{"probe"}},
		"a page that looks local":      {here, own, here, "Referer: http://127.0.0.1:8081.example.com/", []string{"probe"}},
		"a user that looks local":      {here, own, here, "Referer: http://127.0.0.1:8081@example.com/", []string{"probe"}},
		"X-Forwarded-For":              {here, own, here, "X-Forwarded-For: 203.0.113.7", []string{"probe"}},
		"X-Forwarded-Host":             {here, own, here, "X-Forwarded-Host: example.com", []string{"probe"}},
		"X-Forwarded, empty":           {here, own, here, "X-Forwarded-For:", []string{"probe"}},
		"X-Real-IP":                    {here, own, here, "X-Real-IP: 203.0.113.7", []string{"probe"}},
		"Forwarded":                    {here, own, here, "Forwarded: for=203.0.113.7", []string{"probe"}},
		"Via":                          {here, own, here, "Via: 1.1 proxy", []string{"probe"}},
		"an ingress":                   {here, own, here, "X-Original-URL: /metrics", []string{"probe"}},
	} {
		for who, paths := range adminPaths {
			for _, path := range paths {
				listener, err := net.ResolveTCPAddr("tcp", c.listener)
				if err != nil {
					t.Fatal(err)
				}
				req := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, listener), http.MethodGet, "http://x"+path, nil)
				req.RemoteAddr, req.Host = c.peer, c.host
				for line := range strings.Lines(c.headers) {
					header, value, _ := strings.Cut(strings.TrimSpace(line), ":")
					req.Header.Add(header, strings.TrimSpace(value))
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				if got, want := w.Code != http.StatusForbidden, slices.Contains(c.allowed, who); got != want {
					t.Errorf("%s: GET %s = %d, want it allowed: %v", name, path, w.Code, want)
				}
			}
		}
	}
}

// What a page of another site could put into a frame, a person could be made to click.
func TestAdminPagesCannotBeFramed(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	for _, path := range slices.Concat(adminPaths["probe"], adminPaths["observer"], adminPaths["this machine"], []string{"/absent"}) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+dev.value("admin")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		for header, want := range map[string]string{
			"Content-Security-Policy": "frame-ancestors 'none'", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "",
		} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("GET %s: %s = %q, want %q", path, header, got, want)
			}
		}
	}
}

func TestAdminProfilesAreShortAndOneAtATime(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	for _, path := range []string{"profile", "trace", "heap", "goroutine"} {
		for _, seconds := range []string{"61", "1e9", "-1", "0", "NaN", "x", "1&seconds=600"} {
			if code, body := get(t, dev, "/debug/pprof/"+path+"?seconds="+seconds); code != http.StatusBadRequest {
				t.Errorf("GET %s?seconds=%s = %d %.80q, want 400", path, seconds, code, body)
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dev.value("admin")+"/debug/pprof/trace?seconds=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	running, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Body.Close()
	if _, err := io.ReadFull(running.Body, make([]byte, 1)); err != nil { // it runs
		t.Fatal(err)
	}
	for _, path := range []string{"profile?seconds=1", "trace?seconds=1", "heap", "goroutine?debug=2"} {
		if code, body := get(t, dev, "/debug/pprof/"+path); code != http.StatusServiceUnavailable {
			t.Errorf("GET %s beside a trace = %d %.80q, want 503", path, code, body)
		}
	}
	if code, _ := get(t, dev, "/livez"); code != http.StatusOK {
		t.Errorf("GET /livez beside a trace = %d, want 200", code)
	}
}
