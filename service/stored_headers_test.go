package service

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// foreignAttributes are text of several scripts, and headers in another encoding.
func foreignAttributes() *cosgatev1.ObjectAttributes {
	return &cosgatev1.ObjectAttributes{
		Content:  &cosgatev1.ContentHeaders{ContentType: "text/plain", ContentDisposition: `attachment; filename="报告.pdf"`, CacheControl: "缓存"},
		Metadata: map[string]string{"author": "王小明", "note": "naïve\t– 🙂"},
		HeaderBytes: map[string][]byte{
			"x-cos-meta-latin": []byte("Jos\xe9"), "content-language": []byte("fran\xe7ais"),
		},
		WebsiteRedirectLocation: "/新.html",
	}
}

// readBack are the attributes that a write needs to store what was read.
func readBack(o *cosgatev1.Object) *cosgatev1.ObjectAttributes {
	return &cosgatev1.ObjectAttributes{
		Content: o.GetContent(), Metadata: o.GetMetadata(), HeaderBytes: o.GetHeaderBytes(), WebsiteRedirectLocation: o.GetWebsiteRedirectLocation(),
	}
}

// What HeadObject returned can be written as it is, by every RPC that writes.
func TestHeadersOfAnyEncodingAreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	want := foreignAttributes()
	head := func(key string) *cosgatev1.Object {
		resp, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
		must(t, err)
		if diff := cmp.Diff(want, readBack(resp.GetObject()), protocmp.Transform()); diff != "" {
			t.Errorf("HeadObject(%q) (-want +got):\n%s", key, diff)
		}
		return resp.GetObject()
	}
	s := spec(1)
	s.Attributes = want
	must(t, second(g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})))
	attrs := readBack(head("k"))

	_, messages, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	must(t, err)
	if diff := cmp.Diff(want, readBack(messages[0].GetObject()), protocmp.Transform()); diff != "" {
		t.Errorf("GetObject (-want +got):\n%s", diff)
	}

	s = spec(1)
	s.Key, s.Attributes = "put", attrs
	must(t, second(g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})))
	head("put")

	must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}, MetadataDirective: "Replaced", Attributes: attrs,
	})))
	head("copy")

	size := int64(1)
	stream, err := g.objects.AppendObject(ctx)
	must(t, err)
	must(t, stream.Send(&cosgatev1.AppendObjectRequest{
		Spec:  &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: "append", Size: &size, Attributes: attrs},
		Chunk: chunk("x"), Finish: true,
	}))
	must(t, second(stream.CloseAndRecv()))
	head("append")

	upload, err := g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "parts", Attributes: attrs})
	must(t, err)
	part, err := g.uploads.UploadPart(ctx)
	must(t, err)
	must(t, part.Send(&cosgatev1.UploadPartRequest{
		Spec:  &cosgatev1.UploadPartSpec{Bucket: testBucket, Key: "parts", UploadId: upload.GetUploadId(), PartNumber: 1, Size: &size},
		Chunk: chunk("x"), Finish: true,
	}))
	sent, err := part.CloseAndRecv()
	must(t, err)
	must(t, second(g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: "parts", UploadId: upload.GetUploadId(), Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: sent.GetPart().GetEtag()}},
	})))
	head("parts")
}

// A copy in parts sets the attributes of the source itself.
func TestCopyObjectInPartsKeepsHeadersOfAnyEncoding(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.options.CopyPart = 1 << 20
		s.cos.MaxCopySize = 1 << 20
	})
	ctx := t.Context()
	s := spec(2 << 20)
	s.Attributes = foreignAttributes()
	must(t, second(g.send(ctx, &putRequest{Spec: s, Chunk: &cosgatev1.Chunk{Data: bytes.Repeat([]byte("x"), 2<<20)}, Finish: true})))
	must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}})))
	resp, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "copy"})
	must(t, err)
	if diff := cmp.Diff(foreignAttributes(), readBack(resp.GetObject()), protocmp.Transform()); diff != "" {
		t.Errorf("HeadObject (-want +got):\n%s", diff)
	}
}

// The limits of headers and metadata, from both sides.
func TestPutObjectBoundsStoredHeaders(t *testing.T) {
	t.Parallel()
	g := open(t)
	whole := 2<<10 - len("note")
	for name, tc := range map[string]struct {
		attributes *cosgatev1.ObjectAttributes
		want       codes.Code
	}{
		"one value of 2 KiB with its name":      {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"note": strings.Repeat("n", whole)}}, codes.OK},
		"one byte more":                         {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"note": strings.Repeat("n", whole+1)}}, codes.InvalidArgument},
		"2 KiB in one value":                    {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"note": strings.Repeat("n", 2<<10+1)}}, codes.InvalidArgument},
		"a value of 2 KiB of bytes":             {&cosgatev1.ObjectAttributes{HeaderBytes: map[string][]byte{"x-cos-meta-note": bytes.Repeat([]byte{0xe9}, whole)}}, codes.OK},
		"one byte more of bytes":                {&cosgatev1.ObjectAttributes{HeaderBytes: map[string][]byte{"x-cos-meta-note": bytes.Repeat([]byte{0xe9}, whole+1)}}, codes.InvalidArgument},
		"a line break":                          {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"note": "a\nb"}}, codes.InvalidArgument},
		"a line break in bytes":                 {&cosgatev1.ObjectAttributes{HeaderBytes: map[string][]byte{"content-type": []byte("a\nb")}}, codes.InvalidArgument},
		"a space at the end":                    {&cosgatev1.ObjectAttributes{Content: &cosgatev1.ContentHeaders{CacheControl: "no-cache "}}, codes.InvalidArgument},
		"a header that is not stored":           {&cosgatev1.ObjectAttributes{HeaderBytes: map[string][]byte{"x-cos-acl": []byte("private")}}, codes.InvalidArgument},
		"metadata as text and as bytes":         {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"A": "x"}, HeaderBytes: map[string][]byte{"x-cos-meta-a": []byte("\xe9")}}, codes.InvalidArgument},
		"a content header as text and as bytes": {&cosgatev1.ObjectAttributes{Content: &cosgatev1.ContentHeaders{Expires: "x"}, HeaderBytes: map[string][]byte{"expires": []byte("\xe9")}}, codes.InvalidArgument},
		"an underscore in a name":               {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"a_b": "x"}}, codes.InvalidArgument},
		"a dot in a name":                       {&cosgatev1.ObjectAttributes{Metadata: map[string]string{"a.b": "x"}}, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(1)
			s.Attributes = tc.attributes
			_, err := g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})
			if status.Code(err) != tc.want {
				t.Errorf("PutObject = %v, want %v", err, tc.want)
			}
		})
	}
}

// Tags have the lengths and characters that COS documents, wherever they are set.
func TestTagsHaveTheBoundsOfCOS(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	g.put(t, "k", []byte("x"))
	const odd = "Ab 9 +-=._:/@ 标签"
	for name, tc := range map[string]struct {
		tag            *cosgatev1.Tag
		object, bucket codes.Code
	}{
		"the shortest":         {&cosgatev1.Tag{Key: "k", Value: "v"}, codes.OK, codes.OK},
		"the longest":          {&cosgatev1.Tag{Key: strings.Repeat("签", 127), Value: strings.Repeat("值", 255)}, codes.OK, codes.OK},
		"a key too long":       {&cosgatev1.Tag{Key: strings.Repeat("k", 128), Value: "v"}, codes.InvalidArgument, codes.InvalidArgument},
		"a value too long":     {&cosgatev1.Tag{Key: "k", Value: strings.Repeat("v", 256)}, codes.InvalidArgument, codes.InvalidArgument},
		"no key":               {&cosgatev1.Tag{Value: "v"}, codes.InvalidArgument, codes.InvalidArgument},
		"no value":             {&cosgatev1.Tag{Key: "k"}, codes.InvalidArgument, codes.OK},
		"every character":      {&cosgatev1.Tag{Key: odd, Value: odd}, codes.OK, codes.OK},
		"another in the key":   {&cosgatev1.Tag{Key: "a#", Value: "v"}, codes.InvalidArgument, codes.InvalidArgument},
		"another in the value": {&cosgatev1.Tag{Key: "k", Value: "a&b"}, codes.InvalidArgument, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			tags := []*cosgatev1.Tag{tc.tag}
			_, err := g.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: "k", Tags: tags})
			if status.Code(err) != tc.object {
				t.Errorf("PutObjectTagging = %v, want %v", err, tc.object)
			}
			s := spec(1)
			s.Attributes = &cosgatev1.ObjectAttributes{Tags: tags}
			if _, err := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true}); status.Code(err) != tc.object {
				t.Errorf("PutObject = %v, want %v", err, tc.object)
			}
			_, err = g.configs.PutBucketTagging(ctx, &cosgatev1.PutBucketTaggingRequest{Bucket: testBucket, Tagging: &cosgatev1.BucketTagging{Tags: tags}})
			if status.Code(err) != tc.bucket {
				t.Errorf("PutBucketTagging = %v, want %v", err, tc.bucket)
			}
		})
	}
}

// URLs and forms bind and store the same text as the RPCs that write.
func TestPresignUrlAndCreatePostPolicyKeepHeadersInUTF8(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	plain := g.plainClient(t, "memory")
	want := &cosgatev1.ObjectAttributes{
		Content:  &cosgatev1.ContentHeaders{ContentType: "text/plain", ContentDisposition: `attachment; filename="报告.pdf"`},
		Metadata: map[string]string{"author": "王小明"},
	}
	u := g.url(t, &cosgatev1.PresignUrlRequest{
		Key: "url", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT, Headers: map[string]string{
			"content-type": "text/plain", "content-disposition": want.GetContent().GetContentDisposition(), "x-cos-meta-author": "王小明",
		},
	})
	if resp, body := use(t, plain, u, "x"); resp.StatusCode != 200 {
		t.Fatalf("PUT of the URL = %d %s", resp.StatusCode, body)
	}
	f := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toKey("form"), Content: want.GetContent(), Metadata: want.GetMetadata()})
	if resp, body := sendForm(t, plain, f, nil, "f", "x"); resp.StatusCode != 204 {
		t.Fatalf("POST of the form = %d %s", resp.StatusCode, body)
	}
	for _, key := range []string{"url", "form"} {
		resp, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
		must(t, err)
		if diff := cmp.Diff(want, readBack(resp.GetObject()), protocmp.Transform()); diff != "" {
			t.Errorf("HeadObject(%q) (-want +got):\n%s", key, diff)
		}
	}
	_, messages, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "url", ResponseHeaders: &cosgatev1.ContentHeaders{ContentDisposition: "inline; filename=新.txt"}})
	if err != nil || messages[0].GetObject().GetContent().GetContentDisposition() != "inline; filename=新.txt" {
		t.Errorf("GetObject with a disposition in UTF-8 = %v, %v", messages, err)
	}
}
