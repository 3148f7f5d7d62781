package service

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// An aspect is one RPC on one aspect of an object, as a test calls it.
type aspect struct {
	rpc, op string // of the contract, and as the embedded server names it
	changes bool
	call    func(ctx context.Context, g *gateway) error
}

func aspects() []aspect {
	tags := []*cosgatev1.Tag{{Key: "a", Value: "1"}}
	until := timestamppb.New(time.Now().Add(time.Hour))
	return []aspect{
		{"ListObjectVersions", "ListObjectVersions", false, func(ctx context.Context, g *gateway) error {
			return second(g.objects.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket}))
		}},
		{"GetObjectTagging", "GetObjectTagging", false, func(ctx context.Context, g *gateway) error {
			return second(g.objects.GetObjectTagging(ctx, &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: "k"}))
		}},
		{"PutObjectTagging", "PutObjectTagging", true, func(ctx context.Context, g *gateway) error {
			return second(g.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: "k", Tags: tags}))
		}},
		{"DeleteObjectTagging", "DeleteObjectTagging", true, func(ctx context.Context, g *gateway) error {
			return second(g.objects.DeleteObjectTagging(ctx, &cosgatev1.DeleteObjectTaggingRequest{Bucket: testBucket, Key: "k"}))
		}},
		{"GetObjectAcl", "GetObjectACL", false, func(ctx context.Context, g *gateway) error {
			return second(g.objects.GetObjectAcl(ctx, &cosgatev1.GetObjectAclRequest{Bucket: testBucket, Key: "k"}))
		}},
		{"PutObjectAcl", "PutObjectACL", true, func(ctx context.Context, g *gateway) error {
			return second(g.objects.PutObjectAcl(ctx, &cosgatev1.PutObjectAclRequest{Bucket: testBucket, Key: "k", PresetAcl: "private"}))
		}},
		{"RestoreObject", "RestoreObject", true, func(ctx context.Context, g *gateway) error {
			return second(g.objects.RestoreObject(ctx, &cosgatev1.RestoreObjectRequest{Bucket: testBucket, Key: "archived", Days: 1}))
		}},
		{"GetSymlink", "GetSymlink", false, func(ctx context.Context, g *gateway) error {
			return second(g.objects.GetSymlink(ctx, &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: "link"}))
		}},
		{"PutSymlink", "PutSymlink", true, func(ctx context.Context, g *gateway) error {
			return second(g.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: "link", TargetKey: "k"}))
		}},
		{"GetObjectRetention", "GetObjectRetention", false, func(ctx context.Context, g *gateway) error {
			return second(g.objects.GetObjectRetention(ctx, &cosgatev1.GetObjectRetentionRequest{Bucket: testBucket, Key: "k"}))
		}},
		{"PutObjectRetention", "PutObjectRetention", true, func(ctx context.Context, g *gateway) error {
			return second(g.objects.PutObjectRetention(ctx, &cosgatev1.PutObjectRetentionRequest{Bucket: testBucket, Key: "k", Retention: &cosgatev1.ObjectRetention{RetainUntilDate: until}}))
		}},
		{"OptionsObject", "OptionsObject", false, func(ctx context.Context, g *gateway) error {
			return second(g.objects.OptionsObject(ctx, &cosgatev1.OptionsObjectRequest{Bucket: testBucket, Key: "k", Origin: "https://o", Method: "GET"}))
		}},
	}
}

func second[T any](_ T, err error) error { return err }

// furnish makes what the aspects work on: with an object lock, an archived object, a
// symlink, tags and CORS rules.
func (g *gateway) furnish(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	g.lock(t)
	g.put(t, "k", []byte("x"))
	s := spec(-1)
	s.Key, s.Attributes = "archived", &cosgatev1.ObjectAttributes{StorageClass: "ARCHIVE"}
	_, err := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})
	must(t, err)
	must(t, second(g.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: "link", TargetKey: "k"})))
	must(t, second(g.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: "k", Tags: []*cosgatev1.Tag{{Key: "z", Value: "1"}}})))
	seconds := int32(600)
	must(t, second(g.configs.PutBucketCors(ctx, &cosgatev1.PutBucketCorsRequest{Bucket: testBucket, Cors: &cosgatev1.CorsConfiguration{Rules: []*cosgatev1.CorsRule{{
		AllowedOrigins: []string{"https://o"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"x-a"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: &seconds,
	}}}})))
}

func (g *gateway) lock(t *testing.T) {
	t.Helper()
	must(t, second(g.configs.PutBucketObjectLock(t.Context(), &cosgatev1.PutBucketObjectLockRequest{
		Bucket: testBucket, ObjectLock: &cosgatev1.ObjectLockConfiguration{ObjectLockEnabled: "Enabled"},
	})))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every code that operations.md and the contract name comes out as the contract says,
// with the operation, the key and the request id.
func TestObjectSettingsFailWithTheirCodes(t *testing.T) {
	t.Parallel()
	named := map[string]string{
		"ListObjectVersions":  "NoSuchBucket InvalidArgument",
		"GetObjectTagging":    "NoSuchKey NoSuchVersion NoSuchTagSet",
		"PutObjectTagging":    "NoSuchKey NoSuchVersion InvalidTag ObjectLocked",
		"DeleteObjectTagging": "NoSuchKey NoSuchVersion ObjectLocked",
		"GetObjectAcl":        "NoSuchKey NoSuchVersion",
		"PutObjectAcl":        "NoSuchKey NoSuchVersion InvalidArgument MalformedACLError AttachmentFull",
		"RestoreObject":       "NoSuchKey NoSuchVersion RestoreAlreadyInProgress RestoreNonArchiveObject RestoreFileSizeExceed",
		"GetSymlink":          "NoSuchKey NoSuchVersion",
		"PutSymlink":          "ObjectLocked",
		"GetObjectRetention":  "NoSuchKey NoSuchObjectLockConfiguration",
		"PutObjectRetention":  "NoSuchKey NoSuchObjectLockConfiguration InvalidLockedTime ObjectLocked",
		"OptionsObject":       "AccessForbidden",
	}
	g := open(t)
	for _, a := range aspects() {
		for code := range strings.FieldsSeq(named[a.rpc] + " AccessDenied") {
			want := rowOf(code)
			g.cos.Faults().Clear()
			g.cos.Faults().Add(embedded.Fault{Operation: a.op, Status: want.HTTP, Code: code, Message: "m"})
			err := a.call(t.Context(), g)
			e, _ := detail[*cosgatev1.CosError](err)
			info, _ := detail[*errdetails.ErrorInfo](err)
			if status.Code(err) != want.Code || info.GetReason() != want.Reason || e.GetCode() != code || e.GetOperation() != a.rpc || e.GetRequestId() == "" {
				t.Errorf("%s with %s = %v, CosError %v, want %v, %s", a.rpc, code, err, e, want.Code, want.Reason)
			}
			if keyed := a.rpc != "ListObjectVersions"; keyed != (e.GetKey() != "") {
				t.Errorf("%s with %s: key %q", a.rpc, code, e.GetKey())
			}
		}
	}
}

// A lost response, a temporary failure, a lasting one, a response that says nothing: all of
// them may be asked again.
func TestObjectSettingsAreRetriedWhenResponsesAreLost(t *testing.T) {
	for _, a := range aspects() {
		for name, f := range map[string]embedded.Fault{
			"lost response": {LoseResponse: true}, "reset": {Reset: true}, "500": {Code: "InternalError"}, "503": {Code: "SlowDown"},
		} {
			t.Run(a.rpc+" "+name, func(t *testing.T) {
				t.Parallel()
				g := open(t)
				g.furnish(t)
				if a.rpc == "GetObjectRetention" {
					must(t, second(g.objects.PutObjectRetention(t.Context(), &cosgatev1.PutObjectRetentionRequest{
						Bucket: testBucket, Key: "k", Retention: &cosgatev1.ObjectRetention{RetainUntilDate: timestamppb.New(time.Now().Add(time.Hour))},
					})))
				}
				f.Operation, f.Nth = a.op, 1
				g.cos.Faults().Add(f)
				g.cos.Journal().Reset()
				if err := a.call(t.Context(), g); err != nil {
					t.Errorf("%s = %v, want the second attempt to do it", a.rpc, err)
				}
				if n := count(g.requests(), a.op); n != 2 {
					t.Errorf("COS saw %d requests, want 2", n)
				}
				g.cos.Faults().Add(embedded.Fault{Operation: a.op, Reset: true})
				err := a.call(t.Context(), g)
				if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.Unavailable || !e.GetRetryable() || e.GetAttempts() != 4 {
					t.Errorf("%s of a COS that is gone = %v, %v, want UNAVAILABLE after 4 attempts", a.rpc, err, e)
				}
			})
		}
	}
}

func TestObjectTaggingIsPutReadCountedAndDeleted(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	s := spec(-1)
	s.Attributes = &cosgatev1.ObjectAttributes{Tags: []*cosgatev1.Tag{{Key: "a b", Value: "1+2"}, {Key: "é", Value: "ü"}}}
	_, err := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})
	must(t, err)
	check := func(key, want string) {
		t.Helper()
		resp, err := g.objects.GetObjectTagging(ctx, &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: key})
		if want == "" {
			if e, _ := detail[*cosgatev1.CosError](err); err != nil && e.GetCode() != "NoSuchTagSet" || len(resp.GetTags()) != 0 {
				t.Errorf("tags of %s = %v, %v, want none", key, resp, err)
			}
			return
		}
		var got []string
		for _, tag := range resp.GetTags() {
			got = append(got, tag.GetKey()+"="+tag.GetValue())
		}
		head, headErr := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
		if err != nil || strings.Join(got, " ") != want || headErr != nil || int(head.GetObject().GetTagCount()) != len(got) {
			t.Errorf("tags of %s = %q, %v, counted %v, want %q", key, got, err, head.GetObject().TagCount, want)
		}
	}
	check("k", "a b=1+2 é=ü")
	source := &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}
	must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "kept", Source: source})))
	check("kept", "a b=1+2 é=ü")
	must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "other", Source: source, TaggingDirective: "Replaced",
		Attributes: &cosgatev1.ObjectAttributes{Tags: []*cosgatev1.Tag{{Key: "new", Value: "t"}}},
	})))
	check("other", "new=t")
	must(t, second(g.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: "k", Tags: []*cosgatev1.Tag{{Key: "c:", Value: "@"}}})))
	check("k", "c:=@")
	must(t, second(g.objects.DeleteObjectTagging(ctx, &cosgatev1.DeleteObjectTaggingRequest{Bucket: testBucket, Key: "k"})))
	check("k", "")
	must(t, second(g.objects.DeleteObjectTagging(ctx, &cosgatev1.DeleteObjectTaggingRequest{Bucket: testBucket, Key: "k"})))
	for rpc, err := range map[string]error{
		"GetObjectTagging": second(g.objects.GetObjectTagging(ctx, &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: "absent"})),
		"PutObjectTagging": second(g.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: "absent", Tags: []*cosgatev1.Tag{{Key: "a", Value: "1"}}})),
	} {
		if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.NotFound || e.GetCode() != "NoSuchKey" {
			t.Errorf("%s of an absent key = %v, want NOT_FOUND, NoSuchKey", rpc, err)
		}
	}
}

// An object too large for one copy is copied in parts, with its tags.
func TestCopyObjectInPartsKeepsTags(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.options.CopyPart = 1 << 20 })
	ctx := t.Context()
	s := spec(-1)
	s.Attributes = &cosgatev1.ObjectAttributes{Tags: []*cosgatev1.Tag{{Key: "a", Value: "1"}}}
	_, err := g.send(ctx, chunks(s, noise(2<<20+1), 1<<20)...)
	must(t, err)
	g.cos.Faults().Add(embedded.Fault{Operation: "CopyObject", Status: 400, Code: "EntityTooLarge"})
	must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"},
		Attributes: &cosgatev1.ObjectAttributes{PresetAcl: "public-read"},
	})))
	resp, err := g.objects.GetObjectTagging(ctx, &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: "copy"})
	if err != nil || len(resp.GetTags()) != 1 || resp.GetTags()[0].GetKey() != "a" {
		t.Errorf("tags of the copy = %v, %v, want those of the source", resp, err)
	}
}

func TestObjectAclRoundTrips(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	g.put(t, "k", []byte("x"))
	get := func() *cosgatev1.AccessControlPolicy {
		t.Helper()
		resp, err := g.objects.GetObjectAcl(ctx, &cosgatev1.GetObjectAclRequest{Bucket: testBucket, Key: "k"})
		must(t, err)
		return resp.GetAcl()
	}
	put := func(req *cosgatev1.PutObjectAclRequest) error {
		req.Bucket, req.Key = testBucket, "k"
		return second(g.objects.PutObjectAcl(ctx, req))
	}
	must(t, put(&cosgatev1.PutObjectAclRequest{PresetAcl: "public-read"}))
	if p := get(); p.GetOwner().GetId() == "" || !strings.Contains(fmt.Sprint(p.GetGrants()), "AllUsers") && !strings.Contains(fmt.Sprint(p.GetGrants()), "anyone") {
		t.Errorf("policy of public-read = %v", p)
	}
	must(t, put(&cosgatev1.PutObjectAclRequest{Grants: &cosgatev1.GrantHeaders{ReadAcp: []string{"100000000011"}}}))
	p := get()
	if !strings.Contains(fmt.Sprint(p.GetGrants()), "READ_ACP") || !strings.Contains(fmt.Sprint(p.GetGrants()), "100000000011") {
		t.Errorf("policy of a grant = %v", p)
	}
	must(t, put(&cosgatev1.PutObjectAclRequest{Acl: p}))
	if again := get(); !proto.Equal(again, p) {
		t.Errorf("policy put back = %v, want %v", again, p)
	}
	both := &cosgatev1.PutObjectAclRequest{PresetAcl: "public-read", Grants: &cosgatev1.GrantHeaders{WriteAcp: []string{"100000000011"}}}
	must(t, put(both))
	if grants := fmt.Sprint(get().GetGrants()); !strings.Contains(grants, "AllUsers") || !strings.Contains(grants, "WRITE_ACP") {
		t.Errorf("GetObjectAcl after a preset together with grants = %v, want both", grants)
	}
	must(t, put(&cosgatev1.PutObjectAclRequest{PresetAcl: "private"}))
	if again := get(); strings.Contains(fmt.Sprint(again.GetGrants()), "READ_ACP") {
		t.Errorf("policy of private = %v, want the grant gone", again)
	}
	g.cos.Journal().Reset()
	for name, req := range map[string]*cosgatev1.PutObjectAclRequest{
		"none":        {},
		"two forms":   {PresetAcl: "private", Acl: p},
		"no accounts": {Grants: &cosgatev1.GrantHeaders{}},
		"write":       {Grants: &cosgatev1.GrantHeaders{Write: []string{"1"}}},
		"injection":   {Grants: &cosgatev1.GrantHeaders{Read: []string{`1",uri="x`}}},
		"no owner":    {Acl: &cosgatev1.AccessControlPolicy{}},
	} {
		if err := put(req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("PutObjectAcl with %s = %v, want INVALID_ARGUMENT", name, err)
		}
	}
	if n := len(g.requests()); n != 0 {
		t.Errorf("COS was asked %d times, want not at all", n)
	}
	if err := put(&cosgatev1.PutObjectAclRequest{PresetAcl: "unheard-of"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("PutObjectAcl with an unknown preset = %v, want INVALID_ARGUMENT of COS", err)
	}
}

func TestObjectSettingsOfWritesHaveAclTagsAndGrants(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	grants := &cosgatev1.GrantHeaders{WriteAcp: []string{"100000000011"}}
	attrs := &cosgatev1.ObjectAttributes{PresetAcl: "public-read", Grants: grants, Tags: []*cosgatev1.Tag{{Key: "a", Value: "1"}}}
	for _, key := range []string{"put", "parts", "append", "copy"} {
		switch key {
		case "put":
			_, err := g.send(ctx, &putRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key, Attributes: attrs}, Chunk: chunk("x"), Finish: true})
			must(t, err)
		case "parts":
			resp, err := g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: key, Attributes: attrs})
			must(t, err)
			g.complete(t, key, resp.GetUploadId(), nil)
		case "append":
			stream, err := g.objects.AppendObject(ctx)
			must(t, err)
			must(t, stream.Send(&cosgatev1.AppendObjectRequest{
				Spec:  &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: key, Size: new(int64(1)), Attributes: &cosgatev1.ObjectAttributes{PresetAcl: "public-read", Grants: grants}, TrafficLimit: 838860800},
				Chunk: chunk("x"), Finish: true,
			}))
			must(t, second(stream.CloseAndRecv()))
		case "copy":
			must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
				Bucket: testBucket, Key: key, Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "put"},
				TaggingDirective: "Replaced", Attributes: attrs,
			})))
		}
		acl, err := g.objects.GetObjectAcl(ctx, &cosgatev1.GetObjectAclRequest{Bucket: testBucket, Key: key})
		if given := fmt.Sprint(acl.GetAcl().GetGrants()); err != nil || !strings.Contains(given, "AllUsers") || !strings.Contains(given, "WRITE_ACP") {
			t.Errorf("%s: ACL = %v, %v, want the preset and the grant", key, acl, err)
		}
		head, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key})
		if want := map[bool]int32{true: 0, false: 1}[key == "append"]; err != nil || head.GetObject().GetTagCount() != want {
			t.Errorf("%s: %d tags, %v, want %d", key, head.GetObject().GetTagCount(), err, want)
		}
	}
}

// complete sends one part and completes the upload.
func (g *gateway) complete(t *testing.T, key, id string, k *cosgatev1.CustomerKey) {
	t.Helper()
	stream, err := g.uploads.UploadPart(t.Context())
	must(t, err)
	must(t, stream.Send(&cosgatev1.UploadPartRequest{
		Spec:  &cosgatev1.UploadPartSpec{Bucket: testBucket, Key: key, UploadId: id, PartNumber: 1, Size: new(int64(1)), CustomerKey: k, TrafficLimit: 819200},
		Chunk: chunk("x"), Finish: true,
	}))
	part, err := stream.CloseAndRecv()
	must(t, err)
	must(t, second(g.uploads.CompleteMultipartUpload(t.Context(), &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: key, UploadId: id, CustomerKey: k,
		Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: part.GetPart().GetEtag()}},
	})))
}
