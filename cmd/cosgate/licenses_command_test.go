package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

// Whoever has the binary has the licences of what is in it.
func TestLicensesNameEveryLinkedModule(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runToEnd(t, "licenses")
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "Apache License") || !strings.Contains(stdout, "\nthe Go standard library of Go ") {
		t.Fatalf("licenses = %d, %d bytes, stderr %q", code, len(stdout), stderr)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("the binary does not know its modules")
	}
	// The test binary has modules that only tests need; these are linked into both.
	for _, m := range info.Deps {
		if strings.HasPrefix(m.Path, "google.golang.org/") && !strings.Contains(stdout, "\n"+m.Path+" "+m.Version+": ") {
			t.Errorf("the licences do not name %s %s; repair: make notices", m.Path, m.Version)
		}
	}
}
