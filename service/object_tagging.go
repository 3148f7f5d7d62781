package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
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
	return &cosgatev1.GetObjectTaggingResponse{Tags: mapSlice(all.Tags, tagProto), VersionId: version, Unknown: mapSlice(all.Unknown, unknownProto)}, nil
}

func (s *objectServer) PutObjectTagging(ctx context.Context, req *cosgatev1.PutObjectTaggingRequest) (*cosgatev1.PutObjectTaggingResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	tags := cosbackend.ObjectTags{Tags: mapSlice(req.GetTags(), tag), Unknown: mapSlice(req.GetUnknown(), unknownPiece)}
	version, err := client.PutObjectTagging(ctx, location(req), req.GetKey(), req.GetVersionId(), tags)
	if err != nil {
		return nil, nameUnknown(err, req)
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
