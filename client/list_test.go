package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
)

// openCounted is open with a count of the calls.
func openCounted(t *testing.T) (*Client, *gateway, *atomic.Int32) {
	t.Helper()
	g := newGateway(t)
	calls := new(atomic.Int32)
	return dialTest(t, frames.NewPool(), "dns:///"+g.Addr, grpc.WithUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			calls.Add(1)
			return invoke(ctx, method, req, reply, conn, opts...)
		})), g, calls
}

// collect returns a text for each item up to the first error.
func collect[T any](items iter.Seq2[T, error], text func(T) string) (all []string, err error) {
	for item, err := range items {
		if err != nil {
			return all, err
		}
		all = append(all, text(item))
	}
	return all, nil
}

func same(s string) string { return s }

func TestListIteratorsGoThroughAllPages(t *testing.T) {
	t.Parallel()
	c, _, calls := openCounted(t)
	ctx := t.Context()
	for _, key := range []string{"a", "b/1", "b/2", "c", "d/1"} {
		put(t, c, key, []byte(key))
	}
	var parts *cosgatev1.ListPartsRequest
	for i := range 3 {
		key := fmt.Sprintf("upload%d", i)
		upload, err := c.Multipart().InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		parts = &cosgatev1.ListPartsRequest{Bucket: testBucket, Key: key, UploadId: upload.GetUploadId(), PageSize: 2}
	}
	for n := range int32(3) {
		uploadPart(t, c, parts, n+1)
	}
	for _, name := range []string{"other", "third"} {
		if _, err := c.Buckets().CreateBucket(ctx, &cosgatev1.CreateBucketRequest{Bucket: name + "-1250000000", Region: "ap-guangzhou"}); err != nil {
			t.Fatal(err)
		}
	}
	folders := &cosgatev1.ListObjectsRequest{Bucket: testBucket, Delimiter: "/", PageSize: 2}
	for name, v := range map[string]struct {
		list  func() ([]string, error)
		want  []string
		calls int32
	}{
		"ListBuckets": {func() ([]string, error) {
			return collect(c.ListBuckets(ctx, &cosgatev1.ListBucketsRequest{PageSize: 2}), (*cosgatev1.Bucket).GetBucket)
		}, []string{"other-1250000000", testBucket, "third-1250000000"}, 2},
		"ListObjects": {func() ([]string, error) {
			return collect(c.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 2}), (*cosgatev1.Object).GetKey)
		}, []string{"a", "b/1", "b/2", "c", "d/1"}, 3},
		"ListObjects with a delimiter": {func() ([]string, error) {
			return collect(c.ListObjects(ctx, folders), (*cosgatev1.Object).GetKey)
		}, []string{"a", "c"}, 2},
		"ListCommonPrefixes": {func() ([]string, error) {
			return collect(c.ListCommonPrefixes(ctx, folders), same)
		}, []string{"b/", "d/"}, 2},
		"ListObjectVersions": {func() ([]string, error) {
			return collect(c.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket, PageSize: 3}), func(v *cosgatev1.ObjectVersion) string { return v.GetObject().GetKey() })
		}, []string{"a", "b/1", "b/2", "c", "d/1"}, 2},
		"ListMultipartUploads": {func() ([]string, error) {
			return collect(c.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket, PageSize: 2}), (*cosgatev1.MultipartUpload).GetKey)
		}, []string{"upload0", "upload1", "upload2"}, 2},
		"ListParts": {func() ([]string, error) {
			return collect(c.ListParts(ctx, parts), func(p *cosgatev1.Part) string { return fmt.Sprint(p.GetPartNumber()) })
		}, []string{"1", "2", "3"}, 2},
		"Pages of ListObjects": {func() ([]string, error) {
			return collect(Pages(ctx, c.Objects().ListObjects, folders), func(p *cosgatev1.ListObjectsResponse) string {
				return fmt.Sprint(len(p.GetObjects()), p.GetCommonPrefixes())
			})
		}, []string{"1 [b/]", "1 [d/]"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			before := calls.Load()
			got, err := v.list()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.want, got); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if n := calls.Load() - before; n != v.calls {
				t.Errorf("%d calls, want %d", n, v.calls)
			}
			if again, err := v.list(); err != nil || !slices.Equal(again, got) {
				t.Errorf("iterating again = %q, %v, want the same", again, err)
			}
		})
	}
	if folders.GetPageToken() != "" || parts.GetPageToken() != "" {
		t.Error("a list changed its request")
	}
}

func uploadPart(t *testing.T, c *Client, upload *cosgatev1.ListPartsRequest, number int32) {
	t.Helper()
	stream, err := c.Multipart().UploadPart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&cosgatev1.UploadPartRequest{
		Spec: &cosgatev1.UploadPartSpec{
			Bucket: upload.GetBucket(), Key: upload.GetKey(), UploadId: upload.GetUploadId(), PartNumber: number, Size: new(int64(1)),
		},
		Chunk: &cosgatev1.Chunk{Data: []byte("p")}, Finish: true,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
}

func TestListObjectsRequestsOnlyThePagesNeeded(t *testing.T) {
	t.Parallel()
	c, _, calls := openCounted(t)
	for _, key := range []string{"a", "b", "c"} {
		put(t, c, key, nil)
	}
	objects := c.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 2})
	if calls.Load() != 0 {
		t.Error("ListObjects calls the gateway before its first item is asked for")
	}
	for o, err := range objects {
		if err != nil {
			t.Fatal(err)
		}
		if o.GetKey() == "b" {
			break
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls for the first page, want 1", n)
	}
}

func TestListObjectsEndsWithItsFirstError(t *testing.T) {
	t.Parallel()
	c, g, calls := openCounted(t)
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		put(t, c, key, nil)
	}
	g.addFault(t, fault{Operation: "ListObjects", Nth: 2, Status: 403, Code: "AccessDenied"})
	var keys []string
	var errs []error
	for o, err := range c.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 2}) {
		if err != nil {
			errs = append(errs, err)
			if o != nil {
				t.Errorf("an error comes with %v", o)
			}
			continue // goes on after the error, as a loop should not
		}
		keys = append(keys, o.GetKey())
	}
	if strings.Join(keys, "") != "ab" || len(errs) != 1 || calls.Load() != 2 {
		t.Fatalf("keys %q, errors %v with %d calls, want the first page and one error with 2", keys, errs, calls.Load())
	}
	mustFail(t, "ListObjects", errs[0], codes.PermissionDenied, "ACCESS_DENIED")
}

func TestPagesContinueFromAPageToken(t *testing.T) {
	t.Parallel()
	c, _, _ := openCounted(t)
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		put(t, c, key, nil)
	}
	req := &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 2}
	for page, err := range Pages(t.Context(), c.Objects().ListObjects, req) {
		if err != nil {
			t.Fatal(err)
		}
		req.PageToken = page.GetNextPageToken() // the iteration has its own request
		break
	}
	rest, err := collect(c.ListObjects(t.Context(), req), (*cosgatev1.Object).GetKey)
	if err != nil || strings.Join(rest, "") != "cde" {
		t.Errorf("the rest = %q, %v, want c, d and e", rest, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := collect(c.ListObjects(ctx, req), (*cosgatev1.Object).GetKey); !errors.Is(err, context.Canceled) {
		t.Errorf("ListObjects with a context that has ended = %v, want context.Canceled", err)
	}
}

// Pages sets page_token by its name.
func TestPagesFitEveryList(t *testing.T) {
	t.Parallel()
	lists := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			m := file.Messages().Get(i)
			f := m.Fields().ByName("page_token")
			if f == nil {
				continue
			}
			lists++
			response, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.TrimSuffix(string(m.FullName()), "Request") + "Response"))
			if r, ok := response.(protoreflect.MessageDescriptor); f.Kind() != protoreflect.StringKind || !ok || r.Fields().ByName("next_page_token") == nil {
				t.Errorf("%s has a page_token; want it a string, and a response with a next_page_token", m.FullName())
			}
		}
		return true
	})
	if lists < 5 {
		t.Errorf("%d requests have a page_token", lists)
	}
}
