package config

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every key that names a file, with each mode that an operator may have given it.
func TestWarnOfFileModesNamesFilesThatOthersCanReadOrChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := []string{"key", "tokens", "credentials", "role", "audit"}
	trusted := []string{"cert", "ca", "policies", "keys", "config"}
	path := func(name string) string { return filepath.Join(dir, name) }
	text := strings.NewReplacer("DIR", dir).Replace(`
tls: {cert: DIR/cert, key: DIR/key, client_ca: DIR/ca, client_auth: require}
authentication:
  tokens: DIR/tokens
  jwt:
    - {issuer: a, audiences: [x], jwks: DIR/keys, prefix: 'a:'}
    - {issuer: b, audiences: [x], jwks: 'https://id.example.com/keys', prefix: 'b:'}
authorization: {policies: DIR/policies}
audit: {file: DIR/audit}
default_profile: file
profiles:
  file: {credentials: {file: DIR/credentials}}
  role: {credentials: {assume_role: {role_arn: 'qcs::cam::uin/100000000001:roleName/cosgate', file: DIR/role}}}
  absent: {credentials: {file: DIR/absent}}
`)
	for _, name := range slices.Concat(secret, trusted) {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for mode, want := range map[os.FileMode][]string{
		0o600: nil, 0o640: nil, 0o660: nil, 0o440: nil,
		0o644: secret, 0o604: secret,
		0o666: slices.Concat(secret, trusted), 0o602: slices.Concat(secret, trusted),
	} {
		var err error
		for _, name := range slices.Concat(secret, trusted) {
			err = errors.Join(err, os.Chmod(path(name), mode))
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(path("config"), Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		cfg.WarnOfFileModes(slog.New(slog.NewTextHandler(&log, nil)))
		for _, name := range slices.Concat(secret, trusted) {
			if got, want := strings.Contains(log.String(), "path="+path(name)+" "), slices.Contains(want, name); got != want {
				t.Errorf("mode %04o: a warning about %s is there: %v, want %v\n%s", mode, name, got, want, &log)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != len(want) {
			t.Errorf("mode %04o: %d warnings, want %d:\n%s", mode, n, len(want), &log)
		}
	}
}
