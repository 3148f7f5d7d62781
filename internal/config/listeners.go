package config

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

// CheckAddress refuses an address that cannot work. The error says what is wrong
// without the address.
func CheckAddress(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("is not host:port, such as 127.0.0.1:0")
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostPattern.MatchString(host) {
		return errors.New("has a host that is neither an IP address nor a name")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("has a port that is not a number from 0 to 65535")
	}
	return nil
}

// Loopback reports whether only processes on this machine can reach addr.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$`)

// collide reports whether one of two addresses cannot be listened on while the other is.
// Names are only compared: what they stand for is not known here.
func collide(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	numberA, _ := strconv.ParseUint(portA, 10, 16)
	numberB, _ := strconv.ParseUint(portB, 10, 16)
	if numberA != numberB || numberA == 0 {
		return false
	}
	ipA, ipB := address(hostA), address(hostB)
	if !ipA.IsValid() || !ipB.IsValid() {
		return hostA == hostB
	}
	both := func(ip netip.Addr) bool { return ip == netip.IPv6Unspecified() } // it takes IPv4 as well
	return both(ipA) || both(ipB) || ipA.Is4() == ipB.Is4() && (ipA == ipB || ipA.IsUnspecified() || ipB.IsUnspecified())
}

// address is the IP address that a host stands for; invalid for a name.
func address(host string) netip.Addr {
	switch host {
	case "":
		return netip.IPv6Unspecified()
	case "localhost":
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// checkListeners checks where the gateway can be reached, and by whom.
func (c *Config) checkListeners(r *report) {
	valid := true
	for key, addr := range map[string]string{"listen": c.Listen, "admin": c.Admin} {
		if err := CheckAddress(addr); err != nil {
			r.add(key, strconv.Quote(addr)+" "+err.Error(), "")
			valid = false
		}
	}
	if !valid {
		return
	}
	if collide(c.Listen, c.Admin) {
		r.add("admin", "is the same as listen, or one includes the other", "choose another port")
	}
	for i, name := range c.AdminHosts {
		if !hostPattern.MatchString(name) {
			r.in("admin_hosts").item(i).add("", strconv.Quote(name)+" is not the name of a host", "leave out scheme and port")
		}
	}
	if c.Insecure && c.TLS.enabled() {
		r.add("insecure", "contradicts tls", "leave one of the two out")
	}
	if !Loopback(c.Listen) {
		c.checkReachable(r)
	}
	if c.GRPCUI && !Loopback(c.Admin) {
		r.add("grpcui", "would let everybody who reaches admin call the gateway from this machine", "set admin to a loopback address such as 127.0.0.1:8081, or grpcui: false")
	}
	if c.GRPCUI && c.TLS.ClientAuth == clientAuthRequire {
		r.add("grpcui", "cannot call a gateway that requires client certificates: it has none", "set tls.client_auth: verify_if_given, or grpcui: false")
	}
}

// checkReachable checks a listener that others can reach.
func (c *Config) checkReachable(r *report) {
	switch {
	case c.Insecure:
	case !c.TLS.enabled():
		r.add("listen", strconv.Quote(c.Listen)+" can be reached by others, and without tls they could read and change what passes",
			"set tls.cert and tls.key, or use 127.0.0.1, or accept it with insecure: true (--insecure)")
	case !c.identifiesCallers():
		r.add("listen", strconv.Quote(c.Listen)+" can be reached by others, and they need not prove who they are",
			"set authentication and authorization; or tls.client_ca and tls.client_auth: require, if every certificate of your authority may do everything; or use 127.0.0.1")
	}
}

// identifiesCallers reports whether a caller must prove who it is.
func (c *Config) identifiesCallers() bool {
	return c.TLS.ClientAuth == clientAuthRequire || c.Authentication.enabled()
}
