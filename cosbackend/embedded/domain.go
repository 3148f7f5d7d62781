package embedded

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	// certificates is the kind of stored document of a domain certificate, by domain.
	certificates = "domaincertificate"
	domainSub    = "domain"
)

func certificateRoutes() []route {
	add := func(method, operation string, handle func(*Server, *exchange) error, params ...string) route {
		return route{
			method: method, target: onBucketItself, sub: certificates, operation: operation + "BucketDomainCertificate",
			access: ownerOnly, params: params, storedOnly: true, handle: handle,
		}
	}
	return []route{
		add(http.MethodGet, "Get", (*Server).getCertificate, "domainname"),
		add(http.MethodPut, "Put", (*Server).putCertificate),
		add(http.MethodDelete, "Delete", (*Server).deleteCertificate, "domainname"),
	}
}

func certificateShape() shape {
	return branch(
		"DomainCertificate",
		branch(
			"CertificateInfo", leaf("CertType", oneOf("CustomCert")).once(),
			branch("CustomCert", text("CertId").optional(), text("Cert").optional(), text("PrivateKey").optional()).once(),
		).once(),
		branch("DomainList", required("DomainName").oneOrMore()).once(),
	)
}

// requestedDomain is the domain whose certificate a request is about.
func (x *exchange) requestedDomain() (string, error) {
	name, _ := x.params.get("domainname")
	if name = strings.ToLower(name); !domainName(name) {
		return "", fail(invalidArgument, "domainname must be a domain name.")
	}
	return name, nil
}

func (s *Server) getCertificate(x *exchange) error {
	name, err := x.requestedDomain()
	if err != nil {
		return err
	}
	document, err := s.store.Config(x.ctx(), x.config(certificates, name))
	if errors.Is(err, store.ErrNoSuchConfig) {
		return fail(domainConfigNotFound, "") // (E078)
	}
	if err != nil {
		return err
	}
	x.sendDocument(document)
	return nil
}

// putCertificate stores what a GET returns: the id of the certificate and the times
// between which it is valid. Neither the certificate nor its key is stored.
func (s *Server) putCertificate(x *exchange) error {
	text, err := x.readXMLBody(maxConfigXML, false)
	if err != nil {
		return err
	}
	doc, err := x.parseConfiguration(text, certificateShape())
	if err != nil {
		return err
	}
	document, err := describeCertificate(doc.child("CertificateInfo").child("CustomCert"))
	if err != nil {
		return err
	}
	var names []string
	for _, n := range doc.child("DomainList").all("DomainName") {
		name := strings.ToLower(n.text)
		if !domainName(name) {
			return fail(invalidArgument, "A domain name is not valid.")
		}
		names = append(names, name)
	}
	if err := s.store.PutConfigs(x.ctx(), x.bucket, certificates, names, document); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

// describeCertificate is the document to store for a certificate. One that is named by
// its id alone is stored elsewhere in the cloud, so that its validity is unknown and
// both times are 0 (E079).
func describeCertificate(custom *node) ([]byte, error) {
	id := custom.value("CertId")
	var from, to int64
	if custom.value("Cert") != "" || custom.value("PrivateKey") != "" {
		cert, err := readCertificate(custom.value("Cert"), custom.value("PrivateKey"))
		if err != nil {
			return nil, err
		}
		from, to = cert.NotBefore.Unix(), cert.NotAfter.Unix()
		if id == "" {
			sum := sha256.Sum256(cert.Raw)
			id = hex.EncodeToString(sum[:4])
		}
	}
	if id == "" {
		return nil, fail(invalidArgument, "CustomCert needs a CertId, or a Cert and its PrivateKey.")
	}
	var doc xmlWriter
	doc.open("DomainCertificate")
	doc.text("Status", "Enabled")
	doc.open("CertificateInfo")
	doc.text("CertId", id)
	doc.number("ValidityBegin", from)
	doc.number("ValidityExpire", to)
	doc.close("CertificateInfo")
	doc.close("DomainCertificate")
	return doc.buf, nil
}

// readCertificate checks that a certificate and a key belong together. Its error
// says nothing of either.
func readCertificate(cert, key string) (*x509.Certificate, error) {
	refused := fail(invalidArgument, "Cert and PrivateKey must be PEM and belong together.")
	if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err != nil {
		return nil, refused // the cause might quote the key
	}
	block, _ := pem.Decode([]byte(cert))
	if block == nil {
		return nil, refused
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, refused // the cause might quote the certificate
	}
	return parsed, nil
}

func (s *Server) deleteCertificate(x *exchange) error {
	name, err := x.requestedDomain()
	if err != nil {
		return err
	}
	if err := s.deleteConfig(x, x.config(certificates, name)); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

func domainConfiguration() configuration {
	return configuration{
		sub: domainSub, noun: "BucketDomain", real: true, proof: "TestBucketDomainServesItsBucket", absent: domainConfigNotFound, check: checkDomains,
		before: func(x *exchange) { x.response.header().Set(headerDomainTXT, domainProof(x.bucket)) },
		shape: branch("DomainConfiguration", branch(
			"DomainRule",
			status("ENABLED", "DISABLED").once(), required("Name").once(), leaf("Type", oneOf("REST", "WEBSITE", "ACCELERATE")).once(),
			leaf("ForcedReplacement", oneOf("CNAME", "TXT")).optional(),
		).oneOrMore()),
	}
}

// domainProof is the content of the TXT record that proves that a domain may be bound
// to a bucket. This server reads no records.
func domainProof(bucket string) string {
	sum := sha256.Sum256([]byte(bucket))
	return "tencent-cloud-cos-verification=" + hex.EncodeToString(sum[:16])
}

func checkDomains(_ *exchange, doc *node) error {
	seen := make(map[string]bool)
	for _, rule := range doc.all("DomainRule") {
		name := strings.ToLower(rule.value("Name"))
		if !domainName(name) {
			return fail(invalidArgument, "A domain name is not valid.")
		}
		if seen[name] {
			return fail(domainConfigConflict, "")
		}
		seen[name] = true
	}
	return nil
}

// A binding is what a domain stands for: a bucket, or the website of one.
type binding struct {
	bucket  string
	website bool
	enabled bool
}

// boundDomain finds the bucket whose domain configuration has an enabled rule for a
// domain: the first by name. The zero binding is none.
func (s *Server) boundDomain(ctx context.Context, name string) (binding, error) {
	buckets, err := s.store.Configured(ctx, domainSub)
	if err != nil {
		return binding{}, err
	}
	for _, bucket := range buckets {
		domains, err := configured(ctx, s, store.Config{Bucket: bucket, Kind: domainSub}, parseDomains)
		if err != nil {
			return binding{}, err
		}
		if domains == nil {
			continue // removed meanwhile
		}
		if b, ok := (*domains)[name]; ok && b.enabled {
			b.bucket = bucket
			return b, nil
		}
	}
	return binding{}, nil
}

// parseDomains reads what each domain of a configuration stands for.
func parseDomains(document []byte) (*map[string]binding, error) {
	doc, err := parseStored(document, domainConfiguration().shape)
	if err != nil {
		return nil, err
	}
	domains := make(map[string]binding)
	for _, rule := range doc.all("DomainRule") {
		domains[strings.ToLower(rule.value("Name"))] = binding{
			website: rule.value("Type") == "WEBSITE", enabled: rule.value("Status") == "ENABLED",
		}
	}
	return &domains, nil
}

// resolveDomain finds the bucket of a host that is a custom domain (E133).
func (x *exchange) resolveDomain(ctx context.Context) error {
	b, err := x.s.boundDomain(ctx, hostWithoutPort(x.r.Host))
	if err != nil {
		return err
	}
	if b.bucket == "" {
		return fail(invalidRequest, "The host "+x.r.Host+" names no bucket, and no bucket has an enabled domain of this name. "+
			"Send the request to <bucket>-<appid>.cos.<region>.myqcloud.com, for example with this server as HTTP proxy, or bind the domain to a bucket (PUT ?domain).")
	}
	x.host = hostName{kind: hostBucket, bucket: b.bucket}
	if b.website {
		x.host.kind = hostWebsite
	}
	x.bucket = b.bucket
	return nil
}

func domainName(name string) bool {
	labels := strings.Split(name, ".")
	return len(labels) > 1 && len(name) <= 253 && !slices.ContainsFunc(labels, func(l string) bool { return !validLabel(l) })
}
