package service

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// The keys of the tests below: a caller may do everything below mine/, with every key there,
// and nothing else.
const (
	mineKey    = "mine/x"
	secretKey  = "secret/x"
	mineText   = "what is in mine"
	secretText = "nobody may see this"
)

const narrowCaller = `
	permit (principal == Caller::"token:root", action, resource);
	permit (principal == Caller::"token:narrow", action in [Action::"PresignUrl", Action::"CreatePostPolicy", Action::"IssueTemporaryCredentials",
		Action::"PutObject", Action::"GetObject", Action::"HeadObject", Action::"DeleteObject", Action::"UploadPart",
		Action::"InitiateMultipartUpload", Action::"CompleteMultipartUpload", Action::"AbortMultipartUpload", Action::"ListParts"], resource)
	when { resource.key like "mine/*" };
	permit (principal == Caller::"token:narrow", action in [Action::"ListObjects", Action::"ListMultipartUploads"], resource)
	when { context.prefix like "mine/*" };`

// A stolen is a gateway whose URLs, forms and credentials are in the wrong hands, and what is
// stored behind it.
type stolen struct {
	*guarded
	plain  *http.Client
	upload string // the id of an upload to mineKey
	old    string // a version of mineKey that is not the newest
}

func openStolen(t *testing.T, change ...func(*setup)) *stolen {
	t.Helper()
	s := &stolen{guarded: openGuarded(t, narrowCaller, []string{"root", "narrow"}, append([]func(*setup){narrowed}, change...)...)}
	s.plain = s.plainClient(t, "memory")
	ctx := s.root(t)
	if _, err := s.configs.PutBucketVersioning(ctx, &cosgatev1.PutBucketVersioningRequest{Bucket: testBucket, Versioning: &cosgatev1.VersioningConfiguration{Status: "Enabled"}}); err != nil {
		t.Fatal(err)
	}
	s.old = s.store(t, mineKey, "an old version").GetVersionId()
	s.store(t, mineKey, mineText)
	s.store(t, secretKey, secretText)
	begun, err := s.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: mineKey})
	if err != nil {
		t.Fatal(err)
	}
	s.upload = begun.GetUploadId()
	return s
}

func (s *stolen) root(t *testing.T) context.Context { return s.as(t.Context(), "root") }

func (s *stolen) store(t *testing.T, key, text string) *cosgatev1.Object {
	t.Helper()
	resp, err := s.send(s.root(t), &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key}, Chunk: chunk(text), Finish: true})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetObject()
}

// A world is all that is stored, by what it is.
type world map[string]string

func (s *stolen) world(t *testing.T) world {
	t.Helper()
	ctx, w := s.root(t), make(world)
	text := func(m proto.Message, err error) string {
		if err != nil {
			return status.Code(err).String()
		}
		return prototext.MarshalOptions{}.Format(m)
	}
	versions, err := s.objects.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions.GetVersions() {
		w["version "+v.GetObject().GetKey()+" "+v.GetObject().GetVersionId()] = fmt.Sprint(v.GetDeleteMarker())
	}
	listed, err := s.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range listed.GetObjects() {
		key := o.GetKey()
		content, _, err := s.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key})
		if err != nil {
			content = []byte(status.Code(err).String())
		}
		w["content "+key] = string(content)
		w["acl "+key] = text(s.objects.GetObjectAcl(ctx, &cosgatev1.GetObjectAclRequest{Bucket: testBucket, Key: key}))
		w["tags "+key] = text(s.objects.GetObjectTagging(ctx, &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: key}))
		_, err = s.objects.GetSymlink(ctx, &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: key})
		w["link "+key] = fmt.Sprint(err == nil)
	}
	begun, err := s.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range begun.GetUploads() {
		parts, err := s.uploads.ListParts(ctx, &cosgatev1.ListPartsRequest{Bucket: testBucket, Key: u.GetKey(), UploadId: u.GetUploadId()})
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for _, p := range parts.GetParts() {
			kept = append(kept, fmt.Sprintf("%d %d", p.GetPartNumber(), p.GetSize()))
		}
		w["upload "+u.GetKey()+" "+u.GetUploadId()] = strings.Join(kept, ",")
	}
	return w
}

// without leaves out what a use of the URL, form or credentials may change.
func (w world) without(may func(entry string) bool) world {
	w = maps.Clone(w)
	maps.DeleteFunc(w, func(k, _ string) bool { return may(k) })
	return w
}

// changedOnly compares what is stored with before: a use of something may have changed some
// entries, added versions and removed none, and not have brought the secret to another key.
// It stores mineText again and returns what is then there.
func (s *stolen) changedOnly(t *testing.T, use string, before world, may func(entry string) bool) world {
	t.Helper()
	after := s.world(t)
	if diff := cmp.Diff(before.without(may), after.without(may)); diff != "" {
		t.Errorf("%s changed what it may not (-before +after):\n%s", use, diff)
	}
	for entry := range before {
		if _, there := after[entry]; !there && strings.HasPrefix(entry, "version ") {
			t.Errorf("%s removed %s", use, entry)
		}
	}
	if after["content "+mineKey] == secretText {
		t.Errorf("%s copied the secret", use)
	}
	if after["content "+mineKey] == mineText {
		return after
	}
	s.store(t, mineKey, mineText)
	return s.world(t)
}

// additions are what somebody adds to a request, each a try to do more with it.
type additions struct {
	headers map[string]string
	query   string // of a URL that has one already
	method  string // "" for the URL's own
}

// tries are all of them: every header and parameter that makes COS do something else, and
// every other method.
func (s *stolen) tries() map[string]additions {
	source := testBucket + ".cos." + testRegion + ".myqcloud.com/" + secretKey
	callback := base64.StdEncoding.EncodeToString([]byte(`{"callbackUrl":"http://169.254.169.254/","callbackBody":"x"}`))
	all := map[string]additions{"nothing": {}}
	for name, headers := range map[string]map[string]string{
		"a copy":                 {"x-cos-copy-source": source},
		"a copy, escaped":        {"x-cos-copy-source": strings.ReplaceAll(source, "/", "%2F")},
		"a copy of a range":      {"x-cos-copy-source": source, "x-cos-copy-source-range": "bytes=0-3"},
		"a copy with metadata":   {"x-cos-copy-source": source, "x-cos-metadata-directive": "Replaced"},
		"a public ACL":           {"x-cos-acl": "public-read"},
		"an ACL in capitals":     {"X-COS-ACL": "public-read-write"},
		"a grant to read":        {"x-cos-grant-read": `id="100000000099"`},
		"a grant to everyone":    {"x-cos-grant-read": `uri="http://cam.qcloud.com/groups/global/AllUsers"`},
		"a grant of the ACL":     {"x-cos-grant-read-acp": `id="100000000099"`},
		"a grant to set the ACL": {"x-cos-grant-write-acp": `id="100000000099"`},
		"full control":           {"x-cos-grant-full-control": `id="100000000099"`},
		"tags":                   {"x-cos-tagging": "a=b"},
		"a callback":             {"x-cos-callback": callback},
		"variables of a callback": {
			"x-cos-callback": callback, "x-cos-callback-var": base64.StdEncoding.EncodeToString([]byte(`{"x:a":"b"}`)),
		},
		"image processing":   {"Pic-Operations": `{"is_pic_info":1,"rules":[{"fileid":"/secret/y","rule":"imageMogr2/rotate/90"}]}`},
		"another bucket":     {"Pic-Operations": `{"rules":[{"fileid":"a","bucket":"other-1250000000","rule":"imageMogr2"}]}`},
		"a rename":           {"x-cos-rename-source": "/" + secretKey},
		"another method":     {"X-HTTP-Method-Override": "DELETE"},
		"a symlink's target": {"x-cos-symlink-target": secretKey},
		"a link":             {"x-cos-symlink-target": secretKey, "x-cos-forbid-overwrite": "false"},
		"another token":      {"x-cos-security-token": "another"},
	} {
		all["header: "+name] = additions{headers: headers}
	}
	for _, q := range []string{
		"acl", "acl=", "ACL", "tagging", "symlink", "retention", "restore", "uploads", "append&position=0", "append&position=15", "rename", "select&select-type=2", "delete",
		"versionId=" + s.old, "versionid=" + s.old, "VersionId=" + s.old, "versionId=null", "uploadId=" + s.upload, "uploadId=" + s.upload + "&partNumber=1",
		"partNumber=1", "versions", "versioning", "policy", "cors", "lifecycle", "website", "location", "list-type=2&prefix=secret", "prefix=secret/", "logging", "inventory", "replication",
		"response-content-type=text%2Fhtml", "x-cos-acl=public-read", "x-cos-copy-source=" + strings.ReplaceAll(source, "/", "%2F"), "x-cos-tagging=a%3Db",
		"x-cos-security-token=another", "q-sign-algorithm=sha1", "q-ak=AKIDx", "object-lock", "domain", "origin", "strict-signature",
	} {
		all["query: "+q] = additions{query: q}
	}
	all["a link in query and header"] = additions{query: "symlink", headers: map[string]string{"x-cos-symlink-target": secretKey}}
	all["a link that is forced"] = additions{query: "symlink", headers: map[string]string{"x-cos-symlink-target": secretKey, "x-cos-acl": "public-read"}}
	all["an ACL in query and header"] = additions{query: "acl", headers: map[string]string{"x-cos-acl": "public-read"}}
	all["a copied part"] = additions{query: "uploadId=" + s.upload + "&partNumber=2", headers: map[string]string{"x-cos-copy-source": source}}
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodPatch, "COPY", "LINK"} {
		all["method: "+m] = additions{method: m}
		all["method and ACL: "+m] = additions{method: m, query: "acl"}
	}
	return all
}

// use sends a request of a URL with additions. Every request has a body.
func (s *stolen) use(t *testing.T, u *cosgatev1.PresignUrlResponse, a additions, body string) (int, string) {
	t.Helper()
	url, method := u.GetUrl(), u.GetMethod()
	if a.query != "" {
		url += "&" + a.query
	}
	if a.method != "" {
		method = a.method
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPut || method == http.MethodPost {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	for _, headers := range []map[string]string{u.GetHeaders(), a.headers} {
		for name, value := range headers {
			r.Header.Set(name, value)
		}
	}
	resp, err := s.plain.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// writes are the entries that storing mineKey changes.
func writes(entry string) bool {
	return entry == "content "+mineKey || strings.HasPrefix(entry, "version "+mineKey)
}

// A presigned URL does what it is for, whatever is added to it, or nothing at all.
func TestPresignUrlAllowsNothingThatIsAddedToIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		req *cosgatev1.PresignUrlRequest
		may func(entry string) bool // what a use can change
		got string                  // what a response with content may say; "" for nothing
	}{
		"GET":  {&cosgatev1.PresignUrlRequest{Key: mineKey, Operation: presignGet}, func(string) bool { return false }, mineText},
		"HEAD": {&cosgatev1.PresignUrlRequest{Key: mineKey, Operation: presignHead}, func(string) bool { return false }, ""},
		"PUT": {
			&cosgatev1.PresignUrlRequest{Key: mineKey, Operation: presignPut},
			writes, "",
		},
		"PUT of a part": {
			&cosgatev1.PresignUrlRequest{Key: mineKey, Operation: presignPart, PartNumber: 1},
			func(entry string) bool { return strings.HasPrefix(entry, "upload "+mineKey) }, "",
		},
		"DELETE": {
			&cosgatev1.PresignUrlRequest{Key: mineKey, Operation: presignDelete},
			func(entry string) bool {
				return strings.HasSuffix(entry, " "+mineKey) || strings.HasPrefix(entry, "version "+mineKey)
			},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStolen(t)
			c.req.Bucket = testBucket
			if c.req.GetPartNumber() > 0 {
				c.req.UploadId = s.upload
			}
			u, err := s.presign.PresignUrl(s.as(t.Context(), "narrow"), c.req)
			if err != nil {
				t.Fatal(err)
			}
			tries := s.tries()
			passed := 0
			before := s.world(t)
			for _, try := range slices.Sorted(maps.Keys(tries)) {
				code, text := s.use(t, u, tries[try], "what was sent")
				if strings.Contains(text, secretText) {
					t.Errorf("%s: %d %q: the secret is out", try, code, text)
				}
				if code/100 != 2 {
					if try == "nothing" {
						t.Errorf("the URL as it was made = %d %s", code, text)
					}
					continue // what it changed all the same shows with the next that passes
				}
				passed++
				if text != c.got && text != "" {
					t.Errorf("%s: %d %q, want %q or a refusal", try, code, text, c.got)
				}
				before = s.changedOnly(t, try, before, c.may)
			}
			s.changedOnly(t, "what was refused", before, func(string) bool { return false })
			t.Logf("%d tries, %d harmless ones passed", len(tries), passed)
		})
	}
}

// A form uploads to its keys, and sets nothing that it was not made for.
func TestCreatePostPolicyAllowsNothingThatIsAddedToAForm(t *testing.T) {
	t.Parallel()
	callback := base64.StdEncoding.EncodeToString([]byte(`{"callbackUrl":"http://169.254.169.254/","callbackBody":"x"}`))
	// What a form leaves to its user when it does not set it, and what COS ignores.
	free := map[string]bool{
		"a type": true, "metadata": true, "a storage class": true, "encryption": true, "a redirect": true, "another status": true,
		"a copy": true, "another bucket": true,
	}
	for name, req := range map[string]*cosgatev1.CreatePostPolicyRequest{
		"a key": {Target: toKey(mineKey)}, "a prefix": {Target: toPrefix("mine/")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStolen(t)
			req.Bucket = testBucket
			f, err := s.presign.CreatePostPolicy(s.as(t.Context(), "narrow"), req)
			if err != nil {
				t.Fatal(err)
			}
			if resp, text := sendForm(t, s.plain, f, nil, "x", "what was sent"); resp.StatusCode != 204 {
				t.Fatalf("the form as it was made = %d %s", resp.StatusCode, text)
			}
			s.store(t, mineKey, mineText)
			before := s.world(t)
			for try, change := range map[string]map[string]string{
				"another key":          {"key": secretKey},
				"a key above":          {"key": "mine"},
				"a public ACL":         {"acl": "public-read"},
				"no ACL":               {"acl": "-"},
				"a public header":      {"x-cos-acl": "public-read"},
				"a grant to everyone":  {"x-cos-grant-read": `uri="http://cam.qcloud.com/groups/global/AllUsers"`},
				"a grant to read":      {"x-cos-grant-read": `id="100000000099"`},
				"full control":         {"x-cos-grant-full-control": `id="100000000099"`},
				"a grant in capitals":  {"X-COS-Grant-Read": `id="100000000099"`},
				"a grant of the ACL":   {"x-cos-grant-read-acp": `id="100000000099"`},
				"a grant to set it":    {"x-cos-grant-write-acp": `id="100000000099"`},
				"tags":                 {"x-cos-tagging": "a=b"},
				"a callback":           {"x-cos-callback": callback},
				"image processing":     {"Pic-Operations": `{"rules":[{"fileid":"/secret/y","rule":"imageMogr2"}]}`},
				"a copy":               {"x-cos-copy-source": testBucket + ".cos." + testRegion + ".myqcloud.com/" + secretKey},
				"a link":               {"x-cos-symlink-target": secretKey},
				"metadata":             {"x-cos-meta-a": "b"},
				"a storage class":      {"x-cos-storage-class": "ARCHIVE"},
				"encryption":           {"x-cos-server-side-encryption": "AES256"},
				"a redirect":           {"success_action_redirect": "https://evil.example/"},
				"another status":       {"success_action_status": "200"},
				"a type":               {"Content-Type": "text/html"},
				"another bucket":       {"bucket": "other-1250000000"},
				"another policy":       {"policy": base64.StdEncoding.EncodeToString([]byte(`{"expiration":"2099-01-01T00:00:00.000Z","conditions":[]}`))},
				"another token":        {"x-cos-security-token": "another"},
				"no token":             {"x-cos-security-token": "-"},
				"a field without name": {"": "x"},
			} {
				resp, text := sendForm(t, s.plain, f, change, "x", "what was sent")
				switch {
				case resp.StatusCode/100 == 4 || resp.StatusCode == 501:
				case free[try]:
					before = s.changedOnly(t, try, before, writes)
				default:
					t.Errorf("%s: %d %s, want a refusal", try, resp.StatusCode, text)
				}
			}
			for _, query := range []string{"acl", "delete", "policy", "uploads", "append&position=0", "versioning", "cors"} {
				changed := proto.CloneOf(f)
				changed.Url += "?" + query
				if resp, text := sendForm(t, s.plain, changed, nil, "x", "what was sent"); resp.StatusCode/100 == 2 {
					t.Errorf("?%s: %d %s, want a refusal", query, resp.StatusCode, text)
				}
			}
			s.changedOnly(t, "what was refused", before, func(string) bool { return false })
		})
	}
}

// signingAs is a context whose calls sign with temporary credentials.
func (s *stolen) signingAs(t *testing.T, c *cosgatev1.IssueTemporaryCredentialsResponse) context.Context {
	return metadata.AppendToOutgoingContext(s.root(t), mdSecretID, c.GetSecretId(), mdSecretKey, c.GetSecretKey(), mdSecurityToken, c.GetSessionToken())
}

// A deed is something that whoever has credentials can try.
type deed func(ctx context.Context, key string) error

// deeds are everything that can be done to an object, a list or a bucket, by what CAM calls
// the action.
func (s *stolen) deeds() map[string]deed {
	source := &cosgatev1.CopySource{Bucket: testBucket, Key: secretKey}
	put := func(change func(*cosgatev1.PutObjectSpec)) deed {
		return func(ctx context.Context, key string) error {
			spec := &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key, Attributes: &cosgatev1.ObjectAttributes{}}
			change(spec)
			_, err := s.send(ctx, &cosgatev1.PutObjectRequest{Spec: spec, Chunk: chunk("what was sent"), Finish: true})
			return err
		}
	}
	return map[string]deed{
		"GetObject": func(ctx context.Context, key string) error {
			_, _, err := s.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key})
			return err
		},
		"GetObject of an old version": func(ctx context.Context, key string) error {
			_, _, err := s.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key, VersionId: s.old})
			return err
		},
		"HeadObject": func(ctx context.Context, key string) error {
			return second(s.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: key}))
		},
		"PutObject":             put(func(*cosgatev1.PutObjectSpec) {}),
		"PutObject with an ACL": put(func(p *cosgatev1.PutObjectSpec) { p.Attributes.PresetAcl = "public-read" }),
		"PutObject with a grant": put(func(p *cosgatev1.PutObjectSpec) {
			p.Attributes.Grants = &cosgatev1.GrantHeaders{Read: []string{"100000000099"}}
		}),
		"PutObject with tags": put(func(p *cosgatev1.PutObjectSpec) {
			p.Attributes.Tags = []*cosgatev1.Tag{{Key: "a", Value: "b"}}
		}),
		"PutObject with image processing": put(func(p *cosgatev1.PutObjectSpec) {
			p.PicOperations = `{"rules":[{"fileid":"/secret/y","rule":"imageMogr2"}]}`
		}),
		"AppendObject": func(ctx context.Context, key string) error {
			stream, err := s.objects.AppendObject(ctx)
			if err != nil {
				return err
			}
			_ = stream.Send(&cosgatev1.AppendObjectRequest{Spec: &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: key}, Chunk: chunk("x"), Finish: true})
			return second(stream.CloseAndRecv())
		},
		"CopyObject from the secret": func(ctx context.Context, key string) error {
			return second(s.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: key, Source: source}))
		},
		"DeleteObject": func(ctx context.Context, key string) error {
			return second(s.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: key}))
		},
		"DeleteObject of an old version": func(ctx context.Context, key string) error {
			return second(s.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: key, VersionId: s.old}))
		},
		"DeleteObjects": func(ctx context.Context, key string) error {
			resp, err := s.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: key}}})
			if len(resp.GetFailures()) > 0 {
				return status.ErrorProto(resp.GetFailures()[0].GetStatus())
			}
			return err
		},
		"ListObjects below mine/": func(ctx context.Context, _ string) error {
			return second(s.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket, Prefix: "mine/"}))
		},
		"ListObjects": func(ctx context.Context, _ string) error {
			return second(s.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket}))
		},
		"ListObjects of less than the prefix": func(ctx context.Context, _ string) error {
			return second(s.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket, Prefix: "mine"}))
		},
		"ListObjectVersions": func(ctx context.Context, _ string) error {
			return second(s.objects.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket, Prefix: "mine/"}))
		},
		"GetObjectAcl": func(ctx context.Context, key string) error {
			return second(s.objects.GetObjectAcl(ctx, &cosgatev1.GetObjectAclRequest{Bucket: testBucket, Key: key}))
		},
		"PutObjectAcl": func(ctx context.Context, key string) error {
			return second(s.objects.PutObjectAcl(ctx, &cosgatev1.PutObjectAclRequest{Bucket: testBucket, Key: key, PresetAcl: "public-read"}))
		},
		"GetObjectTagging": func(ctx context.Context, key string) error {
			return second(s.objects.GetObjectTagging(ctx, &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: key}))
		},
		"PutObjectTagging": func(ctx context.Context, key string) error {
			return second(s.objects.PutObjectTagging(ctx, &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: key, Tags: []*cosgatev1.Tag{{Key: "a", Value: "b"}}}))
		},
		"DeleteObjectTagging": func(ctx context.Context, key string) error {
			return second(s.objects.DeleteObjectTagging(ctx, &cosgatev1.DeleteObjectTaggingRequest{Bucket: testBucket, Key: key}))
		},
		"PutSymlink": func(ctx context.Context, key string) error {
			return second(s.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: key, TargetKey: secretKey}))
		},
		"InitiateMultipartUpload": func(ctx context.Context, key string) error {
			return second(s.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: key}))
		},
		"ListParts": func(ctx context.Context, key string) error {
			return second(s.uploads.ListParts(ctx, &cosgatev1.ListPartsRequest{Bucket: testBucket, Key: key, UploadId: s.upload}))
		},
		"UploadPartCopy": func(ctx context.Context, key string) error {
			return second(s.uploads.UploadPartCopy(ctx, &cosgatev1.UploadPartCopyRequest{Bucket: testBucket, Key: key, UploadId: s.upload, PartNumber: 1, Source: source}))
		},
		"ListMultipartUploads below mine/": func(ctx context.Context, _ string) error {
			return second(s.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket, Prefix: "mine/"}))
		},
		"ListMultipartUploads": func(ctx context.Context, _ string) error {
			return second(s.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket}))
		},
		"AbortMultipartUpload": func(ctx context.Context, key string) error {
			return second(s.uploads.AbortMultipartUpload(ctx, &cosgatev1.AbortMultipartUploadRequest{Bucket: testBucket, Key: key, UploadId: s.upload}))
		},
		"ListBuckets": func(ctx context.Context, _ string) error {
			return second(s.buckets.ListBuckets(ctx, &cosgatev1.ListBucketsRequest{}))
		},
		"HeadBucket": func(ctx context.Context, _ string) error {
			return second(s.buckets.HeadBucket(ctx, &cosgatev1.HeadBucketRequest{Bucket: testBucket}))
		},
		"DeleteBucket": func(ctx context.Context, _ string) error {
			return second(s.buckets.DeleteBucket(ctx, &cosgatev1.DeleteBucketRequest{Bucket: testBucket}))
		},
		"CreateBucket": func(ctx context.Context, _ string) error {
			return second(s.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000", Region: testRegion}))
		},
		"GetBucketConfig": func(ctx context.Context, _ string) error {
			return second(s.configs.GetBucketCors(ctx, &cosgatev1.GetBucketCorsRequest{Bucket: testBucket}))
		},
		"PutBucketVersioning": func(ctx context.Context, _ string) error {
			return second(s.configs.PutBucketVersioning(ctx, &cosgatev1.PutBucketVersioningRequest{Bucket: testBucket, Versioning: &cosgatev1.VersioningConfiguration{Status: "Suspended"}}))
		},
		"PutBucketPolicy": func(ctx context.Context, _ string) error {
			return second(s.configs.PutBucketPolicy(ctx, &cosgatev1.PutBucketPolicyRequest{Bucket: testBucket, Policy: &cosgatev1.BucketPolicy{
				Json: `{"version":"2.0","statement":[{"effect":"allow","principal":{"qcs":["qcs::cam::anyone:anyone"]},"action":["name/cos:GetObject"],"resource":["*"]}]}`,
			}}))
		},
	}
}

// Temporary credentials do what they were issued for, on the keys that they were issued for.
func TestIssueTemporaryCredentialsAllowNothingThatWasNotGranted(t *testing.T) {
	t.Parallel()
	const (
		read   = cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT
		head   = cosgatev1.CredentialAction_CREDENTIAL_ACTION_HEAD_OBJECT
		write  = cosgatev1.CredentialAction_CREDENTIAL_ACTION_PUT_OBJECT
		upload = cosgatev1.CredentialAction_CREDENTIAL_ACTION_UPLOAD_OBJECT
		list   = cosgatev1.CredentialAction_CREDENTIAL_ACTION_LIST_OBJECTS
		remove = cosgatev1.CredentialAction_CREDENTIAL_ACTION_DELETE_OBJECT
	)
	uploads := []string{"PutObject", "InitiateMultipartUpload", "ListParts", "ListMultipartUploads below mine/", "AbortMultipartUpload"}
	for name, c := range map[string]struct {
		prefix  bool
		actions []cosgatev1.CredentialAction
		want    []string
	}{
		"reading a key":      {false, []cosgatev1.CredentialAction{read}, []string{"GetObject", "HeadObject"}},
		"metadata of a key":  {false, []cosgatev1.CredentialAction{head}, []string{"HeadObject"}},
		"storing a key":      {false, []cosgatev1.CredentialAction{write}, []string{"PutObject"}},
		"uploading a key":    {false, []cosgatev1.CredentialAction{upload}, []string{"PutObject", "InitiateMultipartUpload", "ListParts", "AbortMultipartUpload"}},
		"deleting a key":     {false, []cosgatev1.CredentialAction{remove}, []string{"DeleteObject"}},
		"reading a prefix":   {true, []cosgatev1.CredentialAction{read}, []string{"GetObject", "HeadObject"}},
		"uploading a prefix": {true, []cosgatev1.CredentialAction{upload}, uploads},
		"listing a prefix":   {true, []cosgatev1.CredentialAction{list}, []string{"ListObjects below mine/"}},
		"much of a prefix": {
			true,
			[]cosgatev1.CredentialAction{read, upload, list, remove},
			append([]string{"GetObject", "HeadObject", "DeleteObject", "ListObjects below mine/"}, uploads...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStolen(t, takesCallers, func(s *setup) { s.options.PlaintextCallerCredentials = true })
			grant := &cosgatev1.CredentialGrant{Target: &cosgatev1.CredentialGrant_Key{Key: mineKey}, Actions: c.actions}
			if c.prefix {
				grant.Target = &cosgatev1.CredentialGrant_KeyPrefix{KeyPrefix: "mine/"}
			}
			issued, err := s.issuing.IssueTemporaryCredentials(s.as(t.Context(), "narrow"), &cosgatev1.IssueTemporaryCredentialsRequest{Bucket: testBucket, Grants: []*cosgatev1.CredentialGrant{grant}})
			if err != nil {
				t.Fatal(err)
			}
			ctx := s.signingAs(t, issued)
			var did, also []string
			before := s.world(t)
			deeds := s.deeds()
			names := slices.Sorted(maps.Keys(deeds))
			names = append(names[1:], names[0]) // AbortMultipartUpload last: others need the upload
			for _, name := range names {
				if deeds[name](ctx, mineKey) == nil {
					did = append(did, name)
					before = s.changedOnly(t, name, before, func(entry string) bool { return strings.Contains(entry, " "+mineKey) })
				}
				if err := deeds[name](ctx, secretKey); err == nil && !slices.Contains(did, name) {
					t.Errorf("%s of another key succeeded", name)
				} else if err == nil {
					also = append(also, name)
				}
			}
			s.changedOnly(t, "what was done to another key", before, func(string) bool { return false })
			for _, name := range also { // those that have no key
				if !strings.HasPrefix(name, "List") {
					t.Errorf("%s of another key succeeded", name)
				}
			}
			slices.Sort(did)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, did); diff != "" {
				t.Errorf("what can be done (-want +got):\n%s", diff)
			}
		})
	}
}

// A PUT that is signed with the profile's own keys would do each of these.
func TestPresignUrlPutCannotCopyAnotherObject(t *testing.T) {
	t.Parallel()
	s := openStolen(t)
	source := map[string]string{"x-cos-copy-source": testBucket + ".cos." + testRegion + ".myqcloud.com/" + secretKey}
	for name, req := range map[string]*cosgatev1.PresignUrlRequest{
		"PUT":           {Bucket: testBucket, Key: mineKey, Operation: presignPut},
		"PUT of a part": {Bucket: testBucket, Key: mineKey, Operation: presignPart, UploadId: s.upload, PartNumber: 1},
	} {
		u, err := s.presign.PresignUrl(s.as(t.Context(), "narrow"), req)
		if err != nil {
			t.Fatal(err)
		}
		before := s.world(t)
		code, text := s.use(t, u, additions{headers: source}, "")
		if code != http.StatusForbidden || !strings.Contains(text, "<Code>AccessDenied</Code>") {
			t.Errorf("%s with a source = %d %s, want 403 AccessDenied", name, code, text)
		}
		if diff := cmp.Diff(before, s.world(t)); diff != "" {
			t.Errorf("%s with a source changed (-before +after):\n%s", name, diff)
		}
	}
}

// Where a profile signs with its own keys, a caller gets URLs and forms only if it may do
// everything that can be added to them, and then the additions work: this is what the rights
// are asked for.
func TestPresignUrlOfOwnKeysNeedsTheRightToWhatCanBeAdded(t *testing.T) {
	t.Parallel()
	s := openStolen(t, func(s *setup) { s.backend.Signing.Mode = cosbackend.SignWithOwnKeys })
	narrow, root := s.as(t.Context(), "narrow"), s.root(t)
	for o, action := range map[cosgatev1.PresignOperation]string{
		presignGet: "GetObjectAcl", presignPut: "PutObject", presignDelete: "DeleteObjectTagging", presignPart: "PutObject",
	} {
		req := &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: mineKey, Operation: o}
		if o == presignPart {
			req.UploadId, req.PartNumber = s.upload, 1
		}
		s.cos.Journal().Reset()
		_, err := s.presign.PresignUrl(narrow, req)
		t.Run(o.String(), func(t *testing.T) { s.wantDenied(t, err, action, "") })
		if _, err := s.presign.PresignUrl(root, req); err != nil {
			t.Errorf("%s for a caller who may do everything = %v", o, err)
		}
	}
	if _, err := s.presign.PresignUrl(narrow, &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: mineKey, Operation: presignHead}); err != nil {
		t.Errorf("a HEAD, to which nothing can be added = %v", err)
	}
	s.cos.Journal().Reset()
	_, err := s.presign.CreatePostPolicy(narrow, &cosgatev1.CreatePostPolicyRequest{Bucket: testBucket, Target: toPrefix("mine/")})
	t.Run("CreatePostPolicy", func(t *testing.T) { s.wantDenied(t, err, "PutObjectAcl", "every object "+testBucket+"/mine/") })
	u, err := s.presign.PresignUrl(root, &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: mineKey, Operation: presignPut})
	if err != nil {
		t.Fatal(err)
	}
	source := map[string]string{"x-cos-copy-source": testBucket + ".cos." + testRegion + ".myqcloud.com/" + secretKey}
	if code, text := s.use(t, u, additions{headers: source}, ""); code != http.StatusOK || s.world(t)["content "+mineKey] != secretText {
		t.Errorf("a copy with own keys = %d %s: the rights are asked for in vain", code, text)
	}
}

// What a policy would read as a pattern is refused with a text that says so.
func TestIssueTemporaryCredentialsNamesTheKeysThatItCannotGrant(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, key := range []string{"a*", "a?b", "${x}"} {
		for _, grant := range []*cosgatev1.CredentialGrant{
			{Target: &cosgatev1.CredentialGrant_Key{Key: key}},
			{Target: &cosgatev1.CredentialGrant_KeyPrefix{KeyPrefix: key}},
		} {
			grant.Actions = []cosgatev1.CredentialAction{cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT}
			_, err := g.issuing.IssueTemporaryCredentials(t.Context(), &cosgatev1.IssueTemporaryCredentialsRequest{
				Bucket: testBucket, Grants: []*cosgatev1.CredentialGrant{grant},
			})
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "must not contain *, ? or $") {
				t.Errorf("%v: %v, want INVALID_ARGUMENT that names what the key must not contain", grant, err)
			}
		}
	}
}

// STS, and the access log of the bucket, see who asked.
func TestIssueTemporaryCredentialsFitTheSDKs(t *testing.T) {
	t.Parallel()
	s := openStolen(t)
	for name, c := range map[string]struct {
		grant *cosgatev1.CredentialGrant
		scope bool
	}{
		"a key":    {&cosgatev1.CredentialGrant{Target: &cosgatev1.CredentialGrant_Key{Key: mineKey}}, true},
		"a prefix": {&cosgatev1.CredentialGrant{Target: &cosgatev1.CredentialGrant_KeyPrefix{KeyPrefix: "mine/"}}, false},
	} {
		c.grant.Actions = []cosgatev1.CredentialAction{cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT}
		got, err := s.issuing.IssueTemporaryCredentials(s.as(t.Context(), "narrow"), &cosgatev1.IssueTemporaryCredentialsRequest{
			Bucket: testBucket, Grants: []*cosgatev1.CredentialGrant{c.grant}, ExpiresIn: durationpb.New(10 * time.Minute),
		})
		if err != nil {
			t.Fatal(err)
		}
		lives := got.GetExpireTime().AsTime().Sub(got.GetStartTime().AsTime())
		if got.GetSecretId() == "" || got.GetSecretKey() == "" || got.GetSessionToken() == "" || got.GetBucket() != testBucket || got.GetRegion() != testRegion ||
			got.GetScopeLimit() != c.scope || lives < 9*time.Minute || lives > 11*time.Minute {
			t.Errorf("%s: credentials for %v, bucket %q, region %q, scope_limit %t", name, lives, got.GetBucket(), got.GetRegion(), got.GetScopeLimit())
		}
		for _, secret := range []string{got.GetSecretKey(), got.GetSessionToken()} {
			if strings.Contains(s.logs.String(), secret) || strings.Contains(fmt.Sprint(s.cos.Journal().Entries()), secret) {
				t.Errorf("%s: a secret is in a log", name)
			}
		}
	}
	for _, field := range []protoreflect.Name{"secret_key", "session_token"} {
		options, _ := (&cosgatev1.IssueTemporaryCredentialsResponse{}).ProtoReflect().Descriptor().Fields().ByName(field).Options().(*descriptorpb.FieldOptions)
		if !options.GetDebugRedact() {
			t.Errorf("%s is not marked debug_redact", field)
		}
	}
}

func TestIssueTemporaryCredentialsDenyWhatTheCallerMayNotDo(t *testing.T) {
	t.Parallel()
	s := openStolen(t)
	key := func(k string) *cosgatev1.CredentialGrant {
		return &cosgatev1.CredentialGrant{Target: &cosgatev1.CredentialGrant_Key{Key: k}, Actions: []cosgatev1.CredentialAction{cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT}}
	}
	prefix := func(p string, actions ...cosgatev1.CredentialAction) *cosgatev1.CredentialGrant {
		return &cosgatev1.CredentialGrant{Target: &cosgatev1.CredentialGrant_KeyPrefix{KeyPrefix: p}, Actions: actions}
	}
	const read, list, tag = cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT, cosgatev1.CredentialAction_CREDENTIAL_ACTION_LIST_OBJECTS, cosgatev1.CredentialAction_CREDENTIAL_ACTION_PUT_OBJECT_TAGGING
	for name, c := range map[string]struct {
		grants           []*cosgatev1.CredentialGrant
		action, resource string
	}{
		"another key":            {[]*cosgatev1.CredentialGrant{key(mineKey), key(secretKey)}, "IssueTemporaryCredentials", "object " + testBucket + "/" + secretKey},
		"a shorter prefix":       {[]*cosgatev1.CredentialGrant{prefix("mine", read)}, "IssueTemporaryCredentials", "every object " + testBucket + "/mine*"},
		"the bucket":             {[]*cosgatev1.CredentialGrant{prefix("", read)}, "IssueTemporaryCredentials", "every object of bucket " + testBucket},
		"an action it lacks":     {[]*cosgatev1.CredentialGrant{prefix("mine/", read, tag)}, "PutObjectTagging", "every object " + testBucket + "/mine/*"},
		"a list of a lot of it":  {[]*cosgatev1.CredentialGrant{prefix("mine/", list), prefix("min", list)}, "IssueTemporaryCredentials", "every object " + testBucket + "/min*"},
		"a pattern in a key":     {[]*cosgatev1.CredentialGrant{key("mine/*")}, "", ""},
		"a variable in a prefix": {[]*cosgatev1.CredentialGrant{prefix("mine/${qcs:uin}", read)}, "", ""},
		"a list of a key": {[]*cosgatev1.CredentialGrant{{
			Target: &cosgatev1.CredentialGrant_Key{Key: mineKey}, Actions: []cosgatev1.CredentialAction{list},
		}}, "", ""},
	} {
		s.cos.Journal().Reset()
		_, err := s.issuing.IssueTemporaryCredentials(s.as(t.Context(), "narrow"), &cosgatev1.IssueTemporaryCredentialsRequest{Bucket: testBucket, Grants: c.grants})
		t.Run(name, func(t *testing.T) {
			if c.action == "" {
				if status.Code(err) != codes.InvalidArgument {
					t.Errorf("IssueTemporaryCredentials = %v, want INVALID_ARGUMENT", err)
				}
				return
			}
			s.wantDenied(t, err, c.action, c.resource)
		})
	}
}
