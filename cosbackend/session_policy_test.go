package cosbackend

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a holder of each thing that is signed may do, and what its requests may carry: the
// whole of the policy, but for the version and the effect.
func TestSessionPolicyIsTheLeastThatIsNeeded(t *testing.T) {
	t.Parallel()
	nothingStored := map[string]string{
		"cos:x-cos-acl": "", "cos:x-cos-grant-read": "", "cos:x-cos-grant-read-acp": "", "cos:x-cos-grant-write-acp": "",
		"cos:x-cos-grant-full-control": "", "cos:x-cos-tagging": "", "cos:x-cos-object-lock-mode": "",
		"cos:x-cos-object-lock-retain-until-date": "", "cos:x-cos-callback": "", "cos:pic-operations": "",
	}
	with := func(more ...string) map[string]string {
		m := maps.Clone(nothingStored)
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	url := func(method string, change ...func(*PresignOptions)) permission {
		o := PresignOptions{Method: method}
		for _, f := range change {
			f(&o)
		}
		return o.permission(testBucket, "k")
	}
	header := func(name, value string) func(*PresignOptions) {
		return func(o *PresignOptions) { o.Headers = map[string]string{name: value, "content-type": "text/plain"} }
	}
	version := func(o *PresignOptions) { o.VersionID = "v1" }
	form := func(o PostPolicyOptions) permission { return o.permission(testBucket) }
	grant := func(g SessionGrant) permission {
		g.Bucket = testBucket
		all := g.permissions()
		if len(all) != 1 {
			t.Errorf("%v makes %d statements, want 1", g.Actions, len(all))
		}
		return all[0]
	}
	for _, tt := range []struct {
		name       string
		permission permission
		actions    string
		object     string
		conditions map[string]string
	}{
		{"GET", url("GET"), "GetObject", "k", map[string]string{"cos:versionid": "", "cos:response-content-type": ""}},
		{"GET of a version", url("GET", version), "GetObject", "k", map[string]string{"cos:versionid": "v1", "cos:response-content-type": ""}},
		{"GET as another type", url("GET", func(o *PresignOptions) { o.Response.ContentType = "text/html" }), "GetObject", "k", map[string]string{"cos:versionid": "", "cos:response-content-type": "text%2Fhtml"}},
		{"HEAD", url("HEAD"), "HeadObject", "k", map[string]string{"cos:versionid": ""}},
		{"HEAD of a version", url("HEAD", version), "HeadObject", "k", map[string]string{"cos:versionid": "v1"}},
		{"DELETE", url("DELETE"), "DeleteObject", "k", map[string]string{"cos:versionid": ""}},
		{"DELETE of a version", url("DELETE", version), "DeleteObject", "k", map[string]string{"cos:versionid": "v1"}},
		{"PUT", url("PUT"), "PutObject", "k", nothingStored},
		{"PUT with an ACL", url("PUT", header("x-cos-acl", "public-read")), "PutObject", "k", with("cos:x-cos-acl", "public-read")},
		{"PUT with a grant", url("PUT", header("x-cos-grant-read", `id="100000000001"`)), "PutObject", "k", with("cos:x-cos-grant-read", `id="100000000001"`)},
		{"PUT with tags", url("PUT", header("x-cos-tagging", "a=b&c=d")), "PutObject", "k", with("cos:x-cos-tagging", "a=b&c=d")},
		{"UPLOAD_PART", url("PUT", func(o *PresignOptions) { o.UploadID, o.PartNumber = "u", 1 }), "UploadPart", "k", nil},
		{"form for a key", form(PostPolicyOptions{Key: "k"}), "PostObject", "k", with("cos:x-cos-acl", "default")},
		{"form for a prefix", form(PostPolicyOptions{Key: "up/", AnyKey: true, ACL: "private"}), "PostObject", "up/*", with("cos:x-cos-acl", "private")},
		{"form for any key", form(PostPolicyOptions{AnyKey: true}), "PostObject", "*", with("cos:x-cos-acl", "default")},
		{"grant to read", grant(SessionGrant{Actions: []string{"GetObject", "HeadObject"}, Key: "a"}), "GetObject HeadObject", "a", map[string]string{"cos:versionid": ""}},
		{"grant to read versions", grant(SessionGrant{Actions: []string{"GetObject"}, Key: "a", Versions: true}), "GetObject", "a", nil},
		{"grant to delete", grant(SessionGrant{Actions: []string{"DeleteObject"}, Prefix: true}), "DeleteObject", "*", map[string]string{"cos:versionid": ""}},
		{"grant to list", grant(SessionGrant{Actions: []string{"GetBucket"}, Key: "d/", Prefix: true}), "GetBucket", "d/*", nil},
		{"grant to set an ACL", grant(SessionGrant{Actions: []string{"PutObjectACL"}, Key: "a"}), "PutObjectACL", "a", nil},
		{
			"grant to upload in parts",
			grant(SessionGrant{Key: "big", Actions: []string{
				"PutObject", "InitiateMultipartUpload", "ListMultipartUploads", "ListParts", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload",
			}}),
			"AbortMultipartUpload CompleteMultipartUpload InitiateMultipartUpload ListMultipartUploads ListParts PutObject UploadPart", "big", nothingStored,
		},
	} {
		text, err := newSessionPolicy(testRegion, []permission{tt.permission})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		type statement struct {
			Effect           string
			Action, Resource []string
			Condition        map[string]map[string]string
		}
		var got struct {
			Version   string
			Statement []statement
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %s: %v", tt.name, text, err)
		}
		want := statement{Effect: "allow", Resource: []string{"qcs::cos:ap-guangzhou:uid/1250000000:" + testBucket + "/" + tt.object}}
		for action := range strings.FieldsSeq(tt.actions) {
			want.Action = append(want.Action, "name/cos:"+action)
		}
		if tt.conditions != nil {
			want.Condition = map[string]map[string]string{"string_equal_if_exist": tt.conditions}
		}
		if got.Version != "2.0" || len(got.Statement) != 1 || fmt.Sprint(got.Statement[0]) != fmt.Sprint(want) {
			t.Errorf("%s: the policy is\n%s, want\n%v", tt.name, text, want)
		}
	}
}

func TestSessionPolicySettersAreNotBoundByWhatTheySet(t *testing.T) {
	t.Parallel()
	g := SessionGrant{Bucket: testBucket, Key: "k", Actions: []string{"PutObjectACL", "PutObject"}}
	text, err := newSessionPolicy("", g.permissions())
	if err != nil || strings.Count(text, `"effect"`) != 2 || !strings.Contains(text, `["name/cos:PutObjectACL"],"resource":["qcs::cos:*:uid/1250000000:photos-1250000000/k"]}`) {
		t.Errorf("policy = %s, %v", text, err)
	}
}

func TestSessionPolicyIsTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	var all []permission
	for _, key := range []string{"c", "a", "b", "a"} {
		for _, action := range []string{"HeadObject", "GetObject"} {
			all = append(all, SessionGrant{Bucket: testBucket, Key: key, Actions: []string{action}}.permissions()...)
		}
	}
	first, err := newSessionPolicy(testRegion, all)
	if err != nil || strings.Count(first, `"effect"`) != 1 {
		t.Fatalf("policy = %s, %v, want one statement", first, err)
	}
	slices.Reverse(all)
	if second, err := newSessionPolicy(testRegion, all); err != nil || second != first {
		t.Errorf("policy = %s, %v, want %s", second, err, first)
	}
}

// A key that CAM could read as a pattern would allow other keys, so it is refused
// wherever it can come from.
func TestSessionPolicyKeysAreNoPatterns(t *testing.T) {
	t.Parallel()
	c, sts := open(t, federation(t))
	for _, key := range []string{"a*", "*", "a?c", "${uin}/x", "a/${filename}*"} {
		for name, sign := range map[string]func() error{
			"PresignURL": func() error {
				_, err := c.PresignURL(t.Context(), at(testBucket), key, PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
				return err
			},
			"CreatePostPolicy": func() error {
				_, err := c.CreatePostPolicy(t.Context(), at(testBucket), PostPolicyOptions{Key: key, AnyKey: true, Lifetime: time.Minute})
				return err
			},
			"IssueTemporaryCredentials": func() error {
				_, err := c.IssueTemporaryCredentials(t.Context(), at(testBucket), TemporaryCredentialsOptions{
					Grants: []SessionGrant{{Actions: []string{"GetObject"}, Key: key, Prefix: true}}, Lifetime: time.Minute,
				})
				return err
			},
		} {
			if _, ok := errors.AsType[*ValidationError](sign()); !ok {
				t.Errorf("%s(%q) = %v, want a *ValidationError", name, key, sign())
			}
		}
	}
	if n := len(sts.seen()); n != 0 {
		t.Errorf("%d calls of STS, want none", n)
	}
}

func TestSessionPolicyThatIsTooLongSaysWhatToDo(t *testing.T) {
	t.Parallel()
	c, sts := open(t, federation(t))
	o := TemporaryCredentialsOptions{Lifetime: time.Minute}
	for i := range 20 {
		o.Grants = append(o.Grants, SessionGrant{Actions: []string{"GetObject"}, Key: strings.Repeat("k", 800) + fmt.Sprint(i)})
	}
	_, err := c.IssueTemporaryCredentials(t.Context(), at(testBucket), o)
	if e, ok := errors.AsType[*ValidationError](err); !ok || e.Field != "grants" || !strings.Contains(e.Problem, "6144") || !strings.Contains(e.Problem, "20 keys") {
		t.Errorf("IssueTemporaryCredentials = %v", err)
	}
	if n := len(sts.seen()); n != 0 {
		t.Errorf("%d calls of STS, want none", n)
	}
}

func FuzzSessionPolicyAllowsNoOtherKey(f *testing.F) {
	for _, key := range append(hostileKeys(), `a"],"resource":["*`, "a*", "a\\u002a", "a\n*", "é", "</script>") {
		f.Add(key, false)
		f.Add(key, true)
	}
	f.Fuzz(func(t *testing.T, key string, prefix bool) {
		if checkKey("key", key) != nil {
			t.Skip()
		}
		text, err := newSessionPolicy(testRegion, SessionGrant{Bucket: testBucket, Key: key, Prefix: prefix, Actions: []string{"GetObject"}}.permissions())
		if err != nil {
			return
		}
		var got sessionPolicy
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q is %v", text, err)
		}
		want := "qcs::cos:ap-guangzhou:uid/1250000000:photos-1250000000/" + key
		if prefix {
			want += "*"
		}
		if len(got.Statement) != 1 || len(got.Statement[0].Resource) != 1 || got.Statement[0].Resource[0] != want {
			t.Errorf("the policy for %q is %s", key, text)
		}
		if n := strings.Count(text, "*"); n > 1 || n == 1 != prefix {
			t.Errorf("the policy for %q has %d patterns: %s", key, n, text)
		}
	})
}
