// Package config is the configuration of `cosgate serve`: one YAML file, and the
// flags and environment variables that override some of its keys.
//
// Each section has a file of its own here, with its struct, what contradicts itself in
// it, and a function that builds what it describes. A key is a field whose comment and
// tags say everything about it:
//
//	yaml      the key
//	default   its value when the file has none
//	enum      the values it may have
//	min, max  its range
//	zero      what 0 means, where 0 is allowed in addition to the range
//	example   its value in cosgate.example.yaml, when that is not the default
//
// Decoding, defaults, checks and `config print` follow the tags. cosgate.example.yaml
// and docs/configuration.md are written from them and from the comments by
// `go test ./internal/config -update`.
package config

import (
	"fmt"
	"os"
	"reflect"
)

// maxFileBytes bounds the file. It is read into memory.
const maxFileBytes = 1 << 20

// A Config is the configuration in force: the defaults, what the file sets, and what
// overrides it. It holds no secrets, only where they are.
type Config struct {
	// Where gRPC is served. With port 0 the system picks a free port, which is printed.
	// An address that others can reach needs TLS and callers who prove who they are (a
	// required client certificate, or authentication), or insecure: true.
	Listen string `yaml:"listen" default:"127.0.0.1:50051" example:"0.0.0.0:50051"`
	// Where health, readiness, metrics and profiles of the process are served over HTTP,
	// without TLS. Keep it on loopback, or let only probes and Prometheus reach it.
	Admin string `yaml:"admin" default:"127.0.0.1:8081"`
	// Names under which Prometheus may ask admin for /metrics, next to addresses and
	// localhost: a page in a browser could make any other name resolve to this machine.
	AdminHosts []string `yaml:"admin_hosts,omitempty" example:"cosgate.storage.svc"`
	// Serve others in plain text: anyone on the network path can read and change the
	// traffic. Contradicts tls.
	Insecure bool `yaml:"insecure" default:"false"`
	// PEM files. They are read again when they change and on SIGHUP; open connections
	// stay open. When new files are not usable, the previous ones stay in force and the
	// log has an error.
	TLS TLS `yaml:"tls"`
	// How callers prove who they are. Without this section nobody is asked, and everybody
	// who reaches the gateway may use every bucket. Any of the three ways, or several at
	// once; a bearer token takes precedence over a certificate. Names of callers begin
	// with "cert:spiffe://", "cert:dns:", "cert:cn:", "jwt:" or "token:".
	Authentication Authentication `yaml:"authentication"`
	// What callers may do. Required with authentication, refused without it.
	Authorization Authorization `yaml:"authorization"`
	// The log on stderr.
	Log Log `yaml:"log"`
	// A record of every change and of every refused call, as lines of JSON: who, what,
	// when, and the outcome.
	Audit Audit `yaml:"audit"`
	// How connections and the process end.
	Lifecycle Lifecycle `yaml:"lifecycle"`
	// How much of the gateway callers can use.
	Limits Limits `yaml:"limits"`
	// The longest lifetime of presigned URLs and forms. Whoever holds one needs no other
	// permission.
	PresignMaxLifetime Duration `yaml:"presign_max_lifetime" default:"1h" min:"1s"`
	// The longest lifetime of the temporary credentials that IssueTemporaryCredentials
	// gives out. STS has limits of its own: two hours for the keys of an account, 36 for
	// those of a sub-account, 12 for a role.
	CredentialsMaxLifetime Duration `yaml:"credentials_max_lifetime" default:"1h" min:"1s"`
	// Serve the descriptors of the API to tools such as grpcurl.
	Reflection bool `yaml:"reflection" default:"true"`
	// Serve /grpcui/ on admin, a page that calls the API from a browser. Needs a loopback
	// admin address, and cannot show a client certificate.
	GRPCUI bool `yaml:"grpcui" default:"false"`
	// The profile of requests that name none. Required when there are several profiles.
	DefaultProfile string `yaml:"default_profile" example:"main"`
	// The ways to reach COS, by name; at least one. Requests choose one with `profile`.
	Profiles map[string]Profile `yaml:"profiles"`

	source source
}

// Default returns a configuration in which every key has its default.
func Default() Config {
	var c Config
	setDefaults(reflect.ValueOf(&c).Elem())
	return c
}

// Load reads the file at path, applies o, and checks the result. It does not read the
// other files or the environment variables that the configuration names: the functions
// that build do. An error is a [Problems] with everything that is wrong, or says why the
// file cannot be read.
func Load(path string, o Overrides) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	c := Default()
	c.source = newSource(path)
	d := &decoder{source: c.source}
	d.document(data, &c)
	d.override(o, &c)
	if len(d.found) == 0 {
		c.check(&report{source: c.source, found: &d.found})
	}
	if len(d.found) > 0 {
		return nil, d.found.sorted()
	}
	return &c, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("config: %s has %d bytes; at most %d are allowed", path, info.Size(), maxFileBytes)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return data, nil
}

// check reports what contradicts itself, is unsafe, or cannot work, and settles the
// default profile.
func (c *Config) check(r *report) {
	checkTags(reflect.ValueOf(c).Elem(), r)
	c.checkListeners(r)
	c.TLS.check(r.in("tls"))
	c.checkAuthentication(r.in("authentication"))
	c.checkAuthorization(r.in("authorization"))
	c.Lifecycle.check(r.in("lifecycle"))
	c.Limits.check(r.in("limits"))
	c.checkProfiles(r)
	if len(*r.found) == 0 { // what is left is said in the words of the server
		if err := c.ServerOptions().Check(); err != nil {
			r.add("limits", err.Error(), "")
		}
	}
}

// Refuse returns a problem that showed only while something was built from the value at
// path, such as "profiles.main".
func (c *Config) Refuse(path, problem, fix string) error {
	var found Problems
	(&report{source: c.source, found: &found}).add(path, problem, fix)
	return found
}
