package config

import (
	"cmp"
	"errors"
	"fmt"
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
	ServiceEndpoint string      `yaml:"service_endpoint,omitempty"`
	Region          string      `yaml:"region,omitempty"`
	Proxy           string      `yaml:"proxy,omitempty"`
	Credentials     Credentials `yaml:"credentials"`
}

// Credentials say where the credentials are; they are never in the configuration
// itself. Exactly one of the fields is set.
type Credentials struct {
	Env  *Env   `yaml:"env,omitempty"`
	File string `yaml:"file,omitempty"`
}

// Env holds names of environment variables.
type Env struct {
	SecretID      string `yaml:"secret_id"`
	SecretKey     string `yaml:"secret_key"`
	SecurityToken string `yaml:"security_token"`
}

const defaultEndpoint = "https://{bucket}.cos.{region}.myqcloud.com"

// complete writes down the defaults.
func (p Profile) complete() Profile {
	p.Endpoint = cmp.Or(p.Endpoint, defaultEndpoint)
	if e := p.Credentials.Env; e != nil {
		p.Credentials.Env = &Env{
			SecretID:      cmp.Or(e.SecretID, "COS_SECRET_ID"),
			SecretKey:     cmp.Or(e.SecretKey, "COS_SECRET_KEY"),
			SecurityToken: cmp.Or(e.SecurityToken, "COS_SECURITY_TOKEN"),
		}
	}
	return p
}

var (
	profileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	// variableName is stricter than POSIX: a secret that was pasted here by mistake has
	// small letters, and is then refused without being shown.
	variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
)

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
	if (p.Credentials.Env == nil) == (p.Credentials.File == "") {
		r.add("credentials", "not exactly one of env and file is set", "set one of them; env: {} means COS_SECRET_ID and COS_SECRET_KEY")
	}
	if e := p.Credentials.Env; e != nil {
		for key, name := range map[string]string{"secret_id": e.SecretID, "secret_key": e.SecretKey, "security_token": e.SecurityToken} {
			if name != "" && !variableName.MatchString(name) {
				r.in("credentials.env").add(key, "is not a name of an environment variable", "use capitals, digits and _; the secret itself never stands in this file")
			}
		}
	}
	if _, err := parseProxy(p.Proxy); err != nil {
		r.add("proxy", err.Error(), "")
		return
	}
	// COS's own rules for endpoints are asked, with credentials that lead nowhere.
	nobody := cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "nobody", SecretKey: "nobody"})
	client, err := p.client("check", nobody, nil)
	if err != nil {
		r.add("", err.Error(), "")
		return
	}
	client.Close()
}

func (p Profile) client(name string, credentials cosbackend.CredentialProvider, log *slog.Logger) (*cosbackend.Client, error) {
	proxy, err := parseProxy(p.Proxy)
	if err != nil {
		return nil, err
	}
	return cosbackend.New(cosbackend.Config{
		Profile:         name,
		Endpoint:        p.Endpoint,
		ServiceEndpoint: p.ServiceEndpoint,
		Region:          p.Region,
		Credentials:     credentials,
		Transport:       cosbackend.TransportOptions{Proxy: proxy},
		Logger:          log,
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

func (c Credentials) provider(log *slog.Logger) (cosbackend.CredentialProvider, error) {
	if c.Env != nil {
		return cosbackend.EnvCredentials(c.Env.SecretID, c.Env.SecretKey, c.Env.SecurityToken)
	}
	return cosbackend.FileCredentials(c.File, log)
}

// Clients are the ways to reach COS, by the names of their profiles.
type Clients map[string]*cosbackend.Client

// Close closes them all.
func (c Clients) Close() {
	for _, client := range c {
		client.Close()
	}
}

// BuildClients makes a client for each profile. Nothing is sent to COS yet. An error
// names the profile and never shows a secret.
func (c *Config) BuildClients(log *slog.Logger) (Clients, error) {
	clients := make(Clients, len(c.Profiles))
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		p := c.Profiles[name]
		credentials, err := p.Credentials.provider(log)
		if err != nil {
			clients.Close()
			return nil, c.Refuse("profiles."+name+".credentials", err.Error(), "")
		}
		client, err := p.client(name, credentials, log)
		if err != nil {
			clients.Close()
			return nil, c.Refuse("profiles."+name, err.Error(), "")
		}
		clients[name] = client
	}
	return clients, nil
}
