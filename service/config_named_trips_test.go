package service

import (
	"context"

	"github.com/tencentyun/cos-go-sdk-v5"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// namedTrips are the configurations of which a bucket has several.
func namedTrips() []configTrip {
	return []configTrip{
		trip(
			"Inventory", func() *cosgatev1.InventoryConfiguration { return &cosgatev1.InventoryConfiguration{} }, fixInventory,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.InventoryConfiguration) error {
				_, err := c.PutBucketInventory(ctx, &cosgatev1.PutBucketInventoryRequest{Bucket: bucket, Inventory: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.InventoryConfiguration) (*cosgatev1.InventoryConfiguration, error) {
				resp, err := c.GetBucketInventory(ctx, &cosgatev1.GetBucketInventoryRequest{Bucket: bucket, Id: m.GetId()})
				return resp.GetInventory(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, m *cosgatev1.InventoryConfiguration) error {
				doc, _, err := from.GetInventory(ctx, m.GetId())
				if err != nil {
					return err
				}
				_, err = to.PutInventory(ctx, m.GetId(), (*cos.BucketPutInventoryOptions)(doc))
				return err
			},
		),
		trip(
			"IntelligentTieringConfiguration",
			func() *cosgatev1.IntelligentTieringConfiguration { return &cosgatev1.IntelligentTieringConfiguration{} }, fixTieringRule,
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.IntelligentTieringConfiguration) error {
				_, err := c.PutBucketIntelligentTieringConfiguration(ctx, &cosgatev1.PutBucketIntelligentTieringConfigurationRequest{Bucket: bucket, Configuration: m})
				return err
			},
			func(ctx context.Context, c configs, bucket string, m *cosgatev1.IntelligentTieringConfiguration) (*cosgatev1.IntelligentTieringConfiguration, error) {
				resp, err := c.GetBucketIntelligentTieringConfiguration(ctx, &cosgatev1.GetBucketIntelligentTieringConfigurationRequest{Bucket: bucket, Id: m.GetId()})
				return resp.GetConfiguration(), err
			},
			func(ctx context.Context, from, to *cos.BucketService, m *cosgatev1.IntelligentTieringConfiguration) error {
				doc, _, err := from.GetIntelligentTieringV2(ctx, m.GetId())
				if err != nil {
					return err
				}
				_, err = to.PutIntelligentTieringV2(ctx, (*cos.BucketPutIntelligentTieringOptions)(doc))
				return err
			},
		),
	}
}

func fixInventory(r *randomizer, m *cosgatev1.InventoryConfiguration, forSDK bool) {
	m.Enabled = new(r.Intn(2) == 0)
	if m.Schedule == nil {
		m.Schedule = &cosgatev1.InventorySchedule{Frequency: "Monthly", MonthlyDate: new(1 + r.Int31n(31))}
	}
	if f := m.GetFilter(); f.GetAnd() != nil {
		f.Prefix, f.Tags, f.StorageClass = nil, nil, ""
	}
	if !forSDK {
		return
	}
	// It has a filter inside And only, drops an empty prefix, and writes no encryption
	// without SSE-COS.
	if f := m.GetFilter(); f != nil {
		f.Prefix, f.Tags, f.StorageClass = nil, nil, ""
		f.And = &cosgatev1.InventoryAnd{Prefix: new(r.of("ab")), Tags: f.GetAnd().GetTags(), StorageClass: f.GetAnd().GetStorageClass()}
	}
	if e := m.GetDestination().GetEncryption(); e != nil {
		e.SseCos = true
	}
}

func fixTieringRule(r *randomizer, m *cosgatev1.IntelligentTieringConfiguration, _ bool) {
	for _, t := range m.GetTierings() {
		t.AccessTier, t.RequestFrequent = one(r, "INFREQUENT", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"), one[int32](r, 0, 1)
	}
	if f := m.GetFilter(); f != nil {
		switch r.Intn(3) {
		case 0:
			f.Prefix, f.Tags = "", nil
		case 1:
			f.Prefix, f.And = "", nil
			f.Tags = f.GetTags()[:min(len(f.GetTags()), 1)]
		case 2:
			f.Tags, f.And = nil, nil
		}
	}
}
