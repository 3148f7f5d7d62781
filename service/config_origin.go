package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketOrigin(ctx context.Context, req *cosgatev1.GetBucketOriginRequest) (*cosgatev1.GetBucketOriginResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketOrigin, originProto)
	return &cosgatev1.GetBucketOriginResponse{Origin: m}, err
}

func (s *bucketConfigServer) PutBucketOrigin(ctx context.Context, req *cosgatev1.PutBucketOriginRequest) (*cosgatev1.PutBucketOriginResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketOrigin, originDocument(req.GetOrigin()))
	return &cosgatev1.PutBucketOriginResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketOrigin(ctx context.Context, req *cosgatev1.DeleteBucketOriginRequest) (*cosgatev1.DeleteBucketOriginResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketOrigin)
	return &cosgatev1.DeleteBucketOriginResponse{}, err
}

func originProto(d *cosbackend.OriginConfiguration) *cosgatev1.OriginConfiguration {
	return &cosgatev1.OriginConfiguration{Rules: mapSlice(d.Rules, originRuleProto)}
}

func originRuleProto(r cosbackend.OriginRule) *cosgatev1.OriginRule {
	m := &cosgatev1.OriginRule{
		Priority: r.Priority, OriginType: r.OriginType, StandbyStatusCodes: r.StandbyCodes,
		Parameter: mapOptional(r.Parameter, originParameterProto),
		Info: &cosgatev1.OriginInfo{
			Hosts: mapSlice(r.Info.Hosts, func(h cosbackend.OriginHost) *cosgatev1.OriginHost {
				return &cosgatev1.OriginHost{HostName: h.HostName, Weight: h.Weight, StandbyHostNames: h.Standby}
			}),
			File: mapOptional(r.Info.File, originFileProto),
		},
	}
	if c := r.Condition; c != nil {
		m.Condition = &cosgatev1.OriginCondition{HttpStatusCode: c.HTTPStatusCode, Prefix: c.Prefix, Suffix: c.Suffix}
	}
	return m
}

func originParameterProto(p *cosbackend.OriginParameter) *cosgatev1.OriginParameter {
	m := &cosgatev1.OriginParameter{
		Protocol: p.Protocol, FollowQueryString: p.FollowQueryString, FollowRedirection: p.FollowRedirection,
		HttpRedirectCode: p.HTTPRedirectCode, CopyOriginData: p.CopyOriginData, TransparentErrorCode: p.TransparentErrorCode,
	}
	if h := p.HTTPHeader; h != nil {
		name := func(n cosbackend.OriginHeaderName) string { return n.Key }
		m.HttpHeader = &cosgatev1.OriginHttpHeader{
			FollowAllHeaders: h.FollowAllHeaders,
			NewHttpHeaders: mapSlice(h.NewHTTPHeaders, func(n cosbackend.OriginHeader) *cosgatev1.OriginHeader {
				return &cosgatev1.OriginHeader{Key: n.Key, Value: n.Value}
			}),
			FollowHttpHeaders: mapSlice(h.FollowHTTPHeaders, name), ForbidFollowHeaders: mapSlice(h.ForbidFollowHeaders, name),
		}
	}
	return m
}

func originFileProto(f *cosbackend.OriginFile) *cosgatev1.OriginFile {
	m := &cosgatev1.OriginFile{PrefixDirective: f.PrefixDirective, Prefix: f.Prefix, Suffix: f.Suffix}
	if f.NewPrefix != nil {
		m.PrefixConfiguration = &f.NewPrefix.Prefix
	}
	if f.NewSuffix != nil {
		m.SuffixConfiguration = &f.NewSuffix.Suffix
	}
	if f.Fixed != nil {
		m.FixedFilePath = &f.Fixed.FixedFilePath
	}
	return m
}

func originDocument(m *cosgatev1.OriginConfiguration) *cosbackend.OriginConfiguration {
	return &cosbackend.OriginConfiguration{Rules: mapSlice(m.GetRules(), originRule)}
}

func originRule(m *cosgatev1.OriginRule) cosbackend.OriginRule {
	r := cosbackend.OriginRule{
		Priority: m.Priority, OriginType: m.GetOriginType(), StandbyCodes: m.GetStandbyStatusCodes(),
		Parameter: mapOptional(m.GetParameter(), originParameter),
		Info: cosbackend.OriginInfo{
			Hosts: mapSlice(m.GetInfo().GetHosts(), func(h *cosgatev1.OriginHost) cosbackend.OriginHost {
				return cosbackend.OriginHost{HostName: h.GetHostName(), Weight: h.Weight, Standby: h.GetStandbyHostNames()}
			}),
			File: mapOptional(m.GetInfo().GetFile(), originFile),
		},
	}
	if c := m.GetCondition(); c != nil {
		r.Condition = &cosbackend.OriginCondition{HTTPStatusCode: c.GetHttpStatusCode(), Prefix: c.Prefix, Suffix: c.Suffix}
	}
	return r
}

func originParameter(m *cosgatev1.OriginParameter) *cosbackend.OriginParameter {
	p := &cosbackend.OriginParameter{
		Protocol: m.GetProtocol(), FollowQueryString: m.FollowQueryString, FollowRedirection: m.FollowRedirection,
		HTTPRedirectCode: m.GetHttpRedirectCode(), CopyOriginData: m.CopyOriginData, TransparentErrorCode: m.TransparentErrorCode,
	}
	if h := m.GetHttpHeader(); h != nil {
		name := func(n string) cosbackend.OriginHeaderName { return cosbackend.OriginHeaderName{Key: n} }
		p.HTTPHeader = &cosbackend.OriginHTTPHeader{
			FollowAllHeaders: h.FollowAllHeaders,
			NewHTTPHeaders: mapSlice(h.GetNewHttpHeaders(), func(n *cosgatev1.OriginHeader) cosbackend.OriginHeader {
				return cosbackend.OriginHeader{Key: n.GetKey(), Value: n.GetValue()}
			}),
			FollowHTTPHeaders: mapSlice(h.GetFollowHttpHeaders(), name), ForbidFollowHeaders: mapSlice(h.GetForbidFollowHeaders(), name),
		}
	}
	return p
}

func originFile(m *cosgatev1.OriginFile) *cosbackend.OriginFile {
	f := &cosbackend.OriginFile{PrefixDirective: m.PrefixDirective, Prefix: m.Prefix, Suffix: m.Suffix}
	if m.PrefixConfiguration != nil {
		f.NewPrefix = &cosbackend.OriginPrefix{Prefix: m.GetPrefixConfiguration()}
	}
	if m.SuffixConfiguration != nil {
		f.NewSuffix = &cosbackend.OriginSuffix{Suffix: m.GetSuffixConfiguration()}
	}
	if m.FixedFilePath != nil {
		f.Fixed = &cosbackend.OriginFixedFile{FixedFilePath: m.GetFixedFilePath()}
	}
	return f
}
