package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketStrictSignature(ctx context.Context, req *cosgatev1.GetBucketStrictSignatureRequest) (*cosgatev1.GetBucketStrictSignatureResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketStrictSignature, strictSignatureProto)
	return &cosgatev1.GetBucketStrictSignatureResponse{StrictSignature: m}, err
}

func (s *bucketConfigServer) PutBucketStrictSignature(ctx context.Context, req *cosgatev1.PutBucketStrictSignatureRequest) (*cosgatev1.PutBucketStrictSignatureResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketStrictSignature, strictSignatureDocument(req.GetStrictSignature()))
	return &cosgatev1.PutBucketStrictSignatureResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketStrictSignature(ctx context.Context, req *cosgatev1.DeleteBucketStrictSignatureRequest) (*cosgatev1.DeleteBucketStrictSignatureResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketStrictSignature)
	return &cosgatev1.DeleteBucketStrictSignatureResponse{}, err
}

func strictSignatureProto(d *cosbackend.StrictSignatureConfiguration) *cosgatev1.StrictSignatureConfiguration {
	return &cosgatev1.StrictSignatureConfiguration{
		Rules: mapSlice(d.Rules, func(r cosbackend.StrictSignatureRule) *cosgatev1.StrictSignatureRule {
			return &cosgatev1.StrictSignatureRule{
				Id: r.ID, Actions: r.Actions, Headers: r.Headers, Params: r.Params, Unknown: mapSlice(r.Unknown, unknownProto),
			}
		}),
		Unknown: mapSlice(d.Unknown, unknownProto),
	}
}

func strictSignatureDocument(m *cosgatev1.StrictSignatureConfiguration) *cosbackend.StrictSignatureConfiguration {
	return &cosbackend.StrictSignatureConfiguration{
		Rules: mapSlice(m.GetRules(), func(r *cosgatev1.StrictSignatureRule) cosbackend.StrictSignatureRule {
			return cosbackend.StrictSignatureRule{
				ID: r.GetId(), Actions: r.GetActions(), Headers: r.GetHeaders(), Params: r.GetParams(), Unknown: mapSlice(r.GetUnknown(), unknownPiece),
			}
		}),
		Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}
