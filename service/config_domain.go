package service

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketDomain(ctx context.Context, req *cosgatev1.GetBucketDomainRequest) (*cosgatev1.GetBucketDomainResponse, error) {
	return readConfig(ctx, s, req, (*cosbackend.Client).GetBucketDomain, func(d *cosbackend.BucketDomains) *cosgatev1.GetBucketDomainResponse {
		return &cosgatev1.GetBucketDomainResponse{Domain: domainProto(d), TxtVerification: d.TXTVerification}
	})
}

func (s *bucketConfigServer) PutBucketDomain(ctx context.Context, req *cosgatev1.PutBucketDomainRequest) (*cosgatev1.PutBucketDomainResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketDomain, domainDocument(req.GetDomain()))
	return &cosgatev1.PutBucketDomainResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketDomain(ctx context.Context, req *cosgatev1.DeleteBucketDomainRequest) (*cosgatev1.DeleteBucketDomainResponse, error) {
	err := removeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketDomain)
	return &cosgatev1.DeleteBucketDomainResponse{}, err
}

func (s *bucketConfigServer) GetBucketDomainCertificate(ctx context.Context, req *cosgatev1.GetBucketDomainCertificateRequest) (*cosgatev1.GetBucketDomainCertificateResponse, error) {
	return readConfig(ctx, s, req, byID(req.GetDomain(), (*cosbackend.Client).GetBucketDomainCertificate), certificateProto)
}

func (s *bucketConfigServer) PutBucketDomainCertificate(ctx context.Context, req *cosgatev1.PutBucketDomainCertificateRequest) (*cosgatev1.PutBucketDomainCertificateResponse, error) {
	certificate := req.GetCertificate()
	doc := &cosbackend.DomainCertificate{
		CertType: "CustomCert", CertID: certificate.GetCertId(), Cert: certificate.GetCertificate(), PrivateKey: certificate.GetPrivateKey(),
		Domains: req.GetDomains(), Unknown: mapSlice(req.GetUnknown(), unknownPiece),
	}
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketDomainCertificate, doc)
	return &cosgatev1.PutBucketDomainCertificateResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketDomainCertificate(ctx context.Context, req *cosgatev1.DeleteBucketDomainCertificateRequest) (*cosgatev1.DeleteBucketDomainCertificateResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketDomainCertificate, req.GetDomain())
	return &cosgatev1.DeleteBucketDomainCertificateResponse{}, err
}

func domainProto(d *cosbackend.BucketDomains) *cosgatev1.DomainConfiguration {
	return &cosgatev1.DomainConfiguration{
		Rules: mapSlice(d.Rules, func(r cosbackend.DomainRule) *cosgatev1.DomainRule {
			return &cosgatev1.DomainRule{
				Status: r.Status, Name: r.Name, Type: r.Type, ForcedReplacement: r.ForcedReplacement, Unknown: mapSlice(r.Unknown, unknownProto),
			}
		}),
		Unknown: mapSlice(d.Unknown, unknownProto),
	}
}

func domainDocument(m *cosgatev1.DomainConfiguration) *cosbackend.DomainConfiguration {
	return &cosbackend.DomainConfiguration{
		Rules: mapSlice(m.GetRules(), func(r *cosgatev1.DomainRule) cosbackend.DomainRule {
			return cosbackend.DomainRule{
				Status: r.GetStatus(), Name: r.GetName(), Type: r.GetType(), ForcedReplacement: r.GetForcedReplacement(),
				Unknown: mapSlice(r.GetUnknown(), unknownPiece),
			}
		}),
		Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
}

// certificateProto leaves out what COS does not say: it has 0 for the times of a
// certificate it does not know.
func certificateProto(d *cosbackend.BoundCertificate) *cosgatev1.GetBucketDomainCertificateResponse {
	at := func(seconds *int64) *timestamppb.Timestamp {
		if valueOf(seconds) == 0 {
			return nil
		}
		return &timestamppb.Timestamp{Seconds: *seconds}
	}
	return &cosgatev1.GetBucketDomainCertificateResponse{
		Status: d.Status, CertId: d.CertID, ValidityBegin: at(d.ValidityBegin), ValidityExpire: at(d.ValidityExpire), Unknown: mapSlice(d.Unknown, unknownProto),
	}
}
