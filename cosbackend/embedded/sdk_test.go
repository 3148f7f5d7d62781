package embedded_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// sdk is the official client, with its CRC check on, over the in-memory listener.
func (c *client) sdk(t *testing.T) *cos.Client {
	t.Helper()
	bucket, err := url.Parse("http://" + testHost)
	if err != nil {
		t.Fatal(err)
	}
	service, err := url.Parse("http://service.cos.myqcloud.com")
	if err != nil {
		t.Fatal(err)
	}
	cl := cos.NewClient(&cos.BaseURL{BucketURL: bucket, ServiceURL: service}, &http.Client{
		Transport: &cos.AuthorizationTransport{SecretID: c.cred.SecretID, SecretKey: c.cred.SecretKey, SessionToken: c.cred.Token, Transport: c.http.Transport},
	})
	cl.Conf.EnableCRC = true
	return cl
}

func TestSDKHandlesObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	const key = "目录/中 文+&=.txt" // the SDK takes "?" in a copy source for the end of the key
	if _, err := sdk.Object.Put(ctx, key, strings.NewReader("from the sdk"), &cos.ObjectPutOptions{
		ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "text/plain", XCosMetaXXX: &http.Header{"x-cos-meta-a": {"1"}}},
	}); err != nil {
		t.Fatalf("Put = %v", err)
	}
	resp, err := sdk.Object.Get(ctx, key, &cos.ObjectGetOptions{Range: "bytes=5-7", ResponseContentType: "a/b"})
	if err != nil {
		t.Fatalf("Get = %v", err)
	}
	part, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(part) != "the" || err != nil || resp.Header.Get("Content-Type") != "a/b" {
		t.Errorf("Get of a range = %q, %v", part, err)
	}
	head, err := sdk.Object.Head(ctx, key, nil)
	if err != nil || head.Header.Get("x-cos-meta-a") != "1" || head.ContentLength != 12 {
		t.Errorf("Head = %v, %v", head, err)
	}
	copied, _, err := sdk.Object.Copy(ctx, "copy/ü", testHost+"/"+key, nil)
	if err != nil || copied.ETag != etagOf("from the sdk") || copied.CRC64 != crcOf("from the sdk") {
		t.Errorf("Copy = %+v, %v", copied, err)
	}
	list, _, err := sdk.Bucket.Get(ctx, &cos.BucketGetOptions{EncodingType: "url", Delimiter: "/"})
	if err != nil || len(list.CommonPrefixes) != 2 {
		t.Errorf("Bucket.Get = %+v, %v", list, err)
	}
	many, _, err := sdk.Object.DeleteMulti(ctx, &cos.ObjectDeleteMultiOptions{Objects: []cos.Object{{Key: "copy/ü"}, {Key: "absent"}}})
	if err != nil || len(many.DeletedObjects) != 2 || len(many.Errors) != 0 {
		t.Errorf("DeleteMulti = %+v, %v", many, err)
	}
	if _, err := sdk.Object.Delete(ctx, key); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := sdk.Object.Head(ctx, key, nil); !cos.IsNotFoundError(err) {
		t.Errorf("Head of a deleted key = %v, want not found", err)
	}
	_, err = sdk.Object.Get(ctx, key, nil)
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "NoSuchKey" || e.RequestID == "" || e.TraceID == "" || e.Resource != testHost+"/"+key {
		t.Errorf("Get of a deleted key = %+v", e)
	}
}

func TestSDKHandlesBuckets(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	all, _, err := sdk.Service.Get(ctx)
	if err != nil || len(all.Buckets) != 1 || all.Buckets[0].Name != testBucket || all.Buckets[0].Region != "ap-guangzhou" {
		t.Errorf("Service.Get = %+v, %v", all, err)
	}
	location, _, err := sdk.Bucket.GetLocation(ctx)
	if err != nil || location.Location != "ap-guangzhou" {
		t.Errorf("GetLocation = %+v, %v", location, err)
	}
	if ok, err := sdk.Bucket.IsExist(ctx); !ok || err != nil {
		t.Errorf("IsExist = %v, %v", ok, err)
	}
	if _, err := sdk.Bucket.Delete(ctx); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := sdk.Bucket.Put(ctx, &cos.BucketPutOptions{XCosACL: "private"}); err != nil {
		t.Errorf("Put = %v", err)
	}
}

func TestSDKPresignedURLsWork(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk := c.sdk(t)
	const key = "a b/ü"
	for _, merged := range []bool{false, true} {
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			u, err := sdk.Object.GetPresignedURL(t.Context(), method, key, c.cred.SecretID, c.cred.SecretKey, time.Minute, &cos.PresignedURLOptions{SignMerged: merged})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, u.String(), strings.NewReader(map[string]string{"PUT": "x"}[method]))
			if err != nil {
				t.Fatal(err)
			}
			c.send(t, r).want(t, 200, "")
		}
	}
}

// An sdkCheck compares what the official client put with what it got back.
type sdkCheck struct{ *testing.T }

func (t sdkCheck) same(what string, want, got any, err error) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(cos.BucketPutInventoryOptions{}, "XMLName")); err != nil || d != "" {
		t.Errorf("%s: %v (-put +got):\n%s", what, err, d)
	}
}

func (t sdkCheck) done(what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s = %v", what, err)
	}
}

// The official client reads what it wrote, for every configuration it knows.
func TestSDKConfiguresBuckets(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(sdkCheck, *cos.BucketService){
		"TheDocumentsThatActOnRequests":   sdkTheDocumentsThatActOnRequests,
		"LoggingEncryptionAndReplication": sdkLoggingEncryptionAndReplication,
		"InventoriesAndTiering":           sdkInventoriesAndTiering,
		"DomainsOriginsAndTheRest":        sdkDomainsOriginsAndTheRest,
	} {
		t.Run(name, func(t *testing.T) { f(sdkCheck{t}, open(t).sdk(t).Bucket) })
	}
}

func sdkTheDocumentsThatActOnRequests(t sdkCheck, sdk *cos.BucketService) {
	ctx := t.Context()
	corsRules := []cos.BucketCORSRule{{ID: "1", AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}, AllowedHeaders: []string{"x-a"}, MaxAgeSeconds: 5, ExposeHeaders: []string{"ETag"}}}
	_, err := sdk.PutCORS(ctx, &cos.BucketPutCORSOptions{Rules: corsRules})
	t.done("PutCORS", err)
	cors, _, err := sdk.GetCORS(ctx)
	t.same("CORS", corsRules, cors.Rules, err)
	_, err = sdk.DeleteCORS(ctx)
	t.done("DeleteCORS", err)

	rules := []cos.BucketLifecycleRule{{
		ID: "1", Status: "Enabled", Filter: &cos.BucketLifecycleFilter{Prefix: "p"},
		Transition: []cos.BucketLifecycleTransition{{Days: 1, StorageClass: "ARCHIVE"}}, Expiration: &cos.BucketLifecycleExpiration{Days: 2},
		AbortIncompleteMultipartUpload: &cos.BucketLifecycleAbortIncompleteMultipartUpload{DaysAfterInitiation: 3},
	}}
	_, err = sdk.PutLifecycle(ctx, &cos.BucketPutLifecycleOptions{Rules: rules})
	t.done("PutLifecycle", err)
	lifecycle, _, err := sdk.GetLifecycle(ctx)
	t.same("Lifecycle", rules, lifecycle.Rules, err)
	_, err = sdk.DeleteLifecycle(ctx)
	t.done("DeleteLifecycle", err)

	tags := []cos.BucketTaggingTag{{Key: "a", Value: "b"}, {Key: "c", Value: "d"}}
	_, err = sdk.PutTagging(ctx, &cos.BucketPutTaggingOptions{TagSet: tags})
	t.done("PutTagging", err)
	tagging, _, err := sdk.GetTagging(ctx)
	t.same("Tagging", tags, tagging.TagSet, err)
	_, err = sdk.DeleteTagging(ctx)
	t.done("DeleteTagging", err)
	_, _, err = sdk.GetTagging(ctx)
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "NoSuchTagSet" {
		t.Errorf("GetTagging after DeleteTagging = %v", err)
	}

	policy := &cos.BucketPutPolicyOptions{Version: "2.0", Statement: []cos.BucketStatement{{
		Principal: map[string][]string{"qcs": {"qcs::cam::uin/1:uin/2"}}, Action: []string{"name/cos:GetObject"}, Effect: "allow",
		Resource: []string{"qcs::cos:ap-guangzhou:uid/1250000000:test-1250000000/*"}, Condition: map[string]map[string]any{"ip_equal": {"qcs:ip": "10.0.0.1"}},
	}}}
	_, err = sdk.PutPolicy(ctx, policy)
	t.done("PutPolicy", err)
	gotPolicy, _, err := sdk.GetPolicy(ctx)
	t.same("Policy", (*cos.BucketGetPolicyResult)(policy), gotPolicy, err)
	_, err = sdk.DeletePolicy(ctx)
	t.done("DeletePolicy", err)

	website := &cos.BucketPutWebsiteOptions{Index: "index.html", Error: &cos.ErrorDocument{Key: "e.html"}, RoutingRules: &cos.WebsiteRoutingRules{
		Rules: []cos.WebsiteRoutingRule{{ConditionPrefix: "a/", RedirectReplaceKeyPrefix: "b/"}, {ConditionErrorCode: "404", RedirectReplaceKey: "c"}},
	}}
	_, err = sdk.PutWebsite(ctx, website)
	t.done("PutWebsite", err)
	gotWebsite, _, err := sdk.GetWebsite(ctx)
	gotWebsite.XMLName.Local = ""
	t.same("Website", (*cos.BucketGetWebsiteResult)(website), gotWebsite, err)
	_, err = sdk.DeleteWebsite(ctx)
	t.done("DeleteWebsite", err)
}

func sdkLoggingEncryptionAndReplication(t sdkCheck, sdk *cos.BucketService) {
	ctx := t.Context()
	logging := &cos.BucketLoggingEnabled{TargetBucket: testBucket, TargetPrefix: "p"}
	_, err := sdk.PutLogging(ctx, &cos.BucketPutLoggingOptions{LoggingEnabled: logging})
	t.done("PutLogging", err)
	gotLogging, _, err := sdk.GetLogging(ctx)
	t.same("Logging", logging, gotLogging.LoggingEnabled, err)

	encryption := &cos.BucketEncryptionConfiguration{SSEAlgorithm: "AES256"}
	_, err = sdk.PutEncryption(ctx, &cos.BucketPutEncryptionOptions{Rule: encryption})
	t.done("PutEncryption", err)
	gotEncryption, _, err := sdk.GetEncryption(ctx)
	t.same("Encryption", encryption, gotEncryption.Rule, err)
	_, err = sdk.DeleteEncryption(ctx)
	t.done("DeleteEncryption", err)

	replicas := []cos.BucketReplicationRule{{ID: "1", Status: "Enabled", Prefix: "p", Destination: &cos.ReplicationDestination{Bucket: "qcs::cos:ap-beijing::b-1"}}}
	_, err = sdk.PutVersioning(ctx, &cos.BucketPutVersionOptions{Status: "Enabled"})
	t.done("PutVersioning", err)
	_, err = sdk.PutBucketReplication(ctx, &cos.PutBucketReplicationOptions{Role: "qcs::cam::uin/1:uin/1", Rule: replicas})
	t.done("PutBucketReplication", err)
	replication, _, err := sdk.GetBucketReplication(ctx)
	t.same("Replication", replicas, replication.Rule, err)
	_, err = sdk.DeleteBucketReplication(ctx)
	t.done("DeleteBucketReplication", err)
}

func sdkInventoriesAndTiering(t sdkCheck, sdk *cos.BucketService) {
	ctx := t.Context()
	inventory := &cos.BucketPutInventoryOptions{
		ID: "i", IsEnabled: "true", IncludedObjectVersions: "All", Filter: &cos.BucketInventoryFilter{Prefix: "p"},
		OptionalFields: &cos.BucketInventoryOptionalFields{BucketInventoryFields: []string{"Size"}}, Schedule: &cos.BucketInventorySchedule{Frequency: "Daily"},
		Destination: &cos.BucketInventoryDestination{Bucket: "qcs::cos:ap-guangzhou::b-1", Format: "CSV", Encryption: &cos.BucketInventoryEncryption{}},
	}
	_, err := sdk.PutInventory(ctx, "i", inventory)
	t.done("PutInventory", err)
	gotInventory, _, err := sdk.GetInventory(ctx, "i")
	gotInventory.XMLName.Local = ""
	t.same("Inventory", (*cos.BucketGetInventoryResult)(inventory), gotInventory, err)
	inventories, _, err := sdk.ListInventoryConfigurations(ctx, "")
	if err != nil || len(inventories.InventoryConfigurations) != 1 {
		t.Errorf("ListInventoryConfigurations = %+v, %v", inventories, err)
	}
	_, err = sdk.PostInventory(ctx, "once", &cos.BucketPostInventoryOptions{ID: "once", IncludedObjectVersions: "All", Destination: inventory.Destination})
	t.done("PostInventory", err)
	_, err = sdk.DeleteInventory(ctx, "i")
	t.done("DeleteInventory", err)

	_, err = sdk.PutIntelligentTiering(ctx, &cos.BucketPutIntelligentTieringOptions{Status: "Enabled", Transition: &cos.BucketIntelligentTieringTransition{Days: 60}})
	t.done("PutIntelligentTiering", err)
	tiering, _, err := sdk.GetIntelligentTiering(ctx)
	if err != nil || tiering.Status != "Enabled" || tiering.Transition.Days != 60 {
		t.Errorf("GetIntelligentTiering = %+v, %v", tiering, err)
	}
	second := &cos.BucketPutIntelligentTieringOptions{Id: "t", Status: "Enabled", Tiering: []*cos.BucketIntelligentTieringTransition{{AccessTier: "INFREQUENT", Days: 30, RequestFrequent: 1}}}
	_, err = sdk.PutIntelligentTieringV2(ctx, second)
	t.done("PutIntelligentTieringV2", err)
	tierings, _, err := sdk.ListIntelligentTiering(ctx)
	if err != nil || len(tierings.Configurations) != 1 || tierings.Configurations[0].Id != "t" {
		t.Errorf("ListIntelligentTiering = %+v, %v", tierings, err)
	}
	_, err = sdk.DeleteIntelligentTiering(ctx, "t")
	t.done("DeleteIntelligentTiering", err)
}

func sdkDomainsOriginsAndTheRest(t sdkCheck, sdk *cos.BucketService) {
	ctx := t.Context()
	yes := true
	referer := &cos.BucketPutRefererOptions{Status: "Enabled", RefererType: "Black-List", DomainList: []string{"*.a.com"}, EmptyReferConfiguration: "Deny"}
	_, err := sdk.PutReferer(ctx, referer)
	t.done("PutReferer", err)
	gotReferer, _, err := sdk.GetReferer(ctx)
	gotReferer.XMLName.Local = ""
	t.same("Referer", (*cos.BucketGetRefererResult)(referer), gotReferer, err)
	_, err = sdk.DeleteReferer(ctx)
	t.done("DeleteReferer", err)
	gotReferer, _, err = sdk.GetReferer(ctx)
	t.same("Referer after DeleteReferer", &cos.BucketGetRefererResult{}, gotReferer, err)

	domains := []cos.BucketDomainRule{{Status: "ENABLED", Name: "a.example.com", Type: "WEBSITE"}}
	_, err = sdk.PutDomain(ctx, &cos.BucketPutDomainOptions{Rules: domains})
	t.done("PutDomain", err)
	domain, _, err := sdk.GetDomain(ctx)
	t.same("Domain", domains, domain.Rules, err)
	_, err = sdk.DeleteDomain(ctx)
	t.done("DeleteDomain", err)

	cert, key := newCertificate(t.T)
	_, err = sdk.PutDomainCertificate(ctx, &cos.BucketPutDomainCertificateOptions{DomainList: []string{"a.example.com"}, CertificateInfo: &cos.BucketDomainCertificateInfo{
		CertType: "CustomCert", CustomCert: &cos.BucketDomainCustomCert{CertId: "c", Cert: cert, PrivateKey: key},
	}})
	t.done("PutDomainCertificate", err)
	certificate, _, err := sdk.GetDomainCertificate(ctx, &cos.BucketGetDomainCertificateOptions{DomainName: "a.example.com"})
	if err != nil || certificate.Status != "Enabled" || *certificate.CertificateInfo != (cos.GetBucketDomainCertificateInfo{CertId: "c", ValidityBegin: 1000, ValidityExpire: 2000}) {
		t.Errorf("GetDomainCertificate = %+v, %v", certificate, err)
	}
	_, err = sdk.DeleteDomainCertificate(ctx, &cos.BucketDeleteDomainCertificateOptions{DomainName: "a.example.com"})
	t.done("DeleteDomainCertificate", err)

	origin := []cos.BucketOriginRule{{
		RulePriority: 1, OriginType: "Mirror", OriginCondition: &cos.BucketOriginCondition{HTTPStatusCode: "404"},
		OriginParameter: &cos.BucketOriginParameter{Protocol: "HTTP", FollowQueryString: &yes},
		OriginInfo:      &cos.BucketOriginInfo{HostInfo: &cos.BucketOriginHostInfo{HostName: "o.example.com", Weight: 1, StandbyHostName_N: []string{"s.example.com", "t.example.com"}}},
	}}
	_, err = sdk.PutOrigin(ctx, &cos.BucketPutOriginOptions{Rule: origin})
	t.done("PutOrigin", err)
	gotOrigin, _, err := sdk.GetOrigin(ctx)
	t.same("Origin", origin, gotOrigin.Rule, err)
	_, err = sdk.DeleteOrigin(ctx)
	t.done("DeleteOrigin", err)

	_, err = sdk.PutAccelerate(ctx, &cos.BucketPutAccelerateOptions{Status: "Suspended"})
	t.done("PutAccelerate", err)
	accelerate, _, err := sdk.GetAccelerate(ctx)
	if err != nil || accelerate.Status != "Suspended" {
		t.Errorf("GetAccelerate = %+v, %v", accelerate, err)
	}
}

func TestSDKUploadsInParts(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16/2) // 2.5 MiB
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	const key = "目录/parts +&.bin"
	res, resp, err := sdk.Object.Upload(ctx, key, file, &cos.MultiUploadOptions{
		PartSize: 1, ThreadPoolSize: 3,
		OptIni: &cos.InitiateMultipartUploadOptions{
			ACLHeaderOptions:       &cos.ACLHeaderOptions{XCosACL: "private"},
			ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "a/b", XCosMetaXXX: &http.Header{"x-cos-meta-a": {"1"}}, XCosTrafficLimit: 838860800},
		},
	})
	if err != nil {
		t.Fatalf("Upload = %v", err)
	}
	if !isETagOfParts(res.ETag, 3) || res.Key != key || res.Bucket != testBucket || resp.Header.Get("x-cos-hash-crc64ecma") != crcOf(string(body)) {
		t.Errorf("Upload = %+v %v, want the ETag of three parts", res, resp.Header)
	}
	got := c.do(t, call{method: "GET", key: key}).want(t, 200, "")
	if !bytes.Equal(got.body, body) || got.Header.Get("Content-Type") != "a/b" || got.Header.Get("x-cos-meta-a") != "1" {
		t.Errorf("GET = %d bytes %v", len(got.body), got.Header)
	}
}

// The SDK finds the upload and its parts with both lists, and sends what is missing.
func TestSDKResumesAnUpload(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk := c.sdk(t)
	body := strings.Repeat("0123456789abcdef", 5<<16/2)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	id := c.initiate(t, "a b/k")
	c.part(t, "a b/k", id, 2, body[1<<20:2<<20])
	_, _, err := sdk.Object.Upload(t.Context(), "a b/k", file, &cos.MultiUploadOptions{PartSize: 1, CheckPoint: true})
	if err != nil {
		t.Fatalf("Upload = %v", err)
	}
	operations := map[string]int{}
	for _, e := range c.server.Journal().Entries() {
		operations[e.Operation]++
	}
	if operations["InitiateMultipartUpload"] != 1 || operations["UploadPart"] != 3 || operations["CompleteMultipartUpload"] != 1 {
		t.Errorf("operations = %v, want no second upload and no part twice", operations)
	}
	if got := c.do(t, call{method: "GET", key: "a b/k"}); string(got.body) != body {
		t.Errorf("GET = %d bytes, want %d", len(got.body), len(body))
	}
}

func TestSDKDoesEachStepOfMultipart(t *testing.T) {
	t.Parallel()
	c := open(t, smallParts)
	sdk, ctx := c.sdk(t), t.Context()
	c.put(t, "from/ü", "0123456789")
	ini, _, err := sdk.Object.InitiateMultipartUpload(ctx, "k", nil)
	if err != nil || ini.UploadID == "" || ini.Key != "k" || ini.Bucket != testBucket {
		t.Fatalf("InitiateMultipartUpload = %+v, %v", ini, err)
	}
	if _, err := sdk.Object.UploadPart(ctx, "k", ini.UploadID, 2, strings.NewReader("end"), nil); err != nil {
		t.Errorf("UploadPart = %v", err)
	}
	part, _, err := sdk.Object.CopyPart(ctx, "k", ini.UploadID, 1, testHost+"/from/ü", &cos.ObjectCopyPartOptions{XCosCopySourceRange: "bytes=1-4"})
	if err != nil || part.ETag != etagOf("1234") {
		t.Fatalf("CopyPart = %+v, %v", part, err)
	}
	parts, _, err := sdk.Object.ListParts(ctx, "k", ini.UploadID, &cos.ObjectListPartsOptions{MaxParts: "1", PartNumberMarker: "1"})
	if err != nil || len(parts.Parts) != 1 || parts.Parts[0].PartNumber != 2 || parts.Parts[0].ETag != etagOf("end") || parts.IsTruncated || parts.UploadID != ini.UploadID {
		t.Errorf("ListParts = %+v, %v", parts, err)
	}
	uploads, _, err := sdk.Object.ListUploads(ctx, &cos.ObjectListUploadsOptions{EncodingType: "url", Delimiter: "/"})
	if err != nil || len(uploads.Upload) != 1 || uploads.Upload[0].UploadID != ini.UploadID || uploads.EncodingType != "url" || uploads.Delimiter != "/" {
		t.Errorf("ListUploads = %+v, %v", uploads, err)
	}
	_, _, err = sdk.Object.CompleteMultipartUpload(ctx, "k", ini.UploadID, &cos.CompleteMultipartUploadOptions{Parts: []cos.Object{{PartNumber: 2, ETag: etagOf("end")}, {PartNumber: 1, ETag: etagOf("1234")}}})
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "InvalidPartOrder" {
		t.Errorf("CompleteMultipartUpload out of order = %v", err)
	}
	done, _, err := sdk.Object.CompleteMultipartUpload(ctx, "k", ini.UploadID, &cos.CompleteMultipartUploadOptions{Parts: []cos.Object{{PartNumber: 1, ETag: etagOf("1234")}, {PartNumber: 2, ETag: etagOf("end")}}})
	if err != nil || !isETagOfParts(done.ETag, 2) || done.Location != "http://"+testHost+"/k" {
		t.Errorf("CompleteMultipartUpload = %+v, %v", done, err)
	}
	if _, err := sdk.Object.AbortMultipartUpload(ctx, "k", ini.UploadID); !cos.IsNotFoundError(err) {
		t.Errorf("AbortMultipartUpload of a completed upload = %v", err)
	}
}

// MultiCopy goes by parts above 5 GB only, and asks for the size first: a HEAD of a
// fault says that the object is so large.
func TestSDKCopiesInParts(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	c.put(t, "from", "0123456789")
	copied, _, err := sdk.Object.MultiCopy(ctx, "small", testHost+"/from", &cos.MultiCopyOptions{PartSize: 1})
	if err != nil || copied.ETag != etagOf("0123456789") {
		t.Errorf("MultiCopy of a small object = %+v, %v", copied, err)
	}
	c.server.Faults().Add(embedded.Fault{Operation: "HeadObject", Count: 1, Header: http.Header{"Content-Length": {"6442450944"}}})
	if _, _, err := sdk.Object.MultiCopy(ctx, "large", testHost+"/from", &cos.MultiCopyOptions{PartSize: 1024, ThreadPoolSize: 2}); err == nil || !strings.Contains(err.Error(), "InvalidRange") {
		t.Errorf("MultiCopy of ranges that the source does not have = %v, want InvalidRange", err)
	}
	operations := map[string]int{}
	for _, e := range c.server.Journal().Entries() {
		operations[e.Operation]++
	}
	if operations["InitiateMultipartUpload"] != 1 || operations["UploadPartCopy"] < 6 {
		t.Errorf("operations = %v, want copies of parts", operations)
	}
}

func TestSDKAppendsToObjects(t *testing.T) {
	t.Parallel()
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	position, _, err := sdk.Object.Append(ctx, "日志.log", 0, strings.NewReader("first "), &cos.ObjectPutOptions{
		ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "text/plain"},
	})
	if err != nil || position != 6 {
		t.Fatalf("Append = %d, %v", position, err)
	}
	if position, _, err = sdk.Object.Append(ctx, "日志.log", position, strings.NewReader("second"), nil); err != nil || position != 12 {
		t.Fatalf("second Append = %d, %v", position, err)
	}
	_, _, err = sdk.Object.Append(ctx, "日志.log", 6, strings.NewReader("again"), nil)
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "AppendPositionErr" || e.Response.Header.Get("x-cos-next-append-position") != "12" {
		t.Errorf("Append at an old position = %v", err)
	}
	if got := c.do(t, call{method: "GET", key: "日志.log"}); string(got.body) != "first second" {
		t.Errorf("GET = %q", got.body)
	}
}

func TestSDKWaitsForASlowComplete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, smallParts)
		sdk := c.sdk(t)
		id, parts := c.twoParts(t)
		c.server.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", SlowWork: 90 * time.Second})
		done, resp, err := sdk.Object.CompleteMultipartUpload(t.Context(), "k", id, &cos.CompleteMultipartUploadOptions{
			Parts: []cos.Object{{PartNumber: 1, ETag: etagOf(parts[1])}, {PartNumber: 2, ETag: etagOf(parts[2])}},
		})
		if err != nil || !isETagOfParts(done.ETag, 2) || resp.Header.Get("x-cos-hash-crc64ecma") != crcOf("begin end") {
			t.Errorf("CompleteMultipartUpload = %+v, %v", done, err)
		}
	})
}

// TestSDKUsesTemporaryCredentials gives the official client credentials of STS: it works
// within their policy, in parts too, and is refused beyond it.
func TestSDKUsesTemporaryCredentials(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "secret", "x")
	const actions = "name/cos:PutObject name/cos:GetObject name/cos:InitiateMultipartUpload name/cos:ListMultipartUploads name/cos:ListParts " +
		"name/cos:UploadPart name/cos:CompleteMultipartUpload name/cos:AbortMultipartUpload"
	narrow := c.narrowed(t, grants("allow", actions, testBucket+"/mine/*", ""), grants("allow", "name/cos:GetBucket", testBucket+"/mine/*", ""))
	sdk, ctx := narrow.sdk(t), t.Context()
	if _, err := sdk.Object.Put(ctx, "mine/k", strings.NewReader("x"), nil); err != nil {
		t.Errorf("Put = %v", err)
	}
	resp, err := sdk.Object.Get(ctx, "mine/k", nil)
	if err != nil {
		t.Fatalf("Get = %v", err)
	}
	resp.Body.Close()
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, bytes.Repeat([]byte("0123456789abcdef"), 1<<17), 0o600); err != nil { // 2 MiB: two parts
		t.Fatal(err)
	}
	if _, _, err := sdk.Object.Upload(ctx, "mine/large", file, &cos.MultiUploadOptions{PartSize: 1}); err != nil {
		t.Errorf("Upload = %v", err)
	}
	list, _, err := sdk.Bucket.Get(ctx, &cos.BucketGetOptions{Prefix: "mine/"})
	if err != nil || len(list.Contents) != 2 {
		t.Errorf("Bucket.Get = %+v, %v, want two objects", list, err)
	}
	u, err := sdk.Object.GetPresignedURL2(ctx, http.MethodGet, "mine/k", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.send(t, r).want(t, 200, "")

	for name, beyond := range map[string]func() (*cos.Response, error){
		"Get of another key": func() (*cos.Response, error) { return sdk.Object.Get(ctx, "secret", nil) },
		"Copy of it": func() (*cos.Response, error) {
			_, resp, err := sdk.Object.Copy(ctx, "mine/copy", testHost+"/secret", nil)
			return resp, err
		},
		"Delete": func() (*cos.Response, error) { return sdk.Object.Delete(ctx, "mine/k") },
		"PutACL": func() (*cos.Response, error) {
			return sdk.Object.PutACL(ctx, "mine/k", &cos.ObjectPutACLOptions{Header: &cos.ACLHeaderOptions{XCosACL: "public-read"}})
		},
		"Head":           func() (*cos.Response, error) { return sdk.Object.Head(ctx, "mine/k", nil) },
		"DeletePolicy":   func() (*cos.Response, error) { return sdk.Bucket.DeletePolicy(ctx) },
		"Get of a list":  func() (*cos.Response, error) { _, resp, err := sdk.Bucket.Get(ctx, nil); return resp, err },
		"Get of buckets": func() (*cos.Response, error) { _, resp, err := sdk.Service.Get(ctx); return resp, err },
	} {
		resp, err := beyond()
		if err == nil || resp == nil || resp.StatusCode != 403 {
			t.Errorf("%s = %v, want 403", name, err)
		}
	}
}
