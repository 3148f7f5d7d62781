package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPolicyExampleDecidesAsItsTableSays(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runToEnd(t, "policy", "test", filepath.Join(deployFolder, "policies.test.yaml"))
	if code != exitOK || !strings.HasSuffix(stdout, "decisions as expected\n") {
		t.Errorf("policy test = %d, %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = runToEnd(t, "policy", "check", filepath.Join(deployFolder, "policies.example.cedar"))
	if code != exitOK {
		t.Errorf("policy check = %d, %s%s", code, stdout, stderr)
	}
}

// What docs/production.md names exists: commands, metrics, actions, files and keys of
// the configuration.
func TestProductionPageNamesOnlyWhatExists(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/production.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, m := range regexp.MustCompile(`(?m)^cosgate ([a-z ]+[a-z])`).FindAllStringSubmatch(page, -1) {
		if code, _, stderr := runToEnd(t, append(commandOf(m[1]), "--help")...); code != exitOK {
			t.Errorf("cosgate %s --help = %d, %s", m[1], code, stderr)
		}
	}
	names := telemetryNames(t)
	for _, name := range regexp.MustCompile("`(cosgate_[a-z_]+|grpc_server_[a-z_]+)").FindAllStringSubmatch(page, -1) {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, name[1]) }) {
			t.Errorf("there is no metric %s", name[1])
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#h][^)#]*)`).FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
			t.Errorf("link: %v", err)
		}
	}
	example, err := os.ReadFile("cosgate.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`((?:tls|log|audit|limits|lifecycle|authentication|authorization|credentials)\\.[a-z_.]+)`").FindAllStringSubmatch(page, -1) {
		parts := strings.Split(m[1], ".")
		if !regexp.MustCompile(`(?m)^ +(- )?` + parts[len(parts)-1] + `:`).Match(example) {
			t.Errorf("the example has no key %s", m[1])
		}
	}
}

// commandOf leaves the words that are commands.
func commandOf(words string) []string {
	fields := strings.Fields(words)
	if len(fields) > 1 && fields[0] != "config" && fields[0] != "policy" {
		return fields[:1]
	}
	return fields[:min(2, len(fields))]
}

// telemetryNames are those in the sources, as the alerts' test also wants them.
func telemetryNames(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../internal/telemetry/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"grpc_server_handled_total", "grpc_server_handling_seconds", "grpc_server_started_total"}
	for _, m := range regexp.MustCompile(`"(cosgate_[a-z_]+)"`).FindAllStringSubmatch(string(data), -1) {
		names = append(names, m[1])
	}
	return names
}
