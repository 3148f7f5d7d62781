package service

import (
	"context"
	"strings"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketReplication(ctx context.Context, req *cosgatev1.GetBucketReplicationRequest) (*cosgatev1.GetBucketReplicationResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketReplication, replicationProto)
	return &cosgatev1.GetBucketReplicationResponse{Replication: m}, err
}

func (s *bucketConfigServer) PutBucketReplication(ctx context.Context, req *cosgatev1.PutBucketReplicationRequest) (*cosgatev1.PutBucketReplicationResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketReplication, replicationDocument(req.GetReplication()))
	return &cosgatev1.PutBucketReplicationResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketReplication(ctx context.Context, req *cosgatev1.DeleteBucketReplicationRequest) (*cosgatev1.DeleteBucketReplicationResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketReplication)
	return &cosgatev1.DeleteBucketReplicationResponse{}, err
}

func replicationProto(d *cosbackend.ReplicationConfiguration) *cosgatev1.ReplicationConfiguration {
	return &cosgatev1.ReplicationConfiguration{Role: d.Role, Rules: mapSlice(d.Rules, replicationRuleProto), Unknown: mapSlice(d.Unknown, unknownProto)}
}

func replicationRuleProto(r cosbackend.ReplicationRule) *cosgatev1.ReplicationRule {
	m := &cosgatev1.ReplicationRule{
		Id: r.ID, Status: r.Status, Priority: r.Priority, Prefix: r.Prefix,
		Filter:      mapOptional(r.Filter, replicationFilterProto),
		Destination: &cosgatev1.ReplicationDestination{Bucket: bucketResource(r.Destination.Bucket), StorageClass: r.Destination.StorageClass},
		Unknown:     mapSlice(r.Unknown, unknownProto),
	}
	if e := r.Destination.Encryption; e != nil {
		m.Destination.Encryption = &cosgatev1.ReplicaEncryption{ReplicaKmsKeyId: e.ReplicaKMSKeyID}
	}
	if c := r.SourceSelectionCriteria; c != nil {
		m.SourceSelectionCriteria = &cosgatev1.SourceSelectionCriteria{}
		if o := c.SSEKMSEncryptedObjects; o != nil {
			m.SourceSelectionCriteria.SseKmsEncryptedObjects = &cosgatev1.SseKmsEncryptedObjects{Status: o.Status}
		}
	}
	if r.DeleteMarkerReplication != nil {
		m.DeleteMarkerReplication = &cosgatev1.DeleteMarkerReplication{Status: r.DeleteMarkerReplication.Status}
	}
	return m
}

// bucketResource writes the older form of the name of a bucket in the form that requests
// have; whatever has neither stays.
func bucketResource(resource string) string {
	parts := strings.Split(resource, ":")
	if len(parts) != 6 || parts[0] != "qcs" || !strings.HasPrefix(parts[1], "id/") || parts[2] != "cos" {
		return resource
	}
	appid, ok := strings.CutPrefix(parts[4], "appid/")
	if !ok {
		return resource
	}
	return "qcs::cos:" + parts[3] + "::" + parts[5] + "-" + appid
}

func replicationFilterProto(f *cosbackend.ReplicationFilter) *cosgatev1.ReplicationFilter {
	m := &cosgatev1.ReplicationFilter{}
	switch {
	case f.And != nil:
		m.Condition = &cosgatev1.ReplicationFilter_And{And: &cosgatev1.ReplicationAnd{Prefix: f.And.Prefix, Tags: mapSlice(f.And.Tags, tagProto)}}
	case f.Tag != nil:
		m.Condition = &cosgatev1.ReplicationFilter_Tag{Tag: tagProto(*f.Tag)}
	case f.Prefix != nil:
		m.Condition = &cosgatev1.ReplicationFilter_Prefix{Prefix: *f.Prefix}
	}
	return m
}

func replicationDocument(m *cosgatev1.ReplicationConfiguration) *cosbackend.ReplicationConfiguration {
	return &cosbackend.ReplicationConfiguration{Role: m.GetRole(), Rules: mapSlice(m.GetRules(), replicationRule), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
}

func replicationRule(m *cosgatev1.ReplicationRule) cosbackend.ReplicationRule {
	r := cosbackend.ReplicationRule{
		ID: m.GetId(), Status: m.GetStatus(), Priority: m.Priority, Prefix: m.Prefix,
		Filter:      mapOptional(m.GetFilter(), replicationFilter),
		Destination: cosbackend.ReplicationDestination{Bucket: m.GetDestination().GetBucket(), StorageClass: m.GetDestination().GetStorageClass()},
		Unknown:     mapSlice(m.GetUnknown(), unknownPiece),
	}
	if e := m.GetDestination().GetEncryption(); e != nil {
		r.Destination.Encryption = &cosbackend.ReplicaEncryption{ReplicaKMSKeyID: e.GetReplicaKmsKeyId()}
	}
	if c := m.GetSourceSelectionCriteria(); c != nil {
		r.SourceSelectionCriteria = &cosbackend.SourceSelectionCriteria{}
		if o := c.GetSseKmsEncryptedObjects(); o != nil {
			r.SourceSelectionCriteria.SSEKMSEncryptedObjects = &cosbackend.SSEKMSEncryptedObjects{Status: o.GetStatus()}
		}
	}
	if d := m.GetDeleteMarkerReplication(); d != nil {
		r.DeleteMarkerReplication = &cosbackend.DeleteMarkerReplication{Status: d.GetStatus()}
	}
	return r
}

func replicationFilter(m *cosgatev1.ReplicationFilter) *cosbackend.ReplicationFilter {
	f := &cosbackend.ReplicationFilter{}
	switch c := m.GetCondition().(type) {
	case *cosgatev1.ReplicationFilter_Prefix:
		f.Prefix = &c.Prefix
	case *cosgatev1.ReplicationFilter_Tag:
		f.Tag = &cosbackend.Tag{Key: c.Tag.GetKey(), Value: c.Tag.GetValue()}
	case *cosgatev1.ReplicationFilter_And:
		f.And = &cosbackend.ReplicationAnd{Prefix: c.And.Prefix, Tags: mapSlice(c.And.GetTags(), tag)}
	}
	return f
}
