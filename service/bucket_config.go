package service

import (
	"context"
	"errors"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

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

// readConfig reads a document and converts it to a message.
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

// writeConfig replaces a document, or does something else with one.
func writeConfig[D any](
	ctx context.Context, s *bucketConfigServer, req inBucket,
	write func(*cosbackend.Client, context.Context, cosbackend.Location, D) error, doc D,
) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	return nameUnknown(write(client, ctx, location(req), doc), req)
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
	all := configSections()
	sections := slices.Sorted(slices.Values(req.GetSections()))
	if len(sections) == 0 {
		sections = all.names()
	}
	config := &cosgatev1.BucketConfig{}
	failures := make([]error, len(sections))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(configsInParallel)
	for i, section := range sections {
		group.Go(func() error {
			failures[i] = all[section](groupCtx, client, location(req), config)
			return s.endsCall(ctx, failures[i])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &cosgatev1.GetBucketConfigResponse{Config: config, Failures: s.sectionFailures(ctx, sections, failures)}, nil
}

// endsCall returns err when no other section can be read either.
func (s *bucketConfigServer) endsCall(ctx context.Context, err error) error {
	if err == nil || cosbackend.NotConfigured(err) {
		return nil
	}
	var invalid *cosbackend.ValidationError
	if ctx.Err() != nil || errors.As(err, &invalid) { // which includes a bucket whose region is not known
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

// sectionFailures lists the sections that could not be read. A section that is not
// configured is no failure.
func (s *bucketConfigServer) sectionFailures(ctx context.Context, sections []cosgatev1.BucketConfigSection, failures []error) []*cosgatev1.BucketConfigFailure {
	var out []*cosgatev1.BucketConfigFailure
	for i, err := range failures {
		if err == nil || cosbackend.NotConfigured(err) {
			continue
		}
		st, _ := s.mapper.Status(ctx, err, callFrom(ctx).requestID)
		out = append(out, &cosgatev1.BucketConfigFailure{Section: sections[i], Status: cosstatus.FitItem(st.Proto())})
	}
	return out
}

// A sectionReader reads one section of the configuration of a bucket into its field.
// Sections are read in parallel, so it touches no other field.
type sectionReader func(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, into *cosgatev1.BucketConfig) error

type sectionReaders map[cosgatev1.BucketConfigSection]sectionReader

// names are the sections in the order of their numbers.
func (r sectionReaders) names() []cosgatev1.BucketConfigSection { return slices.Sorted(maps.Keys(r)) }

func section[D, M any](get getter[D], message func(D) M, set func(*cosgatev1.BucketConfig, M)) sectionReader {
	return func(ctx context.Context, c *cosbackend.Client, at cosbackend.Location, into *cosgatev1.BucketConfig) error {
		doc, err := get(c, ctx, at)
		if err == nil {
			set(into, message(doc))
		}
		return err
	}
}

// configSections has a reader for each BucketConfigSection.
func configSections() sectionReaders {
	type config = cosgatev1.BucketConfig
	return sectionReaders{
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ACL: section(
			(*cosbackend.Client).GetBucketACL, aclProto, func(c *config, m *cosgatev1.AccessControlPolicy) { c.Acl = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_CORS: section(
			(*cosbackend.Client).GetBucketCORS, corsProto, func(c *config, m *cosgatev1.CorsConfiguration) { c.Cors = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_LIFECYCLE: section(
			(*cosbackend.Client).GetBucketLifecycle, lifecycleProto, func(c *config, m *cosgatev1.LifecycleConfiguration) { c.Lifecycle = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_POLICY: section(
			(*cosbackend.Client).GetBucketPolicy, policyProto, func(c *config, m *cosgatev1.BucketPolicy) { c.Policy = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_TAGGING: section(
			(*cosbackend.Client).GetBucketTagging, taggingProto, func(c *config, m *cosgatev1.BucketTagging) { c.Tagging = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_VERSIONING: section(
			(*cosbackend.Client).GetBucketVersioning, versioningProto, func(c *config, m *cosgatev1.VersioningConfiguration) { c.Versioning = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_WEBSITE: section(
			(*cosbackend.Client).GetBucketWebsite, websiteProto, func(c *config, m *cosgatev1.WebsiteConfiguration) { c.Website = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_LOGGING: section(
			(*cosbackend.Client).GetBucketLogging, loggingProto, func(c *config, m *cosgatev1.LoggingConfiguration) { c.Logging = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ENCRYPTION: section(
			(*cosbackend.Client).GetBucketEncryption, encryptionProto, func(c *config, m *cosgatev1.EncryptionConfiguration) { c.Encryption = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_REPLICATION: section(
			(*cosbackend.Client).GetBucketReplication, replicationProto, func(c *config, m *cosgatev1.ReplicationConfiguration) { c.Replication = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INVENTORIES: section(
			allInventories, inventoriesProto, func(c *config, m *cosgatev1.InventoryConfigurations) { c.Inventories = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INTELLIGENT_TIERING: section(
			(*cosbackend.Client).GetBucketIntelligentTiering, tieringProto, func(c *config, m *cosgatev1.IntelligentTiering) { c.IntelligentTiering = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INTELLIGENT_TIERING_CONFIGURATIONS: section(
			(*cosbackend.Client).ListBucketIntelligentTieringConfigurations, tieringRulesProto,
			func(c *config, m *cosgatev1.IntelligentTieringConfigurations) { c.IntelligentTieringConfigurations = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_REFERER: section(
			(*cosbackend.Client).GetBucketReferer, refererProto, func(c *config, m *cosgatev1.RefererConfiguration) { c.Referer = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_DOMAIN: section(
			(*cosbackend.Client).GetBucketDomain, domainProto, func(c *config, m *cosgatev1.DomainConfiguration) { c.Domain = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ORIGIN: section(
			(*cosbackend.Client).GetBucketOrigin, originProto, func(c *config, m *cosgatev1.OriginConfiguration) { c.Origin = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_ACCELERATE: section(
			(*cosbackend.Client).GetBucketAccelerate, accelerateProto, func(c *config, m *cosgatev1.AccelerateConfiguration) { c.Accelerate = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_OBJECT_LOCK: section(
			(*cosbackend.Client).GetBucketObjectLock, objectLockProto, func(c *config, m *cosgatev1.ObjectLockConfiguration) { c.ObjectLock = m }),
		cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_STRICT_SIGNATURE: section(
			(*cosbackend.Client).GetBucketStrictSignature, strictSignatureProto, func(c *config, m *cosgatev1.StrictSignatureConfiguration) { c.StrictSignature = m }),
	}
}

// maxInventoryPages is how many pages of a hundred jobs are read: a bucket has a thousand
// jobs at most.
const maxInventoryPages = 20

// allInventories reads the jobs page by page.
func allInventories(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) ([]cosbackend.InventoryConfiguration, error) { //nolint:revive // the order of a getter
	var all []cosbackend.InventoryConfiguration
	token := ""
	for range maxInventoryPages {
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
	return nil, cosstatus.Fail(codes.Internal, cosstatus.ReasonMalformedResponse, "COS's list of inventory jobs has no end")
}
