package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
)

// WarnOfFileModes logs each file that others on this machine can read although it holds
// secrets or names, or can write although it decides what the gateway does. It does not
// refuse them: operators may have other means to keep users away. What cannot be looked at
// is not mentioned here, whoever reads it will say so.
func (c *Config) WarnOfFileModes(log *slog.Logger) {
	for _, f := range c.files() {
		info, err := os.Stat(f.path)
		if f.path == "" || err != nil || !info.Mode().IsRegular() {
			continue
		}
		mode := info.Mode().Perm()
		if bits := mode & f.unwanted; bits != 0 {
			what := "others can read a file that is not for them"
			if bits&0o002 != 0 {
				what = "others can change a file that decides what the gateway does"
			}
			log.Warn(what, "key", f.key, "path", f.path, "mode", fmt.Sprintf("%04o", mode))
		}
	}
}

// A configuredFile is a file that a key names.
type configuredFile struct {
	key, path string
	unwanted  fs.FileMode // permissions that others should not have
}

func (c *Config) files() []configuredFile {
	const secret, trusted fs.FileMode = 0o006, 0o002
	files := []configuredFile{
		{"the configuration", c.source.file, trusted},
		{"tls.key", c.TLS.Key, secret},
		{"tls.cert", c.TLS.Cert, trusted},
		{"tls.client_ca", c.TLS.ClientCA, trusted},
		{"authentication.tokens", c.Authentication.Tokens, secret},
		{"authorization.policies", c.Authorization.Policies, trusted},
		{"audit.file", c.Audit.File, secret},
	}
	for i, j := range c.Authentication.JWT {
		files = append(files, configuredFile{fmt.Sprintf("authentication.jwt[%d].jwks", i), j.JWKS, trusted})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		credentials, key := c.Profiles[name].Credentials, "profiles."+name+".credentials"
		files = append(files, configuredFile{key + ".file", credentials.File, secret})
		if a := credentials.AssumeRole; a != nil {
			files = append(files, configuredFile{key + ".assume_role.file", a.File, secret})
		}
	}
	return files
}
