package service

import (
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

func (g *gateway) versioning(t *testing.T, status string) {
	t.Helper()
	must(t, second(g.configs.PutBucketVersioning(t.Context(), &cosgatev1.PutBucketVersioningRequest{
		Bucket: testBucket, Versioning: &cosgatev1.VersioningConfiguration{Status: status},
	})))
}

// versions lists all versions in pages, as text.
func (g *gateway) versions(t *testing.T, req *cosgatev1.ListObjectVersionsRequest) (lines []string, all []*cosgatev1.ObjectVersion) {
	t.Helper()
	req.Bucket = testBucket
	for {
		page, err := g.objects.ListObjectVersions(t.Context(), req)
		must(t, err)
		for _, v := range page.GetVersions() {
			line := v.GetObject().GetKey()
			if v.GetDeleteMarker() {
				line += " marker"
			}
			if v.GetIsLatest() {
				line += " latest"
			}
			lines, all = append(lines, line), append(all, v)
		}
		lines = append(lines, page.GetCommonPrefixes()...)
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return lines, all
		}
	}
}

func TestListObjectVersionsListsVersionsThatCanBeReadAndDeleted(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	g.put(t, "a", []byte("before"))
	g.versioning(t, "Enabled")
	first, latest := g.put(t, "k", []byte("one")), g.put(t, "k", []byte("two"))
	if first.GetVersionId() == "" || first.GetVersionId() == latest.GetVersionId() {
		t.Fatalf("PutObject twice = versions %q and %q", first.GetVersionId(), latest.GetVersionId())
	}
	deleted, err := g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k"})
	if err != nil || !deleted.GetDeleteMarker() || deleted.GetVersionId() == "" {
		t.Fatalf("DeleteObject = %v, %v, want a delete marker", deleted, err)
	}
	want := []string{"a latest", "k marker latest", "k", "k"}
	for _, size := range []int32{0, 1, 2, 3} {
		got, all := g.versions(t, &cosgatev1.ListObjectVersionsRequest{PageSize: size})
		if !slices.Equal(got, want) {
			t.Errorf("versions in pages of %d = %q, want %q", size, got, want)
			continue
		}
		if o := all[0].GetObject(); o.GetVersionId() != "null" || o.GetSize() != 6 || o.GetStorageClass() != "STANDARD" || o.GetBucket() != testBucket {
			t.Errorf("the version from before = %v", o)
		}
		if o := all[1].GetObject(); o.GetVersionId() != deleted.GetVersionId() || o.GetLastModified() == nil || o.GetEtag()+o.GetStorageClass() != "" {
			t.Errorf("the marker = %v", o)
		}
		if o := all[3].GetObject(); o.GetVersionId() != first.GetVersionId() || o.GetEtag() != first.GetEtag() || all[3].GetOwner().GetId() == "" {
			t.Errorf("the oldest version = %v", all[3])
		}
	}
	for name, err := range map[string]error{
		"HeadObject":           second(g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})),
		"HeadObject of marker": second(g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", VersionId: deleted.GetVersionId()})),
		"GetObject":            g.read(ctx),
	} {
		e, _ := detail[*cosgatev1.CosError](err)
		if status.Code(err) != codes.NotFound || e.GetHeaders()["x-cos-delete-marker"] != "true" || e.GetHeaders()["x-cos-version-id"] != deleted.GetVersionId() {
			t.Errorf("%s = %v, %v, want NOT_FOUND that tells of the marker", name, err, e)
		}
	}
	got, ms, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", VersionId: first.GetVersionId()})
	if err != nil || string(got) != "one" || ms[0].GetObject().GetVersionId() != first.GetVersionId() {
		t.Errorf("GetObject of the first version = %q, %v", got, err)
	}
	_, _, err = g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", VersionId: "MTg0NDUwNzU0NDAzODE2MTk4MDg"})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.NotFound || e.GetCode() != "NoSuchVersion" {
		t.Errorf("GetObject of an absent version = %v, want NOT_FOUND, NoSuchVersion", err)
	}
	copied, err := g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k", VersionId: first.GetVersionId()}})
	if err != nil || copied.GetSourceVersionId() != first.GetVersionId() || copied.GetObject().GetVersionId() == "" {
		t.Errorf("CopyObject of a version = %v, %v", copied, err)
	}
	g.removeVersions(t, deleted.GetVersionId(), first.GetVersionId(), latest.GetVersionId())
}

// removeVersions deletes the marker, which brings the object back, and then versions.
func (g *gateway) removeVersions(t *testing.T, marker, one, two string) {
	t.Helper()
	ctx := t.Context()
	gone, err := g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k", VersionId: marker})
	if err != nil || !gone.GetDeleteMarker() || gone.GetVersionId() != marker {
		t.Errorf("DeleteObject of the marker = %v, %v", gone, err)
	}
	if got, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil || string(got) != "two" {
		t.Errorf("GetObject without the marker = %q, %v, want what it hid", got, err)
	}
	resp, err := g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{
		{Key: "k", VersionId: one}, {Key: "copy"}, {Key: "k", VersionId: two},
	}})
	if err != nil || len(resp.GetDeleted()) != 3 || len(resp.GetFailures()) != 0 {
		t.Fatalf("DeleteObjects = %v, %v", resp, err)
	}
	for i, want := range []string{one, "", two} {
		d := resp.GetDeleted()[i]
		if d.GetVersionId() != want || d.GetDeleteMarker() != (want == "") || (d.GetDeleteMarkerVersionId() == "") != (want != "") {
			t.Errorf("deleted = %v, want version %q, or a marker", d, want)
		}
	}
	if got, _ := g.versions(t, &cosgatev1.ListObjectVersionsRequest{}); !slices.Equal(got, []string{"a latest", "copy marker latest", "copy"}) {
		t.Errorf("versions left = %q", got)
	}
}

func TestListObjectVersionsIsGroupedAndItsTokenBoundToTheFilter(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.versioning(t, "Enabled")
	for _, key := range []string{"a/1", "a/1", "b", "c/1", "é"} {
		g.put(t, key, []byte("x"))
	}
	for _, c := range []struct {
		name string
		req  *cosgatev1.ListObjectVersionsRequest
		want []string
	}{
		{"delimiter", &cosgatev1.ListObjectVersionsRequest{Delimiter: "/"}, []string{"a/", "b latest", "c/", "é latest"}},
		{"prefix", &cosgatev1.ListObjectVersionsRequest{Prefix: "a/"}, []string{"a/1", "a/1 latest"}},
		{"start after", &cosgatev1.ListObjectVersionsRequest{StartAfter: "a/1"}, []string{"b latest", "c/1 latest", "é latest"}},
		{"nothing", &cosgatev1.ListObjectVersionsRequest{Prefix: "z"}, nil},
	} {
		for _, size := range []int32{0, 1, 2} {
			c.req.PageSize = size
			if got, _ := g.versions(t, c.req); !slices.Equal(slices.Sorted(slices.Values(got)), c.want) {
				t.Errorf("%s in pages of %d = %q, want %q", c.name, size, got, c.want)
			}
		}
	}
	page, err := g.objects.ListObjectVersions(t.Context(), &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket, PageSize: 1})
	must(t, err)
	objects, err := g.objects.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageSize: 1})
	must(t, err)
	for _, req := range []*cosgatev1.ListObjectVersionsRequest{
		{Bucket: testBucket, Prefix: "a", PageToken: page.GetNextPageToken()},
		{Bucket: testBucket, Delimiter: "/", PageToken: page.GetNextPageToken()},
		{Bucket: testBucket, StartAfter: "a", PageToken: page.GetNextPageToken()},
		{Bucket: testBucket, PageToken: objects.GetNextPageToken()},
		{Bucket: testBucket, PageToken: "!"},
	} {
		_, err = g.objects.ListObjectVersions(t.Context(), req)
		if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.InvalidArgument || info.GetReason() != cosstatus.ReasonPageToken {
			t.Errorf("ListObjectVersions(%v) = %v, want INVALID_ARGUMENT, %s", req, err, cosstatus.ReasonPageToken)
		}
	}
}
