package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

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

func encryptionProto(d *cosbackend.EncryptionConfiguration) *cosgatev1.EncryptionConfiguration {
	return &cosgatev1.EncryptionConfiguration{
		SseAlgorithm: d.SSEAlgorithm, KmsMasterKeyId: d.KMSMasterKeyID, KmsAlgorithm: d.KMSAlgorithm, Unknown: mapSlice(d.Unknown, unknownProto),
	}
}

func encryptionDocument(m *cosgatev1.EncryptionConfiguration) *cosbackend.EncryptionConfiguration {
	return &cosbackend.EncryptionConfiguration{
		SSEAlgorithm: m.GetSseAlgorithm(), KMSMasterKeyID: m.GetKmsMasterKeyId(), KMSAlgorithm: m.GetKmsAlgorithm(), Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}
