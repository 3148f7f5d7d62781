package config

import (
	"math"
	"time"

	"github.com/cosgate/cosgate/service"
)

// leastUploadMemory lets one upload have the parts it sends side by side, twice.
const leastUploadMemory Size = 64 << 20

// leastReadMemory has one message of the largest size.
const leastReadMemory Size = 1 << 20

// Limits bound what callers can take of the gateway.
type Limits struct {
	MaxStreams   int64 `yaml:"max_streams"`
	Connections  int64 `yaml:"connections"`
	UploadMemory Size  `yaml:"upload_memory"`
	ReadMemory   Size  `yaml:"read_memory"`

	Calls         int64    `yaml:"calls"`
	CallerCalls   int64    `yaml:"caller_calls"`
	CallerRate    int64    `yaml:"caller_rate"`
	CallerBurst   int64    `yaml:"caller_burst"`
	CallerUpload  Size     `yaml:"caller_upload_memory"`
	CallerRead    Size     `yaml:"caller_read_memory"`
	DeadlineFloor Duration `yaml:"deadline_floor"`
}

func defaultLimits() Limits {
	return Limits{MaxStreams: 1000, Connections: 10_000, UploadMemory: 512 << 20, ReadMemory: 256 << 20}
}

func (l Limits) check(r *report) {
	if l.MaxStreams < 1 || l.MaxStreams > math.MaxInt32 {
		r.add("max_streams", "is not from 1 to 2147483647", "1000 is the default")
	}
	if l.Connections < 1 || l.Connections > math.MaxInt32 {
		r.add("connections", "is not from 1 to 2147483647", "10000 is the default")
	}
	for key, n := range map[string]int64{"calls": l.Calls, "caller_calls": l.CallerCalls, "caller_burst": l.CallerBurst} {
		if n < 0 || n > math.MaxInt32 {
			r.add(key, "is not from 0 to 2147483647", "0 is no limit")
		}
	}
	if l.CallerRate < 0 || l.CallerRate > 1e6 {
		r.add("caller_rate", "is not from 0 to 1000000 calls a second", "0 is no limit")
	}
	if l.CallerBurst > 0 && l.CallerRate == 0 {
		r.add("caller_burst", "is set without caller_rate, and limits nothing", "set limits.caller_rate")
	}
	if l.UploadMemory < leastUploadMemory {
		r.add("upload_memory", "is below 64MiB: one upload would fill it", "512MiB is the default")
	}
	if l.ReadMemory < leastReadMemory {
		r.add("read_memory", "is below 1MiB", "256MiB is the default")
	}
	l.checkShares(r)
}

// checkShares holds what one caller may have against what all may.
func (l Limits) checkShares(r *report) {
	if l.CallerUpload != 0 && (l.CallerUpload < leastUploadMemory || l.CallerUpload > l.UploadMemory) {
		r.add("caller_upload_memory", "is not from 64MiB to upload_memory", "0 is no limit")
	}
	if l.CallerRead != 0 && (l.CallerRead < leastReadMemory || l.CallerRead > l.ReadMemory) {
		r.add("caller_read_memory", "is not from 1MiB to read_memory", "0 is no limit")
	}
}

// Apply writes the section into the options of the server. Connections are counted
// where they are accepted.
func (l Limits) Apply(o *service.Options) {
	o.Connections.MaxStreams = uint32(l.MaxStreams) //nolint:gosec // checked
	o.UploadMemory = int64(l.UploadMemory)
	o.ReadMemory = int64(l.ReadMemory)
	o.Limits = service.Limits{
		Calls: int(l.Calls), CallerCalls: int(l.CallerCalls), CallerRate: float64(l.CallerRate), CallerBurst: int(l.CallerBurst),
		CallerUploadMemory: int64(l.CallerUpload), CallerReadMemory: int64(l.CallerRead),
		DeadlineFloor: time.Duration(l.DeadlineFloor),
	}
}
