package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// The list stands in the comment of ServiceConfig, too.
func TestOnlyIdempotentRPCsAreRepeated(t *testing.T) {
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
		t.Errorf("RPCs that are never repeated (-want +got); the comment of ServiceConfig lists them:\n%s", diff)
	}
	config := ServiceConfig()
	for _, m := range rpcs(false) {
		if strings.Contains(config, `"`+m.Method+`"`) {
			t.Errorf("the service config repeats %s", m.Method)
		}
	}
	for _, m := range rpcs(true) {
		if !strings.Contains(config, `{"service":"`+m.Service+`","method":"`+m.Method+`"}`) {
			t.Errorf("the service config does not repeat %s/%s", m.Service, m.Method)
		}
	}
}

func TestGrpcRepeatsWhatIsIdempotent(t *testing.T) {
	c, cos := open(t)
	fault := func(operation string) int {
		return cos.Faults().Add(embedded.Fault{
			Operation: operation, Status: 503, Code: "ServiceUnavailable", Count: 1,
		})
	}
	fault("ListBuckets")
	if _, err := c.Buckets().ListBuckets(t.Context(), &cosgatev1.ListBucketsRequest{}); err != nil {
		t.Errorf("ListBuckets = %v, want a second try that succeeds", err)
	}
	id := fault("CreateBucket")
	_, err := c.Buckets().CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "other-1250000000"})
	e := mustFail(t, "CreateBucket", err, codes.Unavailable, "SERVICE_UNAVAILABLE")
	if !e.Retryable || e.RetryDelay <= 0 || cos.Faults().Hits(id) != 1 {
		t.Errorf("CreateBucket = %+v, want one try and a word on when to come back", e)
	}
}

func TestPushbackIsReadAsGrpcDoes(t *testing.T) {
	for name, v := range map[string]struct {
		values  []string
		want    time.Duration
		told    bool
		refused bool
	}{
		"none":     {nil, 0, false, false},
		"delay":    {[]string{"1500"}, 1500 * time.Millisecond, true, false},
		"zero":     {[]string{"0"}, 0, true, false},
		"refusal":  {[]string{"-1"}, 0, true, true},
		"two":      {[]string{"1", "2"}, 0, true, true},
		"nonsense": {[]string{"soon"}, 0, true, true},
		"empty":    {[]string{""}, 0, true, true},
		"unit":     {[]string{"1h2"}, 0, true, true},
		"fraction": {[]string{"1.5"}, 0, true, true},
	} {
		if d, told, refused := pushback(v.values); d != v.want || told != v.told || refused != v.refused {
			t.Errorf("%s: pushback(%q) = %v, %t, %t, want %v, %t, %t", name, v.values, d, told, refused, v.want, v.told, v.refused)
		}
	}
}

func TestAWaitEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := wait(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("wait = %v after %v, want nil after a minute", err, time.Since(begun))
		}
		begun = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 0 {
			t.Errorf("wait beyond the deadline = %v after %v, want an error at once", err, time.Since(begun))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := wait(ctx, time.Minute); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
			t.Errorf("wait = %v after %v, want context.Canceled after a second", err, time.Since(begun))
		}
	})
}
