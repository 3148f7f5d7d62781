//go:build e2e

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// unreachable is how npm says that it has no way to its registry.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E403`)

func TestE2ENodeSDKWorksUnchanged(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("skipped: there is no %s", program)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "sdk.js"} {
		data, err := os.ReadFile(filepath.Join("testdata", "node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := in("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		if unreachable.MatchString(out) {
			t.Skipf("skipped: npm cannot reach its registry: %s", out)
		}
		t.Fatalf("npm ci: %v: %s", err, out)
	}
	const bucket = "node-1250000000"
	server := startBinary(t, "cos", "--memory", "--listen", "127.0.0.1:0", "--bucket", bucket)
	addr, own := server.value("address"), announcedPair(server.announcement)
	out, err := in("node", "sdk.js", "http://"+addr, own.SecretID, own.SecretKey, bucket, demoRegion)
	if err != nil {
		t.Fatalf("node sdk.js: %v\n%s", err, out)
	}
	t.Log(out)
}
