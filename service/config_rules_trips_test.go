package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// ruledTrips are the configurations that have rules.
func ruledTrips() []configTrip {
	return []configTrip{
		trip(
			"Cors", func() *cosgatev1.CorsConfiguration { return &cosgatev1.CorsConfiguration{} }, fixCors,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.CorsConfiguration) error {
				_, err := c.PutBucketCors(ctx, &cosgatev1.PutBucketCorsRequest{Bucket: bucket, Cors: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.CorsConfiguration) (*cosgatev1.CorsConfiguration, error) {
				resp, err := c.GetBucketCors(ctx, &cosgatev1.GetBucketCorsRequest{Bucket: bucket})
				return resp.GetCors(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.CorsConfiguration) error {
				doc, _, err := from.GetCORS(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutCORS(ctx, &cos.BucketPutCORSOptions{Rules: doc.Rules, ResponseVary: doc.ResponseVary})
				return err
			},
		),
		trip(
			"Lifecycle", func() *cosgatev1.LifecycleConfiguration { return &cosgatev1.LifecycleConfiguration{} }, fixLifecycle,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.LifecycleConfiguration) error {
				_, err := c.PutBucketLifecycle(ctx, &cosgatev1.PutBucketLifecycleRequest{Bucket: bucket, Lifecycle: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.LifecycleConfiguration) (*cosgatev1.LifecycleConfiguration, error) {
				resp, err := c.GetBucketLifecycle(ctx, &cosgatev1.GetBucketLifecycleRequest{Bucket: bucket})
				return resp.GetLifecycle(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.LifecycleConfiguration) error {
				doc, _, err := from.GetLifecycle(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutLifecycle(ctx, &cos.BucketPutLifecycleOptions{Rules: doc.Rules})
				return err
			},
		),
		trip(
			"Replication", func() *cosgatev1.ReplicationConfiguration { return &cosgatev1.ReplicationConfiguration{} }, fixReplication,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.ReplicationConfiguration) error {
				return whileVersioned(ctx, c, bucket, func() error {
					_, err := c.PutBucketReplication(ctx, &cosgatev1.PutBucketReplicationRequest{Bucket: bucket, Replication: m})
					return err
				})
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.ReplicationConfiguration) (*cosgatev1.ReplicationConfiguration, error) {
				resp, err := c.GetBucketReplication(ctx, &cosgatev1.GetBucketReplicationRequest{Bucket: bucket})
				return resp.GetReplication(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.ReplicationConfiguration) error {
				doc, _, err := from.GetBucketReplication(ctx)
				if err != nil {
					return err
				}
				if _, err = to.PutVersioning(ctx, &cos.BucketPutVersionOptions{Status: "Enabled"}); err != nil {
					return err
				}
				_, err = to.PutBucketReplication(ctx, (*cos.PutBucketReplicationOptions)(doc))
				return err
			},
		),
		trip(
			"Domain", func() *cosgatev1.DomainConfiguration { return &cosgatev1.DomainConfiguration{} }, fixDomain,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.DomainConfiguration) error {
				_, err := c.PutBucketDomain(ctx, &cosgatev1.PutBucketDomainRequest{Bucket: bucket, Domain: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.DomainConfiguration) (*cosgatev1.DomainConfiguration, error) {
				resp, err := c.GetBucketDomain(ctx, &cosgatev1.GetBucketDomainRequest{Bucket: bucket})
				return resp.GetDomain(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.DomainConfiguration) error {
				doc, _, err := from.GetDomain(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutDomain(ctx, (*cos.BucketPutDomainOptions)(doc))
				return err
			},
		),
		trip(
			"Origin", func() *cosgatev1.OriginConfiguration { return &cosgatev1.OriginConfiguration{} }, fixOrigin,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.OriginConfiguration) error {
				_, err := c.PutBucketOrigin(ctx, &cosgatev1.PutBucketOriginRequest{Bucket: bucket, Origin: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, _ *cosgatev1.OriginConfiguration) (*cosgatev1.OriginConfiguration, error) {
				resp, err := c.GetBucketOrigin(ctx, &cosgatev1.GetBucketOriginRequest{Bucket: bucket})
				return resp.GetOrigin(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, _ *cosgatev1.OriginConfiguration) error {
				doc, _, err := from.GetOrigin(ctx)
				if err != nil {
					return err
				}
				_, err = to.PutOrigin(ctx, (*cos.BucketPutOriginOptions)(doc))
				return err
			},
		),
	}
}

// whileVersioned does something that only a bucket with versioning takes. Versioning
// that was suspended is suspended again afterwards.
func whileVersioned(ctx context.Context, c configs, bucket string, do func() error) error {
	before, err := c.GetBucketVersioning(ctx, &cosgatev1.GetBucketVersioningRequest{Bucket: bucket})
	if err != nil {
		return err
	}
	set := func(s string) error {
		_, err := c.PutBucketVersioning(ctx, &cosgatev1.PutBucketVersioningRequest{Bucket: bucket, Versioning: &cosgatev1.VersioningConfiguration{Status: s}})
		return err
	}
	if err := set("Enabled"); err != nil {
		return err
	}
	if err := do(); err != nil || before.GetVersioning().GetStatus() != "Suspended" {
		return err
	}
	return set("Suspended")
}

func fixCors(_ *randomizer, m *cosgatev1.CorsConfiguration, forSDK bool) {
	for i, rule := range m.GetRules() {
		if rule.GetId() != "" {
			rule.Id = fmt.Sprintf("%d %s", i, rule.GetId())
		}
		if rule.MaxAgeSeconds != nil && forSDK { // which drops 0
			rule.MaxAgeSeconds = new(rule.GetMaxAgeSeconds() + 1)
		}
	}
}

func fixLifecycle(r *randomizer, m *cosgatev1.LifecycleConfiguration, forSDK bool) {
	least := int32(0)
	if forSDK { // which drops 0
		least = 1
	}
	for i, rule := range m.GetRules() {
		rule.Id = fmt.Sprintf("%d%s", i, rule.GetId())
		rule.Filter = lifecycleObjects(r, fmt.Sprint(i), rule.GetFilter())
		rule.Prefix = nil
		if prefix, ok := rule.GetFilter().GetCondition().(*cosgatev1.LifecycleFilter_Prefix); ok && !forSDK && r.Intn(2) == 0 { // the SDK drops this form
			rule.Prefix, rule.Filter = &prefix.Prefix, nil
		}
		dated := r.Intn(3) == 0 // Days and Date are not in one rule
		for _, x := range rule.GetTransitions() {
			x.AccessFrequency, x.Date, x.Days = nil, nil, new(least+r.Int31n(400))
			switch {
			case r.Intn(3) == 0:
				x.AccessFrequency, x.Days = seldom(r), nil
			case dated:
				x.Date, x.Days = &timestamppb.Timestamp{Seconds: 86400 * r.Int63n(30000)}, nil
			}
		}
		for _, x := range rule.GetNoncurrentVersionTransitions() {
			x.NoncurrentDays, x.AccessFrequency = new(least+r.Int31n(400)), nil
			if r.Intn(2) == 0 {
				x.NoncurrentDays, x.AccessFrequency = nil, seldom(r)
			}
		}
		if rule.GetExpiration() != nil {
			due := &cosgatev1.LifecycleExpiration{Days: new(1 + r.Int31n(400))}
			if dated {
				due = &cosgatev1.LifecycleExpiration{Date: &timestamppb.Timestamp{Seconds: 86400 * r.Int63n(30000)}}
			}
			rule.Expiration = one(
				r, due,
				&cosgatev1.LifecycleExpiration{ExpiredObjectDeleteMarker: new(forSDK || r.Intn(2) == 0)}, // the SDK drops false
			)
		}
		if e := rule.GetNoncurrentVersionExpiration(); e != nil {
			e.NoncurrentDays = new(1 + r.Int31n(400))
		}
		rule.AbortIncompleteMultipartUpload = &cosgatev1.AbortIncompleteMultipartUpload{DaysAfterInitiation: new(1 + r.Int31n(400))}
	}
}

func seldom(r *randomizer) *cosgatev1.AccessFrequency {
	return &cosgatev1.AccessFrequency{AccessCountLessThan: new(1 + r.Int31n(9)), RecentDays: new(int32(30))}
}

// lifecycleObjects is a filter that no other rule has.
func lifecycleObjects(r *randomizer, unique string, f *cosgatev1.LifecycleFilter) *cosgatev1.LifecycleFilter {
	switch c := f.GetCondition().(type) {
	case *cosgatev1.LifecycleFilter_Tag:
		c.Tag.Key = unique
	case *cosgatev1.LifecycleFilter_And:
		c.And.Prefix, c.And.PrefixNotEquals = new(unique), new(unique+r.of("<&"))
		c.And.ObjectSizeGreaterThan, c.And.ObjectSizeLessThan = new(1+r.Int63n(5)), new(r.Int63n(1<<40)+9)
	default:
		return &cosgatev1.LifecycleFilter{Condition: &cosgatev1.LifecycleFilter_Prefix{Prefix: unique + r.of("a/&<")}}
	}
	return f
}

func fixReplication(r *randomizer, m *cosgatev1.ReplicationConfiguration, forSDK bool) {
	for i, rule := range m.GetRules() {
		if rule.GetId() != "" {
			rule.Id = fmt.Sprintf("%d%s", i, rule.GetId())
		}
		rule.Destination.Bucket = "qcs::cos:ap-beijing::copies-1250000000"
		if !forSDK {
			continue
		}
		// It drops priority 0, an empty prefix, a filter by one tag and what is about SSE-KMS, and adds a prefix.
		rule.SourceSelectionCriteria, rule.Destination.Encryption = nil, nil
		if rule.Priority != nil {
			rule.Priority = new(rule.GetPriority() + 1)
		}
		if rule.Prefix != nil {
			rule.Prefix = new(r.of("ab/"))
		}
		if f := rule.GetFilter(); f.GetTag() != nil || f.GetAnd() != nil {
			rule.Filter = &cosgatev1.ReplicationFilter{Condition: &cosgatev1.ReplicationFilter_And{And: &cosgatev1.ReplicationAnd{
				Prefix: new(one(r, "", r.of("ab"))), Tags: f.GetAnd().GetTags(),
			}}}
		}
	}
}

func fixDomain(_ *randomizer, m *cosgatev1.DomainConfiguration, _ bool) {
	for i, rule := range m.GetRules() {
		rule.Type = []string{"REST", "WEBSITE", "ACCELERATE"}[i%3]
	}
}

func fixOrigin(r *randomizer, m *cosgatev1.OriginConfiguration, forSDK bool) {
	for _, rule := range m.GetRules() {
		if rule.Condition != nil {
			rule.Condition.HttpStatusCode = one(r, "", "404", "4XX")
		}
		if rule.Parameter != nil {
			rule.Parameter.HttpRedirectCode, rule.Parameter.MoreHttpRedirectCodes = one(r, "", "301", "302", "307"), nil
			if rule.Parameter.GetHttpRedirectCode() != "" && r.Intn(2) == 0 {
				rule.Parameter.MoreHttpRedirectCodes = []string{"308"}
			}
		}
		for _, h := range rule.GetInfo().GetHosts() {
			fixStandby(h)
		}
		if forSDK {
			originOfSDK(r, rule)
		}
	}
}

// fixStandby puts standby hosts in the order in which they come back.
func fixStandby(h *cosgatev1.OriginHost) {
	slices.SortStableFunc(h.GetStandbyHosts(), func(a, b *cosgatev1.OriginStandbyHost) int {
		switch private := func(s *cosgatev1.OriginStandbyHost) bool { return s.GetPrivateHost() != nil }; {
		case private(a) == private(b):
			return cmp.Compare(a.GetNumber(), b.GetNumber())
		case private(a):
			return 1
		}
		return -1
	})
	if s := h.GetStandbyHosts(); len(s) > 0 {
		s[len(s)-1].Number = 1000 // so that they are not the plain ones from 1 on
	}
}

// originOfSDK leaves out what the SDK has no field for, or drops when it is 0, false
// or empty.
func originOfSDK(r *randomizer, rule *cosgatev1.OriginRule) {
	rule.Priority, rule.StandbyStatusCodes = new(1+r.Int31n(9)), nil
	if c := rule.GetCondition(); c != nil {
		c.Prefix, c.Suffix, c.ForbidDomains = new(r.of("ab")), nil, nil
	}
	if p := rule.GetParameter(); p != nil {
		p.TransparentErrorCode, p.FollowOriginHeaders, p.FollowUrlAutoDecode, p.MoreHttpRedirectCodes = nil, nil, nil, nil
		if p.HttpHeader != nil {
			p.HttpHeader.ForbidFollowHttpHeaders = nil
		}
	}
	host := rule.GetInfo().GetHosts()[0]
	host.HostName, host.Weight, host.PrivateHost, host.StandbyHosts = "o.example.com", new(1+r.Int31n(9)), nil, nil
	rule.Info.Hosts = []*cosgatev1.OriginHost{host}
	if f := rule.GetInfo().GetFile(); f != nil {
		rule.Info.File = &cosgatev1.OriginFile{
			PrefixDirective: new(true), Prefix: new("p/"), Suffix: new(".s"), FixedFilePath: new(r.of("ab")),
		}
	}
}
