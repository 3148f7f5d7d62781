package service

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/identity/identitytest"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const everything = `permit (principal, action, resource);`

// headAs makes a call with a token over a connection without a certificate.
func (f *tlsGateway) headAs(t *testing.T, token string) error {
	t.Helper()
	_, err := cosgatev1.NewBucketServiceClient(f.conn).HeadBucket(bearing(t.Context(), token), &cosgatev1.HeadBucketRequest{Bucket: testBucket})
	return err
}

// wantUnknown is the status of a caller who has not proved who it is.
func wantUnknown(t *testing.T, err error, text string) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.Unauthenticated || info.GetReason() != string(cosstatus.ReasonCallerUnknown) || !strings.Contains(status.Convert(err).Message(), text) {
		t.Errorf("the call = %v, reason %q, want UNAUTHENTICATED that says %q", err, info.GetReason(), text)
	}
}

// A token for another service, or one that has expired, must not become valid by a claim
// whose name is only similar, or by a second one of the same name.
func TestIdentityRefusesTokensWithSimilarOrRepeatedClaims(t *testing.T) {
	t.Parallel()
	f := openTLS(t, everything)
	end := time.Now().Add(time.Hour).Unix()
	const header = `{"alg":"ES256","kid":"k1"}`
	good := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"alice","exp":%d}`, identitytest.Issuer, identitytest.Audience, end)
	if err := f.headAs(t, f.key.SignText(t, header, good)); err != nil {
		t.Fatalf("the call with a good token = %v", err)
	}
	for name, token := range map[string]string{
		"audience in capitals":    f.key.SignText(t, header, strings.Replace(good, `"aud":"cosgate"`, `"aud":"other","AUD":"cosgate"`, 1)),
		"end in capitals":         f.key.SignText(t, header, strings.Replace(good, `"exp":`, `"exp":1,"EXP":`, 1)),
		"issuer in capitals":      f.key.SignText(t, header, strings.Replace(good, `"iss":`, `"iss":"https://evil.example","ISS":`, 1)),
		"audience twice":          f.key.SignText(t, header, strings.Replace(good, `"aud":`, `"aud":"other","aud":`, 1)),
		"end twice":               f.key.SignText(t, header, strings.Replace(good, `"exp":`, `"exp":1,"exp":`, 1)),
		"name twice":              f.key.SignText(t, header, strings.Replace(good, `"sub":`, `"sub":"bob","sub":`, 1)),
		"a duplicate deep inside": f.key.SignText(t, header, strings.Replace(good, `"sub":`, `"act":{"sub":"a","sub":"b"},"sub":`, 1)),
		"algorithm twice":         f.key.SignText(t, `{"alg":"none","alg":"ES256"}`, good),
		"key twice":               f.key.SignText(t, `{"alg":"ES256","kid":"k9","kid":"k1"}`, good),
		"critical header":         f.key.SignText(t, `{"alg":"ES256","crit":["x"],"x":1}`, good),
		"token for logging out":   f.key.SignText(t, `{"alg":"ES256","typ":"logout+jwt"}`, good),
	} {
		t.Run(name, func(t *testing.T) { wantUnknown(t, f.headAs(t, token), "bearer token") })
	}
}

// A policy that forbids something to a group holds wherever the group is in the list.
func TestIdentityRefusesTokensWithMoreGroupsThanItReads(t *testing.T) {
	t.Parallel()
	f := openTLS(t, everything+`forbid (principal in Group::"suspended", action, resource);`)
	for _, before := range []int{0, 255, 256, 400} {
		groups := make([]string, before, before+1)
		for i := range groups {
			groups[i] = fmt.Sprint("g", i)
		}
		err := f.headAs(t, f.key.Sign(t, identitytest.Claims("alice", map[string]any{"groups": append(groups, "suspended")})))
		if before < 256 {
			if status.Code(err) != codes.PermissionDenied {
				t.Errorf("suspended after %d groups: the call = %v, want PERMISSION_DENIED", before, err)
			}
			continue
		}
		wantUnknown(t, err, "more than 256 groups")
	}
	wantUnknown(t, f.headAs(t, f.key.Sign(t, identitytest.Claims("alice", map[string]any{"_claim_names": map[string]any{"groups": "src1"}}))), "too many groups")
}

func TestIdentityLeewayIsNotDoubledForNotBefore(t *testing.T) {
	t.Parallel()
	f := openTLS(t, everything) // without leeway
	for claim, at := range map[string]time.Duration{"nbf": 4 * time.Minute, "iat": 4 * time.Minute, "exp": -time.Second} {
		err := f.headAs(t, f.key.Sign(t, identitytest.Claims("alice", map[string]any{claim: time.Now().Add(at).Unix()})))
		wantUnknown(t, err, "bearer token")
	}
}

// A provider publishes keys for other purposes as well.
func TestIdentityRefusesTokensSignedByAKeyForEncryption(t *testing.T) {
	t.Parallel()
	f := openTLS(t, everything)
	encryption := identitytest.NewKey(t, "enc1")
	keys := f.key.SetWith(t, identitytest.Published{Key: encryption, Use: "enc"})
	if err := os.WriteFile(f.keys, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.jwt.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := f.headAs(t, f.key.Sign(t, identitytest.Claims("alice", nil))); err != nil {
		t.Errorf("the call with the key for signatures = %v", err)
	}
	wantUnknown(t, f.headAs(t, encryption.Sign(t, identitytest.Claims("alice", nil))), "cannot be verified")
}

// Whoever can choose the common name of its certificate is not thereby the host of that
// name.
func TestIdentityTellsACommonNameFromADNSName(t *testing.T) {
	t.Parallel()
	f := openTLS(t, `permit (principal == Caller::"cert:dns:billing.example", action, resource);`)
	f.certificates.Sources = []identity.NameSource{identity.DNSName, identity.CommonName}
	for name, test := range map[string]struct {
		change func(*x509.Certificate)
		want   codes.Code
	}{
		"the host":                   {func(c *x509.Certificate) { c.DNSNames = []string{"billing.example"} }, codes.OK},
		"the host in capitals":       {func(c *x509.Certificate) { c.DNSNames = []string{"BILLING.example"} }, codes.OK},
		"a common name":              {func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, "billing.example" }, codes.PermissionDenied},
		"a common name with the tag": {func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, "dns:billing.example" }, codes.PermissionDenied},
		"two hosts":                  {func(c *x509.Certificate) { c.DNSNames = []string{"billing.example", "x.example"} }, codes.Unauthenticated},
		"a host of many":             {func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} }, codes.Unauthenticated},
		"a URI": {func(c *x509.Certificate) {
			c.DNSNames, c.URIs = nil, []*url.URL{{Scheme: "spiffe", Host: "billing.example", Path: "/a"}}
			c.Subject.CommonName = "x"
		}, codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			conn := f.with(t, f.clients, "caller", test.change)
			_, err := cosgatev1.NewBucketServiceClient(conn).HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket})
			if status.Code(err) != test.want {
				t.Errorf("the call = %v, want %s", err, test.want)
			}
		})
	}
}
