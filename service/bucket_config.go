package service

import (
	"context"
	"errors"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// configsInParallel is how many configurations of a bucket GetBucketConfig reads at
// a time.
const configsInParallel = 4

// bucketConfigServer implements BucketConfigService; the contract is in
// bucket_config_service.proto.
type bucketConfigServer struct {
	cosgatev1.UnimplementedBucketConfigServiceServer
	profiles
	mapper *cosstatus.Mapper
}

var _ cosgatev1.BucketConfigServiceServer = (*bucketConfigServer)(nil)

// inBucket is any request on a bucket.
type inBucket interface {
	located
	GetProfile() string
}

// A getter reads the document D of a bucket.
type getter[D any] func(*cosbackend.Client, context.Context, cosbackend.Location) (D, error)

// readConfig reads a document and converts it to its message.
func readConfig[D, M any](ctx context.Context, s *bucketConfigServer, req inBucket, get getter[D], message func(D) M) (m M, err error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return m, err
	}
	doc, err := get(client, ctx, location(req))
	if err != nil {
		return m, err
	}
	return message(doc), nil
}

// writeConfig replaces a document, or does something else with one: by id.
func writeConfig[D any](
	ctx context.Context, s *bucketConfigServer, req inBucket,
	write func(*cosbackend.Client, context.Context, cosbackend.Location, D) error, doc D,
) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	return write(client, ctx, location(req), doc)
}

// removeConfig removes a document.
func removeConfig(
	ctx context.Context, s *bucketConfigServer, req inBucket,
	remove func(*cosbackend.Client, context.Context, cosbackend.Location) error,
) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	return remove(client, ctx, location(req))
}

// byID is a getter of the document with this id.
func byID[D any](id string, get func(*cosbackend.Client, context.Context, cosbackend.Location, string) (D, error)) getter[D] {
	return func(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) (D, error) {
		return get(c, ctx, at, id)
	}
}

func (s *bucketConfigServer) GetBucketConfig(ctx context.Context, req *cosgatev1.GetBucketConfigRequest) (*cosgatev1.GetBucketConfigResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	all := configParts()
	parts := slices.Sorted(slices.Values(req.GetSections()))
	if len(parts) == 0 {
		parts = all.names()
	}
	config := &cosgatev1.BucketConfig{}
	failures := make([]error, len(parts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(configsInParallel)
	for i, part := range parts {
		group.Go(func() error {
			failures[i] = all[part](groupCtx, client, location(req), config)
			return s.concernsAll(ctx, failures[i])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &cosgatev1.GetBucketConfigResponse{Config: config, Failures: s.partFailures(ctx, parts, failures)}, nil
}

// concernsAll returns err when no other part can be had either.
func (s *bucketConfigServer) concernsAll(ctx context.Context, err error) error {
	if err == nil || cosbackend.NotConfigured(err) {
		return nil
	}
	var invalid *cosbackend.ValidationError
	if ctx.Err() != nil || errors.As(err, &invalid) { // a bucket whose region is not known, too
		return err
	}
	if e, ok := errors.AsType[*cosbackend.Error](err); ok && e.Code == "NoSuchBucket" {
		return err
	}
	if v, _ := s.mapper.Decide(ctx, err); v.CredentialsRejected {
		return err
	}
	return nil
}

// partFailures tells the failures of parts; what is not configured is none.
func (s *bucketConfigServer) partFailures(ctx context.Context, parts []cosgatev1.BucketConfigSection, failures []error) []*cosgatev1.BucketConfigFailure {
	var out []*cosgatev1.BucketConfigFailure
	for i, err := range failures {
		if err == nil || cosbackend.NotConfigured(err) {
			continue
		}
		st, _ := s.mapper.Status(ctx, err, callFrom(ctx).requestID)
		out = append(out, &cosgatev1.BucketConfigFailure{Section: parts[i], Status: st.Proto()})
	}
	return out
}

// A partReader reads one part of the configuration of a bucket into its field. Parts
// are read side by side: it touches no other field.
type partReader func(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, into *cosgatev1.BucketConfig) error

type partReaders map[cosgatev1.BucketConfigSection]partReader

// names are the parts in the order of their numbers.
func (r partReaders) names() []cosgatev1.BucketConfigSection { return slices.Sorted(maps.Keys(r)) }

func part[D, M any](get getter[D], message func(D) M, set func(*cosgatev1.BucketConfig, M)) partReader {
	return func(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, into *cosgatev1.BucketConfig) error {
		doc, err := get(c, ctx, at)
		if err == nil {
			set(into, message(doc))
		}
		return err
	}
}

// configParts has a reader for each BucketConfigSection.
func configParts() partReaders {
	type config = cosgatev1.BucketConfig
	return partReaders{
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ACL: part(
			(*cosbackend.Client).GetBucketACL, aclProto, func(c *config, m *cosgatev1.AccessControlPolicy) { c.Acl = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_CORS: part(
			(*cosbackend.Client).GetBucketCORS, corsProto, func(c *config, m *cosgatev1.CorsConfiguration) { c.Cors = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_LIFECYCLE: part(
			(*cosbackend.Client).GetBucketLifecycle, lifecycleProto, func(c *config, m *cosgatev1.LifecycleConfiguration) { c.Lifecycle = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_POLICY: part(
			(*cosbackend.Client).GetBucketPolicy, policyProto, func(c *config, m *cosgatev1.BucketPolicy) { c.Policy = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_TAGGING: part(
			(*cosbackend.Client).GetBucketTagging, taggingProto, func(c *config, m *cosgatev1.BucketTagging) { c.Tagging = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_VERSIONING: part(
			(*cosbackend.Client).GetBucketVersioning, versioningProto, func(c *config, m *cosgatev1.VersioningConfiguration) { c.Versioning = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_WEBSITE: part(
			(*cosbackend.Client).GetBucketWebsite, websiteProto, func(c *config, m *cosgatev1.WebsiteConfiguration) { c.Website = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_LOGGING: part(
			(*cosbackend.Client).GetBucketLogging, loggingProto, func(c *config, m *cosgatev1.LoggingConfiguration) { c.Logging = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ENCRYPTION: part(
			(*cosbackend.Client).GetBucketEncryption, encryptionProto, func(c *config, m *cosgatev1.EncryptionConfiguration) { c.Encryption = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_REPLICATION: part(
			(*cosbackend.Client).GetBucketReplication, replicationProto, func(c *config, m *cosgatev1.ReplicationConfiguration) { c.Replication = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INVENTORIES: part(
			allInventories, inventoriesProto, func(c *config, m *cosgatev1.InventoryConfigurations) { c.Inventories = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INTELLIGENT_TIERING: part(
			(*cosbackend.Client).GetBucketIntelligentTiering, tieringProto, func(c *config, m *cosgatev1.IntelligentTiering) { c.IntelligentTiering = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INTELLIGENT_TIERING_CONFIGURATIONS: part(
			(*cosbackend.Client).ListBucketIntelligentTieringConfigurations, tieringRulesProto,
			func(c *config, m *cosgatev1.IntelligentTieringConfigurations) { c.IntelligentTieringConfigurations = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_REFERER: part(
			(*cosbackend.Client).GetBucketReferer, refererProto, func(c *config, m *cosgatev1.RefererConfiguration) { c.Referer = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_DOMAIN: part(
			(*cosbackend.Client).GetBucketDomain, domainProto, func(c *config, m *cosgatev1.DomainConfiguration) { c.Domain = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ORIGIN: part(
			(*cosbackend.Client).GetBucketOrigin, originProto, func(c *config, m *cosgatev1.OriginConfiguration) { c.Origin = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ACCELERATE: part(
			(*cosbackend.Client).GetBucketAccelerate, accelerateProto, func(c *config, m *cosgatev1.AccelerateConfiguration) { c.Accelerate = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_OBJECT_LOCK: part(
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
