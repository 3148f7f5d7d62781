package client

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// ServiceConfig is the gRPC service config that [Dial] sets, as JSON. It balances calls
// over all addresses of the target (round_robin), and retries: gRPC makes up to four
// attempts of a call that fails with UNAVAILABLE or RESOURCE_EXHAUSTED, if its RPC is
// idempotent and no part of a response was received.
//
// When the gateway says how long to wait, gRPC waits that long; when it says that a
// retry does not help, or has itself tried more than once, gRPC makes none. Retries stop
// altogether while many calls fail.
//
// Idempotent are the RPCs with an idempotency_level in the contract. Never retried are
// the others: CreateBucket, DeleteBucket; PutObject, AppendObject; UploadPart,
// InitiateMultipartUpload, CompleteMultipartUpload; PostBucketInventory.
//
// Use it for a connection that is passed to [New]:
//
//	conn, err := grpc.NewClient(target, grpc.WithDefaultServiceConfig(client.ServiceConfig()), …)
//
// The same text is the file service_config.json in this package's directory, for callers
// in other languages.
func ServiceConfig() string {
	type object = map[string]any
	b, err := json.MarshalIndent(object{
		"loadBalancingConfig": []object{{"round_robin": object{}}},
		"methodConfig": []object{{
			"name": rpcs(true),
			"retryPolicy": object{
				"maxAttempts":          4,
				"initialBackoff":       "0.2s",
				"maxBackoff":           "5s",
				"backoffMultiplier":    2,
				"retryableStatusCodes": []string{"UNAVAILABLE", "RESOURCE_EXHAUSTED"},
			},
		}},
		"retryThrottling": object{"maxTokens": 100, "tokenRatio": 0.1},
	}, "", "  ")
	if err != nil { // nothing in there can fail
		return "{}"
	}
	return string(b) + "\n"
}

// replacesServiceConfig reports whether opts set a default service config. gRPC keeps
// only the last one, and parses it when a connection is made: the invalid one is noticed
// unless opts replace it.
func replacesServiceConfig(target string, opts []grpc.DialOption) bool {
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{grpc.WithDefaultServiceConfig("invalid")}, opts...)...)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// A methodName names an RPC in a service config.
type methodName struct {
	Service string `json:"service"`
	Method  string `json:"method"`
}

// rpcs lists the RPCs of the contract: those that are idempotent, or the others.
func rpcs(idempotent bool) []methodName {
	var names []methodName
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				o, ok := method.Options().(*descriptorpb.MethodOptions)
				marked := ok && o.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
				if marked == idempotent {
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
