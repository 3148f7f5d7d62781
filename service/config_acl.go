package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketAcl(ctx context.Context, req *cosgatev1.GetBucketAclRequest) (*cosgatev1.GetBucketAclResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketACL, aclProto)
	return &cosgatev1.GetBucketAclResponse{Acl: m}, err
}

func (s *bucketConfigServer) PutBucketAcl(ctx context.Context, req *cosgatev1.PutBucketAclRequest) (*cosgatev1.PutBucketAclResponse, error) {
	acl := cosbackend.ACL{
		Preset: req.GetPresetAcl(),
		Grants: mapOptional(req.GetGrants(), grantHeaders),
		Policy: mapOptional(req.GetAcl(), aclDocument),
	}
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketACL, acl)
	return &cosgatev1.PutBucketAclResponse{}, err
}

func grantHeaders(m *cosgatev1.GrantHeaders) *cosbackend.GrantHeaders {
	return &cosbackend.GrantHeaders{
		Read: m.GetRead(), Write: m.GetWrite(), ReadACP: m.GetReadAcp(), WriteACP: m.GetWriteAcp(), FullControl: m.GetFullControl(),
	}
}

func aclProto(p *cosbackend.AccessControlPolicy) *cosgatev1.AccessControlPolicy {
	return &cosgatev1.AccessControlPolicy{
		Owner:  &cosgatev1.Owner{Id: p.Owner.ID, DisplayName: p.Owner.DisplayName},
		Grants: mapSlice(p.Grants, grantProto), Unknown: mapSlice(p.Unknown, unknownProto),
	}
}

func grantProto(g cosbackend.Grant) *cosgatev1.Grant {
	m := &cosgatev1.Grant{DisplayName: g.DisplayName, Permission: g.Permission, Unknown: mapSlice(g.Unknown, unknownProto)}
	if g.URI != "" {
		m.Grantee = &cosgatev1.Grant_Uri{Uri: g.URI}
	} else {
		m.Grantee = &cosgatev1.Grant_Id{Id: g.ID}
	}
	return m
}

func aclDocument(m *cosgatev1.AccessControlPolicy) *cosbackend.AccessControlPolicy {
	return &cosbackend.AccessControlPolicy{
		Owner: cosbackend.Owner{ID: m.GetOwner().GetId(), DisplayName: m.GetOwner().GetDisplayName()},
		Grants: mapSlice(m.GetGrants(), func(g *cosgatev1.Grant) cosbackend.Grant {
			return cosbackend.Grant{
				ID: g.GetId(), URI: g.GetUri(), DisplayName: g.GetDisplayName(), Permission: g.GetPermission(),
				Unknown: mapSlice(g.GetUnknown(), unknownPiece),
			}
		}),
		Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}
