package service

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// bucketServer implements BucketService; the contract is in bucket_service.proto.
type bucketServer struct {
	cosgatev1.UnimplementedBucketServiceServer
	profiles
}

var _ cosgatev1.BucketServiceServer = (*bucketServer)(nil)

func (s *bucketServer) ListBuckets(ctx context.Context, req *cosgatev1.ListBucketsRequest) (*cosgatev1.ListBucketsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	o := cosbackend.ListBucketsOptions{
		Region: req.GetRegion(), TagKey: req.GetTagKey(), TagValue: req.GetTagValue(), Range: req.GetRange(), MaxKeys: pageSize(req.GetPageSize()),
	}
	l := list{"buckets", req.GetRegion(), client.Profile()}
	if o.TagKey != "" {
		l = append(l, "tag", o.TagKey, o.TagValue)
	}
	if at := req.GetCreateTime(); at != nil {
		o.Created = at.AsTime()
		l = append(l, "created", o.Range, o.Created.Format(time.RFC3339))
	}
	if o.Marker, err = l.marker(req.GetPageToken(), ""); err != nil {
		return nil, err
	}
	page, err := client.ListBuckets(ctx, o)
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.ListBucketsResponse{
		Owner:         ownerProto(page.Owner),
		NextPageToken: l.token(page.NextMarker, page.Truncated),
	}
	for _, b := range page.Buckets {
		resp.Buckets = append(resp.Buckets, &cosgatev1.Bucket{
			Bucket: b.Name, Region: b.Region, CreationDate: timestamp(b.Created), Type: b.Type,
		})
	}
	return resp, nil
}

func (s *bucketServer) CreateBucket(ctx context.Context, req *cosgatev1.CreateBucketRequest) (*cosgatev1.CreateBucketResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	at := location(req)
	if at.Region == "" {
		at.Region = client.Region()
	}
	if at.Region == "" {
		return nil, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "region",
			"must say where to create the bucket, such as ap-guangzhou: the profile has no region")
	}
	err = client.CreateBucket(ctx, at, cosbackend.CreateBucketOptions{
		ACL: req.GetPresetAcl(), Grants: mapOptional(req.GetGrants(), grantHeaders), Tags: mapSlice(req.GetTags(), tag),
		AZType: req.GetAzType(), Arch: req.GetArch(), StorageClass: req.GetStorageClass(),
	})
	if err != nil {
		return nil, err
	}
	return &cosgatev1.CreateBucketResponse{Region: at.Region}, nil
}

func (s *bucketServer) HeadBucket(ctx context.Context, req *cosgatev1.HeadBucketRequest) (*cosgatev1.HeadBucketResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	head, err := client.HeadBucket(ctx, location(req))
	if err != nil {
		return nil, err
	}
	return &cosgatev1.HeadBucketResponse{Region: head.Region, AzType: head.AZType, Arch: head.Arch}, nil
}

func (s *bucketServer) DeleteBucket(ctx context.Context, req *cosgatev1.DeleteBucketRequest) (*cosgatev1.DeleteBucketResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	if err := client.DeleteBucket(ctx, location(req)); err != nil {
		return nil, err
	}
	return &cosgatev1.DeleteBucketResponse{}, nil
}

func (s *bucketServer) GetBucketLocation(ctx context.Context, req *cosgatev1.GetBucketLocationRequest) (*cosgatev1.GetBucketLocationResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	region, err := client.GetBucketLocation(ctx, location(req))
	if err != nil {
		return nil, err
	}
	return &cosgatev1.GetBucketLocationResponse{Region: region}, nil
}
