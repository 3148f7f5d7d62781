package service

import (
	"context"
	"maps"
	"slices"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A partReader reads one part of the configuration of a bucket into its field. Parts
// are read side by side: it touches no other field.
type partReader func(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, into *cosgatev1.BucketConfig) error

type partReaders map[cosgatev1.BucketConfigPart]partReader

// names are the parts in the order of their numbers.
func (r partReaders) names() []cosgatev1.BucketConfigPart { return slices.Sorted(maps.Keys(r)) }

func part[D, M any](get getter[D], message func(D) M, set func(*cosgatev1.BucketConfig, M)) partReader {
	return func(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, into *cosgatev1.BucketConfig) error {
		doc, err := get(c, ctx, at)
		if err == nil {
			set(into, message(doc))
		}
		return err
	}
}

// configParts has a reader for each BucketConfigPart.
func configParts() partReaders {
	type config = cosgatev1.BucketConfig
	return partReaders{
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_ACL: part(
			(*cosbackend.Client).GetBucketACL, aclProto, func(c *config, m *cosgatev1.AccessControlPolicy) { c.Acl = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_CORS: part(
			(*cosbackend.Client).GetBucketCORS, corsProto, func(c *config, m *cosgatev1.CorsConfiguration) { c.Cors = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_LIFECYCLE: part(
			(*cosbackend.Client).GetBucketLifecycle, lifecycleProto, func(c *config, m *cosgatev1.LifecycleConfiguration) { c.Lifecycle = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_POLICY: part(
			(*cosbackend.Client).GetBucketPolicy, policyProto, func(c *config, m *cosgatev1.BucketPolicy) { c.Policy = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_TAGGING: part(
			(*cosbackend.Client).GetBucketTagging, taggingProto, func(c *config, m *cosgatev1.BucketTagging) { c.Tagging = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_VERSIONING: part(
			(*cosbackend.Client).GetBucketVersioning, versioningProto, func(c *config, m *cosgatev1.VersioningConfiguration) { c.Versioning = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_WEBSITE: part(
			(*cosbackend.Client).GetBucketWebsite, websiteProto, func(c *config, m *cosgatev1.WebsiteConfiguration) { c.Website = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_LOGGING: part(
			(*cosbackend.Client).GetBucketLogging, loggingProto, func(c *config, m *cosgatev1.LoggingConfiguration) { c.Logging = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_ENCRYPTION: part(
			(*cosbackend.Client).GetBucketEncryption, encryptionProto, func(c *config, m *cosgatev1.EncryptionConfiguration) { c.Encryption = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_REPLICATION: part(
			(*cosbackend.Client).GetBucketReplication, replicationProto, func(c *config, m *cosgatev1.ReplicationConfiguration) { c.Replication = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_INVENTORIES: part(
			allInventories, inventoriesProto, func(c *config, m *cosgatev1.InventoryConfigurations) { c.Inventories = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_INTELLIGENT_TIERING: part(
			(*cosbackend.Client).GetBucketIntelligentTiering, tieringProto, func(c *config, m *cosgatev1.IntelligentTiering) { c.IntelligentTiering = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_INTELLIGENT_TIERING_CONFIGURATIONS: part(
			(*cosbackend.Client).ListBucketIntelligentTieringConfigurations, tieringRulesProto,
			func(c *config, m *cosgatev1.IntelligentTieringConfigurations) { c.IntelligentTieringConfigurations = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_REFERER: part(
			(*cosbackend.Client).GetBucketReferer, refererProto, func(c *config, m *cosgatev1.RefererConfiguration) { c.Referer = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_DOMAIN: part(
			(*cosbackend.Client).GetBucketDomain, domainProto, func(c *config, m *cosgatev1.DomainConfiguration) { c.Domain = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_ORIGIN: part(
			(*cosbackend.Client).GetBucketOrigin, originProto, func(c *config, m *cosgatev1.OriginConfiguration) { c.Origin = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_ACCELERATE: part(
			(*cosbackend.Client).GetBucketAccelerate, accelerateProto, func(c *config, m *cosgatev1.AccelerateConfiguration) { c.Accelerate = m }),
		cosgatev1.BucketConfigPart_BUCKET_CONFIG_PART_OBJECT_LOCK: part(
			(*cosbackend.Client).GetBucketObjectLock, objectLockProto, func(c *config, m *cosgatev1.ObjectLockConfiguration) { c.ObjectLock = m }),
	}
}

// allInventories reads the jobs page by page.
func allInventories(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) ([]cosbackend.InventoryConfiguration, error) { //nolint:revive // the order of a getter
	var all []cosbackend.InventoryConfiguration
	token := ""
	for {
		page, err := c.ListBucketInventories(ctx, at, token)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Inventories...)
		if !page.Truncated {
			return all, nil
		}
		token = page.NextToken
	}
}
