package service

import (
	"context"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *objectServer) GetSymlink(ctx context.Context, req *cosgatev1.GetSymlinkRequest) (*cosgatev1.GetSymlinkResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	link, err := client.GetSymlink(ctx, location(req), req.GetKey(), req.GetVersionId())
	if err != nil {
		return nil, err
	}
	target, raw := nameProto(link.Target)
	return &cosgatev1.GetSymlinkResponse{TargetKey: target, TargetKeyBytes: raw, VersionId: link.VersionID, Etag: link.ETag}, nil
}

func (s *objectServer) PutSymlink(ctx context.Context, req *cosgatev1.PutSymlinkRequest) (*cosgatev1.PutSymlinkResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	link, err := client.PutSymlink(ctx, location(req), req.GetKey(), req.GetTargetKey())
	if err != nil {
		return nil, err
	}
	return &cosgatev1.PutSymlinkResponse{VersionId: link.VersionID, Etag: link.ETag}, nil
}
