package config

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/service"
)

// Authorization says what proved callers may do.
type Authorization struct {
	// Policies is a file in the Cedar language.
	Policies string `yaml:"policies"`
}

func (c *Config) checkAuthorization(r *report) {
	switch {
	case c.Authentication.enabled() && c.Authorization.Policies == "":
		r.add("policies", "is not set, and callers are asked who they are", "name a file with Cedar policies; without one nobody could do anything")
	case !c.Authentication.enabled() && c.Authorization.Policies != "":
		r.add("policies", "is set, and nobody is asked who they are", "set authentication as well")
	}
}

// BuildAuthorization reads the policies. It returns nil when there are none.
func (c *Config) BuildAuthorization(log *slog.Logger) (*policy.Engine, error) {
	path := c.Authorization.Policies
	if path == "" {
		return nil, nil //nolint:nilnil // everybody may do everything
	}
	engine, err := policy.Open(path, service.Actions(), log, nil)
	if err != nil {
		return nil, c.Refuse("authorization.policies", err.Error(), "cosgate policy schema prints what policies can name")
	}
	return engine, nil
}

// Audit says where changes and denials are recorded.
type Audit struct {
	// File is appended to; "-" is stderr, beside the log. Empty records nothing.
	File string `yaml:"file"`
}

const auditMode = 0o600

// Build opens the file. The caller closes it.
func (a Audit) Build(stderr io.Writer) (*slog.Logger, io.Closer, error) {
	switch a.File {
	case "":
		return nil, io.NopCloser(nil), nil
	case "-":
		return slog.New(slog.NewJSONHandler(stderr, nil)), io.NopCloser(nil), nil
	}
	f, err := os.OpenFile(a.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, auditMode)
	if err != nil {
		return nil, nil, fmt.Errorf("audit.file: %w", err)
	}
	return slog.New(slog.NewJSONHandler(f, nil)), f, nil
}
