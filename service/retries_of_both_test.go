package service

import (
	"testing"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// retryEverything is a service config like that of package client, for every RPC.
const retryEverything = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.001s", "maxBackoff": "0.001s",
	"backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]}`

// A caller whose gRPC retries, over a gateway that retries, makes COS no more requests than the
// gateway alone: their attempts do not multiply.
func TestRetriesOfGatewayAndCallerDoNotMultiply(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.dial = append(s.dial, grpc.WithDefaultServiceConfig(retryEverything)) })
	for _, code := range []string{"SlowDown", "ServiceUnavailable"} {
		for _, r := range g.everyRPC(t, "k") {
			if r.name == "GetBucketConfig" { // makes a request for each section
				continue
			}
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{Status: 503, Code: code})
			before := len(g.requests())
			_ = g.callAny(t.Context(), t, r.full, r.method, r.req)
			most := 4
			switch r.name { // those that look at what COS has, after a failure that may hide a success
			case "CompleteMultipartUpload":
				most = 9
			case "AppendObject":
				most = 5
			}
			if n := len(g.requests()) - before; n < 1 || n > most {
				t.Errorf("%s that fails with %s made %d requests to COS, want from 1 to %d", r.name, code, n, most)
			}
		}
	}
}
