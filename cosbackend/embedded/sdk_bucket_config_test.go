package embedded_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	cos "github.com/tencentyun/cos-go-sdk-v5"
)

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
func TestTheOfficialSDKCanConfigureBuckets(t *testing.T) {
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
