package config

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/certs"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/service"
)

// Parts are what a configuration describes and a gateway is made of. Those that are not
// configured are nil.
type Parts struct {
	Certificates  *certs.Store
	Clients       Clients
	Authenticator *identity.Authenticator
	Authorizer    *policy.Engine
	Audit         *slog.Logger
	// Reloads follow the files of all parts.
	Reloads []Reloader

	auditFile io.Closer
}

// A Builder says what the parts need of the process.
type Builder struct {
	Log      *slog.Logger
	Stderr   io.Writer // of the audit log
	Observer cosbackend.Observer
	// Try leaves nothing behind: the audit log is not begun.
	Try bool
}

// Build reads the files and the environment variables that the configuration names, and
// makes the parts. Nothing is sent, neither to COS nor to an identity provider. The error
// is a [Problems] with everything that is wrong. The caller closes the parts.
func (c *Config) Build(ctx context.Context, b Builder) (*Parts, error) {
	p := &Parts{}
	var found Problems
	note := func(err error) bool {
		if problems, ok := errors.AsType[Problems](err); ok {
			found = append(found, problems...)
		} else if err != nil {
			found = append(found, Problem{Where: c.source.file, Problem: err.Error()})
		}
		return err == nil
	}
	var err error
	if p.Certificates, err = c.BuildTLS(b.Log); note(err) && p.Certificates != nil {
		p.Reloads = append(p.Reloads, p.Certificates)
	}
	p.Clients, err = c.BuildClients(b.Log, b.Observer) //nolint:contextcheck // clients live until Close, not until ctx ends
	note(err)
	var files []Reloader
	p.Authenticator, files, err = c.BuildAuthentication(ctx, b.Log)
	note(err)
	p.Reloads = append(p.Reloads, files...)
	if p.Authorizer, err = c.BuildAuthorization(b.Log); note(err) && p.Authorizer != nil {
		p.Reloads = append(p.Reloads, p.Authorizer)
	}
	if b.Try {
		err = c.Audit.try()
	} else {
		p.Audit, p.auditFile, err = c.Audit.Build(b.Stderr)
	}
	if err != nil {
		note(c.Refuse("audit.file", err.Error(), ""))
	}
	if len(found) > 0 {
		p.Close()
		return nil, found.sorted()
	}
	return p, nil
}

// Close ends what the parts do in the background. Records of the audit log are written
// unbuffered.
func (p *Parts) Close() {
	p.Clients.Close()
	if p.auditFile != nil {
		_ = p.auditFile.Close()
	}
}

// ServerOptions are the options of the server.
func (c *Config) ServerOptions() service.Options {
	o := service.Options{
		Reflection: c.Reflection, PresignMax: time.Duration(c.PresignMaxLifetime), CredentialsMax: time.Duration(c.CredentialsMaxLifetime),
	}
	c.Lifecycle.Apply(&o)
	c.Limits.Apply(&o)
	return o
}
