package backendtest

import (
	"context"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

// documentChecks follow configurations that are put, replaced and removed. The
// documents have what the official SDK's structs would lose.
func documentChecks() []check {
	create := []Ability{CreateBuckets}
	return []check{
		{"CORS rules live", "A030, A031, A032, A040", corsLife(), create},
		{"lifecycle rules live", "A030, A031, A032, A040, A041", lifecycleLife(), create},
		{"tags of a bucket live", "A030, A031, A032, A040", taggingLife(), create},
		{"a website configuration lives", "A030, A032, A040", websiteLife(), create},
		{"a default encryption lives", "A030, A032, A040", encryptionLife(), create},
		{"replication rules live", "A030, A032, A040", replicationLife(), []Ability{CreateBuckets, Replication, Versioning}},
		{"origins live", "A030, A032, A040, A046", originLife(), create},
	}
}

func corsLife() lifeCheck {
	no, yes, zero := false, true, int32(0)
	return document[cosbackend.CORSConfiguration]{
		(*cosbackend.Client).PutBucketCORS, (*cosbackend.Client).GetBucketCORS, (*cosbackend.Client).DeleteBucketCORS,
		[]string{"NoSuchCORSConfiguration"},
	}.life(
		&cosbackend.CORSConfiguration{
			Rules:        []cosbackend.CORSRule{{ID: "a", AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: &zero}},
			ResponseVary: &no,
		},
		&cosbackend.CORSConfiguration{Rules: []cosbackend.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}}}, ResponseVary: &yes},
	)
}

func lifecycleLife() lifeCheck {
	no, zero, days, prefix := false, int32(0), int32(3650), "a & b/<"
	date := cosbackend.Date{Time: time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC)}
	return document[cosbackend.LifecycleConfiguration]{
		(*cosbackend.Client).PutBucketLifecycle, (*cosbackend.Client).GetBucketLifecycle, (*cosbackend.Client).DeleteBucketLifecycle,
		[]string{"NoSuchLifecycleConfiguration"},
	}.life(
		&cosbackend.LifecycleConfiguration{Rules: []cosbackend.LifecycleRule{
			{
				ID: "a", Status: "Enabled", Filter: &cosbackend.LifecycleFilter{Prefix: &prefix},
				Transitions: []cosbackend.LifecycleTransition{{Date: &date, StorageClass: "ARCHIVE"}},
				Expiration:  &cosbackend.LifecycleExpiration{Days: &days},
			},
			{
				ID: "b", Status: "Disabled", Filter: &cosbackend.LifecycleFilter{Tag: &cosbackend.Tag{Key: "k", Value: "v"}},
				Transitions:                    []cosbackend.LifecycleTransition{{Days: &zero, StorageClass: "STANDARD_IA"}},
				AbortIncompleteMultipartUpload: &cosbackend.AbortIncompleteMultipartUpload{DaysAfterInitiation: &days},
			},
		}},
		&cosbackend.LifecycleConfiguration{Rules: []cosbackend.LifecycleRule{{
			ID: "c", Status: "Enabled",
			Filter:                      &cosbackend.LifecycleFilter{And: &cosbackend.LifecycleAnd{Prefix: &prefix, Tags: []cosbackend.Tag{{Key: "k", Value: "v"}, {Key: "l", Value: "w"}}}},
			Expiration:                  &cosbackend.LifecycleExpiration{ExpiredObjectDeleteMarker: &no},
			NoncurrentVersionExpiration: &cosbackend.NoncurrentVersionExpiration{NoncurrentDays: &days},
		}}},
	)
}

func taggingLife() lifeCheck {
	return document[cosbackend.BucketTagging]{
		(*cosbackend.Client).PutBucketTagging, (*cosbackend.Client).GetBucketTagging, (*cosbackend.Client).DeleteBucketTagging,
		[]string{"NoSuchTagSet"},
	}.life(
		&cosbackend.BucketTagging{TagSet: []cosbackend.Tag{{Key: "team", Value: "a"}}},
		&cosbackend.BucketTagging{TagSet: []cosbackend.Tag{{Key: "cost", Value: "1 <&> 2"}, {Key: "团队", Value: "存储"}}},
	)
}

func websiteLife() lifeCheck {
	nothing, prefix, key, missing := "", "old/", "404.html", int32(404)
	return document[cosbackend.WebsiteConfiguration]{
		(*cosbackend.Client).PutBucketWebsite, (*cosbackend.Client).GetBucketWebsite, (*cosbackend.Client).DeleteBucketWebsite,
		[]string{"NoSuchWebsiteConfiguration"},
	}.life(
		&cosbackend.WebsiteConfiguration{IndexDocument: "index.html"},
		&cosbackend.WebsiteConfiguration{
			IndexDocument: "index.html", ErrorDocument: &cosbackend.ErrorDocument{Key: "error.html"},
			AutoAddressing: &cosbackend.AutoAddressing{Status: "Enabled"},
			RoutingRules: []cosbackend.RoutingRule{
				{Condition: cosbackend.RoutingCondition{KeyPrefixEquals: &prefix}, Redirect: cosbackend.RoutingRedirect{ReplaceKeyPrefixWith: &nothing}},
				{Condition: cosbackend.RoutingCondition{HTTPErrorCodeReturnedEquals: &missing}, Redirect: cosbackend.RoutingRedirect{Protocol: "https", ReplaceKeyWith: &key}},
			},
		},
	)
}

func encryptionLife() lifeCheck {
	return document[cosbackend.EncryptionConfiguration]{
		(*cosbackend.Client).PutBucketEncryption, (*cosbackend.Client).GetBucketEncryption, (*cosbackend.Client).DeleteBucketEncryption,
		[]string{"NoSuchEncryptionConfiguration"},
	}.life(&cosbackend.EncryptionConfiguration{Rule: &cosbackend.EncryptionRule{SSEAlgorithm: "AES256"}})
}

func replicationLife() lifeCheck {
	zero, nothing := int32(0), ""
	to := cosbackend.ReplicationDestination{Bucket: "qcs::cos:ap-beijing::copies-1250000000"}
	rule := func(r cosbackend.ReplicationRule) *cosbackend.ReplicationConfiguration {
		r.Status, r.Destination = "Disabled", to
		return &cosbackend.ReplicationConfiguration{Role: "qcs::cam::uin/100000000001:uin/100000000001", Rules: []cosbackend.ReplicationRule{r}}
	}
	put := func(c *cosbackend.Client, ctx context.Context, loc cosbackend.Location, doc *cosbackend.ReplicationConfiguration) error {
		if err := c.PutBucketVersioning(ctx, loc, &cosbackend.VersioningConfiguration{Status: "Enabled"}); err != nil { // without which there is none
			return err
		}
		return c.PutBucketReplication(ctx, loc, doc)
	}
	return document[cosbackend.ReplicationConfiguration]{
		put, (*cosbackend.Client).GetBucketReplication, (*cosbackend.Client).DeleteBucketReplication,
		[]string{"ReplicationConfigurationNotFoundError", "ReplicationConfigurationnotFoundError"},
	}.life(
		rule(cosbackend.ReplicationRule{Prefix: &nothing}),
		rule(cosbackend.ReplicationRule{
			ID: "a", Priority: &zero, Filter: &cosbackend.ReplicationFilter{Tag: &cosbackend.Tag{Key: "k", Value: "v"}},
			DeleteMarkerReplication: &cosbackend.DeleteMarkerReplication{Status: "Disabled"},
		}),
	)
}

func originLife() lifeCheck {
	no, zero, weight := false, int32(0), int32(3)
	return document[cosbackend.OriginConfiguration]{
		(*cosbackend.Client).PutBucketOrigin, (*cosbackend.Client).GetBucketOrigin, (*cosbackend.Client).DeleteBucketOrigin,
		[]string{"OriginConfigurationNotFoundError"},
	}.life(
		&cosbackend.OriginConfiguration{Rules: []cosbackend.OriginRule{{
			Priority: &zero, OriginType: "Mirror", Condition: &cosbackend.OriginCondition{HTTPStatusCode: "404"},
			Parameter: &cosbackend.OriginParameter{Protocol: "HTTPS", FollowQueryString: &no, TransparentErrorCode: &no},
			Info: cosbackend.OriginInfo{Hosts: []cosbackend.OriginHost{
				{HostName: "a.example.com", Weight: &weight, Standby: []string{"b.example.com", "c.example.com"}}, {HostName: "d.example.com", Weight: &zero},
			}},
			StandbyCodes: []string{"404", "403"},
		}}},
		&cosbackend.OriginConfiguration{Rules: []cosbackend.OriginRule{{
			OriginType: "Redirect", Parameter: &cosbackend.OriginParameter{HTTPRedirectCode: "302"},
			Info: cosbackend.OriginInfo{
				Hosts: []cosbackend.OriginHost{{HostName: "a.example.com"}},
				File:  &cosbackend.OriginFile{NewPrefix: &cosbackend.OriginPrefix{}, Fixed: &cosbackend.OriginFixedFile{FixedFilePath: "a/b"}},
			},
		}}},
	)
}
