package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
)

// An environment is what the results depend on.
type environment struct {
	kernel, congestion, processor string
	cores                         int
	golang, grpc, sdk, commit     string
}

func readEnvironment() environment {
	e := environment{
		kernel:     "Linux " + firstLine("/proc/sys/kernel/osrelease"),
		congestion: firstLine("/proc/sys/net/ipv4/tcp_congestion_control"),
		processor:  processor(),
		cores:      runtime.NumCPU(),
		golang:     runtime.Version(),
		grpc:       grpc.Version,
		sdk:        unknown,
		commit:     unknown,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		e.readBuild(info)
	}
	return e
}

const unknown = "unknown"

func (e *environment) readBuild(info *debug.BuildInfo) {
	for _, d := range info.Deps {
		if d.Path == "github.com/tencentyun/cos-go-sdk-v5" {
			e.sdk = d.Version
		}
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			e.commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		e.commit += " with changes"
	}
}

// firstLine returns "unknown" for a missing file.
func firstLine(path string) string {
	b, err := os.ReadFile(path) //nolint:gosec // one of those above
	if err != nil {
		return unknown
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
