// Package config is the configuration of `cosgate serve`: one YAML file, and the
// flags and environment variables that override a dozen of its keys.
//
// A section is a file here, with its struct, a check that names every mistake, and a
// function that builds what the section describes. To add one: a field in [Config],
// its defaults in [Default], its check in Config.check, its keys in
// cosgate.example.yaml (a test looks for each).
package config

import (
	"fmt"
	"os"
	"time"
)

// maxFile bounds the file. It is read whole.
const maxFile = 1 << 20

// A Config is what is in force: the defaults, what the file says, and what overrides
// it. It holds no secrets, only where they are.
type Config struct {
	Listen         string             `yaml:"listen"`
	Admin          string             `yaml:"admin"`
	Insecure       bool               `yaml:"insecure"`
	TLS            TLS                `yaml:"tls"`
	Authentication Authentication     `yaml:"authentication"`
	Authorization  Authorization      `yaml:"authorization"`
	Log            Log                `yaml:"log"`
	Audit          Audit              `yaml:"audit"`
	Lifecycle      Lifecycle          `yaml:"lifecycle"`
	Limits         Limits             `yaml:"limits"`
	PresignMax     Duration           `yaml:"presign_max"`
	Reflection     bool               `yaml:"reflection"`
	GRPCUI         bool               `yaml:"grpcui"`
	DefaultProfile string             `yaml:"default_profile"`
	Profiles       map[string]Profile `yaml:"profiles"`

	source source
}

// Default holds what a file need not say.
func Default() Config {
	return Config{
		Listen:     "127.0.0.1:50051",
		Admin:      "127.0.0.1:8081",
		TLS:        TLS{ClientAuth: clientAuthNone, MinVersion: version13},
		Log:        Log{Level: "info", Format: "text"},
		Lifecycle:  defaultLifecycle(),
		Limits:     defaultLimits(),
		PresignMax: Duration(time.Hour),
		Reflection: true,
	}
}

// Load reads the file at path, lets o override it, and checks the result. Other files
// and the environment that it speaks of are not looked at: that is done by the
// functions that build. An error is a [Problems] with everything that is wrong, or
// says why the file cannot be read.
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
	if len(d.found) > 0 {
		return nil, d.found.sorted()
	}
	r := &report{source: c.source, found: &d.found}
	c.check(r)
	if len(d.found) > 0 {
		return nil, d.found.sorted()
	}
	c.complete()
	return &c, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("config: %s has %d bytes, more than the %d that are read", path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return data, nil
}

// check reports what contradicts itself, is unsafe, or cannot work.
func (c *Config) check(r *report) {
	c.checkDoors(r)
	c.TLS.check(r.in("tls"))
	c.checkAuthentication(r.in("authentication"))
	c.checkAuthorization(r.in("authorization"))
	c.Log.check(r.in("log"))
	c.Lifecycle.check(r.in("lifecycle"))
	c.Limits.check(r.in("limits"))
	if c.PresignMax < Duration(time.Second) {
		r.add("presign_max", "is below a second", "1h is the default")
	}
	c.checkProfiles(r)
}

// complete writes down what follows from the rest, so that Print shows it.
func (c *Config) complete() {
	if len(c.Profiles) == 1 {
		for name := range c.Profiles {
			c.DefaultProfile = name
		}
	}
	for name, p := range c.Profiles {
		c.Profiles[name] = p.complete()
	}
}

// Refuse returns a problem that showed only while something was built: with the value
// at path, such as "profiles.main".
func (c *Config) Refuse(path, problem, fix string) error {
	var found Problems
	(&report{source: c.source, found: &found}).add(path, problem, fix)
	return found
}
