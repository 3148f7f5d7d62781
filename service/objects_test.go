package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// keys of every kind that COS allows.
func keys() []string {
	return []string{
		"plain", "a/b", "/lead", "trail/", "x//y", "a/../b", "a/./b", "%2F", "a%2Fb", "100%", "a b", " ", "a+b", "a?b", "a?versionId=1",
		"a&b=c", "a#b", "a;b", "a=b", "a\"b'c<d>", "腾讯云/对象", "😀", "e\u0301", "\u00e9", "a\\b", "\\a", "a\tb", "a\nb", "~-_.", "*!()", "http://h/k", "a:b@c",
		strings.Repeat("k", 850), strings.Repeat("键", 283) + "x",
	}
}

func TestKeysOfEveryKindRoundTrip(t *testing.T) {
	t.Parallel()
	g := open(t)
	var ids []*cosgatev1.ObjectIdentifier
	for i, key := range keys() {
		want := fmt.Sprintf("content %d", i)
		g.put(t, key, []byte(want))
		got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key})
		if err != nil || string(got) != want || ms[0].GetObject().GetKey() != key {
			t.Errorf("key %q: GetObject = %q, %v, want %q", key, got, err, want)
		}
		if _, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: key}}); err != nil {
			t.Errorf("key %q: CopyObject = %v", key, err)
		}
		if got, _, _ := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "copy"}); string(got) != want {
			t.Errorf("key %q: its copy is %q, want %q", key, got, want)
		}
		if !strings.ContainsAny(key, "\t\n") {
			ids = append(ids, &cosgatev1.ObjectIdentifier{Key: key})
		}
	}
	want := slices.Sorted(slices.Values(append(keys(), "copy")))
	if got := g.list(t, &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 7}); !slices.Equal(got, want) {
		t.Errorf("ListObjects = %q, want %q", got, want)
	}
	resp, err := g.objects.DeleteObjects(t.Context(), &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: ids})
	if err != nil || len(resp.GetDeleted()) != len(ids) || len(resp.GetFailures()) != 0 {
		t.Fatalf("DeleteObjects = %d deleted, %v, %v, want %d", len(resp.GetDeleted()), resp.GetFailures(), err, len(ids))
	}
	for _, key := range []string{"a\tb", "a\nb", "copy"} {
		if _, err := g.objects.DeleteObject(t.Context(), &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: key}); err != nil {
			t.Errorf("DeleteObject(%q) = %v", key, err)
		}
	}
	if got := g.list(t, &cosgatev1.ListObjectsRequest{Bucket: testBucket}); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

// list reads all pages and returns keys and common prefixes.
func (g *gateway) list(t *testing.T, req *cosgatev1.ListObjectsRequest) []string {
	t.Helper()
	req = proto.CloneOf(req)
	var names []string
	for {
		resp, err := g.objects.ListObjects(t.Context(), req)
		if err != nil {
			t.Fatalf("ListObjects(%v) = %v", req, err)
		}
		for _, o := range resp.GetObjects() {
			names = append(names, o.GetKey())
		}
		names = append(names, resp.GetCommonPrefixes()...)
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return names
		}
	}
}

func TestListObjectsIsPagedGroupedAndItsTokenBoundToTheFilter(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, key := range []string{"a/1", "a/2", "b", "c/1", "d"} {
		g.put(t, key, []byte("x"))
	}
	for _, c := range []struct {
		name string
		req  *cosgatev1.ListObjectsRequest
		want []string
	}{
		{"all", &cosgatev1.ListObjectsRequest{}, []string{"a/1", "a/2", "b", "c/1", "d"}},
		{"prefix", &cosgatev1.ListObjectsRequest{Prefix: "a/"}, []string{"a/1", "a/2"}},
		{"nothing", &cosgatev1.ListObjectsRequest{Prefix: "z"}, nil},
		{"delimiter", &cosgatev1.ListObjectsRequest{Delimiter: "/"}, []string{"a/", "b", "c/", "d"}},
		{"start after", &cosgatev1.ListObjectsRequest{StartAfter: "a/2"}, []string{"b", "c/1", "d"}},
	} {
		for _, size := range []int32{0, 1, 2} {
			c.req.Bucket, c.req.PageSize = testBucket, size
			if got := slices.Sorted(slices.Values(g.list(t, c.req))); !slices.Equal(got, c.want) {
				t.Errorf("%s in pages of %d = %q, want %q", c.name, size, got, c.want)
			}
		}
	}
	page, err := g.objects.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if o := page.GetObjects()[0]; o.GetSize() != 1 || o.GetEtag() == "" || o.GetLastModified() == nil || o.GetStorageClass() != "STANDARD" || o.GetBucket() != testBucket {
		t.Errorf("a listed object = %v", o)
	}
	for _, token := range []string{page.GetNextPageToken(), "!", "AAAA"} {
		_, err = g.objects.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: testBucket, Prefix: "a", PageToken: token})
		if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.InvalidArgument || info.GetReason() != cosstatus.ReasonPageToken {
			t.Errorf("ListObjects with the token %q of another list = %v, want INVALID_ARGUMENT, %s", token, err, cosstatus.ReasonPageToken)
		}
	}
}

func TestDeleteObjectsReportsAStatusForEachFailedKey(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "DeleteObjects", ContentType: "application/xml", Body: []byte(
		`<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>ObjectLocked</Code><Message>Locked.</Message></Error></DeleteResult>`)})
	resp, err := g.objects.DeleteObjects(t.Context(), &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "a"}, {Key: "b"}}})
	if err != nil || len(resp.GetDeleted()) != 1 || len(resp.GetFailures()) != 1 {
		t.Fatalf("DeleteObjects = %v, %v", resp, err)
	}
	f := resp.GetFailures()[0]
	err = status.ErrorProto(f.GetStatus())
	e, _ := detail[*cosgatev1.CosError](err)
	if f.GetKey() != "b" || status.Code(err) != codes.FailedPrecondition || e.GetCode() != "ObjectLocked" || e.GetRequestId() == "" || e.GetKey() != "b" {
		t.Errorf("failure = %v, want FAILED_PRECONDITION, ObjectLocked of b with the request id", f)
	}
}
