package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"syscall"
)

// Usage is what a process has used so far.
type usage struct {
	CPU        float64 // seconds, user and system
	Allocs     uint64  // objects, tiny ones too
	AllocBytes uint64
	RSS        int64
	Peak       int64 // of RSS, since the start or the last reset
}

func readUsage() (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("getrusage: %w", err)
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/tiny/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	u := usage{
		CPU:        seconds(r.Utime) + seconds(r.Stime),
		Allocs:     samples[0].Value.Uint64() + samples[1].Value.Uint64(),
		AllocBytes: samples[2].Value.Uint64(),
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return usage{}, fmt.Errorf("read memory: %w", err)
	}
	var errRSS, errPeak error
	u.RSS, errRSS = memory(status, "VmRSS:")
	u.Peak, errPeak = memory(status, "VmHWM:")
	return u, errors.Join(errRSS, errPeak)
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// memory reads a line such as "VmRSS:	  1234 kB".
func memory(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", name)
}

// resetPeak resets the peak of the resident memory.
func resetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600) }
