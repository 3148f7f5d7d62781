package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

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

func restoreProto(r *cosbackend.RestoreInfo) *cosgatev1.RestoreState {
	if r == nil {
		return nil
	}
	return &cosgatev1.RestoreState{
		OngoingRequest: r.Ongoing, ExpiryDate: timestamp(r.Expires),
		Tier: r.Tier, RequestTime: timestamp(r.Requested), Status: r.Status,
	}
}
