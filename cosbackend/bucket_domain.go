package cosbackend

import (
	"context"
	"iter"
	"net/http"
	"strings"
)

// A DomainConfiguration is the custom domains of a bucket.
type DomainConfiguration struct {
	Rules   []DomainRule `xml:"DomainRule"`
	Unknown []Unknown    `xml:"-"`
}

// A DomainRule is one of them.
type DomainRule struct {
	Status            string    `xml:",omitempty"`
	Name              string    `xml:",omitempty"`
	Type              string    `xml:",omitempty"`
	ForcedReplacement string    `xml:",omitempty"`
	Unknown           []Unknown `xml:"-"`
}

// A DomainCertificate binds a certificate to custom domains. Its private key is a secret.
type DomainCertificate struct {
	CertType   string    `xml:"CertificateInfo>CertType,omitempty"`
	CertID     string    `xml:"CertificateInfo>CustomCert>CertId,omitempty"`
	Cert       string    `xml:"CertificateInfo>CustomCert>Cert,omitempty"`
	PrivateKey string    `xml:"CertificateInfo>CustomCert>PrivateKey,omitempty"`
	Domains    []string  `xml:"DomainList>DomainName"`
	Unknown    []Unknown `xml:"-"`
}

// A BoundCertificate is what COS returns of a certificate. Its times are seconds of Unix.
type BoundCertificate struct {
	Status         string    `xml:",omitempty"`
	CertID         string    `xml:"CertificateInfo>CertId,omitempty"`
	ValidityBegin  *int64    `xml:"CertificateInfo>ValidityBegin"`
	ValidityExpire *int64    `xml:"CertificateInfo>ValidityExpire"`
	Unknown        []Unknown `xml:"-"`
}

// BucketDomains is what COS returns of the custom domains of a bucket.
type BucketDomains struct {
	DomainConfiguration
	// TXTVerification is what a TXT record of a domain must hold.
	TXTVerification string
}

func bucketDomain() subresource[DomainConfiguration] {
	return subresource[DomainConfiguration]{noun: "BucketDomain", name: "domain", root: "DomainConfiguration"}
}

// GetBucketDomain returns the custom domains of a bucket; without any the [*Error]
// is DomainConfigNotFoundError. Idempotent.
func (c *Client) GetBucketDomain(ctx context.Context, loc Location) (*BucketDomains, error) {
	var txt string
	doc, err := bucketDomain().get(ctx, c, loc, func(r *response, _ *DomainConfiguration) error {
		txt = headerText(r.http.Header, "X-Cos-Domain-Txt-Verification")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &BucketDomains{DomainConfiguration: *doc, TXTVerification: txt}, nil
}

// PutBucketDomain replaces the custom domains of a bucket. Idempotent.
func (c *Client) PutBucketDomain(ctx context.Context, loc Location, doc *DomainConfiguration) error {
	return bucketDomain().put(ctx, c, loc, doc)
}

// DeleteBucketDomain removes the custom domains of a bucket. Idempotent.
func (c *Client) DeleteBucketDomain(ctx context.Context, loc Location) error {
	return bucketDomain().remove(ctx, c, loc)
}

func domainCertificate(domain string) subresource[BoundCertificate] {
	return subresource[BoundCertificate]{
		noun: "BucketDomainCertificate", name: "domaincertificate", root: "DomainCertificate", id: pair{"domainname", domain},
	}
}

func checkDomain(domain string) error {
	problem := invalid("domain", "must be the name of a host, such as www.example.com")
	if domain == "" || len(domain) > 253 {
		return problem
	}
	for i := range len(domain) {
		first, last := i == 0, i == len(domain)-1
		switch c := domain[i]; {
		case lowerAlnum(lower(c)), c == '*' && first, (c == '.' || c == '-') && !first && !last:
		default:
			return problem
		}
	}
	return nil
}

// GetBucketDomainCertificate returns what is known of the certificate of a custom
// domain. Idempotent.
func (c *Client) GetBucketDomainCertificate(ctx context.Context, loc Location, domain string) (*BoundCertificate, error) {
	if err := checkDomain(domain); err != nil {
		return nil, err
	}
	return domainCertificate(domain).get(ctx, c, loc, nil)
}

// DeleteBucketDomainCertificate unbinds the certificate of a custom domain.
// Idempotent.
func (c *Client) DeleteBucketDomainCertificate(ctx context.Context, loc Location, domain string) error {
	if err := checkDomain(domain); err != nil {
		return err
	}
	return domainCertificate(domain).remove(ctx, c, loc)
}

// PutBucketDomainCertificate binds a certificate to custom domains. No error holds
// any of its private key. Idempotent.
func (c *Client) PutBucketDomainCertificate(ctx context.Context, loc Location, doc *DomainCertificate) error {
	s := subresource[DomainCertificate]{noun: "BucketDomainCertificate", name: "domaincertificate", root: "DomainCertificate", field: "certificate"}
	op, err := s.write(ctx, c, "Put", http.MethodPut, loc, doc)
	if err != nil {
		return err
	}
	op.secretPayload = true
	op.keepSecret(doc.PrivateKey)
	return c.do(ctx, op)
}

// minSecretLine is how many bytes of a line must match to count as a quote of it.
const minSecretLine = 8

// keepSecret keeps a secret of several lines out of errors and logs of the operation.
func (op *operation) keepSecret(secret string) {
	op.secret = secret
	for line := range secretLines(secret) {
		op.confidential = append(op.confidential, line)
	}
}

// secretLines yields the lines that are long enough to be recognized.
func secretLines(secret string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(secret) {
			line = strings.TrimSpace(line)
			if len(line) >= minSecretLine && !strings.HasPrefix(line, "-----") && !yield(line) {
				return
			}
		}
	}
}

// removeSecret clears each text of the error that quotes a line of a secret.
func (e *Error) removeSecret(secret string) {
	quotes := func(text string) bool {
		for line := range secretLines(secret) {
			if strings.Contains(text, line[:minSecretLine]) {
				return true
			}
		}
		return strings.Contains(text, "PRIVATE KEY")
	}
	if secret == "" {
		return
	}
	if quotes(e.Message) {
		e.Message = ""
	}
	if quotes(e.Resource) {
		e.Resource = ""
	}
	for name, value := range e.Headers {
		if quotes(value) {
			delete(e.Headers, name)
		}
	}
}
