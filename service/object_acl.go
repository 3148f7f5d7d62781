package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *objectServer) GetObjectAcl(ctx context.Context, req *cosgatev1.GetObjectAclRequest) (*cosgatev1.GetObjectAclResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	acl, err := client.GetObjectACL(ctx, location(req), req.GetKey(), req.GetVersionId())
	if err != nil {
		return nil, err
	}
	return &cosgatev1.GetObjectAclResponse{Acl: aclProto(acl)}, nil
}

func (s *objectServer) PutObjectAcl(ctx context.Context, req *cosgatev1.PutObjectAclRequest) (*cosgatev1.PutObjectAclResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	change := cosbackend.ACL{
		Preset: req.GetPresetAcl(),
		Grants: mapOptional(req.GetGrants(), grantHeaders),
		Policy: mapOptional(req.GetAcl(), aclDocument),
	}
	if err := client.PutObjectACL(ctx, location(req), req.GetKey(), req.GetVersionId(), change); err != nil {
		return nil, nameUnknown(err, req)
	}
	return &cosgatev1.PutObjectAclResponse{}, nil
}

func ownerProto(o cosbackend.Owner) *cosgatev1.Owner {
	if o == (cosbackend.Owner{}) {
		return nil
	}
	return &cosgatev1.Owner{Id: o.ID, DisplayName: o.DisplayName}
}
