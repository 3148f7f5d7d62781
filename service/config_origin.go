package service

import (
	"context"
	"maps"
	"slices"

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
	return &cosgatev1.OriginConfiguration{Rules: mapSlice(d.Rules, originRuleProto), Unknown: mapSlice(d.Unknown, unknownProto)}
}

func originRuleProto(r cosbackend.OriginRule) *cosgatev1.OriginRule {
	m := &cosgatev1.OriginRule{
		Priority: r.Priority, OriginType: r.OriginType, StandbyStatusCodes: r.StandbyCodes,
		Parameter: mapOptional(r.Parameter, originParameterProto), Unknown: mapSlice(r.Unknown, unknownProto),
	}
	if c := r.Condition; c != nil {
		m.Condition = &cosgatev1.OriginCondition{
			HttpStatusCode: c.HTTPStatusCode, Prefix: c.Prefix, Suffix: c.Suffix, ForbidDomains: c.ForbidDomains,
		}
	}
	if i := r.Info; i != nil {
		m.Info = &cosgatev1.OriginInfo{Hosts: mapSlice(i.Hosts, originHostProto)}
		if f := i.File; f != nil {
			m.Info.File = &cosgatev1.OriginFile{
				PrefixDirective: f.PrefixDirective, Prefix: f.Prefix, Suffix: f.Suffix,
				PrefixConfiguration: f.NewPrefix, ReplacedWithPrefix: f.ReplacedWithPrefix,
				SuffixConfiguration: f.NewSuffix, ReplacedWithSuffix: f.ReplacedWithSuffix, FixedFilePath: f.FixedFilePath,
			}
		}
	}
	return m
}

func originParameterProto(p *cosbackend.OriginParameter) *cosgatev1.OriginParameter {
	m := &cosgatev1.OriginParameter{
		Protocol: p.Protocol, FollowQueryString: p.FollowQueryString, FollowRedirection: p.FollowRedirection,
		FollowOriginHeaders: p.FollowOriginHeaders, FollowUrlAutoDecode: p.FollowURLAutoDecode,
		CopyOriginData: p.CopyOriginData, TransparentErrorCode: p.TransparentErrorCode,
	}
	if len(p.HTTPRedirectCodes) > 0 {
		m.HttpRedirectCode, m.MoreHttpRedirectCodes = p.HTTPRedirectCodes[0], p.HTTPRedirectCodes[1:]
	}
	if h := p.HTTPHeader; h != nil {
		name := func(n cosbackend.OriginHeaderName) string { return n.Key }
		m.HttpHeader = &cosgatev1.OriginHttpHeader{
			FollowAllHeaders: h.FollowAllHeaders,
			NewHttpHeaders: mapSlice(h.NewHTTPHeaders, func(n cosbackend.OriginHeader) *cosgatev1.OriginHeader {
				return &cosgatev1.OriginHeader{Key: n.Key, Value: n.Value, Unknown: mapSlice(n.Unknown, unknownProto)}
			}),
			FollowHttpHeaders: mapSlice(h.FollowHTTPHeaders, name), ForbidFollowHeaders: mapSlice(h.ForbidFollowHeaders, name),
			ForbidFollowHttpHeaders: mapSlice(h.ForbidFollowHTTPHeaders, name),
		}
	}
	return m
}

func originHostProto(h cosbackend.OriginHost) *cosgatev1.OriginHost {
	m := &cosgatev1.OriginHost{
		HostName: h.HostName, Weight: h.Weight, PrivateHost: mapOptional(h.PrivateHost, originPrivateHostProto),
		Unknown: mapSlice(h.Unknown, unknownProto),
	}
	numbers := slices.Sorted(maps.Keys(h.Standby))
	if last := len(numbers); len(h.PrivateStandby) == 0 && (last == 0 || numbers[last-1] == last) {
		m.StandbyHostNames = mapSlice(numbers, func(n int) string { return h.Standby[n] })
		return m
	}
	for _, n := range numbers {
		m.StandbyHosts = append(m.StandbyHosts, &cosgatev1.OriginStandbyHost{Number: bounded(n), HostName: h.Standby[n]})
	}
	for _, n := range slices.Sorted(maps.Keys(h.PrivateStandby)) {
		m.StandbyHosts = append(m.StandbyHosts, &cosgatev1.OriginStandbyHost{Number: bounded(n), PrivateHost: originPrivateHostProto(h.PrivateStandby[n])})
	}
	return m
}

func originPrivateHostProto(h *cosbackend.OriginPrivateHost) *cosgatev1.OriginPrivateHost {
	m := &cosgatev1.OriginPrivateHost{Host: h.Host}
	if c := h.Credentials; c != nil {
		m.Credentials = &cosgatev1.OriginCredentials{
			AuthorizationAlgorithm: c.AuthorizationAlgorithm, Region: c.Region, SecretId: c.SecretID, SecretKey: c.SecretKey,
			EncryptedSecretKey: c.EncryptedSecretKey, Role: c.Role,
		}
	}
	return m
}

func originDocument(m *cosgatev1.OriginConfiguration) *cosbackend.OriginConfiguration {
	return &cosbackend.OriginConfiguration{Rules: mapSlice(m.GetRules(), originRule), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
}

func originRule(m *cosgatev1.OriginRule) cosbackend.OriginRule {
	r := cosbackend.OriginRule{
		Priority: m.Priority, OriginType: m.GetOriginType(), StandbyCodes: m.GetStandbyStatusCodes(),
		Parameter: mapOptional(m.GetParameter(), originParameter), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
	if c := m.GetCondition(); c != nil {
		r.Condition = &cosbackend.OriginCondition{
			HTTPStatusCode: c.GetHttpStatusCode(), Prefix: c.Prefix, Suffix: c.Suffix, ForbidDomains: c.GetForbidDomains(),
		}
	}
	if i := m.GetInfo(); i != nil {
		r.Info = &cosbackend.OriginInfo{Hosts: mapSlice(i.GetHosts(), originHost)}
		if f := i.GetFile(); f != nil {
			r.Info.File = &cosbackend.OriginFile{
				PrefixDirective: f.PrefixDirective, Prefix: f.Prefix, Suffix: f.Suffix,
				NewPrefix: f.PrefixConfiguration, ReplacedWithPrefix: f.ReplacedWithPrefix,
				NewSuffix: f.SuffixConfiguration, ReplacedWithSuffix: f.ReplacedWithSuffix, FixedFilePath: f.FixedFilePath,
			}
		}
	}
	return r
}

func originParameter(m *cosgatev1.OriginParameter) *cosbackend.OriginParameter {
	p := &cosbackend.OriginParameter{
		Protocol: m.GetProtocol(), FollowQueryString: m.FollowQueryString, FollowRedirection: m.FollowRedirection,
		FollowOriginHeaders: m.FollowOriginHeaders, FollowURLAutoDecode: m.FollowUrlAutoDecode,
		CopyOriginData: m.CopyOriginData, TransparentErrorCode: m.TransparentErrorCode,
	}
	if code := m.GetHttpRedirectCode(); code != "" {
		p.HTTPRedirectCodes = []string{code}
	}
	p.HTTPRedirectCodes = append(p.HTTPRedirectCodes, m.GetMoreHttpRedirectCodes()...)
	if h := m.GetHttpHeader(); h != nil {
		name := func(n string) cosbackend.OriginHeaderName { return cosbackend.OriginHeaderName{Key: n} }
		p.HTTPHeader = &cosbackend.OriginHTTPHeader{
			FollowAllHeaders: h.FollowAllHeaders,
			NewHTTPHeaders: mapSlice(h.GetNewHttpHeaders(), func(n *cosgatev1.OriginHeader) cosbackend.OriginHeader {
				return cosbackend.OriginHeader{Key: n.GetKey(), Value: n.GetValue(), Unknown: mapSlice(n.GetUnknown(), unknownPiece)}
			}),
			FollowHTTPHeaders: mapSlice(h.GetFollowHttpHeaders(), name), ForbidFollowHeaders: mapSlice(h.GetForbidFollowHeaders(), name),
			ForbidFollowHTTPHeaders: mapSlice(h.GetForbidFollowHttpHeaders(), name),
		}
	}
	return p
}

func originHost(m *cosgatev1.OriginHost) cosbackend.OriginHost {
	h := cosbackend.OriginHost{
		HostName: m.GetHostName(), Weight: m.Weight, PrivateHost: mapOptional(m.GetPrivateHost(), originPrivateHost),
		Standby: make(map[int]string), PrivateStandby: make(map[int]*cosbackend.OriginPrivateHost), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
	for i, name := range m.GetStandbyHostNames() {
		h.Standby[i+1] = name
	}
	for _, s := range m.GetStandbyHosts() {
		if s.GetPrivateHost() != nil {
			h.PrivateStandby[int(s.GetNumber())] = originPrivateHost(s.GetPrivateHost())
		} else {
			h.Standby[int(s.GetNumber())] = s.GetHostName()
		}
	}
	return h
}

func originPrivateHost(m *cosgatev1.OriginPrivateHost) *cosbackend.OriginPrivateHost {
	h := &cosbackend.OriginPrivateHost{Host: m.GetHost()}
	if c := m.GetCredentials(); c != nil {
		h.Credentials = &cosbackend.OriginCredentials{
			AuthorizationAlgorithm: c.GetAuthorizationAlgorithm(), Region: c.GetRegion(), SecretID: c.GetSecretId(), SecretKey: c.GetSecretKey(),
			EncryptedSecretKey: c.GetEncryptedSecretKey(), Role: c.GetRole(),
		}
	}
	return h
}
