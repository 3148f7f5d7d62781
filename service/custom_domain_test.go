package service

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const customDomain = "files.example.com"

// overDomain opens a gateway whose profile has a custom domain of testBucket, and binds
// that. other-1250000000 is another bucket of the account.
func overDomain(t *testing.T, change ...func(*setup)) *gateway {
	t.Helper()
	var direct cosbackend.Config
	g := open(t, append([]func(*setup){func(s *setup) {
		direct = s.backend
		s.cos.Buckets = append(s.cos.Buckets, "other-1250000000")
		s.backend.Endpoint, s.backend.Bucket = "http://"+customDomain, testBucket
	}}, change...)...)
	direct.Transport.DialContext = g.cos.DialContext
	c, err := cosbackend.New(direct)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	at := cosbackend.Location{Bucket: testBucket}
	err = c.PutBucketDomain(t.Context(), at, &cosbackend.DomainConfiguration{
		Rules: []cosbackend.DomainRule{{Status: "ENABLED", Name: customDomain, Type: "REST"}},
	})
	if err != nil {
		t.Fatalf("PutBucketDomain = %v", err)
	}
	other := cosbackend.Location{Bucket: "other-1250000000"}
	if _, err := c.PutObject(t.Context(), other, "source", cosbackend.Body{Size: 12, Reopen: func() io.Reader { return strings.NewReader("of the other") }}, cosbackend.PutOptions{}); err != nil {
		t.Fatalf("PutObject = %v", err)
	}
	g.cos.Journal().Reset()
	return g
}

// TestCustomDomainServesItsBucket holds A108.
func TestCustomDomainServesItsBucket(t *testing.T) {
	t.Parallel()
	g := overDomain(t)
	ctx := t.Context()
	g.put(t, "a b", []byte("content"))
	if data, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "a b"}); err != nil || string(data) != "content" {
		t.Errorf("GetObject = %q, %v", data, err)
	}
	for _, source := range []*cosgatev1.CopySource{{Bucket: testBucket, Key: "a b"}, {Bucket: "other-1250000000", Region: testRegion, Key: "source"}} {
		if _, err := g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: source}); err != nil {
			t.Errorf("CopyObject of %v = %v", source, err)
		}
	}
	list, err := g.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket})
	if err != nil || len(list.GetObjects()) != 2 {
		t.Errorf("ListObjects = %v, %v", list, err)
	}
	head, err := g.buckets.HeadBucket(ctx, &cosgatev1.HeadBucketRequest{Bucket: testBucket})
	if err != nil || head.GetRegion() != testRegion {
		t.Errorf("HeadBucket = %v, %v", head, err)
	}
	if _, err := g.configs.GetBucketDomain(ctx, &cosgatev1.GetBucketDomainRequest{Bucket: testBucket}); err != nil {
		t.Errorf("GetBucketDomain = %v", err)
	}
	for _, e := range g.cos.Journal().Entries() {
		if e.Host != customDomain || e.Bucket != testBucket {
			t.Errorf("%s went to %s in %s, want %s in %s", e.Operation, e.Host, e.Bucket, customDomain, testBucket)
		}
	}
}

func TestCustomDomainRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	g := overDomain(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		field string
		call  func() error
	}{
		"another bucket": {"bucket", func() error {
			_, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: "other-1250000000", Key: "k"})
			return err
		}},
		"the configuration of another bucket": {"bucket", func() error {
			_, err := g.configs.GetBucketTagging(ctx, &cosgatev1.GetBucketTaggingRequest{Bucket: "other-1250000000"})
			return err
		}},
		"a URL for another bucket": {"bucket", func() error {
			_, err := g.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{Bucket: "other-1250000000", Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT})
			return err
		}},
		"a form for another bucket": {"bucket", func() error {
			_, err := g.presign.CreatePostPolicy(ctx, &cosgatev1.CreatePostPolicyRequest{Bucket: "other-1250000000", Target: &cosgatev1.CreatePostPolicyRequest_Key{Key: "k"}})
			return err
		}},
		"a new bucket": {"profile", func() error {
			_, err := g.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{Bucket: testBucket})
			return err
		}},
		"a list of buckets": {"profile", func() error {
			_, err := g.buckets.ListBuckets(ctx, &cosgatev1.ListBucketsRequest{})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.call()
			bad, _ := detail[*errdetails.BadRequest](err)
			if status.Code(err) != codes.InvalidArgument || len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != c.field {
				t.Errorf("%v, want INVALID_ARGUMENT for %s", err, c.field)
			}
		})
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
}

// Without a region the host of a copy's source is not known; everything else works.
func TestCustomDomainNeedsTheRegionOfASource(t *testing.T) {
	t.Parallel()
	g := overDomain(t, func(s *setup) { s.backend.Region = "" })
	g.put(t, "k", []byte("content"))
	req := &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}}
	_, err := g.objects.CopyObject(t.Context(), req)
	bad, _ := detail[*errdetails.BadRequest](err)
	if status.Code(err) != codes.InvalidArgument || bad.GetFieldViolations()[0].GetField() != "source.region" {
		t.Errorf("CopyObject = %v, want INVALID_ARGUMENT for source.region", err)
	}
	req.Source.Region = testRegion
	if _, err := g.objects.CopyObject(t.Context(), req); err != nil {
		t.Errorf("CopyObject with the region = %v", err)
	}
}

// A service endpoint lists buckets, whatever the endpoint of the bucket is.
func TestCustomDomainListsBucketsOverTheServiceEndpoint(t *testing.T) {
	t.Parallel()
	g := overDomain(t, func(s *setup) { s.backend.ServiceEndpoint = "http://service.cos.myqcloud.com" })
	list, err := g.buckets.ListBuckets(t.Context(), &cosgatev1.ListBucketsRequest{})
	if err != nil || len(list.GetBuckets()) != 2 {
		t.Errorf("ListBuckets = %v, %v, want two buckets", list, err)
	}
}

// URLs and forms of a domain work at it, and with narrowed credentials too.
func TestPresignUrlOverACustomDomain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*setup){
		"endpoint": func(*setup) {},
		"public endpoint": func(s *setup) {
			s.backend.Endpoint, s.backend.PublicEndpoint = "http://{bucket}.cos.{region}.myqcloud.com", "http://"+customDomain
		},
		"own keys": func(s *setup) { s.backend.Signing.Mode = cosbackend.SignWithOwnKeys },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := overDomain(t, change)
			ctx := t.Context()
			g.put(t, "k", []byte("content"))
			u, err := g.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT})
			if err != nil || !strings.HasPrefix(u.GetUrl(), "http://"+customDomain+"/k?") {
				t.Fatalf("PresignUrl = %v", err)
			}
			plain := g.plainClient(t, "memory")
			if got, body := request(t, plain, http.MethodGet, u.GetUrl(), nil, ""); got.StatusCode != 200 || body != "content" {
				t.Errorf("GET of the URL = %d %s", got.StatusCode, body)
			}
			f, err := g.presign.CreatePostPolicy(ctx, &cosgatev1.CreatePostPolicyRequest{Bucket: testBucket, Target: &cosgatev1.CreatePostPolicyRequest_Key{Key: "form"}})
			if err != nil || f.GetUrl() != "http://"+customDomain+"/" {
				t.Errorf("CreatePostPolicy = %v, %v", f.GetUrl(), err)
			}
		})
	}
}
