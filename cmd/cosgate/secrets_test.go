package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/certs/certstest"
	"github.com/cosgate/cosgate/internal/identity"
)

// checkNothingPlanted searches the output of a process for planted secrets.
func checkNothingPlanted(t *testing.T, where, text string, planted map[string]string) {
	t.Helper()
	for what, secret := range planted {
		inside := base64.StdEncoding.EncodeToString([]byte(secret))
		for _, form := range []string{secret, url.QueryEscape(secret), inside[:len(inside)-4], secret[:12]} {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s shows the %s: ...%.300s", where, what, text[max(0, i-100):])
			}
		}
	}
}

// plantedEnvironment sets every variable that holds a secret, and returns them.
func plantedEnvironment(t *testing.T) map[string]string {
	t.Helper()
	planted := map[string]string{
		"COS_SECRET_KEY": "PlantedKeyOfTheProfile/0123456789+", "COS_SECURITY_TOKEN": "PlantedTokenOfTheProfile/0123456789==",
		"STS_SECRET_KEY": "PlantedKeyForTheRole/0123456789+", "STS_SECURITY_TOKEN": "PlantedTokenForTheRole/0123456789==",
	}
	t.Setenv("COS_SECRET_ID", "AKIDprofile")
	t.Setenv("STS_SECRET_ID", "AKIDrole")
	for name, value := range planted {
		t.Setenv(name, value)
	}
	planted["key of the collector"] = "PlantedKeyOfTheCollector-0123456789"
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20"+planted["key of the collector"])
	return planted
}

// A collector keeps the traces and metrics that it receives.
func startCollector(t *testing.T) *transcript {
	t.Helper()
	kept := &transcript{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(kept, r.Body)
	}))
	t.Cleanup(s.Close)
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": s.URL,
		"OTEL_EXPORTER_OTLP_COMPRESSION": "none",
		// grpc-go's own log at its most verbose.
		"GRPC_GO_LOG_SEVERITY_LEVEL": "info", "GRPC_GO_LOG_VERBOSITY_LEVEL": "99",
	} {
		t.Setenv(name, value)
	}
	return kept
}

// With every log and exporter switched on, the program shows no secret of its environment,
// its files or its callers, whether calls succeed or fail.
func TestSecretsAreNeverShown(t *testing.T) {
	planted := plantedEnvironment(t)
	collector := startCollector(t)
	cos, err := embedded.New(embedded.Options{Buckets: []string{demoBucket}, Region: demoRegion, Credentials: []embedded.Credential{
		{SecretID: "AKIDprofile", SecretKey: planted["COS_SECRET_KEY"], Token: planted["COS_SECURITY_TOKEN"]},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cos.Close() }()
	addr, err := cos.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	servers := certstest.NewAuthority(t, "servers")
	dir, config := plantedConfiguration(t, planted, addr, servers)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := spawn(t, program, "serve", "--config", config)
	if !p.ready() {
		t.Fatalf("serve said %s", p.stderr.String())
	}
	conn, err := grpc.NewClient(p.value("gRPC"), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: servers.Pool(), MinVersion: tls.VersionTLS13})))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	told := callsOf(t, cosgatev1.NewObjectServiceClient(conn), planted, cos)
	resp, err := http.Get("http://" + p.value("admin") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	_ = p.cmd.Process.Signal(os.Interrupt)
	<-p.exited
	audit, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{
		"stdout": p.String(), "the log": p.stderr.String(), "metrics": string(metrics), "audit": string(audit), "what a collector was sent": collector.String(), "a status": told,
	} {
		if text == "" {
			t.Errorf("%s is empty", where)
		}
		checkNothingPlanted(t, where, text, planted)
	}
	if !strings.Contains(p.stderr.String(), "[transport]") {
		t.Error("grpc-go logged nothing, so nothing was shown of its log")
	}
	for _, args := range [][]string{{"config", "print", config}, {"config", "check", config}, {"serve", "--help"}, {"config", "print", "--help"}, {"policy", "test", "--help"}} {
		code, stdout, stderr := runToEnd(t, args...)
		if code != exitOK {
			t.Errorf("%v = %d, %s", args, code, stderr)
		}
		checkNothingPlanted(t, strings.Join(args, " "), stdout+stderr, planted)
	}
}

// plantedConfiguration writes all files with secrets, and the configuration that names
// them.
func plantedConfiguration(t *testing.T, planted map[string]string, addr net.Addr, servers *certstest.Authority) (dir, config string) {
	t.Helper()
	planted["key in a file"], planted["token in a file"] = "PlantedKeyInAFile/0123456789+abc", "PlantedTokenInAFile/0123456789=="
	token, line, err := identity.NewToken("alice")
	if err != nil {
		t.Fatal(err)
	}
	planted["static token"] = token
	dir = folderOf(t, map[string]string{
		"credentials":    "secret_id=AKIDfile\nsecret_key=" + planted["key in a file"] + "\nsecurity_token=" + planted["token in a file"] + "\n",
		"tokens":         line,
		"policies.cedar": `permit (principal, action, resource) unless { resource is Object && resource.key == "forbidden" };`,
	})
	files := certstest.NewFolder(t, servers.Issue(t, "gateway", nil), servers)
	key, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	planted["key of TLS"] = strings.Split(string(key), "\n")[1][49:]
	cos := "endpoint: 'http://{bucket}.cos.{region}.localhost', region: " + demoRegion + ", proxy: 'http://" + addr.String() + "'"
	return dir, writeConfig(t, fmt.Sprintf(`
listen: 127.0.0.1:0
admin: 127.0.0.1:0
tls: {cert: '%s', key: '%s', client_ca: '%s', client_auth: verify_if_given}
log: {level: debug, format: json}
audit: {file: '%s/audit.log'}
lifecycle: {drain_wait: 0s}
authentication: {tokens: '%s/tokens'}
authorization: {policies: '%s/policies.cedar'}
default_profile: main
profiles:
  main: {%s, caller_credentials: true, credentials: {env: {}}}
  file: {%s, credentials: {file: '%s/credentials'}}
`, files.Cert, files.Key, files.ClientCA, dir, dir, dir, cos, cos, dir))
}

// callsOf makes calls with every kind of result, and returns their statuses.
func callsOf(t *testing.T, objects cosgatev1.ObjectServiceClient, planted map[string]string, cos *embedded.Server) string {
	t.Helper()
	planted["caller's key"], planted["caller's token"], planted["customer key"] = "PlantedKeyOfTheCaller/0123456789", "PlantedTokenOfTheCaller/012345==", "PlantedCustomerKey-0123456789abc"
	planted["unknown token"] = "cosgate_PLANTEDUNKNOWN0123456789"
	as := func(token string, pairs ...string) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), append([]string{"authorization", "Bearer " + token}, pairs...)...)
	}
	alice := as(planted["static token"])
	head := func(ctx context.Context, key, profile string) error {
		_, err := objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: demoBucket, Key: key, Profile: profile, CustomerKey: &cosgatev1.CustomerKey{Key: []byte(planted["customer key"])}})
		return err
	}
	var told strings.Builder
	check := func(name string, err error, want codes.Code) {
		if status.Code(err) != want {
			t.Errorf("%s = %v, want %s", name, err, want)
		}
		details, _ := json.Marshal(status.Convert(err).Details())
		fmt.Fprintf(&told, "%v\n%v\n%s\n", err, status.Convert(err).Proto(), details)
	}
	check("PutObject", putObject(alice, objects, "key", []byte("content")), codes.OK)
	check("HeadObject with a key", head(alice, "key", ""), codes.InvalidArgument)
	check("HeadObject of what is forbidden", head(alice, "forbidden", ""), codes.PermissionDenied)
	check("HeadObject of a stranger", head(as(planted["unknown token"]), "key", ""), codes.Unauthenticated)
	check("HeadObject with credentials of the caller", head(as(planted["static token"], "cosgate-cos-secret-id", "AKIDcaller", "cosgate-cos-secret-key", planted["caller's key"], "cosgate-cos-security-token", planted["caller's token"]), "key", ""), codes.Unauthenticated)
	check("HeadObject with half of them", head(as(planted["static token"], "cosgate-cos-secret-key", planted["caller's key"]), "key", ""), codes.InvalidArgument)
	check("HeadObject with those that are not taken", head(as(planted["static token"], "cosgate-cos-secret-id", "AKIDcaller", "cosgate-cos-secret-key", planted["caller's key"]), "key", "file"), codes.FailedPrecondition)
	check("HeadObject with a refused key", head(alice, "key", "file"), codes.Internal)
	cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Reset: true})
	check("HeadObject without a response", head(alice, "key", ""), codes.Unavailable)
	return told.String()
}
