package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

const (
	bucket = "photos-1250000000"
	other  = "other-1250000000"
)

func mustLoad(t testing.TB) *Rules {
	t.Helper()
	rules, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	rules.Narrowed = func(string) bool { return true }
	return rules
}

// needsOfRPC are the needs of a request, and what they are.
func needsOfRPC(t testing.TB, rpc string, request proto.Message) []Need {
	t.Helper()
	rule, ok := mustLoad(t).Rule("/cosgate.v1." + rpc)
	if !ok {
		t.Fatalf("%s has no rule", rpc)
	}
	return rule.Needs(request.ProtoReflect(), "main")
}

func onProfile(action string) Need {
	return Need{Action: action, Resource: policy.Resource{Kind: policy.Profile, Profile: "main"}}
}

func onBucket(action, bucket string) Need {
	return Need{Action: action, Resource: policy.Resource{Kind: policy.Bucket, Profile: "main", Bucket: bucket}}
}

// onEvery is the need on every object with a prefix.
func onEvery(action, bucket, prefix string) Need {
	return Need{Action: action, Resource: policy.Resource{Kind: policy.Object, Profile: "main", Bucket: bucket, Key: prefix, Every: true}}
}

func onObject(action, bucket, key string) Need {
	return Need{Action: action, Resource: policy.Resource{Kind: policy.Object, Profile: "main", Bucket: bucket, Key: key}}
}

func listOf(prefix string) Need {
	n := onBucket("ListObjects", bucket)
	n.Prefix = &prefix
	return n
}

func unclear(field string, n Need) Need {
	n.Action, n.Field = "", field
	return n
}

func TestNeedsOfRequests(t *testing.T) {
	t.Parallel()
	prefix := "2026/"
	list := onBucket("ListObjects", bucket)
	list.Prefix = &prefix
	elsewhere := onObject("HeadObject", bucket, "k")
	elsewhere.Resource.Profile = "archive"
	otherProfile := onObject("GetObject", other, "source")
	otherProfile.Resource.Profile = "archive"
	copied := onObject("CopyObject", bucket, "k")
	copied.Resource.Profile = "archive"
	for name, test := range map[string]struct {
		rpc     string
		request proto.Message
		want    []Need
	}{
		"HeadObject":              {"ObjectService/HeadObject", &cosgatev1.HeadObjectRequest{Bucket: bucket, Key: "k"}, []Need{onObject("HeadObject", bucket, "k")}},
		"HeadObject of a profile": {"ObjectService/HeadObject", &cosgatev1.HeadObjectRequest{Bucket: bucket, Key: "k", Profile: "archive"}, []Need{elsewhere}},
		"ListBuckets":             {"BucketService/ListBuckets", &cosgatev1.ListBucketsRequest{}, []Need{onProfile("ListBuckets")}},
		"ListObjects":             {"ObjectService/ListObjects", &cosgatev1.ListObjectsRequest{Bucket: bucket, Prefix: prefix}, []Need{list}},
		"HeadObjects": {
			"ObjectService/HeadObjects",
			&cosgatev1.HeadObjectsRequest{Bucket: bucket, Objects: []*cosgatev1.HeadObjectsItem{{Key: "a"}, {Key: "b"}}},
			[]Need{onObject("HeadObject", bucket, "a"), onObject("HeadObject", bucket, "b")},
		},
		"DeleteObjects": {
			"ObjectService/DeleteObjects",
			&cosgatev1.DeleteObjectsRequest{Bucket: bucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "a"}}},
			[]Need{onObject("DeleteObject", bucket, "a")},
		},
		"CopyObject takes the profile of the request for its source": {
			"ObjectService/CopyObject",
			&cosgatev1.CopyObjectRequest{
				Bucket: bucket, Key: "k", Profile: "archive", Source: &cosgatev1.CopySource{Bucket: other, Key: "source"},
			},
			[]Need{copied, otherProfile},
		},
		"UploadPartCopy": {
			"MultipartService/UploadPartCopy",
			&cosgatev1.UploadPartCopyRequest{Bucket: bucket, Key: "k", Source: &cosgatev1.CopySource{Bucket: other, Key: "source"}},
			[]Need{onObject("UploadPartCopy", bucket, "k"), onObject("GetObject", other, "source")},
		},
		"PutObject": {
			"ObjectService/PutObject",
			&cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: bucket, Key: "k", Attributes: &cosgatev1.ObjectAttributes{
				Grants: &cosgatev1.GrantHeaders{}, Tags: []*cosgatev1.Tag{{Key: "a"}, {Key: "b"}}, Retention: &cosgatev1.ObjectRetention{},
			}}},
			[]Need{
				onObject("PutObject", bucket, "k"), onObject("PutObjectAcl", bucket, "k"),
				onObject("PutObjectTagging", bucket, "k"), onObject("PutObjectRetention", bucket, "k"),
			},
		},
		"PutObject without a spec": {"ObjectService/PutObject", &cosgatev1.PutObjectRequest{}, []Need{onObject("PutObject", "", "")}},
		"PutSymlink": {
			"ObjectService/PutSymlink",
			&cosgatev1.PutSymlinkRequest{Bucket: bucket, Key: "k", TargetKey: "secret"},
			[]Need{onObject("PutSymlink", bucket, "k"), onObject("GetObject", bucket, "secret")},
		},
		"PutBucketReplication": {
			"BucketConfigService/PutBucketReplication",
			&cosgatev1.PutBucketReplicationRequest{Bucket: bucket, Replication: &cosgatev1.ReplicationConfiguration{Rules: []*cosgatev1.ReplicationRule{
				{Destination: &cosgatev1.ReplicationDestination{Bucket: "qcs::cos:ap-beijing::" + other}},
				{Destination: &cosgatev1.ReplicationDestination{Bucket: "qcs::cos:ap-beijing::" + bucket}},
			}}},
			[]Need{onBucket("PutBucketReplication", bucket), onEvery("PutObject", other, "")},
		},
		"PutBucketReplication with what is not known": {
			"BucketConfigService/PutBucketReplication",
			&cosgatev1.PutBucketReplicationRequest{Bucket: bucket, Replication: &cosgatev1.ReplicationConfiguration{Rules: []*cosgatev1.ReplicationRule{
				{Unknown: []*cosgatev1.UnknownXml{{}}}, {Unknown: []*cosgatev1.UnknownXml{{}}},
			}}},
			[]Need{onBucket("PutBucketReplication", bucket), onEvery("PutObject", "", "")},
		},
		"PutBucketInventory with what is not known": {
			"BucketConfigService/PutBucketInventory",
			&cosgatev1.PutBucketInventoryRequest{Bucket: bucket, Inventory: &cosgatev1.InventoryConfiguration{
				Unknown: []*cosgatev1.UnknownXml{{}}, Destination: &cosgatev1.InventoryDestination{Bucket: "qcs::cos:ap-beijing::" + other},
			}},
			[]Need{onBucket("PutBucketInventory", bucket), onEvery("PutObject", other, ""), onEvery("PutObject", "", "")},
		},
		"PutBucketLogging with what is not known": {
			"BucketConfigService/PutBucketLogging",
			&cosgatev1.PutBucketLoggingRequest{Bucket: bucket, Logging: &cosgatev1.LoggingConfiguration{Unknown: []*cosgatev1.UnknownXml{{}}}},
			[]Need{onBucket("PutBucketLogging", bucket), onEvery("PutObject", "", "")},
		},
		"PutBucketLifecycle with what is not known": {
			"BucketConfigService/PutBucketLifecycle",
			&cosgatev1.PutBucketLifecycleRequest{Bucket: bucket, Lifecycle: &cosgatev1.LifecycleConfiguration{Unknown: []*cosgatev1.UnknownXml{{}}}},
			[]Need{onBucket("PutBucketLifecycle", bucket)},
		},
		"CreatePostPolicy of a key": {
			"PresignService/CreatePostPolicy",
			&cosgatev1.CreatePostPolicyRequest{Bucket: bucket, Target: &cosgatev1.CreatePostPolicyRequest_Key{Key: "k"}},
			[]Need{onObject("CreatePostPolicy", bucket, "k"), onObject("PutObject", bucket, "k")},
		},
		"CreatePostPolicy of a prefix": {
			"PresignService/CreatePostPolicy",
			&cosgatev1.CreatePostPolicyRequest{Bucket: bucket, Target: &cosgatev1.CreatePostPolicyRequest_KeyPrefix{KeyPrefix: "a/"}},
			[]Need{onEvery("CreatePostPolicy", bucket, "a/"), onEvery("PutObject", bucket, "a/")},
		},
		"CreatePostPolicy of neither": {
			"PresignService/CreatePostPolicy",
			&cosgatev1.CreatePostPolicyRequest{Bucket: bucket},
			[]Need{onEvery("CreatePostPolicy", bucket, ""), onEvery("PutObject", bucket, "")},
		},
		"PresignUrl": {
			"PresignService/PresignUrl",
			&cosgatev1.PresignUrlRequest{
				Bucket: bucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_UPLOAD_PART,
				Headers: map[string]string{"X-Cos-Grant-Read": "x", "x-cos-acl": "x", "content-type": "x", "x-cos-tagging": "x", "X-COS-Meta-A": "x"},
			},
			[]Need{
				onObject("PresignUrl", bucket, "k"), onObject("UploadPart", bucket, "k"),
				onObject("PutObjectAcl", bucket, "k"), onObject("PutObjectTagging", bucket, "k"),
			},
		},
		"a callback": {
			"MultipartService/CompleteMultipartUpload",
			&cosgatev1.CompleteMultipartUploadRequest{Bucket: bucket, Key: "k", Callback: &cosgatev1.UploadCallback{}},
			[]Need{onObject("CompleteMultipartUpload", bucket, "k"), onBucket("UploadCallback", bucket)},
		},
		"IssueTemporaryCredentials": {
			"CredentialService/IssueTemporaryCredentials",
			&cosgatev1.IssueTemporaryCredentialsRequest{Bucket: bucket, Grants: []*cosgatev1.CredentialGrant{
				{Target: &cosgatev1.CredentialGrant_Key{Key: "k"}, Actions: []cosgatev1.CredentialAction{cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT}},
				{Target: &cosgatev1.CredentialGrant_KeyPrefix{KeyPrefix: "a/"}, Actions: []cosgatev1.CredentialAction{
					cosgatev1.CredentialAction_CREDENTIAL_ACTION_LIST_OBJECTS, cosgatev1.CredentialAction_CREDENTIAL_ACTION_DELETE_OBJECT,
				}},
				{Target: &cosgatev1.CredentialGrant_KeyPrefix{}, Actions: []cosgatev1.CredentialAction{cosgatev1.CredentialAction_CREDENTIAL_ACTION_HEAD_OBJECT}},
			}},
			[]Need{
				onObject("IssueTemporaryCredentials", bucket, "k"), onObject("GetObject", bucket, "k"), onObject("HeadObject", bucket, "k"),
				onEvery("IssueTemporaryCredentials", bucket, "a/"), listOf("a/"), onEvery("DeleteObject", bucket, "a/"),
				onEvery("IssueTemporaryCredentials", bucket, ""), onEvery("HeadObject", bucket, ""),
			},
		},
		"GetBucketConfig": {
			"BucketConfigService/GetBucketConfig",
			&cosgatev1.GetBucketConfigRequest{Bucket: bucket, Sections: []cosgatev1.BucketConfigSection{
				cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_CORS, cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INVENTORIES,
			}},
			[]Need{onBucket("GetBucketCors", bucket), onBucket("ListBucketInventories", bucket)},
		},
		"CompleteMultipartUpload": {
			"MultipartService/CompleteMultipartUpload",
			&cosgatev1.CompleteMultipartUploadRequest{Bucket: bucket, Key: "a/k", PicOperations: `{"is_pic_info": 1, "rules": [
				{"bucket": "` + other + `", "fileid": "/small.png", "rule": "imageMogr2/thumbnail/10x"}, {"fileid": "b/c.png", "rule": ""}]}`},
			[]Need{
				onObject("CompleteMultipartUpload", bucket, "a/k"), onEvery("PutObject", bucket, ""), onEvery("GetObject", bucket, ""),
				onEvery("PutObject", other, ""), onObject("PutObject", other, "small.png"), onObject("PutObject", bucket, "a/b/c.png"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, needsOfRPC(t, test.rpc, test.request)); diff != "" {
				t.Errorf("Needs (-want +got):\n%s", diff)
			}
		})
	}
}

// What is not understood has no action, which nobody is allowed.
func TestNeedsOfWhatIsUnclearHaveNoAction(t *testing.T) {
	t.Parallel()
	form := func(text string) proto.Message {
		return &cosgatev1.PutBucketInventoryRequest{Bucket: bucket, Inventory: &cosgatev1.InventoryConfiguration{
			Destination: &cosgatev1.InventoryDestination{Bucket: text},
		}}
	}
	noBucket := unclear("InventoryDestination.bucket", onBucket("", bucket))
	for name, test := range map[string]struct {
		rpc     string
		request proto.Message
		want    Need
	}{
		"an operation that does not exist": {
			"PresignService/PresignUrl",
			&cosgatev1.PresignUrlRequest{Bucket: bucket, Key: "k", Operation: 99},
			unclear("operation", onBucket("", bucket)),
		},
		"a header that is not in the table": {
			"PresignService/PresignUrl",
			&cosgatev1.PresignUrlRequest{Bucket: bucket, Key: "k", Headers: map[string]string{"x-cos-copy-source": "x"}},
			unclear("headers", onObject("", bucket, "k")),
		},
		"a header that is only a prefix": {
			"PresignService/PresignUrl",
			&cosgatev1.PresignUrlRequest{Bucket: bucket, Key: "k", Headers: map[string]string{"x-cos-meta-": "x"}},
			unclear("headers", onObject("", bucket, "k")),
		},
		"temporary credentials for nothing": {
			"CredentialService/IssueTemporaryCredentials",
			&cosgatev1.IssueTemporaryCredentialsRequest{Bucket: bucket, Grants: []*cosgatev1.CredentialGrant{{Target: &cosgatev1.CredentialGrant_Key{Key: "k"}}}},
			unclear("actions", onBucket("", bucket)),
		},
		"temporary credentials for an action that does not exist": {
			"CredentialService/IssueTemporaryCredentials",
			&cosgatev1.IssueTemporaryCredentialsRequest{Bucket: bucket, Grants: []*cosgatev1.CredentialGrant{
				{Target: &cosgatev1.CredentialGrant_Key{Key: "k"}, Actions: []cosgatev1.CredentialAction{99}},
			}},
			unclear("actions", onBucket("", bucket)),
		},
		"a section that does not exist": {
			"BucketConfigService/GetBucketConfig",
			&cosgatev1.GetBucketConfigRequest{Bucket: bucket, Sections: []cosgatev1.BucketConfigSection{99}},
			unclear("sections", onBucket("", bucket)),
		},
		"a section that is not specified": {
			"BucketConfigService/GetBucketConfig",
			&cosgatev1.GetBucketConfigRequest{Bucket: bucket, Sections: []cosgatev1.BucketConfigSection{0}},
			unclear("sections", onBucket("", bucket)),
		},
		"a bucket with a colon behind it": {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou::" + other + ":"), noBucket},
		"a bucket with a blank":           {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou::" + other + " "), noBucket},
		"a bucket in another notation":    {"BucketConfigService/PutBucketInventory", form("qcs:cos:" + other), noBucket},
		"a bucket without its appid":      {"BucketConfigService/PutBucketInventory", form("other"), noBucket},
		"a bucket of an account":          {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou:uid/1250000000:" + other), noBucket},
		"a bucket with a line behind it":  {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou::" + other + "\n"), noBucket},
		"a bucket in capitals":            {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou::OTHER-1250000000"), noBucket},
		"a bucket without a region":       {"BucketConfigService/PutBucketInventory", form("qcs::cos:::" + other), noBucket},
		"a bucket with a path":            {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou::" + other + "/*"), noBucket},
		"a bucket with another behind it": {"BucketConfigService/PutBucketInventory", form("qcs::cos:ap-guangzhou::" + bucket + ":" + other), noBucket},
		"a bucket that is too long":       {"BucketConfigService/PutBucketInventory", form(strings.Repeat("a", 53) + "-1250000000"), noBucket},
		"a link to a key with a slash in front": {
			"ObjectService/PutSymlink", &cosgatev1.PutSymlinkRequest{Bucket: bucket, Key: "k", TargetKey: "/secret"},
			unclear("target_key", onObject("", bucket, "/secret")),
		},
		"the request of another RPC": {
			"ObjectService/HeadObject",
			&cosgatev1.GetObjectRequest{Bucket: bucket, Key: "k"},
			Need{Field: "request"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := needsOfRPC(t, test.rpc, test.request)
			if diff := cmp.Diff(test.want, got[len(got)-1]); diff != "" {
				t.Errorf("the last of Needs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPicOperationsAreDeniedInAnyFormThatCOSDoesNotDocument(t *testing.T) {
	t.Parallel()
	rule := func(members string) string { return `{"rules":[{"rule":"imageMogr2",` + members + `}]}` }
	for _, text := range []string{
		`{`, `x`, `}`, `{} {}`, `[]`, `null`, `{"bucket":["` + other + `"]}`, `{"bucket":{"a":"` + other + `"}}`, `{"bucket":"` + other + `"}`,
		`{"rules":{}}`, `{"rules":[[]]}`, `{"rules":[null]}`, `{"rules":null}`, `{"Rules":[]}`, `{"rules":[],"rules":[]}`, `{"is_pic_info":"1"}`, `{"is_pic_info":2}`,
		rule(`"fileid":"a","bucket":["` + other + `"]`),
		rule(`"fileid":"a","bucket":"` + bucket + `","bucket":"` + other + `"`),
		rule(`"fileid":"a","buc\u006bet":"` + bucket + `","bucket":"` + other + `"`),
		rule(`"fileid":"a","Bucket":"` + other + `"`), rule(`"fileid":"a","BUCKET":"` + other + `"`), rule(`"fileid":"a","buc\u212aet":"` + other + `"`),
		rule(`"fileid":"a","bucket":"` + other + ` "`), rule(`"fileid":"a","bucket":" ` + other + `"`), rule(`"fileid":"a","bucket":""`), rule(`"fileid":"a","bucket":null`),
		rule(`"fileid":"a","bucket":"qcs::cos:ap-guangzhou::` + other + `"`), rule(`"fileid":"a","bucket":"` + other + `.cos.ap-guangzhou.myqcloud.com"`),
		rule(`"fileid":"a","dest_bucket":"` + other + `"`), rule(`"fileid":"a","x":{}`),
		rule(`"fileid":7`), rule(`"fileid":""`), rule(`"fileid":"/"`), rule(`"fileid":"../a"`), rule(`"fileid":"//a"`), rule(`"fileid":"a/./b"`), rule(`"fileid":"a\\..\\b"`),
		`{"rules":[{"rule":"imageMogr2"}]}`, `{"rules":[{"fileid":"a"}]}`, `{"rules":[{"fileid":"a","rule":7}]}`,
	} {
		got := needsOfRPC(t, "ObjectService/PutObject", &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: bucket, Key: "k", PicOperations: text}})
		want := []Need{onObject("PutObject", bucket, "k"), unclear("pic_operations", onObject("", bucket, "k"))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Needs (-want +got):\n%s", text, diff)
		}
	}
}

// Where a profile signs with its own keys, whoever has a URL or a form can add headers
// and parameters that COS takes: each is a need of the caller.
func TestNeedsOfURLsAndFormsGrowWhereTheProfileSignsWithItsOwnKeys(t *testing.T) {
	t.Parallel()
	rules := mustLoad(t)
	rules.Narrowed = func(profile string) bool { return profile == "narrowed" }
	url := func(o cosgatev1.PresignOperation) proto.Message {
		return &cosgatev1.PresignUrlRequest{Bucket: bucket, Key: "k", Operation: o}
	}
	put := []Need{
		onEvery("PutObject", "", ""), onEvery("GetObject", "", ""), onObject("PutObjectAcl", bucket, "k"), onObject("PutObjectTagging", bucket, "k"),
		onObject("PutObjectRetention", bucket, "k"), onObject("PutSymlink", bucket, "k"), onObject("UploadPart", bucket, "k"),
		onObject("UploadPartCopy", bucket, "k"), onObject("CopyObject", bucket, "k"), onEvery("DeleteObject", bucket, ""), onBucket("UploadCallback", bucket),
	}
	for name, test := range map[string]struct {
		rpc     string
		request proto.Message
		own     []Need
		added   []Need
	}{
		"GET": {
			"PresignUrl", url(cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT),
			[]Need{onObject("PresignUrl", bucket, "k"), onObject("GetObject", bucket, "k")},
			[]Need{
				onObject("GetObjectAcl", bucket, "k"), onObject("GetObjectTagging", bucket, "k"), onObject("GetObjectRetention", bucket, "k"),
				onObject("GetSymlink", bucket, "k"), onObject("ListParts", bucket, "k"), onEvery("GetObject", bucket, ""),
			},
		},
		"HEAD": {
			"PresignUrl", url(cosgatev1.PresignOperation_PRESIGN_OPERATION_HEAD_OBJECT),
			[]Need{onObject("PresignUrl", bucket, "k"), onObject("HeadObject", bucket, "k")},
			nil,
		},
		"PUT": {
			"PresignUrl", url(cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT),
			[]Need{onObject("PresignUrl", bucket, "k"), onObject("PutObject", bucket, "k")},
			put,
		},
		"PUT of a part": {
			"PresignUrl", url(cosgatev1.PresignOperation_PRESIGN_OPERATION_UPLOAD_PART),
			[]Need{onObject("PresignUrl", bucket, "k"), onObject("UploadPart", bucket, "k")},
			put,
		},
		"DELETE": {
			"PresignUrl", url(cosgatev1.PresignOperation_PRESIGN_OPERATION_DELETE_OBJECT),
			[]Need{onObject("PresignUrl", bucket, "k"), onObject("DeleteObject", bucket, "k")},
			[]Need{onObject("DeleteObjectTagging", bucket, "k"), onObject("AbortMultipartUpload", bucket, "k")},
		},
		"a form": {
			"CreatePostPolicy", &cosgatev1.CreatePostPolicyRequest{Bucket: bucket, Target: &cosgatev1.CreatePostPolicyRequest_KeyPrefix{KeyPrefix: "a/"}},
			[]Need{onEvery("CreatePostPolicy", bucket, "a/"), onEvery("PutObject", bucket, "a/")},
			[]Need{
				onEvery("PutObjectAcl", bucket, "a/"), onEvery("PutObjectTagging", bucket, "a/"), onEvery("PutObjectRetention", bucket, "a/"),
				onBucket("UploadCallback", bucket),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule, _ := rules.Rule("/cosgate.v1.PresignService/" + test.rpc)
			if diff := cmp.Diff(append(slices.Clone(test.own), test.added...), rule.Needs(test.request.ProtoReflect(), "main")); diff != "" {
				t.Errorf("Needs (-want +got):\n%s", diff)
			}
			narrowed := rule.Needs(test.request.ProtoReflect(), "narrowed")
			if len(narrowed) != len(test.own) {
				t.Errorf("%d needs where signatures are narrowed, want %d: %v", len(narrowed), len(test.own), narrowed)
			}
		})
	}
	// Rules that were not told ask for everything.
	untold, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	rule, _ := untold.Rule("/cosgate.v1.PresignService/PresignUrl")
	if n := len(rule.Needs(url(cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT).ProtoReflect(), "narrowed")); n != 2+len(put) {
		t.Errorf("%d needs of rules that know no profile, want %d", n, 2+len(put))
	}
}

// An empty list of sections means all, each with the action of the RPC that reads it.
func TestGetBucketConfigNeedsEverySectionWhenNoneIsNamed(t *testing.T) {
	t.Parallel()
	all := needsOfRPC(t, "BucketConfigService/GetBucketConfig", &cosgatev1.GetBucketConfigRequest{Bucket: bucket})
	if want := len(cosgatev1.BucketConfigSection_name) - 1; len(all) != want {
		t.Errorf("%d needs, want %d", len(all), want)
	}
}

func TestTargetOfARequestHasItsVersion(t *testing.T) {
	t.Parallel()
	rule, _ := mustLoad(t).Rule("/cosgate.v1.ObjectService/DeleteObject")
	got := rule.Target((&cosgatev1.DeleteObjectRequest{Bucket: bucket, Key: "k", VersionId: "v"}).ProtoReflect(), "main")
	if want := (Target{Profile: "main", Bucket: bucket, Key: "k", Version: "v"}); got != want {
		t.Errorf("Target = %+v, want %+v", got, want)
	}
}

func TestChangesTellsWritesFromReads(t *testing.T) {
	t.Parallel()
	rules := mustLoad(t)
	for rpc, want := range map[string]bool{
		"ObjectService/HeadObject": false, "ObjectService/HeadObjects": false, "ObjectService/DeleteObjects": true,
		"ObjectService/GetObjectAcl": false, "ObjectService/PutObjectAcl": true, "PresignService/PresignUrl": true,
		"CredentialService/IssueTemporaryCredentials": true,
		"BucketConfigService/GetBucketConfig":         false, "BucketConfigService/PutBucketCors": true, "ObjectService/ListObjects": false,
	} {
		if rule, _ := rules.Rule("/cosgate.v1." + rpc); rule.Changes() != want {
			t.Errorf("%s: Changes = %t, want %t", rpc, !want, want)
		}
	}
}

// A small call spends nothing but the list of its needs.
func TestHeadObjectNeedsTakeOneAllocation(t *testing.T) {
	rule, _ := mustLoad(t).Rule("/cosgate.v1.ObjectService/HeadObject")
	m := (&cosgatev1.HeadObjectRequest{Bucket: bucket, Key: "k"}).ProtoReflect()
	if n := testing.AllocsPerRun(100, func() { rule.Needs(m, "main") }); n > 1 {
		t.Errorf("Needs takes %v allocations, want 1", n)
	}
}

func BenchmarkNeeds(b *testing.B) {
	rules := mustLoad(b)
	for rpc, m := range map[string]proto.Message{
		"ObjectService/HeadObject": &cosgatev1.HeadObjectRequest{Bucket: bucket, Key: "k"},
		"ObjectService/CopyObject": &cosgatev1.CopyObjectRequest{Bucket: bucket, Key: "k", Source: &cosgatev1.CopySource{Bucket: bucket, Key: "l"}},
	} {
		b.Run(rpc, func(b *testing.B) {
			rule, _ := rules.Rule("/cosgate.v1." + rpc)
			b.ReportAllocs()
			for b.Loop() {
				rule.Needs(m.ProtoReflect(), "main")
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustLoad(b)
	}
}
