package config

import (
	"cmp"
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

// Credentials say where the credentials are; they are never in the configuration
// itself. Exactly one of the fields is set.
type Credentials struct {
	Env        *Env        `yaml:"env,omitempty"`
	File       string      `yaml:"file,omitempty"`
	Metadata   *Metadata   `yaml:"metadata,omitempty"`
	AssumeRole *AssumeRole `yaml:"assume_role,omitempty"`
}

// Env holds names of environment variables.
type Env struct {
	SecretID      string `yaml:"secret_id"`
	SecretKey     string `yaml:"secret_key"`
	SecurityToken string `yaml:"security_token"`
}

// Metadata is the CAM role of the machine that the gateway runs on.
type Metadata struct {
	Role string `yaml:"role,omitempty"`
}

// AssumeRole is a role that other credentials may assume.
type AssumeRole struct {
	RoleARN     string   `yaml:"role_arn"`
	SessionName string   `yaml:"session_name,omitempty"`
	ExternalID  string   `yaml:"external_id,omitempty"`
	Duration    Duration `yaml:"duration,omitempty"`
	// The credentials that assume it: exactly one of these.
	Env      *Env      `yaml:"env,omitempty"`
	File     string    `yaml:"file,omitempty"`
	Metadata *Metadata `yaml:"metadata,omitempty"`
}

// by are the credentials that assume the role.
func (a *AssumeRole) by() Credentials {
	return Credentials{Env: a.Env, File: a.File, Metadata: a.Metadata}
}

// variableName is stricter than POSIX: a secret that was pasted here by mistake has
// small letters, and is then refused without being shown.
var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

func (e *Env) complete() *Env {
	if e == nil {
		return nil
	}
	return &Env{
		SecretID:      cmp.Or(e.SecretID, "COS_SECRET_ID"),
		SecretKey:     cmp.Or(e.SecretKey, "COS_SECRET_KEY"),
		SecurityToken: cmp.Or(e.SecurityToken, "COS_SECURITY_TOKEN"),
	}
}

// complete writes down the defaults.
func (c Credentials) complete() Credentials {
	c.Env = c.Env.complete()
	if c.AssumeRole != nil {
		role := *c.AssumeRole
		role.Env = role.Env.complete()
		c.AssumeRole = &role
	}
	return c
}

// sources counts what is set.
func (c Credentials) sources() int {
	n := 0
	for _, set := range []bool{c.Env != nil, c.File != "", c.Metadata != nil, c.AssumeRole != nil} {
		if set {
			n++
		}
	}
	return n
}

func (c Credentials) check(r *report) {
	if c.sources() != 1 {
		r.add("", "not exactly one of env, file, metadata and assume_role is set", "set one of them; env: {} means COS_SECRET_ID and COS_SECRET_KEY")
	}
	c.Env.check(r.in("env"))
	if a := c.AssumeRole; a != nil {
		r = r.in("assume_role")
		if a.by().sources() != 1 {
			r.add("", "not exactly one of env, file and metadata is set", "say whose credentials assume the role; metadata: {} are those of the machine")
		}
		a.Env.check(r.in("env"))
		if err := a.try(); err != nil {
			r.add("", err.Error(), "")
		}
	}
}

func (e *Env) check(r *report) {
	if e == nil {
		return
	}
	for key, name := range map[string]string{"secret_id": e.SecretID, "secret_key": e.SecretKey, "security_token": e.SecurityToken} {
		if name != "" && !variableName.MatchString(name) {
			r.add(key, "is not a name of an environment variable", "use capitals, digits and _; the secret itself never stands in this file")
		}
	}
}

// try asks the rules for roles, with credentials that lead nowhere.
func (a *AssumeRole) try() error {
	t, err := cosbackend.AssumeRoleCredentials(a.options(cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "nobody", SecretKey: "nobody"}), nil))
	if err != nil {
		return err
	}
	return t.Close()
}

func (a *AssumeRole) options(source cosbackend.CredentialProvider, log *slog.Logger) cosbackend.AssumeRoleOptions {
	return cosbackend.AssumeRoleOptions{
		RoleARN: a.RoleARN, SessionName: a.SessionName, ExternalID: a.ExternalID, Duration: time.Duration(a.Duration),
		Source: source, Logger: log,
	}
}

// provider reads the credentials, or says where they will come from. The closers end
// what renews them.
func (c Credentials) provider(log *slog.Logger) (cosbackend.CredentialProvider, []io.Closer, error) {
	switch {
	case c.Env != nil:
		p, err := cosbackend.EnvCredentials(c.Env.SecretID, c.Env.SecretKey, c.Env.SecurityToken)
		return p, nil, err
	case c.Metadata != nil:
		p, err := cosbackend.MetadataCredentials(cosbackend.MetadataOptions{Role: c.Metadata.Role, Logger: log})
		if err != nil {
			return nil, nil, err
		}
		return p, []io.Closer{p}, nil
	case c.AssumeRole != nil:
		source, closers, err := c.AssumeRole.by().provider(log)
		if err != nil {
			return nil, closers, err
		}
		p, err := cosbackend.AssumeRoleCredentials(c.AssumeRole.options(source, log))
		if err != nil {
			return nil, closers, err
		}
		return p, append([]io.Closer{p}, closers...), nil // who asks ends before who is asked
	default:
		p, err := cosbackend.FileCredentials(c.File, log)
		return p, nil, err
	}
}
