package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketAccelerate(ctx context.Context, req *cosgatev1.GetBucketAccelerateRequest) (*cosgatev1.GetBucketAccelerateResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketAccelerate, accelerateProto)
	return &cosgatev1.GetBucketAccelerateResponse{Accelerate: m}, err
}

func (s *bucketConfigServer) PutBucketAccelerate(ctx context.Context, req *cosgatev1.PutBucketAccelerateRequest) (*cosgatev1.PutBucketAccelerateResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketAccelerate, accelerateDocument(req.GetAccelerate()))
	return &cosgatev1.PutBucketAccelerateResponse{}, err
}

func accelerateProto(d *cosbackend.AccelerateConfiguration) *cosgatev1.AccelerateConfiguration {
	return &cosgatev1.AccelerateConfiguration{Status: d.Status, Type: d.Type, Unknown: mapSlice(d.Unknown, unknownProto)}
}

func accelerateDocument(m *cosgatev1.AccelerateConfiguration) *cosbackend.AccelerateConfiguration {
	return &cosbackend.AccelerateConfiguration{Status: m.GetStatus(), Type: m.GetType(), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
}
