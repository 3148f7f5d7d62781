package main

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/internal/config"
)

// An adminGuard refuses what others make the admin port do: pages of other sites in a
// browser on this machine, and everybody behind a proxy on this machine, whose requests
// come over loopback like those of the operator.
//
// /livez and /readyz are not guarded: they tell one word, and probes of every kind ask.
type adminGuard struct {
	hosts []string
}

// observers lets those in who watch the process, from wherever the listener can be
// reached. A sidecar of a mesh marks what it passes on, so forwarded requests are
// refused on a loopback listener only: there they come from beyond this machine.
func (g adminGuard) observers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !addressName(r.Host) && !loopbackName(r.Host) && !slices.ContainsFunc(g.hosts, isHost(r.Host)):
			refuseAdmin(w, "the Host header names no address of this machine; ask by address, or list the name in admin_hosts")
		case forwarded(r) && listensOnLoopback(r):
			refuseAdmin(w, "the request was forwarded by a proxy, and this port is for requests from the same machine")
		case otherSite(r):
			refuseAdmin(w, "the request was made by a page of another site")
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// thisMachine refuses requests that do not come over loopback, by a loopback name. A page
// on the internet can make its own name resolve to this machine.
func (g adminGuard) thisMachine(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !listensOnLoopback(r) || !config.Loopback(r.RemoteAddr) || !loopbackName(r.Host):
			refuseAdmin(w, "only for requests from the same machine, to 127.0.0.1 or localhost")
		case forwarded(r):
			refuseAdmin(w, "the request was forwarded by a proxy; only for requests from the same machine")
		case otherSite(r):
			refuseAdmin(w, "the request was made by a page of another site; enter the address in the browser")
		default:
			h.ServeHTTP(w, r)
		}
	})
}

func refuseAdmin(w http.ResponseWriter, why string) { http.Error(w, why, http.StatusForbidden) }

func listensOnLoopback(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return local != nil && config.Loopback(local.String())
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// loopbackName reports whether a Host header names this machine, with or without port.
func loopbackName(host string) bool {
	return config.Loopback(net.JoinHostPort(hostname(host), "80"))
}

// addressName reports whether a Host header is an address. No page can have an address
// that it does not serve; a name it can.
func addressName(host string) bool {
	_, err := netip.ParseAddr(hostname(host))
	return err == nil
}

func isHost(host string) func(string) bool {
	return func(name string) bool { return strings.EqualFold(name, hostname(host)) }
}

// forwarded reports whether a proxy passed the request on. What proxies add differs;
// these are the standard headers, and the ones in wide use.
func forwarded(r *http.Request) bool {
	for name := range r.Header {
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Host",
			"X-Original-Url", "X-Rewrite-Url", "True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Envoy-") {
			return true
		}
	}
	return false
}

// otherSite reports whether a browser made the request for a page that is not of this
// port. A page of another port of this machine is one as well: Sec-Fetch-Site calls it
// same-site. A browser that does not send Sec-Fetch-Site sends Origin with what changes
// something, and Referer unless the page forbids it.
func otherSite(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	own := "http://" + r.Host
	for _, origin := range r.Header.Values("Origin") {
		if !strings.EqualFold(origin, own) {
			return true
		}
	}
	for _, page := range r.Header.Values("Referer") {
		if len(page) < len(own) || !strings.EqualFold(page[:len(own)], own) || !strings.HasPrefix(page[len(own):]+"/", "/") {
			return true
		}
	}
	return false
}

// neverFramed keeps pages of the port out of frames of other pages, which could make a
// person click in them, and their content away from other sites.
func neverFramed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "frame-ancestors 'none'")
		header.Set("X-Frame-Options", "DENY")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.ServeHTTP(w, r)
	})
}
