package config

import (
	"time"

	"github.com/cosgate/cosgate/service"
)

// minUploadMemory is enough for the parts that one upload sends in parallel, twice.
const minUploadMemory Size = 64 << 20

// minReadMemory is one message of the largest size.
const minReadMemory Size = 1 << 20

// Limits bound how much of the gateway callers can use.
type Limits struct {
	// Calls on one connection at a time; the client holds back the others.
	StreamsPerConnection int64 `yaml:"streams_per_connection" default:"1000" min:"1" max:"2147483647"`
	// Connections at a time; further ones wait to be accepted. Fewer are accepted where the
	// process may not open as many files, and a line at start says so.
	Connections int64 `yaml:"connections" default:"10000" min:"1" max:"2147483647"`
	// What all uploads of unknown or very large size buffer in memory. One upload alone
	// can use 64MiB.
	UploadMemory Size `yaml:"upload_memory" default:"512MiB" min:"64MiB"`
	// What all reads buffer in memory before they switch to small messages.
	ReadMemory Size `yaml:"read_memory" default:"256MiB" min:"1MiB"`
	// What requests above 16 KiB hold, from before they are read until their calls end,
	// without uploads. With authentication one caller can use a quarter of it.
	ReceiveMemory Size `yaml:"receive_memory" default:"128MiB" min:"32MiB"`
	// Calls at a time, over all callers. An upload holds up to about 2 MiB for the message
	// that it is receiving, in addition to upload_memory.
	Calls int64 `yaml:"calls" default:"0" min:"1" max:"2147483647" zero:"no limit"`
	// Calls at a time of each caller.
	CallerCalls int64 `yaml:"caller_calls" default:"0" min:"1" max:"2147483647" zero:"no limit"`
	// Calls a second that each caller may start.
	CallerRate int64 `yaml:"caller_rate" default:"0" min:"1" max:"1000000" zero:"no limit"`
	// Calls that a caller may start at once after a pause; needs caller_rate.
	CallerBurst int64 `yaml:"caller_burst" default:"0" min:"1" max:"2147483647" zero:"caller_rate + 1"`
	// The share of upload_memory that one caller may use, so that it leaves the rest to
	// others: from 64MiB to upload_memory.
	CallerUploadMemory Size `yaml:"caller_upload_memory" default:"0" zero:"no limit"`
	// The share of read_memory that one caller may use: from 1MiB to read_memory.
	CallerReadMemory Size `yaml:"caller_read_memory" default:"0" zero:"no limit"`
	// How long the first message of a call may take, from its metadata to its last byte.
	FirstMessage Duration `yaml:"first_message" default:"30s" min:"5s" max:"10m"`
	// Calls with less time left than this are refused at once.
	MinDeadline Duration `yaml:"min_deadline" default:"0s" zero:"none is refused"`
}

// check holds what one caller may use against what all may.
func (l Limits) check(r *report) {
	if l.CallerBurst > 0 && l.CallerRate == 0 {
		r.add("caller_burst", "is set without caller_rate, and limits nothing", "set limits.caller_rate")
	}
	if l.CallerUploadMemory != 0 && (l.CallerUploadMemory < minUploadMemory || l.CallerUploadMemory > l.UploadMemory) {
		r.add("caller_upload_memory", "is not from 64MiB to upload_memory", "0 means no limit")
	}
	if l.CallerReadMemory != 0 && (l.CallerReadMemory < minReadMemory || l.CallerReadMemory > l.ReadMemory) {
		r.add("caller_read_memory", "is not from 1MiB to read_memory", "0 means no limit")
	}
}

// Apply writes the section into the options of the server. Connections are counted
// where they are accepted.
func (l Limits) Apply(o *service.Options) {
	o.Connections.MaxStreams = uint32(l.StreamsPerConnection) //nolint:gosec // checked
	o.ReceiveMemory = int64(l.ReceiveMemory)
	o.FirstMessage = time.Duration(l.FirstMessage)
	o.UploadMemory = int64(l.UploadMemory)
	o.ReadMemory = int64(l.ReadMemory)
	o.Limits = service.Limits{
		Calls: int(l.Calls), CallerCalls: int(l.CallerCalls), CallerRate: float64(l.CallerRate), CallerBurst: int(l.CallerBurst),
		CallerUploadMemory: int64(l.CallerUploadMemory), CallerReadMemory: int64(l.CallerReadMemory),
		DeadlineFloor: time.Duration(l.MinDeadline),
	}
}
