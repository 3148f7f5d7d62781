package service

import (
	"cmp"
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// objectServer implements ObjectService; the contract is in object_service.proto.
// The streams are in get_object.go and put_object.go.
type objectServer struct {
	cosgatev1.UnimplementedObjectServiceServer
	profiles
	mapper *cosstatus.Mapper // for failures inside a successful response
	parts  partSettings
	reads  readSettings
}

var _ cosgatev1.ObjectServiceServer = (*objectServer)(nil)

// maxPage is the most entries COS gives in one page.
const maxPage = 1000

func pageSize(asked int32) int {
	if asked == 0 {
		return maxPage
	}
	return int(asked)
}

func (s *objectServer) HeadObject(ctx context.Context, req *cosgatev1.HeadObjectRequest) (*cosgatev1.HeadObjectResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	info, err := client.HeadObject(ctx, location(req), req.GetKey(), cosbackend.ReadOptions{
		VersionID:  req.GetVersionId(),
		Conditions: conditions(req.GetPreconditions()), CustomerKey: customerKey(req.GetCustomerKey()),
	})
	if err != nil {
		return nil, err
	}
	return &cosgatev1.HeadObjectResponse{Object: objectProto(req.GetBucket(), info)}, nil
}

func (s *objectServer) DeleteObject(ctx context.Context, req *cosgatev1.DeleteObjectRequest) (*cosgatev1.DeleteObjectResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	deleted, err := client.DeleteObject(ctx, location(req), req.GetKey(), req.GetVersionId())
	if err != nil {
		return nil, err
	}
	version := cmp.Or(deleted.DeleteMarkerVersionID, deleted.VersionID)
	return &cosgatev1.DeleteObjectResponse{VersionId: version, DeleteMarker: deleted.DeleteMarker}, nil
}

func (s *objectServer) DeleteObjects(ctx context.Context, req *cosgatev1.DeleteObjectsRequest) (*cosgatev1.DeleteObjectsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	ids := make([]cosbackend.ObjectID, len(req.GetObjects()))
	for i, o := range req.GetObjects() {
		ids[i] = cosbackend.ObjectID{Key: o.GetKey(), VersionID: o.GetVersionId()}
	}
	result, err := client.DeleteObjects(ctx, location(req), ids, req.GetQuiet())
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.DeleteObjectsResponse{}
	for _, d := range result.Deleted {
		resp.Deleted = append(resp.Deleted, &cosgatev1.DeletedObject{
			Key: d.Key, VersionId: d.VersionID, DeleteMarker: d.DeleteMarker, DeleteMarkerVersionId: d.DeleteMarkerVersionID,
		})
	}
	for _, f := range result.Failures {
		resp.Failures = append(resp.Failures, s.deleteFailure(req, f, result))
	}
	resp.UnexpectedKeys = result.Unexpected[:min(len(result.Unexpected), maxUnexpectedKeys)]
	return resp, nil
}

// maxUnexpectedKeys is how many keys that nobody asked for a response names.
const maxUnexpectedKeys = 100

func (s *objectServer) deleteFailure(req *cosgatev1.DeleteObjectsRequest, f cosbackend.DeleteFailure, r cosbackend.DeleteResult) *cosgatev1.DeleteFailure {
	failure := &cosgatev1.DeleteFailure{Key: f.Key, VersionId: f.VersionID}
	if f.NotSent {
		failure.Status = status.Convert(cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, "key",
			"has a character that XML cannot express, and was not sent; DeleteObject can delete it")).Proto()
		return failure
	}
	failure.Status = s.mapper.ItemStatus(&cosbackend.Error{
		Op: "DeleteObjects", Bucket: req.GetBucket(), Key: f.Key, Region: req.GetRegion(),
		Origin: cosbackend.OriginCOS, HTTPStatus: 200, InSuccessBody: !f.NotMentioned, Attempts: 1,
		Code: f.Code, Message: f.Message, RequestID: r.RequestID, TraceID: r.TraceID,
		OutcomeUnknown: f.NotMentioned,
	})
	if f.NotMentioned {
		failure.Status.Message = "COS accepted the list, but its response does not mention this object: it may have been deleted or not; delete it again"
	}
	return failure
}

func (s *objectServer) ListObjects(ctx context.Context, req *cosgatev1.ListObjectsRequest) (*cosgatev1.ListObjectsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	l := list{"objects", req.GetBucket(), req.GetRegion(), client.Profile(), req.GetPrefix(), req.GetDelimiter(), req.GetStartAfter()}
	marker, err := l.marker(req.GetPageToken(), req.GetStartAfter())
	if err != nil {
		return nil, err
	}
	page, err := client.ListObjects(ctx, location(req), cosbackend.ListOptions{
		Prefix: req.GetPrefix(), Delimiter: req.GetDelimiter(), Marker: marker, MaxKeys: pageSize(req.GetPageSize()),
	})
	if err != nil {
		return nil, err
	}
	resp := &cosgatev1.ListObjectsResponse{NextPageToken: l.token(page.NextMarker, page.Truncated)}
	resp.CommonPrefixes, resp.CommonPrefixesBytes = namesProto(page.CommonPrefixes)
	for _, o := range page.Objects {
		resp.Objects = append(resp.Objects, objectProto(req.GetBucket(), o))
	}
	return resp, nil
}
