package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketVersioning(ctx context.Context, req *cosgatev1.GetBucketVersioningRequest) (*cosgatev1.GetBucketVersioningResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketVersioning, versioningProto)
	return &cosgatev1.GetBucketVersioningResponse{Versioning: m}, err
}

func (s *bucketConfigServer) PutBucketVersioning(ctx context.Context, req *cosgatev1.PutBucketVersioningRequest) (*cosgatev1.PutBucketVersioningResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketVersioning, versioningDocument(req.GetVersioning()))
	return &cosgatev1.PutBucketVersioningResponse{}, err
}

func (s *bucketConfigServer) GetBucketAccelerate(ctx context.Context, req *cosgatev1.GetBucketAccelerateRequest) (*cosgatev1.GetBucketAccelerateResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketAccelerate, accelerateProto)
	return &cosgatev1.GetBucketAccelerateResponse{Accelerate: m}, err
}

func (s *bucketConfigServer) PutBucketAccelerate(ctx context.Context, req *cosgatev1.PutBucketAccelerateRequest) (*cosgatev1.PutBucketAccelerateResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketAccelerate, accelerateDocument(req.GetAccelerate()))
	return &cosgatev1.PutBucketAccelerateResponse{}, err
}

func (s *bucketConfigServer) GetBucketObjectLock(ctx context.Context, req *cosgatev1.GetBucketObjectLockRequest) (*cosgatev1.GetBucketObjectLockResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketObjectLock, objectLockProto)
	return &cosgatev1.GetBucketObjectLockResponse{ObjectLock: m}, err
}

func (s *bucketConfigServer) PutBucketObjectLock(ctx context.Context, req *cosgatev1.PutBucketObjectLockRequest) (*cosgatev1.PutBucketObjectLockResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketObjectLock, objectLockDocument(req.GetObjectLock()))
	return &cosgatev1.PutBucketObjectLockResponse{}, err
}

func (s *bucketConfigServer) GetBucketLogging(ctx context.Context, req *cosgatev1.GetBucketLoggingRequest) (*cosgatev1.GetBucketLoggingResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketLogging, loggingProto)
	return &cosgatev1.GetBucketLoggingResponse{Logging: m}, err
}

func (s *bucketConfigServer) PutBucketLogging(ctx context.Context, req *cosgatev1.PutBucketLoggingRequest) (*cosgatev1.PutBucketLoggingResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketLogging, loggingDocument(req.GetLogging()))
	return &cosgatev1.PutBucketLoggingResponse{}, err
}

func (s *bucketConfigServer) GetBucketEncryption(ctx context.Context, req *cosgatev1.GetBucketEncryptionRequest) (*cosgatev1.GetBucketEncryptionResponse, error) {
	m, err := readConfig(ctx, s, req, (*cosbackend.Client).GetBucketEncryption, encryptionProto)
	return &cosgatev1.GetBucketEncryptionResponse{Encryption: m}, err
}

func (s *bucketConfigServer) PutBucketEncryption(ctx context.Context, req *cosgatev1.PutBucketEncryptionRequest) (*cosgatev1.PutBucketEncryptionResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketEncryption, encryptionDocument(req.GetEncryption()))
	return &cosgatev1.PutBucketEncryptionResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketEncryption(ctx context.Context, req *cosgatev1.DeleteBucketEncryptionRequest) (*cosgatev1.DeleteBucketEncryptionResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketEncryption)
	return &cosgatev1.DeleteBucketEncryptionResponse{}, err
}

func versioningProto(d *cosbackend.VersioningConfiguration) *cosgatev1.VersioningConfiguration {
	return &cosgatev1.VersioningConfiguration{Status: d.Status}
}

func versioningDocument(m *cosgatev1.VersioningConfiguration) *cosbackend.VersioningConfiguration {
	return &cosbackend.VersioningConfiguration{Status: m.GetStatus()}
}

func accelerateProto(d *cosbackend.AccelerateConfiguration) *cosgatev1.AccelerateConfiguration {
	return &cosgatev1.AccelerateConfiguration{Status: d.Status, Type: d.Type}
}

func accelerateDocument(m *cosgatev1.AccelerateConfiguration) *cosbackend.AccelerateConfiguration {
	return &cosbackend.AccelerateConfiguration{Status: m.GetStatus(), Type: m.GetType()}
}

func objectLockProto(d *cosbackend.ObjectLockConfiguration) *cosgatev1.ObjectLockConfiguration {
	m := &cosgatev1.ObjectLockConfiguration{ObjectLockEnabled: d.ObjectLockEnabled}
	if d.Rule != nil {
		m.Rule = &cosgatev1.ObjectLockRule{Days: bounded(d.Rule.Days)}
	}
	return m
}

func objectLockDocument(m *cosgatev1.ObjectLockConfiguration) *cosbackend.ObjectLockConfiguration {
	d := &cosbackend.ObjectLockConfiguration{ObjectLockEnabled: m.GetObjectLockEnabled()}
	if m.GetRule() != nil {
		d.Rule = &cosbackend.ObjectLockRule{Days: int(m.GetRule().GetDays())}
	}
	return d
}

func loggingProto(d *cosbackend.BucketLogging) *cosgatev1.LoggingConfiguration {
	m := &cosgatev1.LoggingConfiguration{}
	if t := d.LoggingEnabled; t != nil {
		m.Target = &cosgatev1.LoggingTarget{Bucket: t.TargetBucket, Prefix: t.TargetPrefix}
	}
	return m
}

func loggingDocument(m *cosgatev1.LoggingConfiguration) *cosbackend.BucketLogging {
	d := &cosbackend.BucketLogging{}
	if t := m.GetTarget(); t != nil {
		d.LoggingEnabled = &cosbackend.LoggingTarget{TargetBucket: t.GetBucket(), TargetPrefix: t.GetPrefix()}
	}
	return d
}

func encryptionProto(d *cosbackend.EncryptionConfiguration) *cosgatev1.EncryptionConfiguration {
	m := &cosgatev1.EncryptionConfiguration{}
	if r := d.Rule; r != nil {
		m.SseAlgorithm, m.KmsMasterKeyId, m.KmsAlgorithm = r.SSEAlgorithm, r.KMSMasterKeyID, r.KMSAlgorithm
	}
	return m
}

func encryptionDocument(m *cosgatev1.EncryptionConfiguration) *cosbackend.EncryptionConfiguration {
	return &cosbackend.EncryptionConfiguration{Rule: &cosbackend.EncryptionRule{
		SSEAlgorithm: m.GetSseAlgorithm(), KMSMasterKeyID: m.GetKmsMasterKeyId(), KMSAlgorithm: m.GetKmsAlgorithm(),
	}}
}
