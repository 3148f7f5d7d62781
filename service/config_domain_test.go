package service

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// newCertificate makes a certificate that is valid for an hour from then on.
func newCertificate(t *testing.T, from time.Time) *cosgatev1.CustomCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: from.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &cosgatev1.CustomCertificate{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})),
		PrivateKey:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

func TestBucketDomainCertificateRoundTrip(t *testing.T) {
	t.Parallel()
	g := open(t)
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if _, err := g.configs.PutBucketDomainCertificate(t.Context(), &cosgatev1.PutBucketDomainCertificateRequest{
		Bucket: testBucket, Certificate: newCertificate(t, from), Domains: []string{"www.example.com", "m.example.com"},
	}); err != nil {
		t.Fatalf("PutBucketDomainCertificate = %v", err)
	}
	req := &cosgatev1.GetBucketDomainCertificateRequest{Bucket: testBucket, Domain: "www.example.com"}
	got, err := g.configs.GetBucketDomainCertificate(t.Context(), req)
	if err != nil || got.GetCertId() == "" || got.GetStatus() == "" || !got.GetValidityBegin().AsTime().Equal(from) || !got.GetValidityExpire().AsTime().Equal(from.Add(time.Hour)) {
		t.Errorf("GetBucketDomainCertificate = %v, %v, want its id and from when to when it is valid", got, err)
	}
	for range 2 { // a repeat says the same
		if _, err := g.configs.DeleteBucketDomainCertificate(t.Context(), &cosgatev1.DeleteBucketDomainCertificateRequest{Bucket: testBucket, Domain: "www.example.com"}); err != nil {
			t.Errorf("DeleteBucketDomainCertificate = %v", err)
		}
	}
	if _, err := g.configs.GetBucketDomainCertificate(t.Context(), req); status.Code(err) != codes.NotFound {
		t.Errorf("GetBucketDomainCertificate after the removal = %v, want NOT_FOUND", err)
	}
	byID := &cosgatev1.PutBucketDomainCertificateRequest{Bucket: testBucket, Certificate: &cosgatev1.CustomCertificate{CertId: "abcd"}, Domains: []string{"www.example.com"}}
	if _, err := g.configs.PutBucketDomainCertificate(t.Context(), byID); err != nil {
		t.Fatalf("PutBucketDomainCertificate by id = %v", err)
	}
	got, err = g.configs.GetBucketDomainCertificate(t.Context(), req)
	if err != nil || got.GetCertId() != "abcd" || got.GetValidityBegin() != nil {
		t.Errorf("GetBucketDomainCertificate = %v, %v, want the id and no times", got, err)
	}
}

// COS might quote what it was sent. The caller, the log and the descriptor are held to
// show nothing of a private key.
func TestPutBucketDomainCertificateNeverShowsThePrivateKey(t *testing.T) {
	t.Parallel()
	g := open(t)
	certificate := newCertificate(t, time.Now())
	secret := strings.Split(certificate.GetPrivateKey(), "\n")[1][:24]
	for _, echo := range []string{certificate.GetPrivateKey(), "bad key " + secret} {
		g.cos.Faults().Clear()
		g.cos.Faults().Add(embedded.Fault{Status: 400, Code: "InvalidArgument", Message: echo})
		_, err := g.configs.PutBucketDomainCertificate(t.Context(), &cosgatev1.PutBucketDomainCertificateRequest{
			Bucket: testBucket, Certificate: certificate, Domains: []string{"www.example.com"},
		})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("PutBucketDomainCertificate = %v, want INVALID_ARGUMENT", err)
		}
		if text := status.Convert(err).Proto().String(); strings.Contains(text, secret) {
			t.Errorf("the status shows the key: %s", text)
		}
	}
	if _, err := g.configs.PutBucketDomainCertificate(t.Context(), &cosgatev1.PutBucketDomainCertificateRequest{
		Bucket: testBucket, Domains: []string{"no domain"}, Certificate: certificate,
	}); status.Code(err) != codes.InvalidArgument || strings.Contains(status.Convert(err).Proto().String(), secret) {
		t.Errorf("PutBucketDomainCertificate of a bad domain = %v, want INVALID_ARGUMENT without the key", err)
	}
	if strings.Contains(g.logs.String(), secret) {
		t.Error("the log shows the key")
	}
	field := certificate.ProtoReflect().Descriptor().Fields().ByName("private_key")
	if !field.Options().(*descriptorpb.FieldOptions).GetDebugRedact() {
		t.Error("private_key is not marked debug_redact")
	}
}
