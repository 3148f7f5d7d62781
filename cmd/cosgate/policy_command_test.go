package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf writes files and returns their folder.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const policiesOfTests = `
@id("ops")
permit (principal in Group::"ops", action, resource);
@id("team lists")
permit (principal == Caller::"jwt:alice", action == Action::"ListObjects", resource) when { context.prefix like "team/*" };
`

func TestPolicyTestRunsATableOfDecisions(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{
		"policies.cedar": policiesOfTests,
		"good.yaml": `policies: policies.cedar
tests:
  - {caller: "cert:cn:x", groups: [ops], action: DeleteObject, profile: main, bucket: photos-1250000000, key: k, expect: allow}
  - {caller: "cert:cn:x", action: DeleteObject, bucket: photos-1250000000, key: k, expect: deny}
  - {caller: "jwt:alice", action: ListObjects, bucket: photos-1250000000, prefix: team/a, expect: allow}
  - {caller: "jwt:alice", action: ListObjects, bucket: photos-1250000000, expect: deny}
  - {caller: "cert:cn:x", groups: [ops], action: ListBuckets, profile: main, expect: allow}
  - {caller: "cert:cn:x", groups: [ops], action: CreatePostPolicy, bucket: photos-1250000000, key_prefix: "", expect: allow}
`,
		"bad.yaml": `policies: policies.cedar
tests:
  - {name: nobody deletes, caller: "cert:cn:x", groups: [ops], action: DeleteObject, bucket: photos-1250000000, key: k, expect: deny}
  - {name: all read, caller: "cert:cn:x", action: GetObject, bucket: photos-1250000000, key: k, expect: allow}
`,
	})
	code, stdout, stderr := runToEnd(t, "policy", "test", filepath.Join(dir, "good.yaml"))
	if code != exitOK || !strings.HasSuffix(stdout, "6 decisions as expected\n") {
		t.Errorf("policy test = %d, %q, %q, want 0 and 6 decisions", code, stdout, stderr)
	}
	code, stdout, stderr = runToEnd(t, "policy", "test", filepath.Join(dir, "bad.yaml"))
	want := `nobody deletes: cert:cn:x DeleteObject on object photos-1250000000/k: expected deny, got allow: by ["ops"]
all read: cert:cn:x GetObject on object photos-1250000000/k: expected allow, got deny: no policy permits it
`
	if code != exitFailure || stdout != want || !strings.Contains(stderr, "2 of 2 decisions are not as expected") {
		t.Errorf("policy test = %d, %q, %q, want %d and %q", code, stdout, stderr, exitFailure, want)
	}
}

func TestPolicyTestRefusesInvalidTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ line, want string }{
		"an unknown action": {`{caller: a, action: Get, bucket: b-1, key: k, expect: deny}`, `no action "Get"`},
		"no expectation":    {`{caller: a, action: GetObject, bucket: b-1, key: k}`, "not allow or deny"},
		"no key":            {`{caller: a, action: GetObject, bucket: b-1, expect: deny}`, "done to one Object"},
		"a key too much":    {`{caller: a, action: HeadBucket, bucket: b-1, key: k, expect: deny}`, "done to one Bucket"},
		"an unknown field":  {`{caller: a, actions: GetObject, expect: deny}`, "actions"},
	} {
		dir := folderOf(t, map[string]string{"p.cedar": policiesOfTests, "t.yaml": "policies: p.cedar\ntests:\n  - " + c.line + "\n"})
		code, _, stderr := runToEnd(t, "policy", "test", filepath.Join(dir, "t.yaml"))
		if code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: policy test = %d, %q, want %d and %q", name, code, stderr, exitUsage, c.want)
		}
	}
}

func TestPolicyCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := folderOf(t, map[string]string{"good.cedar": policiesOfTests, "bad.cedar": `@id("typo") permit (principal, action == Action::"GetObjekt", resource);`})
	if code, stdout, stderr := runToEnd(t, "policy", "check", filepath.Join(dir, "good.cedar")); code != exitOK || !strings.Contains(stdout, "no problems") {
		t.Errorf("policy check = %d, %q, %q, want 0", code, stdout, stderr)
	}
	code, _, stderr := runToEnd(t, "policy", "check", filepath.Join(dir, "bad.cedar"))
	if code != exitUsage || !strings.Contains(stderr, "typo") || !strings.Contains(stderr, "cosgate policy schema") {
		t.Errorf("policy check = %d, %q, want %d and the policy", code, stderr, exitUsage)
	}
	code, stdout, _ := runToEnd(t, "policy", "schema")
	if code != exitOK || !strings.Contains(stdout, `action "GetObject" in ["read"]`) {
		t.Errorf("policy schema = %d, %q, want the actions", code, stdout)
	}
}

func TestTokenPrintsATokenAndTheLineOfItsHash(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runToEnd(t, "token", "backup", "--groups", "jobs,nightly")
	if code != exitOK || !strings.Contains(stdout, "token  cosgate_") || !strings.Contains(stdout, "line   backup sha256:") || !strings.Contains(stdout, " jobs,nightly\n") {
		t.Errorf("token = %d, %q, %q, want a token and a line", code, stdout, stderr)
	}
	if code, _, stderr := runToEnd(t, "token", "a b"); code != exitUsage || !strings.Contains(stderr, "is not a name") {
		t.Errorf("token of a bad name = %d, %q, want %d", code, stderr, exitUsage)
	}
}
