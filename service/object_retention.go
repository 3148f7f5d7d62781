package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

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

func retention(r *cosgatev1.ObjectRetention) cosbackend.Retention {
	var until time.Time
	if r.GetRetainUntilDate() != nil {
		until = r.GetRetainUntilDate().AsTime()
	}
	return cosbackend.Retention{Mode: r.GetMode(), Until: until}
}

func retentionProto(r cosbackend.Retention) *cosgatev1.ObjectRetention {
	if r.Until.IsZero() {
		return nil
	}
	return &cosgatev1.ObjectRetention{Mode: r.Mode, RetainUntilDate: timestamppb.New(r.Until)}
}
