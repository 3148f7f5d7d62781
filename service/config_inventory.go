package service

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *bucketConfigServer) GetBucketInventory(ctx context.Context, req *cosgatev1.GetBucketInventoryRequest) (*cosgatev1.GetBucketInventoryResponse, error) {
	m, err := readConfig(ctx, s, req, byID(req.GetId(), (*cosbackend.Client).GetBucketInventory), inventoryProto)
	return &cosgatev1.GetBucketInventoryResponse{Inventory: m}, err
}

func (s *bucketConfigServer) PutBucketInventory(ctx context.Context, req *cosgatev1.PutBucketInventoryRequest) (*cosgatev1.PutBucketInventoryResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PutBucketInventory, inventoryDocument(req.GetInventory()))
	return &cosgatev1.PutBucketInventoryResponse{}, err
}

func (s *bucketConfigServer) DeleteBucketInventory(ctx context.Context, req *cosgatev1.DeleteBucketInventoryRequest) (*cosgatev1.DeleteBucketInventoryResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).DeleteBucketInventory, req.GetId())
	return &cosgatev1.DeleteBucketInventoryResponse{}, err
}

func (s *bucketConfigServer) PostBucketInventory(ctx context.Context, req *cosgatev1.PostBucketInventoryRequest) (*cosgatev1.PostBucketInventoryResponse, error) {
	err := writeConfig(ctx, s, req, (*cosbackend.Client).PostBucketInventory, inventoryDocument(req.GetInventory()))
	return &cosgatev1.PostBucketInventoryResponse{}, err
}

func (s *bucketConfigServer) ListBucketInventories(ctx context.Context, req *cosgatev1.ListBucketInventoriesRequest) (*cosgatev1.ListBucketInventoriesResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	l := list{"inventories", req.GetBucket(), req.GetRegion(), client.Profile()}
	token, err := l.marker(req.GetPageToken(), "")
	if err != nil {
		return nil, err
	}
	page, err := client.ListBucketInventories(ctx, location(req), token)
	if err != nil {
		return nil, err
	}
	return &cosgatev1.ListBucketInventoriesResponse{
		Inventories:   inventoriesProto(page.Inventories).GetInventories(),
		NextPageToken: l.token(page.NextToken, page.Truncated),
	}, nil
}

// inventoriesProto is nil when there are none.
func inventoriesProto(jobs []cosbackend.InventoryConfiguration) *cosgatev1.InventoryConfigurations {
	if len(jobs) == 0 {
		return nil
	}
	m := &cosgatev1.InventoryConfigurations{}
	for i := range jobs {
		m.Inventories = append(m.Inventories, inventoryProto(&jobs[i]))
	}
	return m
}

func inventoryProto(d *cosbackend.InventoryConfiguration) *cosgatev1.InventoryConfiguration {
	m := &cosgatev1.InventoryConfiguration{
		Id: d.ID, Enabled: d.Enabled, IncludedObjectVersions: d.IncludedObjectVersions,
		Filter: mapOptional(d.Filter, inventoryFilterProto), OptionalFields: d.OptionalFields,
		Destination: &cosgatev1.InventoryDestination{
			Bucket: bucketResource(d.Destination.Bucket), AccountId: d.Destination.AccountID, Prefix: d.Destination.Prefix, Format: d.Destination.Format,
		},
		Unknown: mapSlice(d.Unknown, unknownProto),
	}
	if d.Schedule != nil {
		m.Schedule = &cosgatev1.InventorySchedule{Frequency: d.Schedule.Frequency, MonthlyDate: d.Schedule.MonthlyDate}
	}
	if e := d.Destination.Encryption; e != nil {
		m.Destination.Encryption = &cosgatev1.InventoryEncryption{SseCos: e.SSECOS != nil}
	}
	return m
}

func inventoryFilterProto(f *cosbackend.InventoryFilter) *cosgatev1.InventoryFilter {
	m := &cosgatev1.InventoryFilter{Prefix: f.Prefix, Tags: mapSlice(f.Tags, tagProto), StorageClass: f.StorageClass}
	if f.And != nil {
		m.And = &cosgatev1.InventoryAnd{Prefix: f.And.Prefix, Tags: mapSlice(f.And.Tags, tagProto), StorageClass: f.And.StorageClass}
	}
	if f.Period != nil {
		m.Period = &cosgatev1.InventoryPeriod{StartTime: mapOptional(f.Period.StartTime, secondsProto), EndTime: mapOptional(f.Period.EndTime, secondsProto)}
	}
	return m
}

func secondsProto(unix *int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: *unix} }

func seconds(m *timestamppb.Timestamp) *int64 { return &m.Seconds }

func inventoryDocument(m *cosgatev1.InventoryConfiguration) *cosbackend.InventoryConfiguration {
	to := m.GetDestination()
	d := &cosbackend.InventoryConfiguration{
		ID: m.GetId(), Enabled: m.Enabled, IncludedObjectVersions: m.GetIncludedObjectVersions(),
		Filter: mapOptional(m.GetFilter(), inventoryFilter), OptionalFields: m.GetOptionalFields(),
		Destination: cosbackend.InventoryDestination{
			Bucket: to.GetBucket(), AccountID: to.GetAccountId(), Prefix: to.GetPrefix(), Format: to.GetFormat(),
		},
		Unknown: mapSlice(m.GetUnknown(), unknownPiece),
	}
	if s := m.GetSchedule(); s != nil {
		d.Schedule = &cosbackend.InventorySchedule{Frequency: s.GetFrequency(), MonthlyDate: s.MonthlyDate}
	}
	if e := to.GetEncryption(); e != nil {
		d.Destination.Encryption = &cosbackend.InventoryEncryption{}
		if e.GetSseCos() {
			d.Destination.Encryption.SSECOS = new(string)
		}
	}
	return d
}

func inventoryFilter(m *cosgatev1.InventoryFilter) *cosbackend.InventoryFilter {
	f := &cosbackend.InventoryFilter{Prefix: m.Prefix, Tags: mapSlice(m.GetTags(), tag), StorageClass: m.GetStorageClass()}
	if a := m.GetAnd(); a != nil {
		f.And = &cosbackend.InventoryAnd{Prefix: a.Prefix, Tags: mapSlice(a.GetTags(), tag), StorageClass: a.GetStorageClass()}
	}
	if p := m.GetPeriod(); p != nil {
		f.Period = &cosbackend.InventoryPeriod{StartTime: mapOptional(p.GetStartTime(), seconds), EndTime: mapOptional(p.GetEndTime(), seconds)}
	}
	return f
}
