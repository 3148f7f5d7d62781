package embedded_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	cos "github.com/tencentyun/cos-go-sdk-v5"
)

// The official client reads what it wrote, for every configuration it knows.
func TestTheOfficialSDKCanConfigureBuckets(t *testing.T) {
	c := open(t)
	sdk, ctx := c.sdk(t).Bucket, t.Context()
	yes := true
	same := func(what string, want, got any, err error) {
		t.Helper()
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(cos.BucketPutInventoryOptions{}, "XMLName")); err != nil || d != "" {
			t.Errorf("%s: %v (-put +got):\n%s", what, err, d)
		}
	}
	done := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s = %v", what, err)
		}
	}

	corsRules := []cos.BucketCORSRule{{ID: "1", AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}, AllowedHeaders: []string{"x-a"}, MaxAgeSeconds: 5, ExposeHeaders: []string{"ETag"}}}
	_, err := sdk.PutCORS(ctx, &cos.BucketPutCORSOptions{Rules: corsRules})
	done("PutCORS", err)
	cors, _, err := sdk.GetCORS(ctx)
	same("CORS", corsRules, cors.Rules, err)
	_, err = sdk.DeleteCORS(ctx)
	done("DeleteCORS", err)

	rules := []cos.BucketLifecycleRule{{
		ID: "1", Status: "Enabled", Filter: &cos.BucketLifecycleFilter{Prefix: "p"},
		Transition: []cos.BucketLifecycleTransition{{Days: 1, StorageClass: "ARCHIVE"}}, Expiration: &cos.BucketLifecycleExpiration{Days: 2},
		AbortIncompleteMultipartUpload: &cos.BucketLifecycleAbortIncompleteMultipartUpload{DaysAfterInitiation: 3},
	}}
	_, err = sdk.PutLifecycle(ctx, &cos.BucketPutLifecycleOptions{Rules: rules})
	done("PutLifecycle", err)
	lifecycle, _, err := sdk.GetLifecycle(ctx)
	same("Lifecycle", rules, lifecycle.Rules, err)
	_, err = sdk.DeleteLifecycle(ctx)
	done("DeleteLifecycle", err)

	tags := []cos.BucketTaggingTag{{Key: "a", Value: "b"}, {Key: "c", Value: "d"}}
	_, err = sdk.PutTagging(ctx, &cos.BucketPutTaggingOptions{TagSet: tags})
	done("PutTagging", err)
	tagging, _, err := sdk.GetTagging(ctx)
	same("Tagging", tags, tagging.TagSet, err)
	_, err = sdk.DeleteTagging(ctx)
	done("DeleteTagging", err)
	_, _, err = sdk.GetTagging(ctx)
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "NoSuchTagSet" {
		t.Errorf("GetTagging after DeleteTagging = %v", err)
	}

	policy := &cos.BucketPutPolicyOptions{Version: "2.0", Statement: []cos.BucketStatement{{
		Principal: map[string][]string{"qcs": {"qcs::cam::uin/1:uin/2"}}, Action: []string{"name/cos:GetObject"}, Effect: "allow",
		Resource: []string{"qcs::cos:ap-guangzhou:uid/1250000000:test-1250000000/*"}, Condition: map[string]map[string]any{"ip_equal": {"qcs:ip": "10.0.0.1"}},
	}}}
	_, err = sdk.PutPolicy(ctx, policy)
	done("PutPolicy", err)
	gotPolicy, _, err := sdk.GetPolicy(ctx)
	same("Policy", (*cos.BucketGetPolicyResult)(policy), gotPolicy, err)
	_, err = sdk.DeletePolicy(ctx)
	done("DeletePolicy", err)

	website := &cos.BucketPutWebsiteOptions{Index: "index.html", Error: &cos.ErrorDocument{Key: "e.html"}, RoutingRules: &cos.WebsiteRoutingRules{
		Rules: []cos.WebsiteRoutingRule{{ConditionPrefix: "a/", RedirectReplaceKeyPrefix: "b/"}, {ConditionErrorCode: "404", RedirectReplaceKey: "c"}},
	}}
	_, err = sdk.PutWebsite(ctx, website)
	done("PutWebsite", err)
	gotWebsite, _, err := sdk.GetWebsite(ctx)
	gotWebsite.XMLName.Local = ""
	same("Website", (*cos.BucketGetWebsiteResult)(website), gotWebsite, err)
	_, err = sdk.DeleteWebsite(ctx)
	done("DeleteWebsite", err)

	logging := &cos.BucketLoggingEnabled{TargetBucket: testBucket, TargetPrefix: "p"}
	_, err = sdk.PutLogging(ctx, &cos.BucketPutLoggingOptions{LoggingEnabled: logging})
	done("PutLogging", err)
	gotLogging, _, err := sdk.GetLogging(ctx)
	same("Logging", logging, gotLogging.LoggingEnabled, err)

	encryption := &cos.BucketEncryptionConfiguration{SSEAlgorithm: "AES256"}
	_, err = sdk.PutEncryption(ctx, &cos.BucketPutEncryptionOptions{Rule: encryption})
	done("PutEncryption", err)
	gotEncryption, _, err := sdk.GetEncryption(ctx)
	same("Encryption", encryption, gotEncryption.Rule, err)
	_, err = sdk.DeleteEncryption(ctx)
	done("DeleteEncryption", err)

	replicas := []cos.BucketReplicationRule{{ID: "1", Status: "Enabled", Prefix: "p", Destination: &cos.ReplicationDestination{Bucket: "qcs::cos:ap-beijing::b-1"}}}
	_, err = sdk.PutBucketReplication(ctx, &cos.PutBucketReplicationOptions{Role: "qcs::cam::uin/1:uin/1", Rule: replicas})
	done("PutBucketReplication", err)
	replication, _, err := sdk.GetBucketReplication(ctx)
	same("Replication", replicas, replication.Rule, err)
	_, err = sdk.DeleteBucketReplication(ctx)
	done("DeleteBucketReplication", err)

	inventory := &cos.BucketPutInventoryOptions{
		ID: "i", IsEnabled: "true", IncludedObjectVersions: "All", Filter: &cos.BucketInventoryFilter{Prefix: "p"},
		OptionalFields: &cos.BucketInventoryOptionalFields{BucketInventoryFields: []string{"Size"}}, Schedule: &cos.BucketInventorySchedule{Frequency: "Daily"},
		Destination: &cos.BucketInventoryDestination{Bucket: "qcs::cos:ap-guangzhou::b-1", Format: "CSV", Encryption: &cos.BucketInventoryEncryption{}},
	}
	_, err = sdk.PutInventory(ctx, "i", inventory)
	done("PutInventory", err)
	gotInventory, _, err := sdk.GetInventory(ctx, "i")
	gotInventory.XMLName.Local = ""
	same("Inventory", (*cos.BucketGetInventoryResult)(inventory), gotInventory, err)
	inventories, _, err := sdk.ListInventoryConfigurations(ctx, "")
	if err != nil || len(inventories.InventoryConfigurations) != 1 {
		t.Errorf("ListInventoryConfigurations = %+v, %v", inventories, err)
	}
	_, err = sdk.PostInventory(ctx, "once", &cos.BucketPostInventoryOptions{ID: "once", IncludedObjectVersions: "All", Destination: inventory.Destination})
	done("PostInventory", err)
	_, err = sdk.DeleteInventory(ctx, "i")
	done("DeleteInventory", err)

	_, err = sdk.PutIntelligentTiering(ctx, &cos.BucketPutIntelligentTieringOptions{Status: "Enabled", Transition: &cos.BucketIntelligentTieringTransition{Days: 60}})
	done("PutIntelligentTiering", err)
	tiering, _, err := sdk.GetIntelligentTiering(ctx)
	if err != nil || tiering.Status != "Enabled" || tiering.Transition.Days != 60 {
		t.Errorf("GetIntelligentTiering = %+v, %v", tiering, err)
	}
	second := &cos.BucketPutIntelligentTieringOptions{Id: "t", Status: "Enabled", Tiering: []*cos.BucketIntelligentTieringTransition{{AccessTier: "INFREQUENT", Days: 30, RequestFrequent: 1}}}
	_, err = sdk.PutIntelligentTieringV2(ctx, second)
	done("PutIntelligentTieringV2", err)
	tierings, _, err := sdk.ListIntelligentTiering(ctx)
	if err != nil || len(tierings.Configurations) != 1 || tierings.Configurations[0].Id != "t" {
		t.Errorf("ListIntelligentTiering = %+v, %v", tierings, err)
	}
	_, err = sdk.DeleteIntelligentTiering(ctx, "t")
	done("DeleteIntelligentTiering", err)

	referer := &cos.BucketPutRefererOptions{Status: "Enabled", RefererType: "Black-List", DomainList: []string{"*.a.com"}, EmptyReferConfiguration: "Deny"}
	_, err = sdk.PutReferer(ctx, referer)
	done("PutReferer", err)
	gotReferer, _, err := sdk.GetReferer(ctx)
	gotReferer.XMLName.Local = ""
	same("Referer", (*cos.BucketGetRefererResult)(referer), gotReferer, err)
	_, err = sdk.DeleteReferer(ctx)
	done("DeleteReferer", err)
	gotReferer, _, err = sdk.GetReferer(ctx)
	same("Referer after DeleteReferer", &cos.BucketGetRefererResult{}, gotReferer, err)

	domains := []cos.BucketDomainRule{{Status: "ENABLED", Name: "a.example.com", Type: "WEBSITE"}}
	_, err = sdk.PutDomain(ctx, &cos.BucketPutDomainOptions{Rules: domains})
	done("PutDomain", err)
	domain, _, err := sdk.GetDomain(ctx)
	same("Domain", domains, domain.Rules, err)
	_, err = sdk.DeleteDomain(ctx)
	done("DeleteDomain", err)

	cert, key := newCertificate(t)
	_, err = sdk.PutDomainCertificate(ctx, &cos.BucketPutDomainCertificateOptions{DomainList: []string{"a.example.com"}, CertificateInfo: &cos.BucketDomainCertificateInfo{
		CertType: "CustomCert", CustomCert: &cos.BucketDomainCustomCert{CertId: "c", Cert: cert, PrivateKey: key},
	}})
	done("PutDomainCertificate", err)
	certificate, _, err := sdk.GetDomainCertificate(ctx, &cos.BucketGetDomainCertificateOptions{DomainName: "a.example.com"})
	if err != nil || certificate.Status != "Enabled" || *certificate.CertificateInfo != (cos.GetBucketDomainCertificateInfo{CertId: "c", ValidityBegin: 1000, ValidityExpire: 2000}) {
		t.Errorf("GetDomainCertificate = %+v, %v", certificate, err)
	}
	_, err = sdk.DeleteDomainCertificate(ctx, &cos.BucketDeleteDomainCertificateOptions{DomainName: "a.example.com"})
	done("DeleteDomainCertificate", err)

	origin := []cos.BucketOriginRule{{
		RulePriority: 1, OriginType: "Mirror", OriginCondition: &cos.BucketOriginCondition{HTTPStatusCode: "404"},
		OriginParameter: &cos.BucketOriginParameter{Protocol: "HTTP", FollowQueryString: &yes},
		OriginInfo:      &cos.BucketOriginInfo{HostInfo: &cos.BucketOriginHostInfo{HostName: "o.example.com", Weight: 1, StandbyHostName_N: []string{"s.example.com", "t.example.com"}}},
	}}
	_, err = sdk.PutOrigin(ctx, &cos.BucketPutOriginOptions{Rule: origin})
	done("PutOrigin", err)
	gotOrigin, _, err := sdk.GetOrigin(ctx)
	same("Origin", origin, gotOrigin.Rule, err)
	_, err = sdk.DeleteOrigin(ctx)
	done("DeleteOrigin", err)

	_, err = sdk.PutAccelerate(ctx, &cos.BucketPutAccelerateOptions{Status: "Suspended"})
	done("PutAccelerate", err)
	accelerate, _, err := sdk.GetAccelerate(ctx)
	if err != nil || accelerate.Status != "Suspended" {
		t.Errorf("GetAccelerate = %+v, %v", accelerate, err)
	}
}
