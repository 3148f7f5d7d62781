package config

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cosgate/cosgate/internal/logline"
	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/service/access"
)

// Authorization says what callers may do.
type Authorization struct {
	// A file in the Cedar language. It is read again when it has changed and then stayed
	// the same for two seconds: replace it by a rename, or write it without pauses. A
	// broken file is logged, and the previous policies stay in force. What no policy
	// permits is denied. `cosgate policy schema` prints what policies can name, `cosgate
	// policy test` tries them.
	Policies string `yaml:"policies" example:"/etc/cosgate/policies.cedar"`
}

func (c *Config) checkAuthorization(r *report) {
	switch {
	case c.Authentication.enabled() && c.Authorization.Policies == "":
		r.add("policies", "is not set, and callers must prove who they are", "name a file with Cedar policies; without one nobody could do anything")
	case !c.Authentication.enabled() && c.Authorization.Policies != "":
		r.add("policies", "is set, and callers need not prove who they are", "set authentication as well")
	}
}

// BuildAuthorization reads the policies. It returns nil when there are none.
func (c *Config) BuildAuthorization(log *slog.Logger) (*policy.Engine, error) {
	path := c.Authorization.Policies
	if path == "" {
		return nil, nil // everybody may do everything
	}
	engine, err := policy.Open(path, access.Actions(), log, nil)
	if err != nil {
		return nil, c.Refuse("authorization.policies", err.Error(), "cosgate policy schema prints what policies can name")
	}
	return engine, nil
}

// Audit says where changes and refusals are recorded.
type Audit struct {
	// The file that records are appended to; "-" is stderr. Without it there is no record.
	File string `yaml:"file" example:"/var/log/cosgate/audit.log"`
}

const auditMode = 0o600

// Build opens the file. The caller closes it.
func (a Audit) Build(stderr io.Writer) (*slog.Logger, io.Closer, error) {
	switch a.File {
	case "":
		return nil, io.NopCloser(nil), nil
	case "-":
		return slog.New(logline.Bound(slog.NewJSONHandler(stderr, nil))), io.NopCloser(nil), nil
	}
	f, err := os.OpenFile(a.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, auditMode)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(logline.Bound(slog.NewJSONHandler(f, nil))), f, nil
}

// try reports why Build would fail, and creates nothing.
func (a Audit) try() error {
	if a.File == "" || a.File == "-" {
		return nil
	}
	f, err := os.OpenFile(a.File, os.O_APPEND|os.O_WRONLY, auditMode)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(a.File), ".cosgate-*"); err == nil {
			err = os.Remove(f.Name())
		}
		if refused, ok := errors.AsType[*fs.PathError](err); ok {
			err = &fs.PathError{Op: "open", Path: a.File, Err: refused.Err}
		}
	}
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}
