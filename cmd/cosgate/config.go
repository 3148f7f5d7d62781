package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/token"
)

// config is the file of `cosgate serve`. cosgate.example.yaml explains every key.
type config struct {
	Listen         string                   `yaml:"listen"`
	Admin          string                   `yaml:"admin"`
	Grace          string                   `yaml:"grace"`
	PresignMax     string                   `yaml:"presign_max"`
	Log            logConfig                `yaml:"log"`
	DefaultProfile string                   `yaml:"default_profile"`
	Profiles       map[string]profileConfig `yaml:"profiles"`
}

type logConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// profileConfig is one way to reach COS.
type profileConfig struct {
	Endpoint        string            `yaml:"endpoint"`
	PublicEndpoint  string            `yaml:"public_endpoint"`
	ServiceEndpoint string            `yaml:"service_endpoint"`
	Region          string            `yaml:"region"`
	Proxy           string            `yaml:"proxy"`
	Credentials     credentialsConfig `yaml:"credentials"`
}

// credentialsConfig says where the credentials are; they are never in the
// configuration itself. Exactly one of the two is set.
type credentialsConfig struct {
	Env  *envConfig `yaml:"env"`
	File string     `yaml:"file"`
}

// envConfig holds names of environment variables; empty ones are those of
// cosbackend.EnvCredentials.
type envConfig struct {
	SecretID      string `yaml:"secret_id"`
	SecretKey     string `yaml:"secret_key"`
	SecurityToken string `yaml:"security_token"`
}

func (c config) rpcAddress() address   { return address{"listen", c.Listen} }
func (c config) adminAddress() address { return address{"admin", c.Admin} }

func (c config) grace() (time.Duration, error) {
	d, err := time.ParseDuration(c.Grace)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("grace %q is not a duration such as 30s", c.Grace)
	}
	return d, nil
}

// presignMax is how long presigned URLs and forms may be good.
func (c config) presignMax() (time.Duration, error) {
	d, err := time.ParseDuration(c.PresignMax)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("presign_max %q is not a duration of a second or more, such as 1h", c.PresignMax)
	}
	return d, nil
}

// defaultConfig holds what a file need not say.
func defaultConfig() config {
	return config{
		Listen:     "127.0.0.1:50051",
		Admin:      "127.0.0.1:8081",
		Grace:      "30s",
		PresignMax: "1h",
		Log:        logConfig{Level: "info", Format: "text"},
	}
}

// loadConfig reads and checks the file at path. Its errors are usage errors that
// name the file, and the line where there is one.
func loadConfig(path string) (config, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return config{}, usageErrorf("config: %s", err)
	}
	defer f.Close() //nolint:errcheck // only read
	c := defaultConfig()
	if err := decodeConfig(f, &c); err != nil {
		return config{}, usageErrorf("%s:%s", path, err)
	}
	if err := c.check(); err != nil {
		return config{}, usageErrorf("%s: %s", path, err)
	}
	return c, nil
}

// decodeConfig reads one YAML document and refuses keys that it does not know.
// Its errors begin with the line.
func decodeConfig(r io.Reader, c *config) error {
	d := yaml.NewDecoder(r, yaml.Strict())
	err := d.Decode(c)
	if errors.Is(err, io.EOF) { // an empty file; it lacks profiles, and check says so
		*c = defaultConfig()
		return nil
	}
	if err != nil {
		return atLine(err)
	}
	if err := d.Decode(new(config)); !errors.Is(err, io.EOF) {
		return errors.New(" the file holds a second document; one is allowed")
	}
	return nil
}

// atLine puts the position of an error of the YAML library before its message,
// which by itself spreads over many lines of quoted source.
func atLine(err error) error {
	var located interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &located) || located.GetToken() == nil || located.GetToken().Position == nil {
		return fmt.Errorf(" %w", err)
	}
	at := located.GetToken().Position
	return fmt.Errorf("%d:%d: %s", at.Line, at.Column, located.GetMessage())
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check refuses what contradicts itself or cannot work.
func (c config) check() error {
	if err := c.rpcAddress().checkLoopback(); err != nil {
		return err
	}
	if err := c.adminAddress().checkLoopback(); err != nil {
		return err
	}
	if _, err := c.grace(); err != nil {
		return err
	}
	if _, err := c.presignMax(); err != nil {
		return err
	}
	if _, err := newLogger(io.Discard, c.Log); err != nil {
		return err
	}
	if len(c.Profiles) == 0 {
		return errors.New("profiles: at least one is needed, with the credentials to reach COS")
	}
	if _, ok := c.Profiles[c.DefaultProfile]; !ok && (c.DefaultProfile != "" || len(c.Profiles) > 1) {
		return fmt.Errorf("default_profile %q is not one of the profiles", c.DefaultProfile)
	}
	for name, p := range c.Profiles {
		if !profileName.MatchString(name) {
			return fmt.Errorf("profiles: %q is not a profile name: letters, digits and ._-, at most 64", name)
		}
		if (p.Credentials.Env == nil) == (p.Credentials.File == "") {
			return fmt.Errorf("profiles.%s.credentials: set exactly one of env and file", name)
		}
	}
	return nil
}

// newLogger returns the logger that c describes.
func newLogger(w io.Writer, c logConfig) (*slog.Logger, error) {
	var level slog.Level
	switch c.Level {
	case "debug":
		level = slog.LevelDebug
	case "info":
		level = slog.LevelInfo
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("log.level %q is not one of debug, info, warn, error", c.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, fmt.Errorf("log.format %q is not one of text, json", c.Format)
	}
}
