package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketReferer(ctx context.Context, req *cosgatev1.GetBucketRefererRequest) (*cosgatev1.GetBucketRefererResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketReferer, refererProto)
	return &cosgatev1.GetBucketRefererResponse{Referer: m}, err
}

func (s *bucketConfigServer) PutBucketReferer(ctx context.Context, req *cosgatev1.PutBucketRefererRequest) (*cosgatev1.PutBucketRefererResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketReferer, refererDocument(req.GetReferer()))
	return &cosgatev1.PutBucketRefererResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketReferer(ctx context.Context, req *cosgatev1.DeleteBucketRefererRequest) (*cosgatev1.DeleteBucketRefererResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketReferer)
	return &cosgatev1.DeleteBucketRefererResponse{}, err
}

func refererProto(d *cosbackend.RefererConfiguration) *cosgatev1.RefererConfiguration {
	return &cosgatev1.RefererConfiguration{
		Status: d.Status, RefererType: d.RefererType, Domains: d.Domains,
		EmptyReferConfiguration: d.EmptyReferConfiguration, VerifySignatureUrl: d.VerifySignatureURL, Unknown: mapSlice(d.Unknown, unknownProto),
	}
}

func refererDocument(m *cosgatev1.RefererConfiguration) *cosbackend.RefererConfiguration {
	return &cosbackend.RefererConfiguration{
		Status: m.GetStatus(), RefererType: m.GetRefererType(), Domains: m.GetDomains(),
		EmptyReferConfiguration: m.GetEmptyReferConfiguration(), VerifySignatureURL: m.GetVerifySignatureUrl(), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}
