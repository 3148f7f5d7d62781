package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketWebsite(ctx context.Context, req *cosgatev1.GetBucketWebsiteRequest) (*cosgatev1.GetBucketWebsiteResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketWebsite, websiteProto)
	return &cosgatev1.GetBucketWebsiteResponse{Website: m}, err
}

func (s *bucketConfigServer) PutBucketWebsite(ctx context.Context, req *cosgatev1.PutBucketWebsiteRequest) (*cosgatev1.PutBucketWebsiteResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketWebsite, websiteDocument(req.GetWebsite()))
	return &cosgatev1.PutBucketWebsiteResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketWebsite(ctx context.Context, req *cosgatev1.DeleteBucketWebsiteRequest) (*cosgatev1.DeleteBucketWebsiteResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketWebsite)
	return &cosgatev1.DeleteBucketWebsiteResponse{}, err
}

func websiteProto(d *cosbackend.WebsiteConfiguration) *cosgatev1.WebsiteConfiguration {
	m := &cosgatev1.WebsiteConfiguration{
		IndexDocument: d.IndexDocument, RoutingRules: mapSlice(d.RoutingRules, routingProto), Unknown: mapSlice(d.Unknown, unknownProto),
	}
	if d.RedirectAllRequestsTo != nil {
		m.RedirectAllRequestsTo = &cosgatev1.RedirectAllRequestsTo{Protocol: d.RedirectAllRequestsTo.Protocol}
	}
	if d.AutoAddressing != nil {
		m.AutoAddressing = &cosgatev1.AutoAddressing{Status: d.AutoAddressing.Status}
	}
	if d.ErrorDocument != nil {
		m.ErrorDocument = &cosgatev1.ErrorDocument{
			Key: d.ErrorDocument.Key, OriginalHttpStatus: d.ErrorDocument.OriginalHTTPStatus, Charity404: d.ErrorDocument.Charity404,
		}
	}
	return m
}

func routingProto(r cosbackend.RoutingRule) *cosgatev1.RoutingRule {
	condition, redirect := &cosgatev1.RoutingCondition{}, &cosgatev1.RoutingRedirect{Protocol: r.Redirect.Protocol, UrlRedirect: r.Redirect.URLRedirect}
	switch {
	case r.Condition.HTTPErrorCodeReturnedEquals != nil:
		condition.When = &cosgatev1.RoutingCondition_HttpErrorCodeReturnedEquals{HttpErrorCodeReturnedEquals: *r.Condition.HTTPErrorCodeReturnedEquals}
	case r.Condition.KeyPrefixEquals != nil:
		condition.When = &cosgatev1.RoutingCondition_KeyPrefixEquals{KeyPrefixEquals: *r.Condition.KeyPrefixEquals}
	}
	switch {
	case r.Redirect.ReplaceKeyWith != nil:
		redirect.Replace = &cosgatev1.RoutingRedirect_ReplaceKeyWith{ReplaceKeyWith: *r.Redirect.ReplaceKeyWith}
	case r.Redirect.ReplaceKeyPrefixWith != nil:
		redirect.Replace = &cosgatev1.RoutingRedirect_ReplaceKeyPrefixWith{ReplaceKeyPrefixWith: *r.Redirect.ReplaceKeyPrefixWith}
	}
	return &cosgatev1.RoutingRule{Condition: condition, Redirect: redirect, Unknown: mapSlice(r.Unknown, unknownProto)}
}

func websiteDocument(m *cosgatev1.WebsiteConfiguration) *cosbackend.WebsiteConfiguration {
	d := &cosbackend.WebsiteConfiguration{
		IndexDocument: m.GetIndexDocument(), RoutingRules: mapSlice(m.GetRoutingRules(), routingRule), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
	if r := m.GetRedirectAllRequestsTo(); r != nil {
		d.RedirectAllRequestsTo = &cosbackend.RedirectAllRequestsTo{Protocol: r.GetProtocol()}
	}
	if a := m.GetAutoAddressing(); a != nil {
		d.AutoAddressing = &cosbackend.AutoAddressing{Status: a.GetStatus()}
	}
	if e := m.GetErrorDocument(); e != nil {
		d.ErrorDocument = &cosbackend.ErrorDocument{Key: e.GetKey(), OriginalHTTPStatus: e.GetOriginalHttpStatus(), Charity404: e.GetCharity404()}
	}
	return d
}

func routingRule(m *cosgatev1.RoutingRule) cosbackend.RoutingRule {
	r := cosbackend.RoutingRule{
		Redirect: cosbackend.RoutingRedirect{Protocol: m.GetRedirect().GetProtocol(), URLRedirect: m.GetRedirect().GetUrlRedirect()},
		Unknown:  mapSlice(m.GetUnknown(), unknownPiece),
	}
	switch c := m.GetCondition().GetWhen().(type) {
	case *cosgatev1.RoutingCondition_HttpErrorCodeReturnedEquals:
		r.Condition.HTTPErrorCodeReturnedEquals = &c.HttpErrorCodeReturnedEquals
	case *cosgatev1.RoutingCondition_KeyPrefixEquals:
		r.Condition.KeyPrefixEquals = &c.KeyPrefixEquals
	}
	switch c := m.GetRedirect().GetReplace().(type) {
	case *cosgatev1.RoutingRedirect_ReplaceKeyWith:
		r.Redirect.ReplaceKeyWith = &c.ReplaceKeyWith
	case *cosgatev1.RoutingRedirect_ReplaceKeyPrefixWith:
		r.Redirect.ReplaceKeyPrefixWith = &c.ReplaceKeyPrefixWith
	}
	return r
}
