package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketObjectLock(ctx context.Context, req *cosgatev1.GetBucketObjectLockRequest) (*cosgatev1.GetBucketObjectLockResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketObjectLock, objectLockProto)
	return &cosgatev1.GetBucketObjectLockResponse{ObjectLock: m}, err
}

func (s *bucketConfigServer) PutBucketObjectLock(ctx context.Context, req *cosgatev1.PutBucketObjectLockRequest) (*cosgatev1.PutBucketObjectLockResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketObjectLock, objectLockDocument(req.GetObjectLock()))
	return &cosgatev1.PutBucketObjectLockResponse{}, err
}

func objectLockProto(d *cosbackend.ObjectLockConfiguration) *cosgatev1.ObjectLockConfiguration {
	m := &cosgatev1.ObjectLockConfiguration{ObjectLockEnabled: d.ObjectLockEnabled, Unknown: mapSlice(d.Unknown, unknownProto)}
	if d.Rule != nil {
		m.Rule = &cosgatev1.ObjectLockRule{Days: valueOf(d.Rule.Days)}
	}
	return m
}

func objectLockDocument(m *cosgatev1.ObjectLockConfiguration) *cosbackend.ObjectLockConfiguration {
	d := &cosbackend.ObjectLockConfiguration{ObjectLockEnabled: m.GetObjectLockEnabled(), Unknown: mapSlice(m.GetUnknown(), unknownPiece)}
	if m.GetRule() != nil {
		d.Rule = &cosbackend.ObjectLockRule{Days: notZero(m.GetRule().GetDays())}
	}
	return d
}
