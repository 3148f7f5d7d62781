package config

import (
	"maps"
	"net"
	"slices"
	"strings"
)

// checkPlaintext wants consent for each address of COS that the gateway, or whoever uses
// its presigned URLs, would reach in plain text over the network. A proxy on this machine
// changes nothing: it may pass requests on as they are, and users of URLs do not use it.
func (p Profile) checkPlaintext(r *report) {
	if p.Insecure {
		return
	}
	for _, e := range []struct{ key, url string }{
		{"endpoint", p.Endpoint}, {"public_endpoint", p.PublicEndpoint}, {"service_endpoint", p.ServiceEndpoint},
	} {
		if plaintext(e.url) {
			r.add(e.key, "reaches COS in plain text over the network, where others can read and change what passes, and use its signatures",
				"use https, or accept it with insecure: true in the profile")
		}
	}
}

// plaintext reports whether requests to a URL, or to the template of one, can be read by
// others than this machine. Names under localhost are loopback (RFC 6761).
func plaintext(url string) bool {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || strings.EqualFold(scheme, "https") {
		return false // what is no URL has another problem
	}
	host, _, _ := strings.Cut(rest, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return !strings.HasSuffix("."+host, ".localhost") && !Loopback(net.JoinHostPort(host, "80"))
}

// InsecureProfiles are the names of the profiles that reach COS in plain text by consent.
func (c *Config) InsecureProfiles() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		p := c.Profiles[name]
		if p.Insecure && (plaintext(p.Endpoint) || plaintext(p.PublicEndpoint) || plaintext(p.ServiceEndpoint)) {
			names = append(names, name)
		}
	}
	return names
}
