package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/protobuf/testing/protocmp"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// storedTrips are the configurations of which a bucket has one.
func storedTrips() []configTrip {
	return []configTrip{
		trip(
			"Policy", func() *cosgatev1.BucketPolicy { return &cosgatev1.BucketPolicy{} }, fixPolicy,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.BucketPolicy) error {
				_, err := c.PutBucketPolicy(ctx, &cosgatev1.PutBucketPolicyRequest{Bucket: bucket, Policy: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.BucketPolicy) (*cosgatev1.BucketPolicy, error) {
				resp, err := c.GetBucketPolicy(ctx, &cosgatev1.GetBucketPolicyRequest{Bucket: bucket})
				return resp.GetPolicy(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.BucketPolicy) error {
				doc, _, err := from.GetPolicy(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutPolicy(ctx, (*cos.BucketPutPolicyOptions)(doc))
				return err
			},
		),
		trip(
			"Tagging", func() *cosgatev1.BucketTagging { return &cosgatev1.BucketTagging{} }, fixTagging,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.BucketTagging) error {
				_, err := c.PutBucketTagging(ctx, &cosgatev1.PutBucketTaggingRequest{Bucket: bucket, Tagging: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.BucketTagging) (*cosgatev1.BucketTagging, error) {
				resp, err := c.GetBucketTagging(ctx, &cosgatev1.GetBucketTaggingRequest{Bucket: bucket})
				return resp.GetTagging(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.BucketTagging) error {
				doc, _, err := from.GetTagging(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutTagging(ctx, (*cos.BucketPutTaggingOptions)(doc))
				return err
			},
		),
		trip(
			"Website", func() *cosgatev1.WebsiteConfiguration { return &cosgatev1.WebsiteConfiguration{} }, fixWebsite,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.WebsiteConfiguration) error {
				_, err := c.PutBucketWebsite(ctx, &cosgatev1.PutBucketWebsiteRequest{Bucket: bucket, Website: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.WebsiteConfiguration) (*cosgatev1.WebsiteConfiguration, error) {
				resp, err := c.GetBucketWebsite(ctx, &cosgatev1.GetBucketWebsiteRequest{Bucket: bucket})
				return resp.GetWebsite(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.WebsiteConfiguration) error {
				doc, _, err := from.GetWebsite(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutWebsite(ctx, (*cos.BucketPutWebsiteOptions)(doc))
				return err
			},
		),
		trip(
			"Logging", func() *cosgatev1.LoggingConfiguration { return &cosgatev1.LoggingConfiguration{} }, fixLogging,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.LoggingConfiguration) error {
				_, err := c.PutBucketLogging(ctx, &cosgatev1.PutBucketLoggingRequest{Bucket: bucket, Logging: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.LoggingConfiguration) (*cosgatev1.LoggingConfiguration, error) {
				resp, err := c.GetBucketLogging(ctx, &cosgatev1.GetBucketLoggingRequest{Bucket: bucket})
				return resp.GetLogging(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.LoggingConfiguration) error {
				doc, _, err := from.GetLogging(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutLogging(ctx, (*cos.BucketPutLoggingOptions)(doc))
				return err
			},
		),
		trip(
			"Encryption", func() *cosgatev1.EncryptionConfiguration { return &cosgatev1.EncryptionConfiguration{} }, asIs[*cosgatev1.EncryptionConfiguration],
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.EncryptionConfiguration) error {
				_, err := c.PutBucketEncryption(ctx, &cosgatev1.PutBucketEncryptionRequest{Bucket: bucket, Encryption: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.EncryptionConfiguration) (*cosgatev1.EncryptionConfiguration, error) {
				resp, err := c.GetBucketEncryption(ctx, &cosgatev1.GetBucketEncryptionRequest{Bucket: bucket})
				return resp.GetEncryption(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.EncryptionConfiguration) error {
				doc, _, err := from.GetEncryption(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutEncryption(ctx, (*cos.BucketPutEncryptionOptions)(doc))
				return err
			},
		),
		trip(
			"Referer", func() *cosgatev1.RefererConfiguration { return &cosgatev1.RefererConfiguration{} }, fixReferer,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.RefererConfiguration) error {
				_, err := c.PutBucketReferer(ctx, &cosgatev1.PutBucketRefererRequest{Bucket: bucket, Referer: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.RefererConfiguration) (*cosgatev1.RefererConfiguration, error) {
				resp, err := c.GetBucketReferer(ctx, &cosgatev1.GetBucketRefererRequest{Bucket: bucket})
				return resp.GetReferer(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.RefererConfiguration) error {
				doc, _, err := from.GetReferer(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutReferer(ctx, (*cos.BucketPutRefererOptions)(doc))
				return err
			},
		),
		trip(
			"StrictSignature", func() *cosgatev1.StrictSignatureConfiguration { return &cosgatev1.StrictSignatureConfiguration{} }, fixStrictSignature,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.StrictSignatureConfiguration) error {
				_, err := c.PutBucketStrictSignature(ctx, &cosgatev1.PutBucketStrictSignatureRequest{Bucket: bucket, StrictSignature: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.StrictSignatureConfiguration) (*cosgatev1.StrictSignatureConfiguration, error) {
				resp, err := c.GetBucketStrictSignature(ctx, &cosgatev1.GetBucketStrictSignatureRequest{Bucket: bucket})
				return resp.GetStrictSignature(), err
			},
			nil,
		),
		trip(
			"Accelerate", func() *cosgatev1.AccelerateConfiguration { return &cosgatev1.AccelerateConfiguration{} }, asIs[*cosgatev1.AccelerateConfiguration],
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.AccelerateConfiguration) error {
				_, err := c.PutBucketAccelerate(ctx, &cosgatev1.PutBucketAccelerateRequest{Bucket: bucket, Accelerate: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.AccelerateConfiguration) (*cosgatev1.AccelerateConfiguration, error) {
				resp, err := c.GetBucketAccelerate(ctx, &cosgatev1.GetBucketAccelerateRequest{Bucket: bucket})
				return resp.GetAccelerate(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.AccelerateConfiguration) error {
				doc, _, err := from.GetAccelerate(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutAccelerate(ctx, (*cos.BucketPutAccelerateOptions)(doc))
				return err
			},
		),
		trip(
			"IntelligentTiering", func() *cosgatev1.IntelligentTiering { return &cosgatev1.IntelligentTiering{} }, fixTiering,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.IntelligentTiering) error {
				_, err := c.PutBucketIntelligentTiering(ctx, &cosgatev1.PutBucketIntelligentTieringRequest{Bucket: bucket, IntelligentTiering: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.IntelligentTiering) (*cosgatev1.IntelligentTiering, error) {
				resp, err := c.GetBucketIntelligentTiering(ctx, &cosgatev1.GetBucketIntelligentTieringRequest{Bucket: bucket})
				return resp.GetIntelligentTiering(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.IntelligentTiering) error {
				doc, _, err := from.GetIntelligentTiering(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutIntelligentTiering(ctx, (*cos.BucketPutIntelligentTieringOptions)(doc))
				return err
			},
		),
	}
}

// fixPolicy makes a policy of what the SDK has fields for.
func fixPolicy(r *randomizer, m *cosgatev1.BucketPolicy, _ bool) {
	statement := map[string]any{
		"effect": one(r, "allow", "deny"), "principal": map[string]any{"qcs": []string{"qcs::cam::anyone:anyone"}},
		"action": []string{"name/cos:GetObject"}, "resource": []string{"qcs::cos:ap-guangzhou:uid/1250000000:" + testBucket + "/" + r.of("ab")},
	}
	if r.Intn(2) == 0 {
		statement["condition"] = map[string]any{"ip_equal": map[string]any{"qcs:ip": []string{fmt.Sprintf("10.0.0.%d", r.Intn(256))}}}
	}
	text, err := json.Marshal(map[string]any{"version": "2.0", "Statement": []any{statement}})
	if err != nil {
		panic(err)
	}
	m.Json = string(text) + one(r, "", "\n")
}

func fixTagging(r *randomizer, m *cosgatev1.BucketTagging, _ bool) {
	for _, tag := range m.GetTags() {
		tag.Value = one(r, tag.GetKey(), "v", tag.GetValue()+".")
	}
	m.Tags = distinct(m.GetTags())
}

func fixWebsite(r *randomizer, m *cosgatev1.WebsiteConfiguration, forSDK bool) {
	m.IndexDocument = one(r, "index.html", "index & <home>.htm")
	if forSDK && m.GetErrorDocument() != nil { // which drops it, as it does URLRedirect
		m.ErrorDocument.Charity404 = ""
	}
	for _, rule := range m.GetRoutingRules() {
		if rule.GetCondition().GetKeyPrefixEquals() == "" {
			rule.Condition = &cosgatev1.RoutingCondition{When: &cosgatev1.RoutingCondition_HttpErrorCodeReturnedEquals{HttpErrorCodeReturnedEquals: 400 + r.Int31n(100)}}
			rule.Redirect = &cosgatev1.RoutingRedirect{Protocol: "https", UrlRedirect: urlRedirect(r, forSDK), Replace: &cosgatev1.RoutingRedirect_ReplaceKeyWith{ReplaceKeyWith: r.of("ab")}}
			continue
		}
		rule.Redirect = &cosgatev1.RoutingRedirect{UrlRedirect: urlRedirect(r, forSDK), Replace: &cosgatev1.RoutingRedirect_ReplaceKeyPrefixWith{ReplaceKeyPrefixWith: one(r, "", "x/")}}
		if forSDK { // which drops an empty one
			rule.Redirect.Replace = &cosgatev1.RoutingRedirect_ReplaceKeyPrefixWith{ReplaceKeyPrefixWith: r.of("ab/")}
		}
	}
}

func urlRedirect(r *randomizer, forSDK bool) string {
	if forSDK {
		return ""
	}
	return one(r, "", "Enabled", "Disabled")
}

func fixLogging(r *randomizer, m *cosgatev1.LoggingConfiguration, _ bool) {
	if m.GetTarget() != nil {
		m.GetTarget().Prefix = one(r, "", "logs/", "a & b")
	}
}

func fixReferer(r *randomizer, m *cosgatev1.RefererConfiguration, _ bool) {
	m.VerifySignatureUrl = one(r, "", "Enabled", "Disabled")
}

func fixStrictSignature(r *randomizer, m *cosgatev1.StrictSignatureConfiguration, _ bool) {
	for i, rule := range m.GetRules() {
		rule.Id = fmt.Sprintf("rule-%d", i)
		for j := range rule.GetHeaders() {
			rule.Headers[j] = one(r, "Host", "Content-Type", "x-cos-acl", "x-cos-*", "RANGE")
		}
	}
}

func fixTiering(r *randomizer, m *cosgatev1.IntelligentTiering, _ bool) {
	m.Transition = &cosgatev1.IntelligentTieringTransition{Days: one[int32](r, 30, 60, 90), RequestFrequent: 1}
}

// policyAsJSON compares policies by what they say: the SDK writes them anew.
func policyAsJSON() cmp.Option {
	return protocmp.FilterField(&cosgatev1.BucketPolicy{}, "json", cmp.Comparer(func(a, b string) bool {
		var x, y any
		return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && cmp.Equal(x, y)
	}))
}
