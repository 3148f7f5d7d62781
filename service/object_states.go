package service

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// What else an object can be besides content: archived, kept, a symlink, or seen from
// another site.

func (s *objectServer) RestoreObject(ctx context.Context, req *cosgatev1.RestoreObjectRequest) (*cosgatev1.RestoreObjectResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	restored, err := client.RestoreObject(ctx, location(req), req.GetKey(), req.GetVersionId(), cosbackend.RestoreOptions{
		Days: int(req.GetDays()), Tier: req.GetTier(),
	})
	if err != nil {
		return nil, err
	}
	return &cosgatev1.RestoreObjectResponse{AlreadyRestored: restored}, nil
}

func (s *objectServer) GetObjectRetention(ctx context.Context, req *cosgatev1.GetObjectRetentionRequest) (*cosgatev1.GetObjectRetentionResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	r, err := client.GetObjectRetention(ctx, location(req), req.GetKey())
	if err != nil {
		return nil, err
	}
	return &cosgatev1.GetObjectRetentionResponse{Retention: retentionProto(r)}, nil
}

func (s *objectServer) PutObjectRetention(ctx context.Context, req *cosgatev1.PutObjectRetentionRequest) (*cosgatev1.PutObjectRetentionResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	if err := client.PutObjectRetention(ctx, location(req), req.GetKey(), retention(req.GetRetention())); err != nil {
		return nil, err
	}
	return &cosgatev1.PutObjectRetentionResponse{}, nil
}

func (s *objectServer) GetSymlink(ctx context.Context, req *cosgatev1.GetSymlinkRequest) (*cosgatev1.GetSymlinkResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	link, err := client.GetSymlink(ctx, location(req), req.GetKey(), req.GetVersionId())
	if err != nil {
		return nil, err
	}
	return &cosgatev1.GetSymlinkResponse{TargetKey: link.Target, VersionId: link.VersionID, Etag: link.ETag}, nil
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

func (s *objectServer) OptionsObject(ctx context.Context, req *cosgatev1.OptionsObjectRequest) (*cosgatev1.OptionsObjectResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	allowed, err := client.OptionsObject(ctx, location(req), req.GetKey(), cosbackend.Preflight{
		Origin: req.GetOrigin(), Method: req.GetMethod(), Headers: req.GetHeaders(),
	})
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.OptionsObjectResponse{
		AllowOrigin: allowed.Origin, AllowMethods: allowed.Methods, AllowHeaders: allowed.Headers, ExposeHeaders: allowed.ExposeHeaders,
	}
	if allowed.HasMaxAge {
		resp.MaxAge = durationpb.New(allowed.MaxAge)
	}
	return resp, nil
}
