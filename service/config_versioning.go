package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketVersioning(ctx context.Context, req *cosgatev1.GetBucketVersioningRequest) (*cosgatev1.GetBucketVersioningResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketVersioning, versioningProto)
	return &cosgatev1.GetBucketVersioningResponse{Versioning: m}, err
}

func (s *bucketConfigServer) PutBucketVersioning(ctx context.Context, req *cosgatev1.PutBucketVersioningRequest) (*cosgatev1.PutBucketVersioningResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketVersioning, versioningDocument(req.GetVersioning()))
	return &cosgatev1.PutBucketVersioningResponse{}, err
}

func versioningProto(d *cosbackend.VersioningConfiguration) *cosgatev1.VersioningConfiguration {
	return &cosgatev1.VersioningConfiguration{Status: d.Status, Unknown: mapSlice(d.Unknown, unknownProto)}
}

func versioningDocument(m *cosgatev1.VersioningConfiguration) *cosbackend.VersioningConfiguration {
	return &cosbackend.VersioningConfiguration{Status: m.GetStatus(), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
}
