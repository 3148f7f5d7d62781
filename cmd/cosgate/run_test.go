package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// runToEnd runs args and returns what came of it.
func runToEnd(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log transcript
	code = run(t.Context(), args, &out, &log)
	return code, out.String(), log.String()
}

func TestHelpExplainsEveryFlag(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	for name, args := range map[string][]string{
		"cosgate": {"--help"},
		"dev":     {"dev", "--help"},
		"cos":     {"cos", "--help"},
		"serve":   {"serve", "--help"},
		"version": {"version", "--help"},
		"config":  {"config", "--help"},
		"check":   {"config", "check", "--help"},
		"print":   {"config", "print", "--help"},
		"policy":  {"policy", "--help"},
		"test":    {"policy", "test", "--help"},
		"token":   {"token", "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runToEnd(t, args...)
			if code != exitOK || stderr != "" {
				t.Fatalf("run(%q) = %d, stderr %q, want 0 and none", args, code, stderr)
			}
			golden := filepath.Join("testdata", "help", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(stdout), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), stdout); diff != "" {
				t.Errorf("help of %s (-golden +now):\n%s\nif this is meant: go test ./cmd/cosgate -update", name, diff)
			}
		})
	}
}

func TestHelpWinsOverAMissingFlag(t *testing.T) {
	t.Parallel()
	code, stdout, _ := runToEnd(t, "serve", "--help")
	if code != exitOK || !strings.HasPrefix(stdout, "Usage: cosgate serve") {
		t.Errorf("serve --help = %d and printed %q, want 0 and the help", code, stdout)
	}
}

func TestRunReportsAWrongCommandLineWithOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no command":            {nil, `expected one of "dev", "cos", "serve", "config", "policy", ...; see: cosgate --help`},
		"unknown command":       {[]string{"bogus"}, `unexpected argument bogus; see: cosgate --help`},
		"unknown flag":          {[]string{"dev", "--bad"}, `unknown flag --bad; see: cosgate dev --help`},
		"data and memory":       {[]string{"dev", "--data", "x", "--memory"}, `--data and --memory can't be used together; see: cosgate dev --help`},
		"secret id alone":       {[]string{"cos", "--secret-id", "x"}, `--secret-id and --secret-key must be used together; see: cosgate cos --help`},
		"signature mode":        {[]string{"cos", "--signature", "loose"}, `--signature must be one of "strict","lenient","off" but got "loose"; see: cosgate cos --help`},
		"no config":             {[]string{"serve"}, `missing flags: --config=FILE; see: cosgate serve --help`},
		"no port":               {[]string{"cos", "--listen", "127.0.0.1"}, `--listen "127.0.0.1" is not host:port, such as 127.0.0.1:0`},
		"port out of range":     {[]string{"cos", "--listen", "127.0.0.1:65536"}, `--listen "127.0.0.1:65536" has a port that is not a number from 0 to 65535`},
		"bucket without app id": {[]string{"cos", "--bucket", "photos"}, `bucket "photos" is not of the form name-appid, such as photos-1250000000`},
		"default bucket":        {[]string{"cos", "--default-bucket", "Photos-1250000000"}, `bucket "Photos-1250000000" is not of the form name-appid, such as photos-1250000000`},
		"restore delay":         {[]string{"cos", "--restore-delay=-1s"}, `--restore-delay -1s is negative`},
		"region":                {[]string{"cos", "--region", "ap/guangzhou"}, `--region "ap/guangzhou" is not a region, such as ap-guangzhou`},
		"dev for everybody":     {[]string{"dev", "--listen", "0.0.0.0:0"}, notLoopback("--listen", "0.0.0.0:0")},
		"dev admin for all":     {[]string{"dev", "--admin", ":0"}, notLoopback("--admin", ":0")},
		"dev cos for all":       {[]string{"dev", "--cos-listen", "192.0.2.1:0"}, notLoopback("--cos-listen", "192.0.2.1:0")},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runToEnd(t, c.args...)
			if code != exitUsage || stdout != "" || stderr != "cosgate: "+c.want+"\n" {
				t.Errorf("run(%q) = %d, stdout %q, stderr %q, want %d, none, %q", c.args, code, stdout, stderr, exitUsage, "cosgate: "+c.want+"\n")
			}
		})
	}
}

func notLoopback(name, addr string) string {
	return name + ` "` + addr + `" is not a loopback address: dev does not authenticate callers; use 127.0.0.1, or cosgate serve`
}

func TestVersionNamesGoAndTheCommit(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runToEnd(t, "version")
	if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, "cosgate ") ||
		!strings.Contains(stdout, ", commit ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("version = %d, stdout %q, stderr %q, want 0, one line, none", code, stdout, stderr)
	}
}

func TestCosPrintsNoGivenSecret(t *testing.T) {
	t.Parallel()
	c := start(t, "cos", "--memory", "--listen", "127.0.0.1:0", "--secret-id", "AKIDmine", "--secret-key", "muchtoosecret")
	c.stop(t)
	if all := c.String() + c.stderr.String(); strings.Contains(all, "muchtoosecret") || !strings.Contains(all, "AKIDmine") {
		t.Errorf("cos printed %q, want the id and not the key", all)
	}
}
