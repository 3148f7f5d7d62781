package service

import (
	"context"
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// strict demands that signatures cover everything that a rule can name.
func strict() *cosgatev1.StrictSignatureConfiguration {
	return &cosgatev1.StrictSignatureConfiguration{Rules: []*cosgatev1.StrictSignatureRule{{
		Id: "all", Actions: []string{"*"}, Params: []string{"all"},
		Headers: []string{"Host", "Content-Length", "Content-Type", "Content-MD5", "Range", "x-cos-*"},
	}}}
}

func openStrict(t *testing.T, change ...func(*setup)) *gateway {
	t.Helper()
	g := open(t, change...)
	_, err := g.configs.PutBucketStrictSignature(t.Context(), &cosgatev1.PutBucketStrictSignatureRequest{Bucket: testBucket, StrictSignature: strict()})
	if err != nil {
		t.Fatalf("PutBucketStrictSignature = %v", err)
	}
	return g
}

func TestPutBucketStrictSignatureGetBucketStrictSignatureDeleteBucketStrictSignature(t *testing.T) {
	t.Parallel()
	g := openStrict(t)
	got, err := g.configs.GetBucketStrictSignature(t.Context(), &cosgatev1.GetBucketStrictSignatureRequest{Bucket: testBucket})
	if err != nil || !proto.Equal(got.GetStrictSignature(), strict()) {
		t.Errorf("GetBucketStrictSignature = %v, %v, want %v", got, err, strict())
	}
	all, err := g.configs.GetBucketConfig(t.Context(), &cosgatev1.GetBucketConfigRequest{Bucket: testBucket})
	if err != nil || !proto.Equal(all.GetConfig().GetStrictSignature(), strict()) {
		t.Errorf("GetBucketConfig = %v, %v, want the rules", all, err)
	}
	refused := strict()
	refused.Rules[0].Headers = []string{"User-Agent"}
	_, err = g.configs.PutBucketStrictSignature(t.Context(), &cosgatev1.PutBucketStrictSignatureRequest{Bucket: testBucket, StrictSignature: refused})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.InvalidArgument || e.GetCode() != "InvalidArgument" {
		t.Errorf("PutBucketStrictSignature of a header that no rule can have = %v, want INVALID_ARGUMENT", err)
	}
	for range 2 {
		if _, err := g.configs.DeleteBucketStrictSignature(t.Context(), &cosgatev1.DeleteBucketStrictSignatureRequest{Bucket: testBucket}); err != nil {
			t.Errorf("DeleteBucketStrictSignature = %v", err)
		}
	}
	if _, err := g.configs.GetBucketStrictSignature(t.Context(), &cosgatev1.GetBucketStrictSignatureRequest{Bucket: testBucket}); status.Code(err) != codes.NotFound {
		t.Errorf("GetBucketStrictSignature of none = %v, want NOT_FOUND", err)
	}
}

// The gateway signs every header and parameter that it sends, so that the strictest rule
// changes nothing.
func TestStrictSignatureLetsTheGatewayWork(t *testing.T) {
	t.Parallel()
	g := openStrict(t)
	ctx := t.Context()
	spec := &cosgatev1.PutObjectSpec{
		Bucket: testBucket, Key: "k",
		Attributes: &cosgatev1.ObjectAttributes{
			Content: &cosgatev1.ContentHeaders{ContentType: "text/plain", CacheControl: "no-cache"}, Metadata: map[string]string{"a": "b"},
			PresetAcl: "public-read", Tags: []*cosgatev1.Tag{{Key: "t", Value: "v"}},
		},
	}
	if _, err := g.send(ctx, &cosgatev1.PutObjectRequest{Spec: spec, Chunk: &cosgatev1.Chunk{Data: []byte("content")}, Finish: true}); err != nil {
		t.Fatalf("PutObject = %v", err)
	}
	data, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", Range: &cosgatev1.ByteRange{Offset: 1, Length: proto.Int64(3)}})
	if err != nil || string(data) != "ont" {
		t.Errorf("GetObject of a range = %q, %v", data, err)
	}
	at := testBucket
	for name, call := range map[string]func(context.Context) error{
		"HeadObject": func(ctx context.Context) error {
			return second(g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: at, Key: "k"}))
		},
		"CopyObject": func(ctx context.Context) error {
			return second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: at, Key: "copy", Source: &cosgatev1.CopySource{Bucket: at, Key: "k"}}))
		},
		"ListObjects": func(ctx context.Context) error {
			return second(g.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: at, Prefix: "k", Delimiter: "/"}))
		},
		"ListObjectVersions": func(ctx context.Context) error {
			return second(g.objects.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: at, Prefix: "k"}))
		},
		"DeleteObjects": func(ctx context.Context) error {
			return second(g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: at, Objects: []*cosgatev1.ObjectIdentifier{{Key: "absent"}}}))
		},
		"PutObjectTagging": func(ctx context.Context) error {
			return second(g.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: at, Key: "k", Tags: []*cosgatev1.Tag{{Key: "t", Value: "w"}}}))
		},
		"PutObjectAcl": func(ctx context.Context) error {
			return second(g.objects.PutObjectAcl(ctx, &cosgatev1.PutObjectAclRequest{Bucket: at, Key: "k", PresetAcl: "private"}))
		},
		"InitiateMultipartUpload": func(ctx context.Context) error {
			return second(g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: at, Key: "parts"}))
		},
		"ListMultipartUploads": func(ctx context.Context) error {
			return second(g.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: at}))
		},
		"HeadBucket": func(ctx context.Context) error {
			return second(g.buckets.HeadBucket(ctx, &cosgatev1.HeadBucketRequest{Bucket: at}))
		},
		"GetBucketLocation": func(ctx context.Context) error {
			return second(g.buckets.GetBucketLocation(ctx, &cosgatev1.GetBucketLocationRequest{Bucket: at}))
		},
		"PutBucketTagging": func(ctx context.Context) error {
			return second(g.configs.PutBucketTagging(ctx, &cosgatev1.PutBucketTaggingRequest{
				Bucket: at, Tagging: &cosgatev1.BucketTagging{Tags: []*cosgatev1.Tag{{Key: "a", Value: "b"}}},
			}))
		},
		"GetBucketConfig": func(ctx context.Context) error {
			return second(g.configs.GetBucketConfig(ctx, &cosgatev1.GetBucketConfigRequest{Bucket: at}))
		},
	} {
		if err := call(ctx); err != nil {
			t.Errorf("%s = %v", name, err)
		}
	}
}

// What is signed for others works, and nothing can be added to it, whatever it is signed
// with.
func TestPresignUrlUnderStrictSignatures(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]cosbackend.SigningMode{"narrowed": cosbackend.SignNarrowed, "own keys": cosbackend.SignWithOwnKeys} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := openStrict(t, func(s *setup) { s.backend.Signing.Mode = mode })
			g.put(t, "k", []byte("content"))
			plain := g.plainClient(t, "memory")
			read := g.url(t, &cosgatev1.PresignUrlRequest{
				Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT,
				ResponseHeaders: &cosgatev1.ContentHeaders{ContentType: "text/csv"},
			})
			if got, body := request(t, plain, http.MethodGet, read.GetUrl(), nil, ""); got.StatusCode != 200 || body != "content" || got.Header.Get("Content-Type") != "text/csv" {
				t.Errorf("GET of the URL = %d %s", got.StatusCode, body)
			}
			for _, added := range []string{"&versionId=null", "&response-cache-control=no-store"} {
				if got, _ := request(t, plain, http.MethodGet, read.GetUrl()+added, nil, ""); got.StatusCode != 403 {
					t.Errorf("GET of the URL with %s = %d, want 403", added, got.StatusCode)
				}
			}
			if got, _ := request(t, plain, http.MethodGet, read.GetUrl(), map[string]string{"Range": "bytes=0-1"}, ""); got.StatusCode != 403 {
				t.Errorf("GET of the URL with a range = %d, want 403", got.StatusCode)
			}
			write := g.url(t, &cosgatev1.PresignUrlRequest{
				Bucket: testBucket, Key: "w", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT,
				Headers: map[string]string{"content-type": "text/plain", "x-cos-meta-a": "b", "content-length": "3"},
			})
			headers := map[string]string{"content-type": "text/plain", "x-cos-meta-a": "b"}
			if got, body := request(t, plain, http.MethodPut, write.GetUrl(), headers, "abc"); got.StatusCode != 200 {
				t.Errorf("PUT of the URL = %d %s", got.StatusCode, body)
			}
			headers["x-cos-meta-more"] = "c"
			if got, _ := request(t, plain, http.MethodPut, write.GetUrl(), headers, "abc"); got.StatusCode != 403 {
				t.Errorf("PUT of the URL with another header = %d, want 403", got.StatusCode)
			}
		})
	}
}
