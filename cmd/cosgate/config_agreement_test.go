package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/internal/certs/certstest"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/identity/identitytest"
)

// namedFiles are the files that a configuration can name.
type namedFiles struct {
	certstest.Folder
	dir                         string
	tokens, keys, policies, cos string
}

func newNamedFiles(t *testing.T) namedFiles {
	t.Helper()
	d := namedFiles{dir: t.TempDir(), Folder: certstest.NewFolder(t, certstest.NewAuthority(t, "servers").Issue(t, "gateway", nil), certstest.NewAuthority(t, "clients"))}
	_, line, err := identity.NewToken("alice")
	if err != nil {
		t.Fatal(err)
	}
	d.tokens = d.file(t, "tokens", line)
	d.keys = d.file(t, "keys.json", string(identitytest.Set(t, identitytest.NewKey(t, "k1"))))
	d.policies = d.file(t, "policies.cedar", everythingPermitted)
	d.cos = d.file(t, "cos", "secret_id=AKIDx\nsecret_key=x\n")
	return d
}

const everythingPermitted = "permit (principal, action, resource);\n"

func (d namedFiles) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// values are every key of a configuration with a good value.
func (d namedFiles) values() map[string]string {
	return map[string]string{
		"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "insecure": "false", "reflection": "true", "grpcui": "false", "presign_max_lifetime": "1h", "default_profile": "main",
		"tls.cert": d.Cert, "tls.key": d.Key, "tls.client_ca": d.ClientCA, "tls.client_auth": "verify_if_given", "tls.min_version": "1.3",
		"authentication.certificates.name_from": "[spiffe, dns]", "authentication.tokens": d.tokens, "authentication.groups.ops": "['token:alice']",
		"authentication.jwt.issuer": "https://id.example", "authentication.jwt.audiences": "[cosgate]", "authentication.jwt.jwks": d.keys,
		"authentication.jwt.algorithms": "[RS256, ES256]", "authentication.jwt.name_claim": "sub", "authentication.jwt.groups_claim": "groups",
		"authentication.jwt.prefix": "'corp:'", "authentication.jwt.leeway": "1m", "authorization.policies": d.policies, "audit.file": filepath.Join(d.dir, "audit.log"),
		"log.level": "error", "log.format": "text", "lifecycle.drain_wait": "0s", "lifecycle.grace": "1s", "lifecycle.max_connection_age": "30m",
		"lifecycle.keepalive.ping_after": "1m", "limits.connections": "100", "limits.calls": "10", "limits.caller_calls": "2", "limits.caller_rate": "5",
		"limits.caller_burst": "5", "limits.upload_memory": "512MiB", "limits.read_memory": "256MiB", "limits.caller_upload_memory": "64MiB",
		"profiles.main.endpoint": "'https://{bucket}.cos.{region}.myqcloud.com'", "profiles.main.public_endpoint": "'https://{bucket}.cos.{region}.myqcloud.com'",
		"profiles.main.region": "ap-guangzhou", "profiles.main.proxy": "'http://127.0.0.1:3128'", "profiles.main.caller_credentials": "false",
		"profiles.main.credentials.file": d.cos, "profiles.main.service_endpoint": "'https://service.cos.myqcloud.com'", "profiles.main.callback_hosts": "[a.example]",
		"profiles.main.signing.mode": "narrowed", "profiles.main.signing.max_duration": "1h", "profiles.main.signing.sts_region": "ap-guangzhou",
		"profiles.role.credentials.assume_role.role_arn": "'qcs::cam::uin/100000000001:roleName/r'", "profiles.role.credentials.assume_role.session_name": "cosgate",
		"profiles.role.credentials.assume_role.duration": "2h", "profiles.role.credentials.assume_role.metadata.role": "r",
		"admin_hosts": "[a.example]", "credentials_max_lifetime": "1h", "limits.receive_memory": "128MiB", "limits.first_message": "30s",
	}
}

// yaml writes values as a document in flow style.
func (d namedFiles) yaml(values map[string]string) string {
	root := make(map[string]any)
	for path, v := range values {
		at, keys := root, strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			if at[k] == nil {
				at[k] = make(map[string]any)
			}
			at = at[k].(map[string]any)
		}
		at[keys[len(keys)-1]] = v
	}
	return flow(root, "") + "\n"
}

func flow(node any, key string) string {
	m, ok := node.(map[string]any)
	if !ok {
		return node.(string)
	}
	var members []string
	for k, v := range m {
		members = append(members, k+": "+flow(v, k))
	}
	text := "{" + strings.Join(members, ", ") + "}"
	if key == "jwt" {
		return "[" + text + "]"
	}
	return text
}

// verdict is what a command says of a configuration: nothing, or its first problem.
func verdict(t *testing.T, path string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr transcript
	out := streams{stdout: cancelWhenReady{&stdout, cancel}, stderr: &stderr}
	err := execute(ctx, append(command, path), out)
	if err == nil {
		return ""
	}
	if command[0] == "config" { // its problems are on stdout
		first, _, _ := strings.Cut(stdout.String(), "\n")
		return strings.TrimPrefix(first, path+":")
	}
	first, _, _ := strings.Cut(err.Error(), " (and ")
	return strings.TrimPrefix(oneLine(fmt.Errorf("%s", first)), path+":")
}

// cancelWhenReady stops serve as soon as it serves.
type cancelWhenReady struct {
	*transcript
	cancel context.CancelFunc
}

func (w cancelWhenReady) Write(p []byte) (int, error) {
	if strings.Contains(string(p), readyLine) {
		w.cancel()
	}
	return w.transcript.Write(p)
}

// Whatever one key says, config check refuses what serve refuses by the file alone, and
// with --files everything that it refuses before it listens. The two never disagree in the
// other direction either.
func TestConfigCheckAndServeRefuseTheSameConfigurations(t *testing.T) {
	t.Parallel()
	d := newNamedFiles(t)
	broken := d.file(t, "broken", "-- x {")
	shapes := []string{
		"''", "'a b'", "-1", "0", "'jwt:a'", "[HS256, none]", "[]", "['']", "none", "99999999999", "'999.1.1.1 :1'", "https://user:pass@host/", "accelerate",
		"/nonexistent/x", broken, d.dir, d.policies,
	}
	good := d.values()
	if got := verdict(t, writeConfig(t, d.yaml(good)), "serve", "--config"); got != "" {
		t.Fatalf("serve with good values: %s", got)
	}
	// By the file alone these keys only say where something is.
	names := map[string]bool{
		"tls.cert": true, "tls.key": true, "tls.client_ca": true, "authentication.tokens": true, "authentication.jwt.jwks": true, "authorization.policies": true,
		"audit.file": true, "profiles.main.credentials.file": true,
	}
	tried, refused := 0, 0
	for key := range good {
		for _, shape := range shapes {
			if key == "audit.file" && !strings.Contains(shape, "/") {
				continue // serve would begin the log in the folder of this test
			}
			changed := d.values()
			changed[key] = shape
			path := writeConfig(t, d.yaml(changed))
			check, files := verdict(t, path, "config", "check"), verdict(t, path, "config", "check", "--files")
			serve := verdict(t, path, "serve", "--config")
			tried++
			if serve != "" {
				refused++
			}
			if serve != files {
				t.Errorf("%s: %s: serve says %q, config check --files %q", key, shape, serve, files)
			}
			if check != serve && (!names[key] || check != "") {
				t.Errorf("%s: %s: serve says %q, config check %q", key, shape, serve, check)
			}
		}
	}
	t.Logf("%d configurations, %d of them refused", tried, refused)
	if refused < tried/2 {
		t.Errorf("%d of %d configurations were refused: the shapes show nothing", refused, tried)
	}
}
