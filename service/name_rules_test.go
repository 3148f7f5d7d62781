package service

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A nameRule is one rule of rules.proto with every Go function that checks the same kind
// of name. The contract decides; the others are held against it.
type nameRule struct {
	name    string
	valid   string // a name that the rule accepts, which the test changes
	request func(name string) proto.Message
	// usual is the fast check of the service; nil for none.
	usual func(name string) bool
	// client makes a call that package cosbackend refuses when it does not accept the
	// name; nil when cosbackend does not check such names.
	client func(ctx context.Context, c *cosbackend.Client, name string) error
	// emptyDiffers: the contract takes an empty name for an absent one, the Go functions
	// are not called with one.
	emptyDiffers bool
	// http makes the request in which the embedded COS checks the name; nil when it only
	// compares such names with those it made itself, or has a list of them.
	http func(name string) *http.Request
	// inHTTP says whether a name can be sent in such a request.
	inHTTP *regexp.Regexp
	// other says which names would make another request of it; nil for none.
	other func(name string) bool
	// stricter says which names COS itself, and so the embedded COS, refuses beyond the
	// contract.
	stricter func(name string) bool
}

func nameRules() []nameRule {
	at := cosbackend.Location{Bucket: "b-1", Region: testRegion}
	head := func(edit func(*cosgatev1.HeadObjectRequest)) proto.Message {
		m := &cosgatev1.HeadObjectRequest{Bucket: "b-1", Key: "k"}
		edit(m)
		return m
	}
	inHost := regexp.MustCompile(`^[a-z0-9-]+$`) // net/http refuses or changes other hosts
	return []nameRule{
		{
			name: "bucket", valid: "photos-1250000000", usual: usualBucket,
			request: func(s string) proto.Message { return &cosgatev1.HeadBucketRequest{Bucket: s} },
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.HeadBucket(ctx, cosbackend.Location{Bucket: s, Region: testRegion})
				return err
			},
			emptyDiffers: true,
			http:         func(s string) *http.Request { return newHTTP(http.MethodPut, s, testRegion, "") },
			inHTTP:       inHost,
			stricter:     func(s string) bool { return len(s+".cos."+testRegion+".myqcloud.com") > 60 }, // E004
		},
		{
			name: "region", valid: "ap-guangzhou", usual: usualRegion,
			request: func(s string) proto.Message { return head(func(m *cosgatev1.HeadObjectRequest) { m.Region = s }) },
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.HeadBucket(ctx, cosbackend.Location{Bucket: "b-1", Region: s})
				return err
			},
			http:   func(s string) *http.Request { return newHTTP(http.MethodHead, "b-1", s, "") },
			inHTTP: inHost,
		},
		{
			name: "key", valid: "a/b c", usual: usualKey,
			request: func(s string) proto.Message { return head(func(m *cosgatev1.HeadObjectRequest) { m.Key = s }) },
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.HeadObject(ctx, at, s, cosbackend.ReadOptions{})
				return err
			},
			emptyDiffers: true,
			http:         func(s string) *http.Request { return newHTTP(http.MethodPut, testBucket, testRegion, s) },
			inHTTP:       regexp.MustCompile(`(?s)^.+$`),
			other:        cosbackend.SimplifiesToBucket, // requests to the bucket
		},
		{
			name: "version_id", valid: "MTg0-._~", usual: usualVersionID,
			request: func(s string) proto.Message { return head(func(m *cosgatev1.HeadObjectRequest) { m.VersionId = s }) },
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.HeadObject(ctx, at, "k", cosbackend.ReadOptions{VersionID: s})
				return err
			},
		},
		{
			name: "profile", valid: "p_1.a-b", usual: usualProfile,
			request: func(s string) proto.Message { return head(func(m *cosgatev1.HeadObjectRequest) { m.Profile = s }) },
		},
		{
			name: "upload_id", valid: "1585130821cbb7df-._~", usual: usualUploadID,
			request: func(s string) proto.Message {
				return &cosgatev1.AbortMultipartUploadRequest{Bucket: "b-1", Key: "k", UploadId: s}
			},
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				return c.AbortMultipartUpload(ctx, cosbackend.Upload{Location: at, Key: "k", UploadID: s})
			},
			emptyDiffers: true,
		},
		{
			name: "storage_class", valid: "STANDARD_IA",
			request: func(s string) proto.Message {
				return &cosgatev1.InitiateMultipartUploadRequest{
					Bucket: "b-1", Key: "k", Attributes: &cosgatev1.ObjectAttributes{StorageClass: s},
				}
			},
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.InitiateMultipartUpload(ctx, at, "k", cosbackend.InitiateOptions{
					Attributes: cosbackend.Attributes{StorageClass: s},
				})
				return err
			},
		},
		{
			name: "config_id", valid: "job_1.a-b",
			request: func(s string) proto.Message { return &cosgatev1.GetBucketInventoryRequest{Bucket: "b-1", Id: s} },
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.GetBucketInventory(ctx, at, s)
				return err
			},
			emptyDiffers: true,
		},
		{
			name: "preset_acl", valid: "public-read",
			request: func(s string) proto.Message { return &cosgatev1.CreateBucketRequest{Bucket: "b-1", PresetAcl: s} },
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				return c.CreateBucket(ctx, at, cosbackend.CreateBucketOptions{ACL: s})
			},
		},
		{
			name: "domain", valid: "www.example.com",
			request: func(s string) proto.Message {
				return &cosgatev1.GetBucketDomainCertificateRequest{Bucket: "b-1", Domain: s}
			},
			client: func(ctx context.Context, c *cosbackend.Client, s string) error {
				_, err := c.GetBucketDomainCertificate(ctx, at, s)
				return err
			},
			emptyDiffers: true,
		},
	}
}

func newHTTP(method, bucket, region, key string) *http.Request {
	u := &url.URL{Scheme: "http", Host: bucket + ".cos." + region + ".myqcloud.com", Path: "/" + key}
	return &http.Request{Method: method, URL: u, Header: http.Header{}, Body: http.NoBody}
}

// edgeNames are names at the edges of every rule: each ASCII character and some others at
// the beginning, in the middle and at the end, and lengths around the limits.
func edgeNames(valid string) []string {
	characters := []string{"é", "键", "１", "K", "\ufeff", "\ufffd", "\U0001f600"} // a full-width digit, and a Kelvin sign
	for c := range utf8.RuneSelf {
		characters = append(characters, string(rune(c)))
	}
	names := []string{
		"", valid, "a", "-", "-1", "a-", "a-1", "a--1", "a-1-", "-a-1", "1-1", "A-1", "a-b", "a-1\n", ".", "..", "a.", ".a", "/", "//", "./", "/.", "a/..", "a/.", "a/../", "../a", "a/../b", "...", "a..", `\\`, `a\\..`, `\\a`, "a\n/..", "a/..\n", "a..b", "*", "*.a", "*a", "a*",
		"CLASS_2", "_", "a-1\x00", "x-cos-meta-a",
		"accelerate", "accelerate-overseas", "internal", "ap-guangzhou-internal", "cos", "cos-website", "a-cos-1", "service", "website", "cosmos", "internals-1",
	}
	for _, c := range characters {
		half := len(valid) / 2
		names = append(names, c, c+valid, valid[:half]+c+valid[half:], valid+c)
	}
	for _, n := range []int{49, 50, 51, 61, 62, 63, 64, 65, 127, 128, 129, 252, 253, 254, 255, 256, 257, 849, 850, 851, 1025} {
		names = append(names,
			strings.Repeat("a", n), strings.Repeat("A", n), strings.Repeat("a", n-2)+"-1", strings.Repeat("a", n-1)+"-1",
			"a-"+strings.Repeat("1", n-2), strings.Repeat("é", n/2), strings.Repeat("é", n/2)+"a")
	}
	const letters = "az09AZ-._~*/ \n\x18\x1bé"
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		b := make([]rune, random.IntN(8))
		for i := range b {
			b[i] = []rune(letters)[random.IntN(utf8.RuneCountInString(letters))]
		}
		names = append(names, string(b))
	}
	return names
}

// The contract has each rule once. The service's fast checks, the checks of cosbackend and
// those of the embedded COS accept and refuse the same names.
func TestNameRulesAreThoseOfTheContractEverywhere(t *testing.T) {
	t.Parallel()
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	g := open(t, func(s *setup) { s.cos.Signature = embedded.SignatureOff })
	direct := &http.Client{Transport: &http.Transport{DialContext: g.cos.DialContext}}
	t.Cleanup(direct.CloseIdleConnections)
	ctx := t.Context()
	ended, cancel := context.WithCancel(ctx)
	cancel() // arguments are checked first, and nothing is sent
	for _, r := range nameRules() {
		t.Run(r.name, func(t *testing.T) {
			accepted, refused, sent := 0, 0, 0
			for _, name := range edgeNames(r.valid) {
				want := validator.Validate(r.request(name)) == nil
				if want {
					accepted++
				} else {
					refused++
				}
				if name == "" && r.emptyDiffers {
					continue
				}
				if r.usual != nil && r.usual(name) != want {
					t.Errorf("the fast check of %q = %t, the contract says %t", name, !want, want)
				}
				if r.client != nil {
					var invalid *cosbackend.ValidationError
					if err := r.client(ended, g.backend, name); errors.As(err, &invalid) == want {
						t.Errorf("cosbackend says %v of %q, the contract accepts it: %t", err, name, want)
					}
				}
				if r.http == nil || !r.inHTTP.MatchString(name) || r.other != nil && r.other(name) {
					continue
				}
				sent++
				if r.stricter != nil && r.stricter(name) {
					want = false
				}
				if got := embeddedAccepts(ctx, t, direct, r.http(name)); got != want {
					t.Errorf("the embedded COS accepts %q: %t, want %t", name, got, want)
				}
			}
			if accepted < 10 || refused < 10 || r.http != nil && sent < 100 {
				t.Errorf("%d names accepted, %d refused, %d sent to the embedded COS: the test shows nothing", accepted, refused, sent)
			}
		})
	}
}

// embeddedAccepts reports whether the embedded COS finds nothing wrong with the names in a
// request. What they name may be missing.
func embeddedAccepts(ctx context.Context, t *testing.T, c *http.Client, r *http.Request) bool {
	t.Helper()
	resp, err := c.Do(r.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNotFound, http.StatusConflict:
		return true
	case http.StatusBadRequest, http.StatusNotImplemented:
		return false
	}
	t.Fatalf("%s %s: status %d", r.Method, r.URL, resp.StatusCode)
	return false
}

// Names that are not UTF-8 cannot be in a request; the Go functions refuse them all the
// same.
func TestNameRulesRefuseWhatIsNotUTF8(t *testing.T) {
	t.Parallel()
	g := open(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range nameRules() {
		name := r.valid + "\xff"
		if r.usual != nil && r.usual(name) {
			t.Errorf("%s: the fast check accepts %q", r.name, name)
		}
		if r.client == nil {
			continue
		}
		var invalid *cosbackend.ValidationError
		if err := r.client(ended, g.backend, name); !errors.As(err, &invalid) {
			t.Errorf("%s: cosbackend says %v of %q, want a ValidationError", r.name, err, name)
		}
	}
}
