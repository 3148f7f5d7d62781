//go:build e2e

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The comparison with proto/baseline.binpb passes as it is and fails for a field that
// is removed, in a tree without a git history.
func TestE2EContractBreakIsCaught(t *testing.T) {
	tree := t.TempDir()
	for _, dir := range []string{"proto", "third_party"} {
		if err := os.CopyFS(filepath.Join(tree, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "buf.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "buf.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	buf, err := inRoot(t.Context(), "go", "tool", "-modfile=tools/go.mod", "-n", "buf")
	if err != nil {
		t.Fatalf("go tool -n buf = %v: %s", err, buf)
	}
	breaking := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), strings.TrimSpace(buf), "breaking", "proto", "--exclude-imports", "--against", "proto/baseline.binpb")
		cmd.Dir = tree
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := breaking(); err != nil {
		t.Fatalf("buf breaking = %v:\n%s", err, out)
	}
	file := filepath.Join(tree, "proto", "cosgate", "v1", "object_tagging.proto")
	text, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kept := bytes.Replace(text, []byte("  repeated Tag tags = 1;\n"), nil, 1)
	if len(kept) == len(text) {
		t.Fatalf("%s has no field to remove", file)
	}
	if err := os.WriteFile(file, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := breaking(); err == nil || !strings.Contains(out, `field "1" with name "tags"`) {
		t.Errorf("buf breaking without GetObjectTaggingResponse.tags = %v, want it named:\n%s", err, out)
	}
}
