package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketCors(ctx context.Context, req *cosgatev1.GetBucketCorsRequest) (*cosgatev1.GetBucketCorsResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketCORS, corsProto)
	return &cosgatev1.GetBucketCorsResponse{Cors: m}, err
}

func (s *bucketConfigServer) PutBucketCors(ctx context.Context, req *cosgatev1.PutBucketCorsRequest) (*cosgatev1.PutBucketCorsResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketCORS, corsDocument(req.GetCors()))
	return &cosgatev1.PutBucketCorsResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketCors(ctx context.Context, req *cosgatev1.DeleteBucketCorsRequest) (*cosgatev1.DeleteBucketCorsResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketCORS)
	return &cosgatev1.DeleteBucketCorsResponse{}, err
}

func corsProto(d *cosbackend.CORSConfiguration) *cosgatev1.CorsConfiguration {
	return &cosgatev1.CorsConfiguration{
		Rules: mapSlice(d.Rules, func(r cosbackend.CORSRule) *cosgatev1.CorsRule {
			return &cosgatev1.CorsRule{
				Id: r.ID, AllowedOrigins: r.AllowedOrigins, AllowedMethods: r.AllowedMethods,
				AllowedHeaders: r.AllowedHeaders, ExposeHeaders: r.ExposeHeaders, MaxAgeSeconds: r.MaxAgeSeconds,
				Unknown: mapSlice(r.Unknown, unknownProto),
			}
		}),
		ResponseVary: d.ResponseVary, Unknown: mapSlice(d.Unknown, unknownProto),
	}
}

func corsDocument(m *cosgatev1.CorsConfiguration) *cosbackend.CORSConfiguration {
	return &cosbackend.CORSConfiguration{
		Rules: mapSlice(m.GetRules(), func(r *cosgatev1.CorsRule) cosbackend.CORSRule {
			return cosbackend.CORSRule{
				ID: r.GetId(), AllowedOrigins: r.GetAllowedOrigins(), AllowedMethods: r.GetAllowedMethods(),
				AllowedHeaders: r.GetAllowedHeaders(), ExposeHeaders: r.GetExposeHeaders(), MaxAgeSeconds: r.MaxAgeSeconds,
				Unknown: mapSlice(r.GetUnknown(), unknownPiece),
			}
		}),
		ResponseVary: m.ResponseVary, Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}
