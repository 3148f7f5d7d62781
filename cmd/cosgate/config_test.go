package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestTheExampleConfigurationSaysWhatItShows(t *testing.T) {
	got, err := loadConfig("cosgate.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig() // every value that has a default shows it
	want.DefaultProfile = "main"
	want.Profiles = map[string]profileConfig{
		"main": {
			Endpoint:        "https://{bucket}.cos.{region}.myqcloud.com",
			PublicEndpoint:  "https://{bucket}.cos.{region}.myqcloud.com",
			ServiceEndpoint: "https://service.cos.myqcloud.com",
			Region:          "ap-guangzhou",
			Credentials: credentialsConfig{Env: &envConfig{
				SecretID: "COS_SECRET_ID", SecretKey: "COS_SECRET_KEY", SecurityToken: "COS_SECURITY_TOKEN",
			}},
		},
		"archive": {Region: "ap-shanghai", Credentials: credentialsConfig{File: "/run/secrets/cos-archive"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("loadConfig(cosgate.example.yaml) (-want +got):\n%s", diff)
	}
}

func TestTheSmallestConfigurationTakesTheDefaults(t *testing.T) {
	got, err := loadConfig(writeConfig(t, smallestConfig+"grace: 1m\nlog: {level: debug}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Grace = "1m"
	want.Log.Level = "debug"
	want.Profiles = map[string]profileConfig{
		"main": {Region: "ap-guangzhou", Credentials: credentialsConfig{Env: &envConfig{}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("loadConfig (-want +got):\n%s", diff)
	}
}

func TestAWrongConfigurationIsOneLineAndExitCode2(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":         {"listen: 127.0.0.1:0\nlisten_on: 127.0.0.1:1\n" + smallestConfig, `:2:1: unknown field "listen_on"`},
		"unknown nested key":  {"profiles:\n  main:\n    region: ap-guangzhou\n    credentials:\n      secret_key: muchtoosecret\n", `:5:7: unknown field "secret_key"`},
		"key twice":           {"listen: 127.0.0.1:0\nlisten: 127.0.0.1:1\n" + smallestConfig, `:2:1: mapping key "listen" already defined at [1:1]`},
		"not a duration":      {"grace: soon\n" + smallestConfig, `: grace "soon" is not a duration such as 30s`},
		"not a mapping":       {"- a\n", ``},
		"not YAML":            {"listen: [\n", ``},
		"two documents":       {smallestConfig + "---\nlisten: 127.0.0.1:0\n", `: the file holds a second document; one is allowed`},
		"empty":               {"", `: profiles: at least one is needed, with the credentials to reach COS`},
		"no credentials":      {"profiles: {main: {region: ap-guangzhou}}\n", `: profiles.main.credentials: set exactly one of env and file`},
		"credentials twice":   {"profiles: {main: {credentials: {env: {}, file: x}}}\n", `: profiles.main.credentials: set exactly one of env and file`},
		"profile name":        {"profiles: {'a b': {credentials: {env: {}}}}\n", `: profiles: "a b" is not a profile name: letters, digits and ._-, at most 64`},
		"default profile":     {"default_profile: other\n" + smallestConfig, `: default_profile "other" is not one of the profiles`},
		"no default profile":  {"profiles: {a: {credentials: {env: {}}}, b: {credentials: {env: {}}}}\n", `: default_profile "" is not one of the profiles`},
		"log level":           {"log: {level: loud}\n" + smallestConfig, `: log.level "loud" is not one of debug, info, warn, error`},
		"log format":          {"log: {format: xml}\n" + smallestConfig, `: log.format "xml" is not one of text, json`},
		"negative grace":      {"grace: -1s\n" + smallestConfig, `: grace "-1s" is not a duration such as 30s`},
		"listen for everyone": {"listen: 0.0.0.0:50051\n" + smallestConfig, ": " + notLoopback("listen", "0.0.0.0:50051")},
		"admin for everyone":  {"admin: :8081\n" + smallestConfig, ": " + notLoopback("admin", ":8081")},
		"presign_max":         {"presign_max: 1ms\n" + smallestConfig, `: presign_max "1ms" is not a duration of a second or more`},
		"public_endpoint":     {"profiles: {main: {public_endpoint: 'https://cos.example.com', credentials: {env: {}}}}\n", `: profiles.main: cosbackend: `},
		"endpoint":            {"profiles: {main: {endpoint: 'https://cos.example.com', credentials: {env: {}}}}\n", `: profiles.main: cosbackend: `},
		"proxy with password": {"profiles: {main: {proxy: 'http://me:muchtoosecret@proxy:3128', credentials: {env: {}}}}\n", `: profiles.main: proxy is not of the form http://host:port`},
		"missing variable":    {"profiles: {main: {credentials: {env: {secret_id: COSGATE_TEST_UNSET}}}}\n", `: profiles.main: cosbackend: credentials: environment variable COSGATE_TEST_UNSET is not set`},
		"missing file":        {"profiles: {main: {credentials: {file: /nonexistent}}}\n", `: profiles.main: cosbackend: `},
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

func TestAMissingConfigurationIsOneLineAndExitCode2(t *testing.T) {
	code, stdout, stderr := runToEnd(t, "serve", "--config", "/nonexistent/cosgate.yaml")
	checkRefused(t, code, stdout, stderr, "cosgate: config: open /nonexistent/cosgate.yaml: no such file or directory")
}
