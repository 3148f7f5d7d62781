package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketTagging(ctx context.Context, req *cosgatev1.GetBucketTaggingRequest) (*cosgatev1.GetBucketTaggingResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketTagging, taggingProto)
	return &cosgatev1.GetBucketTaggingResponse{Tagging: m}, err
}

func (s *bucketConfigServer) PutBucketTagging(ctx context.Context, req *cosgatev1.PutBucketTaggingRequest) (*cosgatev1.PutBucketTaggingResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketTagging, taggingDocument(req.GetTagging()))
	return &cosgatev1.PutBucketTaggingResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketTagging(ctx context.Context, req *cosgatev1.DeleteBucketTaggingRequest) (*cosgatev1.DeleteBucketTaggingResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketTagging)
	return &cosgatev1.DeleteBucketTaggingResponse{}, err
}

func taggingProto(d *cosbackend.BucketTagging) *cosgatev1.BucketTagging {
	return &cosgatev1.BucketTagging{Tags: mapSlice(d.Tags, tagProto), Unknown: mapSlice(d.Unknown, unknownProto)}
}

func taggingDocument(m *cosgatev1.BucketTagging) *cosbackend.BucketTagging {
	return &cosbackend.BucketTagging{Tags: mapSlice(m.GetTags(), tag), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
}
