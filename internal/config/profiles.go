package config

import (
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
	"github.com/cosgate/cosgate/service"
)

// A Profile is one way to reach COS.
type Profile struct {
	// The template of bucket addresses. {bucket} begins the host; without {region} the
	// endpoint serves a single region. With the key bucket it may be a custom domain that
	// is bound to that bucket, such as https://files.example.com.
	Endpoint string `yaml:"endpoint" default:"https://{bucket}.cos.{region}.myqcloud.com"`
	// The only bucket of the profile; requests for others are refused. Needed when endpoint
	// or public_endpoint is a custom domain. Over a custom domain as endpoint buckets cannot
	// be created, or listed unless service_endpoint is set; everything on the bucket and its
	// objects works, in copies with the region of the source.
	Bucket string `yaml:"bucket,omitempty"`
	// Retry a request at tencentcos.cn, COS's other domain, when a connection to
	// name-appid.cos.region.myqcloud.com cannot be established, or its name not be resolved.
	// Only for an endpoint of that form, and behind a proxy only with https. Presigned URLs,
	// forms and ListBuckets stay at their addresses.
	BackupDomain bool `yaml:"backup_domain" default:"false"`
	// The template of presigned URLs and forms, when their users reach COS at another
	// address than the gateway, for example because the gateway uses an internal
	// endpoint. It may be a custom domain, as endpoint. Without it endpoint is used.
	PublicEndpoint string `yaml:"public_endpoint,omitempty"`
	// Where ListBuckets goes. Without it the address is derived from endpoint.
	ServiceEndpoint string `yaml:"service_endpoint,omitempty"`
	// The region of requests that name none. Without it the region of each bucket is
	// looked up.
	Region string `yaml:"region,omitempty"`
	// An HTTP proxy to COS, as http://host:port. Proxy variables of the environment are
	// ignored. `cosgate cos` is such a proxy: with an http endpoint the gateway uses it in
	// place of the real COS.
	Proxy string `yaml:"proxy,omitempty"`
	// Reach COS in plain text: anyone on the network path can read and change what
	// passes, and use its signatures until they expire. Needed for an http endpoint,
	// public_endpoint or service_endpoint whose host is not a loopback address or a name
	// under localhost.
	Insecure bool `yaml:"insecure" default:"false"`
	// Callers may bring COS credentials of their own, over TLS, in the metadata
	// cosgate-cos-secret-id, -secret-key and -security-token.
	CallerCredentials bool `yaml:"caller_credentials" default:"false"`
	// The servers that COS may be told to call when an object is stored (UploadCallback),
	// as hosts, with a port unless it is that of http or https. Callers also need the
	// action UploadCallback. Without it every callback is refused.
	CallbackHosts []string `yaml:"callback_hosts,omitempty" example:"hooks.example.com"`
	// The gateway's own credentials. Required: exactly one of env, file, metadata and
	// assume_role.
	Credentials Credentials `yaml:"credentials"`
	// How presigned URLs and forms are signed.
	Signing *Signing `yaml:"signing,omitempty"`
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (c *Config) checkProfiles(r *report) {
	if len(c.Profiles) == 0 {
		r.add("profiles", "there is none", "configure at least one, with the credentials for COS, in profiles")
		return
	}
	c.settleDefaultProfile(r)
	r = r.in("profiles")
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		if !profileName.MatchString(name) {
			r.add(name, fmt.Sprintf("%q is not a valid name of a profile", name), "use letters, digits and ._-, at most 64")
		}
		c.Profiles[name].check(r.in(name))
	}
}

// settleDefaultProfile sets the default profile when there is only one, and reports a
// choice that is missing or wrong.
func (c *Config) settleDefaultProfile(r *report) {
	names := slices.Sorted(maps.Keys(c.Profiles))
	switch {
	case c.DefaultProfile != "":
		if !slices.Contains(names, c.DefaultProfile) {
			r.add("default_profile", fmt.Sprintf("%q is not one of the profiles", c.DefaultProfile), "use one of "+strings.Join(names, ", "))
		}
	case len(names) == 1:
		c.DefaultProfile = names[0]
	default:
		r.add("default_profile", "is not set, and there are several profiles", "use one of "+strings.Join(names, ", "))
	}
}

func (p Profile) check(r *report) {
	p.Credentials.check(r.in("credentials"))
	p.checkPlaintext(r)
	p.Signing.check(p.Credentials, r.in("signing"))
	if err := service.CheckCallbackHosts(p.CallbackHosts); err != nil {
		r.add("callback_hosts", err.Error(), "")
	}
	if _, err := parseProxy(p.Proxy); err != nil {
		r.add("proxy", err.Error(), "")
		return
	}
	// The rules of cosbackend for endpoints, with made-up credentials.
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
		Bucket:          p.Bucket,
		BackupDomain:    p.BackupDomain,
		PublicEndpoint:  p.PublicEndpoint,
		ServiceEndpoint: p.ServiceEndpoint,
		Region:          p.Region,
		Credentials:     credentials,
		Signing:         p.Signing.options(p.Insecure),
		Transport:       cosbackend.TransportOptions{Proxy: proxy},
		Logger:          log,
		Observer:        observer,
	})
}

// parseProxy returns nil for no proxy. A user in the URL is refused without being shown:
// passwords do not belong in the configuration.
func parseProxy(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil // no proxy
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("is not of the form http://host:port")
	}
	return u, nil
}

// Clients reach COS.
type Clients struct {
	// ByProfile has the client of each profile.
	ByProfile map[string]*cosbackend.Client
	sources   []io.Closer
}

// Close closes the clients, and stops what renews their credentials.
func (c Clients) Close() {
	for _, client := range c.ByProfile {
		client.Close()
	}
	for _, source := range c.sources {
		_ = source.Close() // its credentials are not needed any more
	}
}

// CallerCredentials says which profiles accept COS credentials of callers.
func (c *Config) CallerCredentials() map[string]bool {
	accepted := make(map[string]bool)
	for name, p := range c.Profiles {
		accepted[name] = p.CallerCredentials
	}
	return accepted
}

// CallbackHosts are the servers that callbacks may go to, by profile.
func (c *Config) CallbackHosts() map[string][]string {
	allowed := make(map[string][]string)
	for name, p := range c.Profiles {
		allowed[name] = p.CallbackHosts
	}
	return allowed
}

// BuildClients makes a client for each profile, which reports its requests to observer.
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
