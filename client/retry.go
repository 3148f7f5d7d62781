package client

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// ServiceConfig is what Dial sets as the default service config, for those who make a
// connection of their own: grpc repeats a call up to three times when it fails with
// UNAVAILABLE or RESOURCE_EXHAUSTED, if its RPC is idempotent and nothing of an answer
// came yet.
//
// When the gateway says how long to wait, that is how long grpc waits, and when it says
// that a repeat does not help, grpc makes none. Repeats stop altogether while many calls
// fail.
//
// Idempotent is what the contract marks with an idempotency_level. Never repeated are
// the others: CreateBucket, DeleteBucket; PutObject, AppendObject; UploadPart,
// InitiateMultipartUpload, CompleteMultipartUpload; PostBucketInventory.
func ServiceConfig() string {
	type object = map[string]any
	b, err := json.Marshal(object{
		"methodConfig": []object{{
			"name": idempotent(),
			"retryPolicy": object{
				"maxAttempts":          4,
				"initialBackoff":       "0.2s",
				"maxBackoff":           "5s",
				"backoffMultiplier":    2,
				"retryableStatusCodes": []string{"UNAVAILABLE", "RESOURCE_EXHAUSTED"},
			},
		}},
		"retryThrottling": object{"maxTokens": 100, "tokenRatio": 0.1},
	})
	if err != nil { // nothing in there can fail
		return "{}"
	}
	return string(b)
}

// A methodName names an RPC in a service config.
type methodName struct {
	Service string `json:"service"`
	Method  string `json:"method"`
}

// idempotent lists the RPCs that the contract says can be repeated.
func idempotent() []methodName { return rpcs(true) }

// rpcs lists the RPCs of the contract that can be repeated, or those that cannot.
func rpcs(repeatable bool) []methodName {
	var names []methodName
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				o, ok := method.Options().(*descriptorpb.MethodOptions)
				marked := ok && o.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
				if marked == repeatable {
					names = append(names, methodName{string(service.FullName()), string(method.Name())})
				}
			}
		}
		return true
	})
	slices.SortFunc(names, func(a, b methodName) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Method, b.Method))
	})
	return names
}

// How a Reader goes on after a failure. With the delays growing from the first to the
// last, all attempts take about ten seconds: as long as a gateway needs to start anew.
const (
	resumeAttempts = 8
	resumeDelay    = 100 * time.Millisecond
	maxResumeDelay = 5 * time.Second
	// progress is how much content makes a Reader count its attempts anew. Without a
	// least amount, a connection that breaks after each byte would never be given up.
	progress = 1 << 20
)

// A backoff says how often and when to try again.
type backoff struct {
	attempts   int // in a row, the first one included
	base, most time.Duration
	jitter     func() float64 // in [0, 1)
	wait       func(context.Context, time.Duration) error
}

// delay is how long to wait after the nth failure in a row, counted from 1: between half
// and all of a time that doubles.
func (b backoff) delay(n int) time.Duration {
	d := min(b.base<<min(n-1, 16), b.most)
	return d/2 + time.Duration(b.jitter()*float64(d/2))
}

// wait waits for d, or until ctx ends. When ctx cannot last that long it does not wait
// at all.
func wait(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pushback reads the values of the trailer grpc-retry-pushback-ms: how long the gateway
// wants its caller to wait, or that it wants no repeat. Several values, or one that is
// no number, mean the latter, as gRPC has it.
func pushback(values []string) (d time.Duration, told, refused bool) {
	if len(values) == 0 {
		return 0, false, false
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if len(values) > 1 || err != nil || ms < 0 {
		return 0, true, true
	}
	return time.Duration(ms) * time.Millisecond, true, false
}
