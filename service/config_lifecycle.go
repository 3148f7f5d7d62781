package service

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketLifecycle(ctx context.Context, req *cosgatev1.GetBucketLifecycleRequest) (*cosgatev1.GetBucketLifecycleResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketLifecycle, lifecycleProto)
	return &cosgatev1.GetBucketLifecycleResponse{Lifecycle: m}, err
}

func (s *bucketConfigServer) PutBucketLifecycle(ctx context.Context, req *cosgatev1.PutBucketLifecycleRequest) (*cosgatev1.PutBucketLifecycleResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketLifecycle, lifecycleDocument(req.GetLifecycle()))
	return &cosgatev1.PutBucketLifecycleResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketLifecycle(ctx context.Context, req *cosgatev1.DeleteBucketLifecycleRequest) (*cosgatev1.DeleteBucketLifecycleResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketLifecycle)
	return &cosgatev1.DeleteBucketLifecycleResponse{}, err
}

func lifecycleProto(d *cosbackend.LifecycleConfiguration) *cosgatev1.LifecycleConfiguration {
	return &cosgatev1.LifecycleConfiguration{Rules: mapSlice(d.Rules, lifecycleRuleProto), Unknown: mapSlice(d.Unknown, unknownProto)}
}

func lifecycleRuleProto(r cosbackend.LifecycleRule) *cosgatev1.LifecycleRule {
	m := &cosgatev1.LifecycleRule{
		Id: r.ID, Status: r.Status, Prefix: r.Prefix,
		Filter:                       mapOptional(r.Filter, lifecycleFilterProto),
		Transitions:                  mapSlice(r.Transitions, transitionProto),
		NoncurrentVersionTransitions: mapSlice(r.NoncurrentVersionTransitions, noncurrentProto),
		Unknown:                      mapSlice(r.Unknown, unknownProto),
	}
	if e := r.Expiration; e != nil {
		m.Expiration = &cosgatev1.LifecycleExpiration{
			Date: mapOptional(e.Date, dateProto), Days: e.Days, ExpiredObjectDeleteMarker: e.ExpiredObjectDeleteMarker,
		}
	}
	if e := r.NoncurrentVersionExpiration; e != nil {
		m.NoncurrentVersionExpiration = &cosgatev1.NoncurrentVersionExpiration{NoncurrentDays: e.NoncurrentDays}
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		m.AbortIncompleteMultipartUpload = &cosgatev1.AbortIncompleteMultipartUpload{DaysAfterInitiation: a.DaysAfterInitiation}
	}
	return m
}

func lifecycleFilterProto(f *cosbackend.LifecycleFilter) *cosgatev1.LifecycleFilter {
	m := &cosgatev1.LifecycleFilter{}
	switch {
	case f.And != nil:
		m.Condition = &cosgatev1.LifecycleFilter_And{And: &cosgatev1.LifecycleAnd{
			Prefix: f.And.Prefix, PrefixNotEquals: f.And.PrefixNotEquals, Tags: mapSlice(f.And.Tags, tagProto),
			ObjectSizeGreaterThan: f.And.ObjectSizeGreaterThan, ObjectSizeLessThan: f.And.ObjectSizeLessThan,
		}}
	case f.Tag != nil:
		m.Condition = &cosgatev1.LifecycleFilter_Tag{Tag: tagProto(*f.Tag)}
	case f.Prefix != nil:
		m.Condition = &cosgatev1.LifecycleFilter_Prefix{Prefix: *f.Prefix}
	}
	return m
}

func transitionProto(t cosbackend.LifecycleTransition) *cosgatev1.LifecycleTransition {
	return &cosgatev1.LifecycleTransition{
		Date: mapOptional(t.Date, dateProto), Days: t.Days, StorageClass: t.StorageClass,
		AccessFrequency: mapOptional(t.AccessFrequency, frequencyProto), Unknown: mapSlice(t.Unknown, unknownProto),
	}
}

func noncurrentProto(t cosbackend.NoncurrentVersionTransition) *cosgatev1.NoncurrentVersionTransition {
	return &cosgatev1.NoncurrentVersionTransition{
		NoncurrentDays: t.NoncurrentDays, StorageClass: t.StorageClass,
		AccessFrequency: mapOptional(t.AccessFrequency, frequencyProto), Unknown: mapSlice(t.Unknown, unknownProto),
	}
}

func frequencyProto(f *cosbackend.AccessFrequency) *cosgatev1.AccessFrequency {
	return &cosgatev1.AccessFrequency{AccessCountLessThan: f.AccessCountLessThan, RecentDays: f.RecentDays}
}

func dateProto(d *cosbackend.Date) *timestamppb.Timestamp { return timestamppb.New(d.Time) }

func tagProto(t cosbackend.Tag) *cosgatev1.Tag { return &cosgatev1.Tag{Key: t.Key, Value: t.Value} }

func lifecycleDocument(m *cosgatev1.LifecycleConfiguration) *cosbackend.LifecycleConfiguration {
	return &cosbackend.LifecycleConfiguration{Rules: mapSlice(m.GetRules(), lifecycleRule), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
}

func lifecycleRule(m *cosgatev1.LifecycleRule) cosbackend.LifecycleRule {
	r := cosbackend.LifecycleRule{
		ID: m.GetId(), Status: m.GetStatus(), Prefix: m.Prefix,
		Filter:                       mapOptional(m.GetFilter(), lifecycleFilter),
		Transitions:                  mapSlice(m.GetTransitions(), transition),
		NoncurrentVersionTransitions: mapSlice(m.GetNoncurrentVersionTransitions(), noncurrent),
		Unknown:                      mapSlice(m.GetUnknown(), unknownPiece),
	}
	if e := m.GetExpiration(); e != nil {
		r.Expiration = &cosbackend.LifecycleExpiration{
			Date: mapOptional(e.GetDate(), date), Days: e.Days, ExpiredObjectDeleteMarker: e.ExpiredObjectDeleteMarker,
		}
	}
	if e := m.GetNoncurrentVersionExpiration(); e != nil {
		r.NoncurrentVersionExpiration = &cosbackend.NoncurrentVersionExpiration{NoncurrentDays: e.NoncurrentDays}
	}
	if a := m.GetAbortIncompleteMultipartUpload(); a != nil {
		r.AbortIncompleteMultipartUpload = &cosbackend.AbortIncompleteMultipartUpload{DaysAfterInitiation: a.DaysAfterInitiation}
	}
	return r
}

func lifecycleFilter(m *cosgatev1.LifecycleFilter) *cosbackend.LifecycleFilter {
	f := &cosbackend.LifecycleFilter{}
	switch c := m.GetCondition().(type) {
	case *cosgatev1.LifecycleFilter_Prefix:
		f.Prefix = &c.Prefix
	case *cosgatev1.LifecycleFilter_Tag:
		f.Tag = &cosbackend.Tag{Key: c.Tag.GetKey(), Value: c.Tag.GetValue()}
	case *cosgatev1.LifecycleFilter_And:
		f.And = &cosbackend.LifecycleAnd{
			Prefix: c.And.Prefix, PrefixNotEquals: c.And.PrefixNotEquals, Tags: mapSlice(c.And.GetTags(), tag),
			ObjectSizeGreaterThan: c.And.ObjectSizeGreaterThan, ObjectSizeLessThan: c.And.ObjectSizeLessThan,
		}
	}
	return f
}

func transition(m *cosgatev1.LifecycleTransition) cosbackend.LifecycleTransition {
	return cosbackend.LifecycleTransition{
		Date: mapOptional(m.GetDate(), date), Days: m.Days, StorageClass: m.GetStorageClass(),
		AccessFrequency: mapOptional(m.GetAccessFrequency(), frequency), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}

func noncurrent(m *cosgatev1.NoncurrentVersionTransition) cosbackend.NoncurrentVersionTransition {
	return cosbackend.NoncurrentVersionTransition{
		NoncurrentDays: m.NoncurrentDays, StorageClass: m.GetStorageClass(),
		AccessFrequency: mapOptional(m.GetAccessFrequency(), frequency), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}

func frequency(m *cosgatev1.AccessFrequency) *cosbackend.AccessFrequency {
	return &cosbackend.AccessFrequency{AccessCountLessThan: m.AccessCountLessThan, RecentDays: m.RecentDays}
}

func date(m *timestamppb.Timestamp) *cosbackend.Date { return &cosbackend.Date{Time: m.AsTime()} }

func tag(m *cosgatev1.Tag) cosbackend.Tag {
	return cosbackend.Tag{Key: m.GetKey(), Value: m.GetValue()}
}
