//go:build e2e

package main

import (
	"os/exec"
	"testing"
)

func TestE2ENodeSDKWorksUnchanged(t *testing.T) {
	dir := nodeClients(t)
	const bucket = "node-1250000000"
	server := startBinary(t, "cos", "--memory", "--listen", "127.0.0.1:0", "--bucket", bucket)
	addr, own := server.value("address"), announcedPair(server.announcement)
	cmd := exec.CommandContext(t.Context(), "node", "sdk.js", "http://"+addr, own.SecretID, own.SecretKey, bucket, demoRegion)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node sdk.js: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func TestE2ENodeSDKDoesOrdinaryWork(t *testing.T) {
	startClientsCOS(t).runScript(t, "work.js")
}
