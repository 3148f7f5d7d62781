package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// takenPort listens on a port until the test ends.
func takenPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestRunReportsAPortInUseWithOneLineAndExitCode1(t *testing.T) {
	taken := takenPort(t)
	free := "127.0.0.1:0"
	config := writeConfig(t, "listen: "+taken+"\nadmin: "+free+"\n"+smallestConfig)
	t.Setenv("COS_SECRET_ID", "AKIDmine")
	t.Setenv("COS_SECRET_KEY", "muchtoosecret")
	for name, c := range map[string]struct {
		flag string
		args []string
	}{
		"gRPC of dev":   {"--listen", []string{"dev", "--memory", "--admin", free, "--cos-listen", free, "--listen", taken}},
		"admin of dev":  {"--admin", []string{"dev", "--memory", "--listen", free, "--cos-listen", free, "--admin", taken}},
		"COS of dev":    {"--cos-listen", []string{"dev", "--memory", "--listen", free, "--admin", free, "--cos-listen", taken}},
		"cos":           {"--listen", []string{"cos", "--memory", "--listen", taken}},
		"gRPC of serve": {"listen", []string{"serve", "--config", config}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runToEnd(t, c.args...)
			want := "cosgate: " + c.flag + " " + taken + " is in use by another process; choose another port (0 takes a free one)\n"
			if code != exitFailure || stdout != "" || stderr != want {
				t.Errorf("run(%q) = %d, stdout %q, stderr %q, want %d, none, %q", c.args, code, stdout, stderr, exitFailure, want)
			}
		})
	}
}

func TestRunReportsALockedDataFolderWithOneLineAndExitCode1(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder := spawn(t, os.Args[0], "cos", "--listen", "127.0.0.1:0", "--data", dir)
	if !holder.ready() {
		t.Fatalf("cos did not start: %s", holder.stderr.String())
	}
	for _, command := range [][]string{{"cos", "--listen", "127.0.0.1:0"}, {"dev"}} {
		code, stdout, stderr := runToEnd(t, append(command, "--data", dir)...)
		want := "cosgate: --data " + dir + " is in use by process " + holder.pid() + "; stop that one, or choose another folder\n"
		if code != exitFailure || stdout != "" || stderr != want {
			t.Errorf("run(%q) = %d, stdout %q, stderr %q, want %d, none, %q", command, code, stdout, stderr, exitFailure, want)
		}
	}
}

func TestRunReportsAnUnusableDataFolderWithOneLineAndExitCode1(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runToEnd(t, "cos", "--listen", "127.0.0.1:0", "--data", filepath.Join(file, "data"))
	if code != exitFailure || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "cosgate: --data "+file) {
		t.Errorf("run = %d, stdout %q, stderr %q, want %d, none, one line that names the folder", code, stdout, stderr, exitFailure)
	}
}
