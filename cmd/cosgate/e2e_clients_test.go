//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// clientsBucket is the bucket that the official clients work in.
const clientsBucket = "clients-1250000000"

// lacking ends a test of an official client that this machine has no program for. Where
// COSGATE_E2E_CLIENTS is "required", as in CI, that is a failure.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("COSGATE_E2E_CLIENTS") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf("skipped: "+format, args...)
}

// unreachable is how npm says that it has no way to its registry.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E403`)

// installOnce installs what testdata/node/package-lock.json pins, into an ignored folder.
var installOnce = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(root, "bin", "node")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "node"))); err != nil {
		return "", err
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return dir, nil
})

// nodeClients is a folder with the official clients in JavaScript and the scripts that use
// them.
func nodeClients(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			lacking(t, "there is no %s", program)
		}
	}
	dir, err := installOnce()
	if err != nil && unreachable.MatchString(err.Error()) {
		lacking(t, "npm cannot reach its registry: %s", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A clientsCOS is the binary as an embedded COS for official clients.
type clientsCOS struct {
	addr  string // host:port
	own   embedded.Credential
	fixed embedded.Credential // with a token
}

// startClientsCOS starts the binary with clientsBucket and a fixed temporary pair.
func startClientsCOS(t *testing.T, flags ...string) clientsCOS {
	t.Helper()
	fixed := embedded.Credential{SecretID: "AKIDfixed", SecretKey: "fixed-key", Token: "fixed-token"}
	file := writePair(t, "secret_id="+fixed.SecretID, "secret_key="+fixed.SecretKey, "security_token="+fixed.Token)
	p := startBinary(t, append([]string{"cos", "--memory", "--listen", "127.0.0.1:0", "--bucket", clientsBucket, "--temporary-credentials", file}, flags...)...)
	return clientsCOS{addr: strings.TrimPrefix(p.value("address"), "http://"), own: announcedPair(p.announcement), fixed: fixed}
}

// sdk is the official Go SDK with the server as its proxy.
func (c clientsCOS) sdk(t *testing.T, pair embedded.Credential) *cos.Client {
	t.Helper()
	return newSDK(t, c.addr, clientsBucket, pair)
}

// suffix is that of hosts that lead to the server by themselves.
func (c clientsCOS) suffix() string {
	_, port, _ := net.SplitHostPort(c.addr)
	return "localhost:" + port
}

// client is the COS client of the gateway. The caller closes it.
func (c clientsCOS) client() (*cosbackend.Client, error) {
	return cosbackend.New(cosbackend.Config{
		Endpoint: "http://{bucket}.cos.{region}." + c.suffix(), Region: demoRegion,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: c.own.SecretID, SecretKey: c.own.SecretKey}),
		Transport: cosbackend.TransportOptions{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, c.addr)
		}},
	})
}

// temporary asks the STS of the server for credentials for everything in clientsBucket that
// an application does with objects.
func (c clientsCOS) temporary(ctx context.Context) (cosbackend.IssuedCredentials, error) {
	client, err := c.client()
	if err != nil {
		return cosbackend.IssuedCredentials{}, err
	}
	defer client.Close()
	actions := []string{
		"GetBucket", "GetObject", "HeadObject", "PutObject", "PostObject", "DeleteObject", "AppendObject", "InitiateMultipartUpload", "UploadPart",
		"CompleteMultipartUpload", "AbortMultipartUpload", "ListParts", "ListMultipartUploads",
	}
	return client.IssueTemporaryCredentials(ctx, cosbackend.Location{Bucket: clientsBucket}, cosbackend.TemporaryCredentialsOptions{
		Grants: []cosbackend.SessionGrant{{Actions: actions, Prefix: true}}, Lifetime: 30 * time.Minute, Session: "e2e",
	})
}

// credentialsPage serves temporary credentials as the server of an application does, in the
// form that the documentation of getAuthorization shows.
func (c clientsCOS) credentialsPage(w http.ResponseWriter, r *http.Request) {
	got, err := c.temporary(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"credentials": map[string]string{"tmpSecretId": got.SecretID, "tmpSecretKey": got.SecretKey, "sessionToken": got.Token},
		"startTime":   got.Start.Unix(), "expiredTime": got.Expires.Unix(),
	})
}

// runScript runs a script with Node, with what it needs to know of the server as JSON in its
// only argument.
func (c clientsCOS) runScript(t *testing.T, script string) {
	t.Helper()
	dir := nodeClients(t)
	page := httptest.NewServer(http.HandlerFunc(c.credentialsPage))
	defer page.Close()
	facts, err := json.Marshal(map[string]any{
		"proxy": "http://" + c.addr, "bucket": clientsBucket, "region": demoRegion, "own": c.own, "fixed": c.fixed, "credentials": page.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script, string(facts))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, out)
	}
	t.Logf("%s", out)
}
