package embedded_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// newCertificate makes a certificate and its key, both PEM.
func newCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(1000, 0), NotAfter: time.Unix(2000, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
}

func certificate(id, cert, key string) string {
	return "<DomainCertificate><CertificateInfo><CertType>CustomCert</CertType><CustomCert><CertId>" + id + "</CertId><Cert>" + cert +
		"</Cert><PrivateKey>" + key + "</PrivateKey></CustomCert></CertificateInfo>" +
		"<DomainList><DomainName>A.example.com</DomainName><DomainName>b.example.com</DomainName></DomainList></DomainCertificate>"
}

// TestPutBucketDomainCertificateDoesNotStoreTheKey holds E078 and E079.
func TestPutBucketDomainCertificateDoesNotStoreTheKey(t *testing.T) {
	t.Parallel()
	cert, key := newCertificate(t)
	_, otherKey := newCertificate(t)
	dir := t.TempDir()
	var log bytes.Buffer
	t.Run("used", func(t *testing.T) {
		c := open(t, func(o *embedded.Options) { o.Dir, o.Logger = dir, slog.New(slog.NewTextHandler(&log, nil)) })
		get := func(name string) response {
			return c.do(t, call{method: "GET", query: "domaincertificate&domainname=" + name})
		}
		put := func(text string) response {
			a := c.do(t, call{method: "PUT", query: "domaincertificate", body: []byte(text)})
			if bytes.Contains(a.body, []byte("PRIVATE")) || strings.Contains(a.err.Message, key[40:60]) {
				t.Errorf("the response shows the key: %s", a.body)
			}
			return a
		}
		get("a.example.com").want(t, 404, "DomainConfigNotFoundError")
		get("").want(t, 400, "InvalidArgument")
		put(certificate("", cert, otherKey)).want(t, 400, "InvalidArgument")
		put(certificate("", cert, "")).want(t, 400, "InvalidArgument")
		put(certificate("", "", "")).want(t, 400, "InvalidArgument")
		put(certificate("", cert, key)+"x").want(t, 400, "MalformedXML")
		put(certificate("", cert, key)).want(t, 200, "")
		for _, name := range []string{"a.example.com", "B.example.com"} {
			got := get(name).want(t, 200, "")
			want := `^<DomainCertificate><Status>Enabled</Status><CertificateInfo><CertId>[0-9a-f]{8}</CertId>` +
				`<ValidityBegin>1000</ValidityBegin><ValidityExpire>2000</ValidityExpire></CertificateInfo></DomainCertificate>$`
			if text := strings.TrimPrefix(string(got.body), xmlDeclaration); !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("GET of %s = %s", name, text)
			}
		}
		put(certificate("id-1", "", "")).want(t, 200, "")
		if got := get("a.example.com").want(t, 200, ""); !bytes.Contains(got.body, []byte("<CertId>id-1</CertId><ValidityBegin>0<")) {
			t.Errorf("GET = %s", got.body)
		}
		c.do(t, call{method: "DELETE", query: "domaincertificate&domainname=a.example.com"}).want(t, 204, "")
		get("a.example.com").want(t, 404, "DomainConfigNotFoundError")
		get("b.example.com").want(t, 200, "")
	})
	secret := strings.Split(key, "\n")[1]
	if strings.Contains(log.String(), secret) {
		t.Error("the log shows the key")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if content, err := os.ReadFile(f); err == nil && bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds the key", f)
		}
	}
}

// TestBucketDomainServesItsBucket holds E133.
func TestBucketDomainServesItsBucket(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.DefaultBucket = testBucket })
	rules := func(rules ...string) []byte {
		var b strings.Builder
		b.WriteString("<DomainConfiguration>")
		for _, r := range rules {
			f := strings.Fields(r)
			b.WriteString("<DomainRule><Status>" + f[0] + "</Status><Name>" + f[1] + "</Name><Type>" + f[2] + "</Type></DomainRule>")
		}
		b.WriteString("</DomainConfiguration>")
		return []byte(b.String())
	}
	other := hostIn("other-1250000000", "ap-beijing")
	c.do(t, call{method: "PUT", host: other}).want(t, 200, "")
	c.put(t, "k", "of the first")
	c.do(t, call{method: "PUT", host: other, key: "k", body: []byte("of the other")}).want(t, 200, "")
	c.do(t, call{method: "GET", host: "files.example.com", key: "k"}).want(t, 400, "InvalidRequest")
	c.do(t, call{method: "PUT", host: other, query: "domain", body: rules("ENABLED Files.example.com REST", "DISABLED off.example.com REST", "ENABLED www.example.com WEBSITE")}).want(t, 200, "")
	for host, want := range map[string]string{"files.example.com": "of the other", "FILES.example.com:8080": "of the other"} {
		if got := c.do(t, call{method: "GET", host: host, key: "k"}).want(t, 200, ""); string(got.body) != want {
			t.Errorf("GET of %s = %q, want %q", host, got.body, want)
		}
	}
	head := c.do(t, call{method: "HEAD", host: "files.example.com"}).want(t, 200, "")
	if region := head.Header.Get("x-cos-bucket-region"); region != "ap-beijing" {
		t.Errorf("HEAD of a domain says the region %q, want ap-beijing", region)
	}
	c.do(t, call{method: "GET", host: "files.example.com", key: "k", unsigned: true}).want(t, 403, "AccessDenied")
	for _, host := range []string{"off.example.com", "absent.example.com", "k.files.example.com"} {
		c.do(t, call{method: "GET", host: host, key: "k"}).want(t, 400, "InvalidRequest")
	}
	if got := c.do(t, call{method: "GET", host: "www.example.com", unsigned: true}); got.StatusCode == 400 {
		t.Errorf("GET of a website's domain = %d %s, want one of the website", got.StatusCode, got.err.Code)
	}
	c.do(t, call{method: "PUT", host: other, query: "domain", body: rules("ENABLED new.example.com REST")}).want(t, 200, "")
	c.do(t, call{method: "GET", host: "files.example.com", key: "k"}).want(t, 400, "InvalidRequest")
	c.do(t, call{method: "GET", host: "new.example.com", key: "k"}).want(t, 200, "")
	c.do(t, call{method: "DELETE", host: other, query: "domain"}).want(t, 204, "")
	c.do(t, call{method: "GET", host: "new.example.com", key: "k"}).want(t, 400, "InvalidRequest")
}
