package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
