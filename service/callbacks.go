package service

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// callbackHost is a name of at least two labels, the last of which begins with a letter, so
// that no way to write an address is one, and perhaps a port.
var callbackHost = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?$`)

// CheckCallbackHosts returns an error for the first of hosts that Deps.CallbackHosts
// cannot have.
func CheckCallbackHosts(hosts []string) error {
	for _, h := range hosts {
		if len(h) > 255 || !callbackHost.MatchString(h) {
			return fmt.Errorf("%q is not a host such as hooks.example.com or hooks.example.com:8443: a name in lower case with at least one dot, punycode for other scripts, no address, no * and no dot at the end", h)
		}
	}
	return nil
}

// callback returns the callback of a request to a profile, which may be nil, when the
// profile's configuration allows the server that COS is to call. field is its name in the
// request.
func (p profiles) callback(profile, field string, c *cosgatev1.UploadCallback) (*cosbackend.Callback, error) {
	if c == nil {
		return nil, nil
	}
	name := cmp.Or(profile, p.defaultProfile)
	scheme, authority, ok := callbackServer(c.GetUrl())
	switch {
	case !ok || !allowsCallback(p.callbackHosts[name], scheme, authority):
		field += ".url"
	case c.GetHost() != "" && !allowsCallback(p.callbackHosts[name], scheme, c.GetHost()):
		field += ".host"
	default:
		return &cosbackend.Callback{URL: c.GetUrl(), Host: c.GetHost(), Body: c.GetBody(), BodyType: c.GetBodyType(), Vars: c.GetVars()}, nil
	}
	// The server is not repeated: it may be a secret with the rest of the URL.
	return nil, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, field,
		fmt.Sprintf("must be a server that the gateway's operators allow in profiles.%s.callback_hosts", name))
}

// callbackServer finds the server in a URL. It is not ok when other readers of URLs than
// Go's might find another one.
func callbackServer(raw string) (scheme, authority string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	before, rest, _ := strings.Cut(raw, u.Host)
	clear := before == u.Scheme+"://" && (rest == "" || rest[0] == '/' || !strings.ContainsAny(rest, `@\`))
	return u.Scheme, u.Host, clear
}

// allowsCallback reports whether a host, with a port unless it is the scheme's, is one of
// those that are allowed.
func allowsCallback(allowed []string, scheme, authority string) bool {
	usual := ":443"
	if scheme == "http" {
		usual = ":80"
	}
	authority = strings.TrimSuffix(strings.ToLower(authority), usual)
	for _, h := range allowed {
		if authority == strings.TrimSuffix(h, usual) {
			return true
		}
	}
	return false
}

func callbackProto(r *cosbackend.CallbackResult) *cosgatev1.CallbackResult {
	if r == nil {
		return nil
	}
	out := &cosgatev1.CallbackResult{HttpStatus: int32(r.HTTPStatus), Body: r.Body} //nolint:gosec // three digits
	if r.Failed {
		out.Error = &cosgatev1.CallbackError{Code: r.Code, Message: r.Message}
	}
	return out
}
