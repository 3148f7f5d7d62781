package client

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A recorder is a connection that records which services are called.
type recorder struct {
	grpc.ClientConnInterface
	services map[string]bool
}

func (r *recorder) Invoke(_ context.Context, method string, _, _ any, _ ...grpc.CallOption) error {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	r.services[service] = true
	return nil
}

func TestClientHasAStubForEveryService(t *testing.T) {
	t.Parallel()
	r := &recorder{services: make(map[string]bool)}
	c, ctx := New(r), t.Context()
	_, err1 := c.Buckets().HeadBucket(ctx, &cosgatev1.HeadBucketRequest{})
	_, err2 := c.BucketConfigs().GetBucketConfig(ctx, &cosgatev1.GetBucketConfigRequest{})
	_, err3 := c.Objects().HeadObject(ctx, &cosgatev1.HeadObjectRequest{})
	_, err4 := c.Multipart().ListParts(ctx, &cosgatev1.ListPartsRequest{})
	_, err5 := c.Presign().PresignUrl(ctx, &cosgatev1.PresignUrlRequest{})
	_, err6 := c.Credentials().IssueTemporaryCredentials(ctx, &cosgatev1.IssueTemporaryCredentialsRequest{})
	for _, err := range []error{err1, err2, err3, err4, err5, err6} {
		if err != nil {
			t.Error(err)
		}
	}
	var want []string
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			want = append(want, string(file.Services().Get(i).FullName()))
		}
		return true
	})
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(r.services))); diff != "" {
		t.Errorf("services that a Client reaches (-want +got):\n%s", diff)
	}
}

func TestClientStubsGetBucketLifecycleAndPresignUrl(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	_, err := c.BucketConfigs().GetBucketLifecycle(t.Context(), &cosgatev1.GetBucketLifecycleRequest{Bucket: testBucket})
	if e := mustFail(t, "GetBucketLifecycle", err, codes.NotFound, "NO_SUCH_LIFECYCLE_CONFIGURATION"); e.COSCode != "NoSuchLifecycleConfiguration" {
		t.Errorf("COSCode = %q, want NoSuchLifecycleConfiguration", e.COSCode)
	}
	u, err := c.Presign().PresignUrl(t.Context(), &cosgatev1.PresignUrlRequest{
		Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT,
	})
	if err != nil || !strings.HasPrefix(u.GetUrl(), "http://"+testBucket+".") {
		t.Errorf("PresignUrl = %v, %v, want a URL of the bucket", u, err)
	}
}
