package client

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// The comment of ServiceConfig has the same list.
func TestServiceConfigRetriesIdempotentRPCsOnly(t *testing.T) {
	t.Parallel()
	var got []string
	for _, m := range rpcs(false) {
		got = append(got, m.Service+"/"+m.Method)
	}
	want := []string{
		"cosgate.v1.BucketConfigService/PostBucketInventory",
		"cosgate.v1.BucketService/CreateBucket",
		"cosgate.v1.BucketService/DeleteBucket",
		"cosgate.v1.MultipartService/CompleteMultipartUpload",
		"cosgate.v1.MultipartService/InitiateMultipartUpload",
		"cosgate.v1.MultipartService/UploadPart",
		"cosgate.v1.ObjectService/AppendObject",
		"cosgate.v1.ObjectService/PutObject",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("RPCs that are never retried (-want +got); the comment of ServiceConfig lists them:\n%s", diff)
	}
	var config struct {
		MethodConfig []struct{ Name []methodName }
	}
	if err := json.Unmarshal([]byte(ServiceConfig()), &config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rpcs(true), config.MethodConfig[0].Name); diff != "" || len(config.MethodConfig) != 1 {
		t.Errorf("RPCs in the service config (-want +got):\n%s", diff)
	}
}

var update = flag.Bool("update", false, "write service_config.json instead of comparing with it")

func TestServiceConfigIsAFileForOtherLanguages(t *testing.T) {
	t.Parallel()
	const name = "service_config.json"
	if *update {
		if err := os.WriteFile(name, []byte(ServiceConfig()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ServiceConfig(), string(got)); diff != "" {
		t.Errorf("%s is not what ServiceConfig returns; repair: go test ./client -run ServiceConfig -update (-want +got):\n%s", name, diff)
	}
}

// A replica is a gateway that counts its calls, and fails those of HeadObject for key
// "fails once" until any replica has failed one.
type replica struct {
	cosgatev1.UnimplementedObjectServiceServer
	calls  atomic.Int32
	failed *atomic.Bool
}

func (r *replica) HeadObject(_ context.Context, req *cosgatev1.HeadObjectRequest) (*cosgatev1.HeadObjectResponse, error) {
	r.calls.Add(1)
	if req.GetKey() == "fails once" && !r.failed.Swap(true) {
		return nil, status.Error(codes.Unavailable, "as the test wants")
	}
	return &cosgatev1.HeadObjectResponse{}, nil
}

// openReplicas starts two gateways and dials both under one name, with nothing but what
// Dial sets.
func openReplicas(t *testing.T) (c *Client, replicas [2]*replica) {
	t.Helper()
	names := manual.NewBuilderWithScheme("replicas")
	var state resolver.State
	var failed atomic.Bool
	for i := range replicas {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		replicas[i] = &replica{failed: &failed}
		server := grpc.NewServer()
		cosgatev1.RegisterObjectServiceServer(server, replicas[i])
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(lis) })
		t.Cleanup(func() { server.Stop(); serving.Wait() })
		state.Addresses = append(state.Addresses, resolver.Address{Addr: lis.Addr().String()})
	}
	names.InitialState(state)
	c, err := Dial("replicas:///cosgate", grpc.WithResolvers(names), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, replicas
}

func TestDialSpreadsCallsOverAllAddressesAndRetries(t *testing.T) {
	t.Parallel()
	c, replicas := openReplicas(t)
	head := func(key string) {
		t.Helper()
		if _, err := c.Objects().HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key}); err != nil {
			t.Fatalf("HeadObject(%q) = %v", key, err)
		}
	}
	// The first connection that is established gets all calls until the other one is.
	for replicas[0].calls.Load() == 0 || replicas[1].calls.Load() == 0 {
		head("k")
	}
	before := [2]int32{replicas[0].calls.Load(), replicas[1].calls.Load()}
	for range 10 {
		head("k")
	}
	for i, r := range replicas {
		if n := r.calls.Load() - before[i]; n != 5 {
			t.Errorf("replica %d received %d of 10 calls, want 5", i, n)
		}
	}
	before = [2]int32{replicas[0].calls.Load(), replicas[1].calls.Load()}
	head("fails once")
	for i, r := range replicas {
		if n := r.calls.Load() - before[i]; n != 1 {
			t.Errorf("replica %d received %d attempts, want 1: the retry goes to the other one", i, n)
		}
	}
}

func TestDialRefusesAnotherServiceConfig(t *testing.T) {
	t.Parallel()
	roundRobin := grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`)
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	for name, opts := range map[string][]grpc.DialOption{"first": {roundRobin, plain}, "last": {plain, roundRobin}} {
		if _, err := Dial("passthrough:///localhost:1", opts...); !errors.Is(err, errServiceConfig) {
			t.Errorf("%s: Dial = %v, want the error that names client.New", name, err)
		}
	}
}

func TestServiceConfigRetriesListBucketsNotCreateBucket(t *testing.T) {
	t.Parallel()
	c, cos := open(t)
	failOnce := func(operation string) int {
		return cos.addFault(t, fault{Operation: operation, Status: 503, Code: "ServiceUnavailable", Count: 1})
	}
	failOnce("ListBuckets")
	if _, err := c.Buckets().ListBuckets(t.Context(), &cosgatev1.ListBucketsRequest{}); err != nil {
		t.Errorf("ListBuckets = %v, want a second try that succeeds", err)
	}
	id := failOnce("CreateBucket")
	_, err := c.Buckets().CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "other-1250000000"})
	e := mustFail(t, "CreateBucket", err, codes.Unavailable, "SERVICE_UNAVAILABLE")
	if !e.Retryable || e.RetryDelay <= 0 || cos.faultHits(t, id) != 1 {
		t.Errorf("CreateBucket = %+v, want one attempt, and the delay before the next", e)
	}
}
