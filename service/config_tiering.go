package service

import (
	"context"
	"math"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketIntelligentTiering(ctx context.Context, req *cosgatev1.GetBucketIntelligentTieringRequest) (*cosgatev1.GetBucketIntelligentTieringResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketIntelligentTiering, tieringProto)
	return &cosgatev1.GetBucketIntelligentTieringResponse{IntelligentTiering: m}, err
}

func (s *bucketConfigServer) PutBucketIntelligentTiering(ctx context.Context, req *cosgatev1.PutBucketIntelligentTieringRequest) (*cosgatev1.PutBucketIntelligentTieringResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketIntelligentTiering, tieringDocument(req.GetIntelligentTiering()))
	return &cosgatev1.PutBucketIntelligentTieringResponse{}, err
}

func (s *bucketConfigServer) GetBucketIntelligentTieringConfiguration(ctx context.Context, req *cosgatev1.GetBucketIntelligentTieringConfigurationRequest) (*cosgatev1.GetBucketIntelligentTieringConfigurationResponse, error) {
	m, err := readConfig(ctx, s, req, byID(req.GetId(), (*cosbackend.Client).GetBucketIntelligentTieringConfiguration), tieringRuleProto)
	return &cosgatev1.GetBucketIntelligentTieringConfigurationResponse{Configuration: m}, err
}

func (s *bucketConfigServer) PutBucketIntelligentTieringConfiguration(ctx context.Context, req *cosgatev1.PutBucketIntelligentTieringConfigurationRequest) (*cosgatev1.PutBucketIntelligentTieringConfigurationResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketIntelligentTieringConfiguration, tieringRule(req.GetConfiguration()))
	return &cosgatev1.PutBucketIntelligentTieringConfigurationResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketIntelligentTieringConfiguration(ctx context.Context, req *cosgatev1.DeleteBucketIntelligentTieringConfigurationRequest) (*cosgatev1.DeleteBucketIntelligentTieringConfigurationResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketIntelligentTieringConfiguration, req.GetId())
	return &cosgatev1.DeleteBucketIntelligentTieringConfigurationResponse{}, err
}

func (s *bucketConfigServer) ListBucketIntelligentTieringConfigurations(ctx context.Context, req *cosgatev1.ListBucketIntelligentTieringConfigurationsRequest) (*cosgatev1.ListBucketIntelligentTieringConfigurationsResponse, error) {
	if req.GetPageToken() != "" {
		return nil, errPageToken() // there is one page, so that no token was given out
	}
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).ListBucketIntelligentTieringConfigurations, tieringRulesProto)
	return &cosgatev1.ListBucketIntelligentTieringConfigurationsResponse{Configurations: m.GetConfigurations()}, err
}

func tieringProto(d *cosbackend.IntelligentTiering) *cosgatev1.IntelligentTiering {
	m := &cosgatev1.IntelligentTiering{Status: d.Status, Unknown: mapSlice(d.Unknown, unknownProto)}
	if t := d.Transition; t != nil {
		m.Transition = &cosgatev1.IntelligentTieringTransition{Days: valueOf(t.Days), RequestFrequent: valueOf(t.RequestFrequent)}
	}
	return m
}

func tieringDocument(m *cosgatev1.IntelligentTiering) *cosbackend.IntelligentTiering {
	d := &cosbackend.IntelligentTiering{Status: m.GetStatus(), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
	if t := m.GetTransition(); t != nil {
		d.Transition = &cosbackend.TieringTransition{Days: notZero(t.GetDays()), RequestFrequent: notZero(t.GetRequestFrequent())}
	}
	return d
}

// tieringRulesProto is nil when there are none.
func tieringRulesProto(rules []cosbackend.IntelligentTieringConfiguration) *cosgatev1.IntelligentTieringConfigurations {
	if len(rules) == 0 {
		return nil
	}
	return &cosgatev1.IntelligentTieringConfigurations{
		Configurations: mapSlice(rules, func(d cosbackend.IntelligentTieringConfiguration) *cosgatev1.IntelligentTieringConfiguration {
			return tieringRuleProto(&d)
		}),
	}
}

func tieringRuleProto(d *cosbackend.IntelligentTieringConfiguration) *cosgatev1.IntelligentTieringConfiguration {
	return &cosgatev1.IntelligentTieringConfiguration{
		Id: d.ID, Status: d.Status, Filter: mapOptional(d.Filter, tieringFilterProto),
		Tierings: mapSlice(d.Tierings, func(t cosbackend.Tiering) *cosgatev1.Tiering {
			return &cosgatev1.Tiering{
				AccessTier: t.AccessTier, Days: valueOf(t.Days), RequestFrequent: valueOf(t.RequestFrequent), Unknown: mapSlice(t.Unknown, unknownProto),
			}
		}),
		Unknown: mapSlice(d.Unknown, unknownProto),
	}
}

func tieringFilterProto(f *cosbackend.TieringFilter) *cosgatev1.IntelligentTieringFilter {
	m := &cosgatev1.IntelligentTieringFilter{Prefix: f.Prefix, Tags: mapSlice(f.Tags, tagProto)}
	if f.And != nil {
		m.And = &cosgatev1.IntelligentTieringAnd{Prefix: f.And.Prefix, Tags: mapSlice(f.And.Tags, tagProto)}
	}
	return m
}

func tieringRule(m *cosgatev1.IntelligentTieringConfiguration) *cosbackend.IntelligentTieringConfiguration {
	return &cosbackend.IntelligentTieringConfiguration{
		ID: m.GetId(), Status: m.GetStatus(), Filter: mapOptional(m.GetFilter(), tieringFilter),
		Tierings: mapSlice(m.GetTierings(), func(t *cosgatev1.Tiering) cosbackend.Tiering {
			return cosbackend.Tiering{
				AccessTier: t.GetAccessTier(), Days: notZero(t.GetDays()), RequestFrequent: notZero(t.GetRequestFrequent()),
				Unknown: mapSlice(t.GetUnknown(), unknownPiece),
			}
		}),
		Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}

func tieringFilter(m *cosgatev1.IntelligentTieringFilter) *cosbackend.TieringFilter {
	f := &cosbackend.TieringFilter{Prefix: m.GetPrefix(), Tags: mapSlice(m.GetTags(), tag)}
	if a := m.GetAnd(); a != nil {
		f.And = &cosbackend.TieringAnd{Prefix: a.GetPrefix(), Tags: mapSlice(a.GetTags(), tag)}
	}
	return f
}

// bounded is a number of COS in the 32 bits that the contract has for it.
func bounded(n int) int32 { return int32(max(min(n, math.MaxInt32), math.MinInt32)) }

// valueOf is 0 for nil.
func valueOf[N int32 | int64](n *N) N {
	if n == nil {
		return 0
	}
	return *n
}

// notZero is nil for 0, which the contract has for what is absent.
func notZero[N int32 | int64](n N) *N {
	if n == 0 {
		return nil
	}
	return &n
}
