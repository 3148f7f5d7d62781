package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
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

func TestVersionsAreListedReadAndDeleted(t *testing.T) {
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

func TestListsOfVersionsAreGroupedAndBoundToTheirFilter(t *testing.T) {
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
		if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.InvalidArgument || info.GetReason() != reasonPageToken {
			t.Errorf("ListObjectVersions(%v) = %v, want INVALID_ARGUMENT, %s", req, err, reasonPageToken)
		}
	}
}

func TestArchivedObjectsAreRestored(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := open(t, func(s *setup) {
		clock := func() time.Time { return now }
		s.cos.Clock, s.backend.Clock, s.cos.RestoreDelay = clock, clock, time.Hour
	})
	ctx := t.Context()
	s := spec(-1)
	s.Attributes = &cosgatev1.ObjectAttributes{StorageClass: "ARCHIVE"}
	_, err := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})
	must(t, err)
	restore := func() (*cosgatev1.RestoreObjectResponse, error) {
		return g.objects.RestoreObject(ctx, &cosgatev1.RestoreObjectRequest{Bucket: testBucket, Key: "k", Days: 2, Tier: "Standard"})
	}
	state := func() *cosgatev1.RestoreState {
		head, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
		must(t, err)
		return head.GetObject().GetRestore()
	}
	if r := state(); r != nil {
		t.Errorf("restore = %v before it began, want none", r)
	}
	if resp, err := restore(); err != nil || resp.GetAlreadyRestored() {
		t.Fatalf("RestoreObject = %v, %v", resp, err)
	}
	if r := state(); !r.GetOngoing() || r.GetExpireTime() != nil {
		t.Errorf("restore = %v, want one under way", r)
	}
	_, err = restore()
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.AlreadyExists || e.GetCode() != "RestoreAlreadyInProgress" {
		t.Errorf("RestoreObject again = %v, want ALREADY_EXISTS", err)
	}
	if err := g.read(ctx); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("GetObject of an archived object = %v, want FAILED_PRECONDITION", err)
	}
	now = now.Add(2 * time.Hour)
	if r := state(); r.GetOngoing() || r.GetExpireTime() == nil {
		t.Errorf("restore = %v, want it done", r)
	}
	must(t, g.read(ctx))
	if resp, err := restore(); err != nil || !resp.GetAlreadyRestored() {
		t.Errorf("RestoreObject of a restored object = %v, %v, want already_restored", resp, err)
	}
	g.put(t, "plain", []byte("x"))
	_, err = g.objects.RestoreObject(ctx, &cosgatev1.RestoreObjectRequest{Bucket: testBucket, Key: "plain", Days: 1})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.FailedPrecondition || e.GetCode() != "RestoreNonArchiveObject" {
		t.Errorf("RestoreObject of a plain object = %v, want FAILED_PRECONDITION, RestoreNonArchiveObject", err)
	}
}

func TestLockedObjectsAreKept(t *testing.T) {
	g := open(t)
	ctx := t.Context()
	g.lock(t)
	g.put(t, "k", []byte("x"))
	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	put := func(at time.Time) error {
		return second(g.objects.PutObjectRetention(ctx, &cosgatev1.PutObjectRetentionRequest{Bucket: testBucket, Key: "k", Retention: &cosgatev1.ObjectRetention{RetainUntil: timestamppb.New(at)}}))
	}
	must(t, put(until.Add(-time.Millisecond))) // rounded up
	got, err := g.objects.GetObjectRetention(ctx, &cosgatev1.GetObjectRetentionRequest{Bucket: testBucket, Key: "k"})
	if r := got.GetRetention(); err != nil || r.GetMode() != "COMPLIANCE" || !r.GetRetainUntil().AsTime().Equal(until) {
		t.Errorf("GetObjectRetention = %v, %v, want COMPLIANCE until %v", got, err, until)
	}
	_, putErr := g.send(ctx, &putRequest{Spec: spec(-1), Chunk: chunk("y"), Finish: true})
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"shorten":   {put(until.Add(-time.Hour)), "InvalidLockedTime"},
		"overwrite": {putErr, "ObjectLocked"},
		"delete":    {second(g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k"})), "ObjectLocked"},
	} {
		if e, _ := detail[*cosgatev1.CosError](c.err); status.Code(c.err) != codes.FailedPrecondition || e.GetCode() != c.code {
			t.Errorf("%s = %v, want FAILED_PRECONDITION, %s", name, c.err, c.code)
		}
	}
	must(t, put(until.Add(time.Hour)))
	many, err := g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "k"}, {Key: "absent"}}})
	if err != nil || len(many.GetFailures()) != 1 || codes.Code(many.GetFailures()[0].GetStatus().GetCode()) != codes.FailedPrecondition {
		t.Errorf("DeleteObjects = %v, %v, want one that is locked", many, err)
	}
}

func TestSymlinksLeadToTheirTarget(t *testing.T) {
	g := open(t)
	ctx := t.Context()
	for i, target := range []string{"plain", "a/b é", "100%", "a+b", "腾讯云", "x?y&z"} {
		g.put(t, target, fmt.Append(nil, i))
		link := fmt.Sprint("link", i)
		put, err := g.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: link, TargetKey: target})
		must(t, err)
		got, err := g.objects.GetSymlink(ctx, &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: link})
		if err != nil || got.GetTargetKey() != target || got.GetEtag() != put.GetEtag() {
			t.Errorf("GetSymlink(%q) = %v, %v", target, got, err)
		}
		data, ms, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: link})
		if err != nil || string(data) != fmt.Sprint(i) || ms[0].GetObject().GetObjectType() != "symlink" {
			t.Errorf("GetObject of a symlink to %q = %q, %v, %v", target, data, ms, err)
		}
	}
	_, err := g.objects.GetSymlink(ctx, &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: "absent"})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.NotFound || e.GetCode() != "NoSuchKey" {
		t.Errorf("GetSymlink of an absent key = %v, want NOT_FOUND, NoSuchKey", err)
	}
}

func TestPreflightsTellWhatTheRulesAllow(t *testing.T) {
	g := open(t)
	ctx := t.Context()
	ask := func(origin, method string, headers ...string) (*cosgatev1.OptionsObjectResponse, error) {
		return g.objects.OptionsObject(ctx, &cosgatev1.OptionsObjectRequest{Bucket: testBucket, Key: "absent", Origin: origin, Method: method, Headers: headers})
	}
	g.furnish(t)
	resp, err := ask("https://o", "PUT", "X-A")
	if err != nil || resp.GetAllowOrigin() != "https://o" || !slices.Contains(resp.GetAllowMethods(), "PUT") || !strings.EqualFold(strings.Join(resp.GetAllowHeaders(), ","), "x-a") ||
		resp.GetMaxAge().GetSeconds() != 600 {
		t.Errorf("OptionsObject = %v, %v", resp, err)
	}
	for _, c := range [][]string{{"https://other", "GET"}, {"https://o", "DELETE"}, {"https://o", "GET", "x-b"}} {
		_, err := ask(c[0], c[1], c[2:]...)
		if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.PermissionDenied || e.GetCode() != "AccessForbidden" {
			t.Errorf("OptionsObject(%q) = %v, want PERMISSION_DENIED, AccessForbidden", c, err)
		}
	}
	g.cos.Faults().Add(embedded.Fault{Operation: "OptionsObject", Status: 200})
	if resp, err := ask("https://o", "GET"); err != nil || resp.GetAllowOrigin() != "" || resp.GetMaxAge() != nil {
		t.Errorf("OptionsObject of an answer without headers = %v, %v", resp, err)
	}
}
