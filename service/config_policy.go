package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketPolicy(ctx context.Context, req *cosgatev1.GetBucketPolicyRequest) (*cosgatev1.GetBucketPolicyResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketPolicy, policyProto)
	return &cosgatev1.GetBucketPolicyResponse{Policy: m}, err
}

func (s *bucketConfigServer) PutBucketPolicy(ctx context.Context, req *cosgatev1.PutBucketPolicyRequest) (*cosgatev1.PutBucketPolicyResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketPolicy, policyDocument(req.GetPolicy()))
	return &cosgatev1.PutBucketPolicyResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketPolicy(ctx context.Context, req *cosgatev1.DeleteBucketPolicyRequest) (*cosgatev1.DeleteBucketPolicyResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketPolicy)
	return &cosgatev1.DeleteBucketPolicyResponse{}, err
}

func policyProto(json string) *cosgatev1.BucketPolicy { return &cosgatev1.BucketPolicy{Json: json} }

func policyDocument(m *cosgatev1.BucketPolicy) string { return m.GetJson() }
