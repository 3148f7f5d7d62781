package config

import (
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

// Credentials say where the credentials are; they are never in the configuration
// itself. Exactly one of the fields is set.
type Credentials struct {
	// Environment variables, which are read once at start. `env: {}` means the defaults.
	Env *Env `yaml:"env,omitempty"`
	// A file of KEY=VALUE lines: secret_id, secret_key and, for temporary credentials,
	// security_token. It is read again when it has changed and is still.
	File string `yaml:"file,omitempty"`
	// The CAM role of the CVM that the gateway runs on.
	Metadata *Metadata `yaml:"metadata,omitempty"`
	// A role that is assumed at STS, and renewed before it expires.
	AssumeRole *AssumeRole `yaml:"assume_role,omitempty"`
}

// Env holds names of environment variables.
type Env struct {
	// The name of the variable with the secret id.
	SecretID string `yaml:"secret_id" default:"COS_SECRET_ID"`
	// The name of the variable with the secret key.
	SecretKey string `yaml:"secret_key" default:"COS_SECRET_KEY"`
	// The name of the variable with the token of temporary credentials. The variable may
	// be unset.
	SecurityToken string `yaml:"security_token" default:"COS_SECURITY_TOKEN"`
}

// Metadata is the CAM role of the machine that the gateway runs on.
type Metadata struct {
	// The name of the role. Without it the metadata service is asked.
	Role string `yaml:"role,omitempty"`
}

// AssumeRole is a role that other credentials may assume.
type AssumeRole struct {
	// The role.
	RoleARN string `yaml:"role_arn"`
	// What the account's audit log shows.
	SessionName string `yaml:"session_name,omitempty" default:"cosgate"`
	// A value that the role's trust policy may ask for.
	ExternalID string `yaml:"external_id,omitempty"`
	// The lifetime of the credentials, at most 12h.
	Duration Duration `yaml:"duration,omitempty" default:"2h"`
	// The credentials that assume the role: exactly one of env, file and metadata.
	Env      *Env      `yaml:"env,omitempty"`
	File     string    `yaml:"file,omitempty"`
	Metadata *Metadata `yaml:"metadata,omitempty"`
}

// by are the credentials that assume the role.
func (a *AssumeRole) by() Credentials {
	return Credentials{Env: a.Env, File: a.File, Metadata: a.Metadata}
}

// variableName is stricter than POSIX: a secret that was pasted here by mistake has
// lower-case letters, and is then refused without being shown.
var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

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
		r.add("", "not exactly one of env, file, metadata and assume_role is set", "set one of them; env: {} reads COS_SECRET_ID and COS_SECRET_KEY")
	}
	c.Env.check(r.in("env"))
	c.Metadata.check(r.in("metadata"))
	if a := c.AssumeRole; a != nil {
		r = r.in("assume_role")
		if a.by().sources() != 1 {
			r.add("", "not exactly one of env, file and metadata is set", "set the credentials that assume the role; metadata: {} uses those of the machine")
		}
		a.Env.check(r.in("env"))
		a.Metadata.check(r.in("metadata"))
		if err := a.validate(); err != nil {
			r.add("", err.Error(), "")
		}
	}
}

func (e *Env) check(r *report) {
	if e == nil {
		return
	}
	for key, name := range map[string]string{"secret_id": e.SecretID, "secret_key": e.SecretKey, "security_token": e.SecurityToken} {
		if !variableName.MatchString(name) {
			r.add(key, "is not the name of an environment variable", "use capital letters, digits and _; secrets do not belong in this file")
		}
	}
}

// check applies the rules of cosbackend.
func (m *Metadata) check(r *report) {
	if m == nil {
		return
	}
	p, err := cosbackend.MetadataCredentials(cosbackend.MetadataOptions{Role: m.Role})
	if err != nil {
		r.add("role", err.Error(), "")
		return
	}
	_ = p.Close() // nothing has begun
}

// validate applies the rules of cosbackend, with made-up credentials.
func (a *AssumeRole) validate() error {
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

// provider returns where the credentials come from. The closers stop what renews them.
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
		return p, append([]io.Closer{p}, closers...), nil // the role is closed before its source
	default:
		p, err := cosbackend.FileCredentials(c.File, log)
		return p, nil, err
	}
}
