package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketLogging(ctx context.Context, req *cosgatev1.GetBucketLoggingRequest) (*cosgatev1.GetBucketLoggingResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketLogging, loggingProto)
	return &cosgatev1.GetBucketLoggingResponse{Logging: m}, err
}

func (s *bucketConfigServer) PutBucketLogging(ctx context.Context, req *cosgatev1.PutBucketLoggingRequest) (*cosgatev1.PutBucketLoggingResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketLogging, loggingDocument(req.GetLogging()))
	return &cosgatev1.PutBucketLoggingResponse{}, err
}

func loggingProto(d *cosbackend.BucketLogging) *cosgatev1.LoggingConfiguration {
	m := &cosgatev1.LoggingConfiguration{Unknown: mapSlice(d.Unknown, unknownProto)}
	if t := d.LoggingEnabled; t != nil {
		m.Target = &cosgatev1.LoggingTarget{Bucket: t.TargetBucket, Prefix: t.TargetPrefix}
	}
	return m
}

func loggingDocument(m *cosgatev1.LoggingConfiguration) *cosbackend.BucketLogging {
	d := &cosbackend.BucketLogging{Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
	if t := m.GetTarget(); t != nil {
		d.LoggingEnabled = &cosbackend.LoggingTarget{TargetBucket: t.GetBucket(), TargetPrefix: t.GetPrefix()}
	}
	return d
}
