package service

import (
	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func encryption(e *cosgatev1.ServerSideEncryption) cosbackend.Encryption {
	switch m := e.GetMethod().(type) {
	case *cosgatev1.ServerSideEncryption_Cos:
		return cosbackend.Encryption{COS: true}
	case *cosgatev1.ServerSideEncryption_Kms:
		return cosbackend.Encryption{KMS: &cosbackend.KMSKey{ID: m.Kms.GetKeyId(), Context: m.Kms.GetContext()}}
	case *cosgatev1.ServerSideEncryption_CustomerKey:
		return cosbackend.Encryption{CustomerKey: customerKey(m.CustomerKey)}
	default:
		return cosbackend.Encryption{}
	}
}

func customerKey(k *cosgatev1.CustomerKey) cosbackend.CustomerKey { return k.GetKey() }

func encryptionInfoProto(e cosbackend.EncryptionInfo) *cosgatev1.EncryptionInfo {
	if e == (cosbackend.EncryptionInfo{}) {
		return nil
	}
	return &cosgatev1.EncryptionInfo{Algorithm: e.Algorithm, KmsKeyId: e.KMSKeyID, CustomerKeyMd5: e.CustomerKeyMD5}
}
