package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/cosbackend"
)

// A Profile is one way to reach COS.
type Profile struct {
	Endpoint        string      `yaml:"endpoint"`
	PublicEndpoint  string      `yaml:"public_endpoint,omitempty"`
	ServiceEndpoint string      `yaml:"service_endpoint,omitempty"`
	Region          string      `yaml:"region,omitempty"`
	Proxy           string      `yaml:"proxy,omitempty"`
	Credentials     Credentials `yaml:"credentials"`

	// CallerCredentials lets callers bring COS credentials of their own, over TLS.
	CallerCredentials bool `yaml:"caller_credentials,omitempty"`
}

const defaultEndpoint = "https://{bucket}.cos.{region}.myqcloud.com"

// complete writes down the defaults.
func (p Profile) complete() Profile {
	p.Endpoint = cmp.Or(p.Endpoint, defaultEndpoint)
	p.Credentials = p.Credentials.complete()
	return p
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (c *Config) checkProfiles(r *report) {
	if len(c.Profiles) == 0 {
		r.add("profiles", "there is none", "describe at least one, with the credentials to reach COS, below profiles")
		return
	}
	if _, ok := c.Profiles[c.DefaultProfile]; c.DefaultProfile != "" && !ok {
		r.add("default_profile", fmt.Sprintf("%q is not one of the profiles", c.DefaultProfile), "use one of "+names(c.Profiles))
	}
	if c.DefaultProfile == "" && len(c.Profiles) > 1 {
		r.add("default_profile", "is not set, and there are several profiles", "use one of "+names(c.Profiles))
	}
	r = r.in("profiles")
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		if !profileName.MatchString(name) {
			r.add(name, fmt.Sprintf("%q is not a name of a profile", name), "use letters, digits and ._-, at most 64")
		}
		c.Profiles[name].check(r.in(name))
	}
}

func names(profiles map[string]Profile) string {
	return strings.Join(slices.Sorted(maps.Keys(profiles)), ", ")
}

func (p Profile) check(r *report) {
	p.Credentials.check(r.in("credentials"))
	if _, err := parseProxy(p.Proxy); err != nil {
		r.add("proxy", err.Error(), "")
		return
	}
	// COS's own rules for endpoints are asked, with credentials that lead nowhere.
	nobody := cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "nobody", SecretKey: "nobody"})
	client, err := p.client("check", nobody, nil, nil)
	if err != nil {
		r.add("", err.Error(), "")
		return
	}
	client.Close()
}

func (p Profile) client(name string, credentials cosbackend.CredentialProvider, log *slog.Logger, observer cosbackend.Observer) (*cosbackend.Client, error) {
	proxy, err := parseProxy(p.Proxy)
	if err != nil {
		return nil, err
	}
	return cosbackend.New(cosbackend.Config{
		Profile:         name,
		Endpoint:        p.Endpoint,
		PublicEndpoint:  p.PublicEndpoint,
		ServiceEndpoint: p.ServiceEndpoint,
		Region:          p.Region,
		Credentials:     credentials,
		Transport:       cosbackend.TransportOptions{Proxy: proxy},
		Logger:          log,
		Observer:        observer,
	})
}

// parseProxy returns nil for no proxy. A user in the URL is refused: passwords
// do not stand in the configuration, and its text is not repeated.
func parseProxy(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no proxy
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("is not of the form http://host:port")
	}
	return u, nil
}

// Clients are the ways to reach COS.
type Clients struct {
	// ByProfile has them by the names of their profiles.
	ByProfile map[string]*cosbackend.Client
	sources   []io.Closer
}

// Close closes them all, and what renews their credentials.
func (c Clients) Close() {
	for _, client := range c.ByProfile {
		client.Close()
	}
	for _, source := range c.sources {
		_ = source.Close() // what it renews is wanted no more
	}
}

// CallerCredentials names the profiles that take COS credentials of callers.
func (c *Config) CallerCredentials() map[string]bool {
	taken := make(map[string]bool)
	for name, p := range c.Profiles {
		taken[name] = p.CallerCredentials
	}
	return taken
}

// BuildClients makes a client for each profile, whose requests observer is told of.
// Nothing is sent to COS yet. An error names the profile and never shows a secret.
func (c *Config) BuildClients(log *slog.Logger, observer cosbackend.Observer) (Clients, error) {
	clients := Clients{ByProfile: make(map[string]*cosbackend.Client)}
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		p := c.Profiles[name]
		credentials, sources, err := p.Credentials.provider(log)
		clients.sources = append(clients.sources, sources...)
		if err != nil {
			clients.Close()
			return Clients{}, c.Refuse("profiles."+name+".credentials", err.Error(), "")
		}
		client, err := p.client(name, credentials, log, observer)
		if err != nil {
			clients.Close()
			return Clients{}, c.Refuse("profiles."+name, err.Error(), "")
		}
		clients.ByProfile[name] = client
	}
	return clients, nil
}
