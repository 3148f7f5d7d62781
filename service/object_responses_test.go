package service

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	responseEncryption = "x-cos-server-side-encryption"
	responseExpiration = `expiry-date="Wed, 01 Jan 2031 00:00:00 GMT", rule-id="logs"`
)

// writeHeaders are those that responses to writes can have.
func writeHeaders() []string {
	return []string{
		"ETag", `"e"`, "x-cos-hash-crc64ecma", "0", "x-cos-version-id", "v1", responseEncryption, "cos/kms", responseEncryption + "-cos-kms-key-id", "kms-1",
		"x-cos-expiration", responseExpiration, "x-cos-hash-crc32c", "AAAAAA==", "x-cos-content-sha1", "da39a3ee",
		"x-cos-copy-source-version-id", "v0", "x-cos-next-append-position", "0",
	}
}

// respondToWrite is a COS that encrypts whatever is written.
func respondToWrite(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	q := r.URL.Query()
	document := ""
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		document = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		document = "<CompleteMultipartUploadResult><Location>https://h/k</Location><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"
	case r.Header.Get("x-cos-copy-source") != "" && q.Has("uploadId"):
		document = "<CopyPartResult><ETag>\"e\"</ETag></CopyPartResult>"
	case r.Header.Get("x-cos-copy-source") != "":
		document = "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>"
	}
	respond(w, document, writeHeaders()...)
}

// What COS says about a write beside its ETag arrives, whichever RPC wrote.
func TestEveryWriteReturnsWhatCOSSays(t *testing.T) {
	t.Parallel()
	g := respondWith(t, respondToWrite)
	ctx := t.Context()
	kms := &cosgatev1.EncryptionInfo{Algorithm: "cos/kms", KmsKeyId: "kms-1"}
	crc := uint64(0)
	object := func(change func(*cosgatev1.Object)) *cosgatev1.Object {
		o := &cosgatev1.Object{
			Bucket: testBucket, Key: "k", VersionId: "v1", Etag: "e", Crc64Ecma: &crc,
			Encryption: kms, Expiration: responseExpiration, ContentSha1: "da39a3ee", HashCrc32C: "AAAAAA==",
		}
		change(o)
		return o
	}
	source := &cosgatev1.CopySource{Bucket: testBucket, Key: "s"}
	zero := int64(0)
	for name, tc := range map[string]struct {
		call func() (proto.Message, error)
		want proto.Message
	}{
		"PutObject": {func() (proto.Message, error) {
			return g.send(ctx, &putRequest{Spec: spec(0), Finish: true})
		}, &cosgatev1.PutObjectResponse{Object: object(func(o *cosgatev1.Object) { o.StorageClass = "STANDARD" })}},
		"AppendObject": {func() (proto.Message, error) {
			stream, err := g.objects.AppendObject(ctx)
			must(t, err)
			must(t, stream.Send(&cosgatev1.AppendObjectRequest{Spec: &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: "k", Size: &zero}, Finish: true}))
			return stream.CloseAndRecv()
		}, &cosgatev1.AppendObjectResponse{Etag: "e", Crc64Ecma: &crc, VersionId: "v1", Encryption: kms, ContentSha1: "da39a3ee"}},
		"CopyObject": {func() (proto.Message, error) {
			return g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "k", Source: source})
		}, &cosgatev1.CopyObjectResponse{Object: object(func(*cosgatev1.Object) {}), SourceVersionId: "v0"}},
		"InitiateMultipartUpload": {func() (proto.Message, error) {
			return g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "k"})
		}, &cosgatev1.InitiateMultipartUploadResponse{UploadId: "u1", Encryption: kms}},
		"UploadPart": {func() (proto.Message, error) {
			stream, err := g.uploads.UploadPart(ctx)
			must(t, err)
			must(t, stream.Send(&cosgatev1.UploadPartRequest{Spec: &cosgatev1.UploadPartSpec{Bucket: testBucket, Key: "k", UploadId: "u1", PartNumber: 1, Size: &zero}, Finish: true}))
			return stream.CloseAndRecv()
		}, &cosgatev1.UploadPartResponse{Part: &cosgatev1.Part{PartNumber: 1, Etag: "e", Crc64Ecma: &crc}, Encryption: kms}},
		"UploadPartCopy": {func() (proto.Message, error) {
			return g.uploads.UploadPartCopy(ctx, &cosgatev1.UploadPartCopyRequest{Bucket: testBucket, Key: "k", UploadId: "u1", PartNumber: 1, Source: source})
		}, &cosgatev1.UploadPartCopyResponse{Part: &cosgatev1.Part{PartNumber: 1, Etag: "e", Crc64Ecma: &crc}, Encryption: kms, SourceVersionId: "v0"}},
		"CompleteMultipartUpload": {func() (proto.Message, error) {
			return g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
				Bucket: testBucket, Key: "k", UploadId: "u1", Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: "e"}},
			})
		}, &cosgatev1.CompleteMultipartUploadResponse{Object: object(func(*cosgatev1.Object) {}), Location: "https://h/k"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.call()
			if diff := cmp.Diff(tc.want, got, protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("%s = %v (-want +got):\n%s", name, err, diff)
			}
		})
	}
}

func TestHeadObjectReturnsWhatCOSSays(t *testing.T) {
	t.Parallel()
	g := respondWith(t, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, "", append(writeHeaders(), "Content-Length", "0", "x-cos-storage-class", "Archive",
			"x-cos-restore", `ongoing-request="true"`, "x-cos-restore-status", `tier="bulk"; request-date="Fri, 03 Jan 2031 08:00:00 GMT"`,
			"x-cos-website-redirect-location", "/new.html")...)
	})
	resp, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
	must(t, err)
	crc := uint64(0)
	want := &cosgatev1.Object{
		Bucket: testBucket, Key: "k", VersionId: "v1", Etag: "e", Crc64Ecma: &crc, StorageClass: "ARCHIVE",
		Encryption: &cosgatev1.EncryptionInfo{Algorithm: "cos/kms", KmsKeyId: "kms-1"},
		Expiration: responseExpiration, ContentSha1: "da39a3ee", HashCrc32C: "AAAAAA==", WebsiteRedirectLocation: "/new.html",
		Restore: &cosgatev1.RestoreState{OngoingRequest: true, Tier: "bulk", RequestTime: &timestamppb.Timestamp{Seconds: 1925193600}},
	}
	if diff := cmp.Diff(want, resp.GetObject(), protocmp.Transform()); diff != "" {
		t.Errorf("HeadObject (-want +got):\n%s", diff)
	}
}

const (
	listedOwner     = "<Owner><ID>1250000000</ID><DisplayName>team</DisplayName></Owner>"
	listedInitiator = "<Initiator><ID>qcs::cam::uin/1:uin/2</ID><DisplayName>2</DisplayName></Initiator>"
)

// Lists return the accounts, the states of restorations, and classes in the names that
// are written everywhere else, however COS spells them.
func TestListsReturnWhatCOSSays(t *testing.T) {
	t.Parallel()
	g := respondWith(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		object := "<Key>k</Key><Size>1</Size>" + listedOwner + "<StorageClass>Deep_Archive</StorageClass>"
		switch {
		case q.Has("versions"):
			respond(w, "<ListVersionsResult><Version>"+object+"<RestoreStatus>ONGOING</RestoreStatus></Version></ListVersionsResult>")
		case q.Has("uploads"):
			respond(w, "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId><StorageClass>Standard_IA</StorageClass>"+
				listedInitiator+listedOwner+"</Upload></ListMultipartUploadsResult>")
		case q.Has("uploadId"):
			respond(w, "<ListPartsResult>"+listedOwner+listedInitiator+"<StorageClass>Standard</StorageClass></ListPartsResult>")
		default:
			respond(w, "<ListBucketResult><Contents>"+object+"<RestoreStatus>DONE</RestoreStatus></Contents></ListBucketResult>")
		}
	})
	ctx := t.Context()
	owner := &cosgatev1.Owner{Id: "1250000000", DisplayName: "team"}
	initiator := &cosgatev1.Owner{Id: "qcs::cam::uin/1:uin/2", DisplayName: "2"}
	object := func(r *cosgatev1.RestoreState) *cosgatev1.Object {
		return &cosgatev1.Object{Bucket: testBucket, Key: "k", Size: 1, StorageClass: "DEEP_ARCHIVE", Owner: owner, Restore: r}
	}
	want := []proto.Message{
		&cosgatev1.ListObjectsResponse{Objects: []*cosgatev1.Object{object(&cosgatev1.RestoreState{Status: "DONE"})}},
		&cosgatev1.ListObjectVersionsResponse{Versions: []*cosgatev1.ObjectVersion{{
			Object: object(&cosgatev1.RestoreState{Status: "ONGOING", OngoingRequest: true}), Owner: owner,
		}}},
		&cosgatev1.ListPartsResponse{StorageClass: "STANDARD", Owner: owner, Initiator: initiator},
		&cosgatev1.ListMultipartUploadsResponse{Uploads: []*cosgatev1.MultipartUpload{{
			Key: "k", UploadId: "u", StorageClass: "STANDARD_IA", Owner: owner, Initiator: initiator,
		}}},
	}
	objects, err := g.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket})
	must(t, err)
	versions, err := g.objects.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket})
	must(t, err)
	parts, err := g.uploads.ListParts(ctx, &cosgatev1.ListPartsRequest{Bucket: testBucket, Key: "k", UploadId: "u"})
	must(t, err)
	uploads, err := g.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket})
	must(t, err)
	if diff := cmp.Diff(want, []proto.Message{objects, versions, parts, uploads}, protocmp.Transform()); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}

func TestOptionsObjectReturnsAllowCredentials(t *testing.T) {
	t.Parallel()
	g := respondWith(t, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, "", "Access-Control-Allow-Origin", "https://o", "Access-Control-Allow-Credentials", "true")
	})
	resp, err := g.objects.OptionsObject(t.Context(), &cosgatev1.OptionsObjectRequest{Bucket: testBucket, Key: "k", Origin: "https://o", Method: "GET"})
	if err != nil || !resp.GetAllowCredentials() || resp.GetAllowOrigin() != "https://o" {
		t.Errorf("OptionsObject = %v, %v, want credentials allowed", resp, err)
	}
}

// deletions are the objects of the request of TestDeleteObjectsAccountsForEveryKey.
func deletions(keys ...string) []*cosgatev1.ObjectIdentifier {
	return mapSlice(keys, func(key string) *cosgatev1.ObjectIdentifier { return &cosgatev1.ObjectIdentifier{Key: key} })
}

// Each object of a request is in exactly one of the lists, and what COS mentions without
// having been asked is told.
func TestDeleteObjectsAccountsForEveryKey(t *testing.T) {
	t.Parallel()
	sent := make(chan string, 2)
	g := respondWith(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- string(body)
		if strings.Contains(string(body), "<Quiet>true") {
			respond(w, "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>")
			return
		}
		respond(w, "<DeleteResult><Deleted><Key>other</Key></Deleted><Deleted><Key>a\tb\nc\rd</Key></Deleted>"+
			"<Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>")
	})
	req := &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: deletions("missing", "a\tb\nc\rd", "b", "x\x01y")}
	resp, err := g.objects.DeleteObjects(t.Context(), req)
	must(t, err)
	if body, want := <-sent, "<Object><Key>missing</Key></Object><Object><Key>a&#x9;b&#xA;c&#xD;d</Key></Object><Object><Key>b</Key></Object></Delete>"; !strings.HasSuffix(body, want) {
		t.Errorf("the request is %s, want it to end in %s", body, want)
	}
	if len(resp.GetDeleted()) != 1 || resp.GetDeleted()[0].GetKey() != "a\tb\nc\rd" {
		t.Errorf("deleted = %v, want the key with line breaks", resp.GetDeleted())
	}
	if got := resp.GetUnexpectedKeys(); len(got) != 1 || got[0] != "other" {
		t.Errorf("unexpected keys = %q, want other", got)
	}
	want := map[string]struct {
		code   codes.Code
		reason string
	}{
		"missing": {codes.Unavailable, cosstatus.ReasonOutcomeUnknown},
		"b":       {codes.PermissionDenied, "ACCESS_DENIED"},
		"x\x01y":  {codes.InvalidArgument, cosstatus.ReasonInvalidField},
	}
	if len(resp.GetFailures()) != len(want) {
		t.Errorf("failures = %v, want %d", resp.GetFailures(), len(want))
	}
	for _, f := range resp.GetFailures() {
		st := status.FromProto(f.GetStatus())
		if w := want[f.GetKey()]; st.Code() != w.code || cosstatus.ReasonOf(st) != w.reason {
			t.Errorf("%q failed with %v, want %v %s", f.GetKey(), st, w.code, w.reason)
		}
		if cos, ok := detail[*cosgatev1.CosError](st.Err()); f.GetKey() == "missing" && (!ok || !cos.GetOutcomeUnknown() || cos.GetRequestId() == "") {
			t.Errorf("the status of a missing object has %v, want an unknown outcome and a request id", cos)
		}
	}

	req.Quiet = true
	resp, err = g.objects.DeleteObjects(t.Context(), req)
	<-sent
	if err != nil || len(resp.GetDeleted()) != 0 || len(resp.GetFailures()) != 2 {
		t.Errorf("a quiet DeleteObjects = %v, %v, want the two failures that are known", resp, err)
	}
}

// Nothing is sent when XML can express none of the keys.
func TestDeleteObjectsOfInexpressibleKeysSendsNothing(t *testing.T) {
	t.Parallel()
	g := open(t)
	resp, err := g.objects.DeleteObjects(t.Context(), &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: deletions("\x01", "\ufffe")})
	must(t, err)
	for _, f := range resp.GetFailures() {
		if _, ok := detail[*errdetails.BadRequest](status.FromProto(f.GetStatus()).Err()); !ok {
			t.Errorf("the status of %q is %v, want one that names the field", f.GetKey(), f.GetStatus())
		}
	}
	if ops := g.requests(); len(resp.GetFailures()) != 2 || len(ops) != 0 {
		t.Errorf("DeleteObjects = %v after the requests %v, want two failures and no request", resp, ops)
	}
}
