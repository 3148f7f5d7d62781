package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallestConfig is what a file must hold at least.
const smallestConfig = "profiles: {main: {region: ap-guangzhou, credentials: {env: {}}}}\n"

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cosgate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigCheckListsEveryProblem(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "lissten: x\nlog: {level: loud}\nlifecycle: {grace: soon}\n"+smallestConfig)
	code, stdout, stderr := runToEnd(t, "config", "check", path)
	want := path + `:1:1: unknown key "lissten"; did you mean "listen"?` + "\n" +
		path + ":3:20: lifecycle.grace: is not a duration; use one such as 500ms, 30s or 5m\n"
	if code != exitUsage || stdout != want || stderr != "cosgate: "+path+": problems found: 2\n" {
		t.Errorf("config check = %d, stdout %q, stderr %q, want %d, %q", code, stdout, stderr, exitUsage, want)
	}
	code, stdout, stderr = runToEnd(t, "config", "check", "cosgate.example.yaml")
	if code != exitOK || stdout != "cosgate.example.yaml: no problems\n" || stderr != "" {
		t.Errorf("config check of the example = %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	code, _, stderr = runToEnd(t, "config", "check", "--listen", "0.0.0.0:1", writeConfig(t, smallestConfig))
	if code != exitUsage {
		t.Errorf("config check with an unsafe flag = %d, %q, want %d", code, stderr, exitUsage)
	}
	code, _, stderr = runToEnd(t, "config", "check", "/nonexistent/cosgate.yaml")
	if code != exitUsage || stderr != "cosgate: config: stat /nonexistent/cosgate.yaml: no such file or directory\n" {
		t.Errorf("config check of no file = %d, %q", code, stderr)
	}
}

func TestConfigPrintShowsNoSecretAndWhereAValueIsFrom(t *testing.T) {
	t.Setenv("COS_SECRET_ID", "AKIDplanted")
	t.Setenv("COS_SECRET_KEY", "muchtoosecret")
	t.Setenv("COS_SECURITY_TOKEN", "muchtoosecrettoken")
	t.Setenv("COSGATE_LOG_LEVEL", "debug")
	t.Setenv("COSGATE_REFLECTION", "false")
	code, stdout, stderr := runToEnd(t, "config", "print", "--grace", "7s", writeConfig(t, smallestConfig))
	if code != exitOK || stderr != "" {
		t.Fatalf("config print = %d, %q", code, stderr)
	}
	for _, want := range []string{
		"  level: debug # from --log-level (COSGATE_LOG_LEVEL)\n", "  grace: 7s # from --grace (COSGATE_GRACE)\n",
		"reflection: false # from --reflection (COSGATE_REFLECTION)\n", "        secret_key: COS_SECRET_KEY\n", "  upload_memory: 512MiB\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("config print = %s\nwant %q in it", stdout, want)
		}
	}
	if strings.Contains(stdout, "muchtoosecret") || strings.Contains(stdout, "AKIDplanted") {
		t.Errorf("config print shows a secret: %s", stdout)
	}
}

func TestServeRefusesAWrongConfigurationWithOneLineAndExitCode2(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"one problem":      {"lissten: x\n" + smallestConfig, `:1:1: unknown key "lissten"; did you mean "listen"?`},
		"two problems":     {"lissten: x\nadmim: y\n" + smallestConfig, `:1:1: unknown key "lissten"; did you mean "listen"? (and 1 more: cosgate config check lists them)`},
		"missing variable": {"profiles: {main: {credentials: {env: {secret_id: COSGATE_TEST_UNSET}}}}\n", `:1:19: profiles.main.credentials: cosbackend: credentials: environment variable COSGATE_TEST_UNSET is not set`},
		"missing file":     {"profiles: {main: {credentials: {file: /nonexistent}}}\n", `:1:19: profiles.main.credentials: cosbackend: `},
		"no certificate":   {"tls: {cert: /nonexistent.crt, key: /nonexistent.key}\n" + smallestConfig, `:1:13: tls.cert: stat /nonexistent.crt: no such file or directory`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("COS_SECRET_ID", "AKIDmine")
			t.Setenv("COS_SECRET_KEY", "muchtoosecret")
			path := writeConfig(t, c.text)
			code, stdout, stderr := runToEnd(t, "serve", "--config", path)
			checkRefused(t, code, stdout, stderr, "cosgate: "+path+c.want)
		})
	}
}

func TestServeRefusesAMissingConfigurationWithOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runToEnd(t, "serve", "--config", "/nonexistent/cosgate.yaml")
	checkRefused(t, code, stdout, stderr, "cosgate: config: stat /nonexistent/cosgate.yaml: no such file or directory")
}
