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
	return &cosgatev1.GetObjectAclResponse{Policy: aclProto(acl)}, nil
}

func (s *objectServer) PutObjectAcl(ctx context.Context, req *cosgatev1.PutObjectAclRequest) (*cosgatev1.PutObjectAclResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	change := cosbackend.ACL{Canned: req.GetCanned(), Grants: grants(req.GetGrants()), Policy: acl(req.GetPolicy())}
	if err := client.PutObjectACL(ctx, location(req), req.GetKey(), req.GetVersionId(), change); err != nil {
		return nil, err
	}
	return &cosgatev1.PutObjectAclResponse{}, nil
}

func grants(g *cosgatev1.GrantHeaders) *cosbackend.GrantHeaders {
	if g == nil {
		return nil
	}
	return &cosbackend.GrantHeaders{
		Read: g.GetRead(), Write: g.GetWrite(), ReadACP: g.GetReadAcp(), WriteACP: g.GetWriteAcp(), FullControl: g.GetFullControl(),
	}
}

func acl(p *cosgatev1.AccessControlPolicy) *cosbackend.AccessControlPolicy {
	if p == nil {
		return nil
	}
	out := &cosbackend.AccessControlPolicy{Owner: cosbackend.Owner{ID: p.GetOwner().GetId(), DisplayName: p.GetOwner().GetDisplayName()}}
	for _, g := range p.GetGrants() {
		out.Grants = append(out.Grants, cosbackend.Grant{
			ID: g.GetId(), URI: g.GetUri(), DisplayName: g.GetDisplayName(), Permission: g.GetPermission(),
		})
	}
	return out
}

func aclProto(a *cosbackend.AccessControlPolicy) *cosgatev1.AccessControlPolicy {
	out := &cosgatev1.AccessControlPolicy{Owner: ownerProto(a.Owner)}
	for _, g := range a.Grants {
		p := &cosgatev1.Grant{DisplayName: g.DisplayName, Permission: g.Permission, Grantee: &cosgatev1.Grant_Id{Id: g.ID}}
		if g.URI != "" {
			p.Grantee = &cosgatev1.Grant_Uri{Uri: g.URI}
		}
		out.Grants = append(out.Grants, p)
	}
	return out
}

func ownerProto(o cosbackend.Owner) *cosgatev1.Owner {
	if o == (cosbackend.Owner{}) {
		return nil
	}
	return &cosgatev1.Owner{Id: o.ID, DisplayName: o.DisplayName}
}
