package service

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// sourceOf names an object as the source of a copy.
func sourceOf(key string) string {
	return testBucket + ".cos." + testRegion + ".myqcloud.com/" + key
}

// wantForbidden wants the refusal that COS has for what no policy allows.
func wantForbidden(t *testing.T, what string, resp plainResponse, text string) {
	t.Helper()
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "<Code>AccessDenied</Code>") {
		t.Errorf("%s: %d %s, want 403 AccessDenied", what, resp.StatusCode, text)
	}
}

// wantRefused also takes the refusal of what the embedded COS does not have at all: the
// policy forbids it, but that is not shown here.
func wantRefused(t *testing.T, what string, resp plainResponse, text string) {
	t.Helper()
	if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(text, "<Code>NotImplemented</Code>") {
		wantForbidden(t, what, resp, text)
	}
}

// Headers that the signature of a PUT does not cover reach COS. None of them may do more
// than the URL was made for.
func TestPresignUrlPutCannotCopyPublishOrTag(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "tcp")
	g.put(t, "secret/x", []byte("the secret"))
	put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "mine/x", Operation: presignPut})
	const everyone = `id="anyone"`
	for _, tt := range []struct{ name, query, header, value string }{
		{"a copy of another object", "", "x-cos-copy-source", sourceOf("secret/x")},
		{"a copy of its own key", "", "x-cos-copy-source", sourceOf("mine/x")},
		{"a copy in other letters", "", "X-COS-COPY-SOURCE", sourceOf("secret/x")},
		{"an ACL", "", "x-cos-acl", "public-read"},
		{"a grant to read", "", "x-cos-grant-read", everyone},
		{"a grant to read the ACL", "", "x-cos-grant-read-acp", everyone},
		{"a grant to write the ACL", "", "x-cos-grant-write-acp", everyone},
		{"a grant of everything", "", "x-cos-grant-full-control", everyone},
		{"tags", "", "x-cos-tagging", "a=b"},
		{"a lock", "", "x-cos-object-lock-mode", "COMPLIANCE"},
		{"the end of a lock", "", "x-cos-object-lock-retain-until-date", "2099-01-01T00:00:00Z"},
		{"a callback", "", "x-cos-callback", "eyJjYWxsYmFja1VybCI6Imh0dHA6Ly8xNjkuMjU0LjE2OS4yNTQvIn0="},
		{"an image operation", "", "Pic-Operations", `{"is_pic_info":0,"rules":[{"fileid":"/secret/y","rule":"imageMogr2/rotate/90"}]}`},
		{"the ACL", "&acl", "x-cos-acl", "public-read"},
		{"the tags", "&tagging", "", ""},
		{"the retention", "&retention", "", ""},
		{"a link", "&symlink", "x-cos-symlink-target", "secret/x"},
		{"a part", "&uploadId=1&partNumber=1", "", ""},
	} {
		var header map[string]string
		if tt.header != "" {
			header = map[string]string{tt.header: tt.value}
		}
		resp, text := request(t, plain, http.MethodPut, put.GetUrl()+tt.query, header, "x")
		wantRefused(t, tt.name, resp, text)
	}
	g.mustMissing(t, "mine/x")
	if resp, text := use(t, plain, put, "mine"); resp.StatusCode != http.StatusOK {
		t.Errorf("the URL as it is: %d %s", resp.StatusCode, text)
	}
}

func TestPresignUrlOfAPartCannotCopyAnotherObject(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "memory")
	g.put(t, "secret/x", []byte("the secret"))
	begun, err := g.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "mine/x"})
	if err != nil {
		t.Fatal(err)
	}
	part := g.url(t, &cosgatev1.PresignUrlRequest{Key: "mine/x", Operation: presignPart, UploadId: begun.GetUploadId(), PartNumber: 1})
	resp, text := request(t, plain, http.MethodPut, part.GetUrl(), map[string]string{"x-cos-copy-source": sourceOf("secret/x")}, "")
	wantForbidden(t, "a part that is a copy", resp, text)
	if resp, text := use(t, plain, part, "mine"); resp.StatusCode != http.StatusOK {
		t.Errorf("the URL as it is: %d %s", resp.StatusCode, text)
	}
}

// Parameters that are appended to a URL name other things than it was made for.
func TestPresignUrlReadsAndDeletesNothingButItsObject(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "tcp")
	g.put(t, "k", []byte("content"))
	for _, tt := range []struct {
		operation cosgatev1.PresignOperation
		query     []string
	}{
		{presignGet, []string{"&acl", "&tagging", "&retention", "&symlink", "&uploadId=1", "&versionId=null", "&versionid=null", "&response-content-type=text%2Fhtml"}},
		{presignHead, []string{"&versionId=null"}},
		{presignDelete, []string{"&tagging", "&uploadId=1", "&versionId=null"}},
	} {
		u := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: tt.operation})
		for _, query := range tt.query {
			resp, text := request(t, plain, u.GetMethod(), u.GetUrl()+query, nil, "")
			if tt.operation == presignHead && resp.StatusCode == http.StatusForbidden {
				continue // without a body
			}
			wantForbidden(t, u.GetMethod()+" with "+query, resp, text)
		}
	}
	if got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil || string(got) != "content" {
		t.Errorf("after all this the object is %q, %v", got, err)
	}
}

// The version of a URL is the only one, also when another is named beside it.
func TestPresignUrlOfAVersionHasNoOther(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "memory")
	if _, err := g.configs.PutBucketVersioning(t.Context(), &cosgatev1.PutBucketVersioningRequest{
		Bucket: testBucket, Versioning: &cosgatev1.VersioningConfiguration{Status: "Enabled"},
	}); err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, content := range []string{"first", "second"} {
		put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut})
		resp, _ := use(t, plain, put, content)
		versions = append(versions, resp.Header.Get("X-Cos-Version-Id"))
	}
	get := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignGet, VersionId: versions[0]})
	if resp, text := use(t, plain, get, ""); resp.StatusCode != http.StatusOK || text != "first" {
		t.Errorf("GET of the version = %d %q, want first", resp.StatusCode, text)
	}
	for _, query := range []string{"&versionId=" + versions[1], "&VERSIONID=" + versions[1]} {
		if resp, text := request(t, plain, http.MethodGet, get.GetUrl()+query, nil, ""); resp.StatusCode != http.StatusForbidden {
			t.Errorf("GET with %s = %d %q, want 403", query, resp.StatusCode, text)
		}
	}
}

// Headers that a URL binds keep their values, and only those.
func TestPresignUrlMayBindWhatItsCallerMaySet(t *testing.T) {
	t.Parallel()
	g := open(t)
	plain := g.plainClient(t, "tcp")
	put := g.url(t, &cosgatev1.PresignUrlRequest{Key: "k", Operation: presignPut, Headers: map[string]string{
		"x-cos-acl": "public-read", "x-cos-tagging": "a=b",
	}})
	if resp, text := use(t, plain, put, "x"); resp.StatusCode != http.StatusOK {
		t.Errorf("PUT with what is bound = %d %s", resp.StatusCode, text)
	}
	more := map[string]string{"x-cos-grant-read": `id="anyone"`}
	maps.Copy(more, put.GetHeaders())
	resp, text := request(t, plain, http.MethodPut, put.GetUrl(), more, "x")
	wantForbidden(t, "a grant beside the ACL", resp, text)
}

func TestCreatePostPolicyFormsTakeNoFurtherField(t *testing.T) {
	t.Parallel()
	t.Run("narrowed", func(t *testing.T) { formsTakeNoFurtherField(t) })
	t.Run("own keys", func(t *testing.T) { formsTakeNoFurtherField(t, ownKeys) })
}

func formsTakeNoFurtherField(t *testing.T, change ...func(*setup)) {
	t.Helper()
	g := open(t, change...)
	plain := g.plainClient(t, "tcp")
	f := g.form(t, &cosgatev1.CreatePostPolicyRequest{Target: toPrefix("up/"), PresetAcl: "private"})
	for name, value := range map[string]string{
		"x-cos-grant-read": `id="anyone"`, "x-cos-grant-full-control": `id="anyone"`, "X-Cos-Tagging": "a=b",
		"x-cos-acl": "public-read", "acl": "public-read", "Cache-Control": "no-cache", "Content-Disposition": "inline",
		"x-cos-storage-class": "ARCHIVE", "x-cos-meta-a": "1", "success_action_redirect": "https://example.org/", "more": "1",
	} {
		resp, text := sendForm(t, plain, f, map[string]string{name: value}, "x", "1")
		wantRefused(t, "a form with "+name, resp, text)
	}
	g.mustMissing(t, "up/x")
	if resp, text := sendForm(t, plain, f, map[string]string{"Content-Type": "image/png"}, "x", "1"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("the form as it is: %d %s", resp.StatusCode, text)
	}
	head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "up/x"})
	if err != nil || head.GetObject().GetContent().GetContentType() != "image/png" {
		t.Errorf("HeadObject = %v, %v, want the type that the form chose", head, err)
	}
}

// Nothing is signed with more than was asked for, whatever STS does.
func TestPresignUrlSignsNothingWithoutSTS(t *testing.T) {
	t.Parallel()
	get := &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: presignGet}
	g := open(t, func(s *setup) {
		s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: testPair().SecretID, SecretKey: "wrong"})
	})
	_, err := g.presign.PresignUrl(t.Context(), get)
	wantStatus(t, "rejected keys", err, codes.Internal, cosstatus.ReasonCredentialsRejected)
	if e, _ := detail[*cosgatev1.CosError](err); e.GetOperation() != "GetFederationToken" || e.GetOrigin() != cosgatev1.Origin_ORIGIN_STS || e.GetCode() != "AuthFailure.SignatureFailure" || e.GetRequestId() == "" || e.GetBucket() != testBucket || e.GetKey() != "k" {
		t.Errorf("rejected keys: CosError = %v", e)
	}

	g = open(t, temporary, func(s *setup) { s.backend.Signing.Mode = cosbackend.SignNarrowed })
	_, err = g.presign.PresignUrl(t.Context(), get)
	wantStatus(t, "temporary keys", err, codes.FailedPrecondition, cosstatus.ReasonNotNarrowable)
	_, err = g.presign.CreatePostPolicy(t.Context(), &cosgatev1.CreatePostPolicyRequest{Bucket: testBucket, Target: toKey("k")})
	wantStatus(t, "a form of temporary keys", err, codes.FailedPrecondition, cosstatus.ReasonNotNarrowable)

	g = open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "GetFederationToken", Status: 500, Code: "InternalError", Count: 100})
	_, err = g.presign.PresignUrl(t.Context(), get)
	if e, _ := detail[*cosgatev1.CosError](err); e.GetAttempts() != 4 || !e.GetRetryable() {
		t.Errorf("STS fails: %v with %v, want 4 attempts", err, e)
	}
}

// One call of STS is shared by everybody who asks for the same, and none is made for what
// is known.
func TestPresignUrlAsksSTSOnceForTheSame(t *testing.T) {
	t.Parallel()
	g := open(t)
	for range 3 {
		for _, key := range []string{"a", "b"} {
			g.url(t, &cosgatev1.PresignUrlRequest{Key: key, Operation: presignGet, ExpiresIn: durationpb.New(time.Minute)})
		}
	}
	if got, want := g.requests(), []string{"GetFederationToken", "GetFederationToken"}; !slices.Equal(got, want) {
		t.Errorf("COS and STS saw %v, want %v", got, want)
	}
}
