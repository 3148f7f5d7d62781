package embedded

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A browser on the same machine sends requests to this server for every page that it shows,
// also for one of a stranger on the internet. With [Options.RefuseWebPages] such a request
// is refused before its signature is looked at, unless a CORS rule of the bucket allows the
// page: that is how its owner lets an own page in.

// sandbox makes a document that a browser shows one of no origin: whatever an object
// contains, or a response-content-type makes of it, can neither run scripts nor read what
// belongs to the host name.
func sandbox(h http.Header) {
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
}

// refuseWebPage refuses a request that a page of another origin made, and one whose host
// is a name that anybody could make resolve to this machine.
func (x *exchange) refuseWebPage(ctx context.Context) error {
	if x.host.kind == hostWebsite { // pages are what it is for, each bucket under its own name
		x.response.header().Del("Content-Security-Policy")
		x.response.header().Del("X-Content-Type-Options")
	}
	if x.host.kind == hostBare && onLoopback(x.r) && !isAddress(x.r.Host) {
		return fail(accessDenied, "The host "+x.r.Host+" may be a name that a web page made resolve to this machine. Use 127.0.0.1, localhost, or <bucket>-<appid>.cos.<region>.localhost.")
	}
	if x.r.Method == http.MethodOptions || !x.fromOtherOrigin() {
		return nil // a preflight is decided by the CORS rules alone
	}
	if x.bucket != "" {
		rules, err := x.crossOrigin(ctx)
		if _, allowed := rules.find(x.pageOrigin(), x.r.Method, nil); err == nil && allowed {
			return nil
		}
	}
	return fail(accessDenied, "The request was made by a web page of another origin. Allow the origin and the method in a CORS rule of the bucket, or enter the address in the browser yourself.")
}

// fromOtherOrigin reports whether a browser made the request for a page of another origin.
// Sec-Fetch-Site says same-site for another port of this machine.
func (x *exchange) fromOtherOrigin() bool {
	for _, site := range x.r.Header.Values("Sec-Fetch-Site") {
		if site != "none" && site != "same-origin" {
			return true
		}
	}
	for _, origin := range x.r.Header.Values(headerOrigin) {
		if !strings.EqualFold(origin, "http://"+x.r.Host) {
			return true
		}
	}
	return false
}

// pageOrigin is the origin of the page. Images, links and the like have it in Referer only,
// where a page can leave it out and not forge it.
func (x *exchange) pageOrigin() string {
	if origins := x.r.Header.Values(headerOrigin); len(origins) > 0 {
		return strings.Join(origins, ",")
	}
	page, err := url.Parse(x.r.Header.Get("Referer"))
	if err != nil || page.Host == "" {
		return ""
	}
	return page.Scheme + "://" + page.Host
}

func onLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.IP.IsLoopback()
}

// isAddress reports whether a Host header is an address or localhost.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}
