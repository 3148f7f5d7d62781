package service

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

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
		AllowCredentials: allowed.Credentials,
	}
	if allowed.HasMaxAge {
		resp.MaxAge = durationpb.New(allowed.MaxAge)
	}
	return resp, nil
}
