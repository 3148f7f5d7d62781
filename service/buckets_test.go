package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

func TestCreateBucketHeadBucketListBucketsDeleteBucket(t *testing.T) {
	t.Parallel()
	g := open(t)
	const name = "more-1250000000"
	created, err := g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{
		Bucket: name, Region: "ap-beijing", PresetAcl: "public-read", Grants: &cosgatev1.GrantHeaders{ReadAcp: []string{"100000000011"}},
	})
	if err != nil || created.GetRegion() != "ap-beijing" {
		t.Fatalf("CreateBucket = %v, %v", created, err)
	}
	acl, err := g.configs.GetBucketAcl(t.Context(), &cosgatev1.GetBucketAclRequest{Bucket: name, Region: "ap-beijing"})
	if grants := fmt.Sprint(acl.GetAcl().GetGrants()); err != nil || !strings.Contains(grants, "AllUsers") || !strings.Contains(grants, "READ_ACP") {
		t.Errorf("GetBucketAcl of a bucket created with a preset and grants = %v, %v, want both", acl, err)
	}
	_, err = g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: name, Region: "ap-beijing"})
	if status.Code(err) != codes.AlreadyExists {
		t.Errorf("CreateBucket again = %v, want ALREADY_EXISTS", err)
	}
	head, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: name, Region: "ap-beijing"})
	if err != nil || head.GetRegion() != "ap-beijing" {
		t.Errorf("HeadBucket = %v, %v", head, err)
	}
	if _, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: name}); status.Code(err) != codes.NotFound {
		t.Errorf("HeadBucket in the wrong region = %v, want NOT_FOUND", err)
	}
	where, err := g.buckets.GetBucketLocation(t.Context(), &cosgatev1.GetBucketLocationRequest{Bucket: name, Region: "ap-beijing"})
	if err != nil || where.GetRegion() != "ap-beijing" {
		t.Errorf("GetBucketLocation = %v, %v", where, err)
	}
	var names []string
	req := &cosgatev1.ListBucketsRequest{PageSize: 1}
	for {
		page, err := g.buckets.ListBuckets(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.GetBuckets() {
			names = append(names, b.GetBucket()+" "+b.GetRegion())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if want := []string{name + " ap-beijing", testBucket + " " + testRegion}; !slices.Equal(names, want) {
		t.Errorf("ListBuckets = %q, want %q", names, want)
	}
	if _, err := g.buckets.DeleteBucket(t.Context(), &cosgatev1.DeleteBucketRequest{Bucket: name, Region: "ap-beijing"}); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
	g.put(t, "k", []byte("x"))
	_, err = g.buckets.DeleteBucket(t.Context(), &cosgatev1.DeleteBucketRequest{Bucket: testBucket})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.FailedPrecondition || e.GetCode() != "BucketNotEmpty" {
		t.Errorf("DeleteBucket with an object = %v, want FAILED_PRECONDITION, BucketNotEmpty", err)
	}
}

func TestGetBucketLocationLooksUpRegionsThatAreNotNamed(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Region = "" })
	g.put(t, "k", []byte("x"))
	if err := g.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(g.requests(), "ListBuckets"); n != 1 {
		t.Errorf("the region was looked up %d times for two calls, want 1", n)
	}
	_, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: "absent-1250000000"})
	if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.NotFound || info.GetReason() != cosstatus.ReasonRegionUnknown {
		t.Errorf("HeadBucket of an unknown bucket = %v, want NOT_FOUND, %s", err, cosstatus.ReasonRegionUnknown)
	}
	_, err = g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000"})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("CreateBucket without any region = %v, want INVALID_ARGUMENT", err)
	}
}

func TestCreateBucketMakesEveryKindOfBucket(t *testing.T) {
	t.Parallel()
	g := open(t)
	const name = "kind-1250000000"
	_, err := g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{
		Bucket: name, AzType: "MAZ", Arch: "OFS", Tags: []*cosgatev1.Tag{{Key: "team", Value: "web shop"}, {Key: "stage", Value: "test"}},
	})
	if err != nil {
		t.Fatalf("CreateBucket = %v", err)
	}
	head, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: name})
	if want := (&cosgatev1.HeadBucketResponse{Region: testRegion, AzType: "MAZ", Arch: "OFS"}); err != nil || !proto.Equal(head, want) {
		t.Errorf("HeadBucket = %v, %v, want %v", head, err, want)
	}
	tagging, err := g.configs.GetBucketTagging(t.Context(), &cosgatev1.GetBucketTaggingRequest{Bucket: name})
	want := []*cosgatev1.Tag{{Key: "team", Value: "web shop"}, {Key: "stage", Value: "test"}}
	if diff := cmp.Diff(want, tagging.GetTagging().GetTags(), protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("GetBucketTagging = %v (-want +got):\n%s", err, diff)
	}
	list, err := g.buckets.ListBuckets(t.Context(), &cosgatev1.ListBucketsRequest{TagKey: "team"})
	if err != nil || len(list.GetBuckets()) != 1 || list.GetBuckets()[0].GetType() != "ofs" {
		t.Errorf("ListBuckets = %v, %v, want one bucket of type ofs", list, err)
	}
	_, err = g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "other-1250000000", StorageClass: "FAST"})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.Unimplemented || e.GetCode() != "NotImplemented" {
		t.Errorf("CreateBucket with a storage class that the embedded COS lacks = %v, want UNIMPLEMENTED", err)
	}
	_, err = g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: "long-name-of-a-new-bucket-1250000000"})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.InvalidArgument || e.GetCode() != "BucketNameTooLong" {
		t.Errorf("CreateBucket with a name that is too long for its region = %v, want INVALID_ARGUMENT", err)
	}
}

func TestListBucketsFilters(t *testing.T) {
	t.Parallel()
	now := time.Unix(1642662640, 0)
	g := open(t, func(s *setup) {
		s.cos.Buckets = nil
		s.cos.Signature = embedded.SignatureOff // the clock below is years from now
		s.cos.Clock = func() time.Time { return now }
	})
	for i, team := range []string{"web", "mail", "web"} {
		now = now.Add(5 * time.Second) // 645, 650, 655
		_, err := g.buckets.CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{
			Bucket: fmt.Sprintf("b%d-1250000000", i), Tags: []*cosgatev1.Tag{{Key: "team", Value: team}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	second := timestamppb.New(time.Unix(1642662650, 0))
	for _, tt := range []struct {
		req  *cosgatev1.ListBucketsRequest
		want string
	}{
		{&cosgatev1.ListBucketsRequest{}, "b0 b1 b2"},
		{&cosgatev1.ListBucketsRequest{TagKey: "team"}, "b0 b1 b2"},
		{&cosgatev1.ListBucketsRequest{TagKey: "team", TagValue: "web"}, "b0 b2"},
		{&cosgatev1.ListBucketsRequest{TagKey: "stage"}, ""},
		{&cosgatev1.ListBucketsRequest{CreateTime: second, Range: "lt"}, "b0"},
		{&cosgatev1.ListBucketsRequest{CreateTime: second, Range: "lte"}, "b0 b1"},
		{&cosgatev1.ListBucketsRequest{CreateTime: second, Range: "gt"}, "b2"},
		{&cosgatev1.ListBucketsRequest{CreateTime: second, Range: "gte"}, "b1 b2"},
		{&cosgatev1.ListBucketsRequest{CreateTime: second, Range: "gte", TagKey: "team", TagValue: "mail"}, "b1"},
	} {
		for _, size := range []int32{0, 1} {
			var names []string
			req := proto.CloneOf(tt.req)
			for req.PageSize = size; ; {
				page, err := g.buckets.ListBuckets(t.Context(), req)
				if err != nil {
					t.Fatalf("ListBuckets(%v) = %v", req, err)
				}
				for _, b := range page.GetBuckets() {
					names = append(names, strings.TrimSuffix(b.GetBucket(), "-1250000000"))
				}
				if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
					break
				}
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("ListBuckets(%v) in pages of %d = %q, want %q", tt.req, size, got, tt.want)
			}
		}
	}
	first, err := g.buckets.ListBuckets(t.Context(), &cosgatev1.ListBucketsRequest{TagKey: "team", PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []*cosgatev1.ListBucketsRequest{
		{}, {TagKey: "team", TagValue: "web"}, {TagKey: "other"}, {TagKey: "team", CreateTime: second, Range: "lt"},
	} {
		req.PageToken = first.GetNextPageToken()
		_, err := g.buckets.ListBuckets(t.Context(), req)
		if info, _ := detail[*errdetails.ErrorInfo](err); info.GetReason() != cosstatus.ReasonPageToken {
			t.Errorf("ListBuckets(%v) with the token of another list = %v, want %s", req, err, cosstatus.ReasonPageToken)
		}
	}
	for field, req := range map[string]*cosgatev1.ListBucketsRequest{
		"range":       {Range: "eq", CreateTime: second},
		"create_time": {Range: "lt", CreateTime: &timestamppb.Timestamp{Seconds: 1, Nanos: 1}},
		"":            {Range: "lt"},
	} {
		_, err := g.buckets.ListBuckets(t.Context(), req)
		bad, _ := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || field != "" && bad.GetFieldViolations()[0].GetField() != field {
			t.Errorf("ListBuckets(%v) = %v, want INVALID_ARGUMENT for %s", req, err, field)
		}
	}
	for _, req := range []*cosgatev1.ListBucketsRequest{{CreateTime: second}, {TagValue: "web"}} {
		if _, err := g.buckets.ListBuckets(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("ListBuckets(%v) = %v, want INVALID_ARGUMENT", req, err)
		}
	}
}
