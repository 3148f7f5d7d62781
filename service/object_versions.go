package service

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *objectServer) ListObjectVersions(ctx context.Context, req *cosgatev1.ListObjectVersionsRequest) (*cosgatev1.ListObjectVersionsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	l := list{"versions", req.GetBucket(), req.GetRegion(), client.Profile(), req.GetPrefix(), req.GetDelimiter(), req.GetStartAfter()}
	marker, err := l.marker(req.GetPageToken(), uploadMarker(req.GetStartAfter(), ""))
	if err != nil {
		return nil, err
	}
	key, id, err := splitUploadMarker(marker)
	if err != nil {
		return nil, err
	}
	page, err := client.ListObjectVersions(ctx, location(req), cosbackend.ListVersionsOptions{
		Prefix: req.GetPrefix(), Delimiter: req.GetDelimiter(), KeyMarker: key, VersionIDMarker: id, MaxKeys: pageSize(req.GetPageSize()),
	})
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.ListObjectVersionsResponse{
		NextPageToken: l.token(uploadMarker(page.NextKeyMarker, page.NextVersionIDMarker), page.Truncated),
	}
	resp.CommonPrefixes, resp.CommonPrefixesBytes = namesProto(page.CommonPrefixes)
	for _, v := range page.Versions {
		resp.Versions = append(resp.Versions, versionProto(req.GetBucket(), v))
	}
	return resp, nil
}

func versionProto(bucket string, v cosbackend.ObjectVersion) *cosgatev1.ObjectVersion {
	o := objectProto(bucket, v.ObjectInfo)
	if v.DeleteMarker {
		o.StorageClass = ""
	}
	return &cosgatev1.ObjectVersion{Object: o, IsLatest: v.IsLatest, DeleteMarker: v.DeleteMarker, Owner: o.GetOwner()}
}
