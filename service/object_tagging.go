package service

import (
	"context"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *objectServer) GetObjectTagging(ctx context.Context, req *cosgatev1.GetObjectTaggingRequest) (*cosgatev1.GetObjectTaggingResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	all, version, err := client.GetObjectTagging(ctx, location(req), req.GetKey(), req.GetVersionId())
	if err != nil {
		return nil, err
	}
	return &cosgatev1.GetObjectTaggingResponse{Tags: mapSlice(all, tagProto), VersionId: version}, nil
}

func (s *objectServer) PutObjectTagging(ctx context.Context, req *cosgatev1.PutObjectTaggingRequest) (*cosgatev1.PutObjectTaggingResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	version, err := client.PutObjectTagging(ctx, location(req), req.GetKey(), req.GetVersionId(), mapSlice(req.GetTags(), tag))
	if err != nil {
		return nil, err
	}
	return &cosgatev1.PutObjectTaggingResponse{VersionId: version}, nil
}

func (s *objectServer) DeleteObjectTagging(ctx context.Context, req *cosgatev1.DeleteObjectTaggingRequest) (*cosgatev1.DeleteObjectTaggingResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	version, err := client.DeleteObjectTagging(ctx, location(req), req.GetKey(), req.GetVersionId())
	if err != nil {
		return nil, err
	}
	return &cosgatev1.DeleteObjectTaggingResponse{VersionId: version}, nil
}
