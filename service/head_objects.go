package service

import (
	"cmp"
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// headsInParallel is how many requests to COS one HeadObjects makes at a time.
	headsInParallel = 16
	// maxHeadsSize is how many bytes of results go into one response. Clients accept 4 MiB
	// by default; the rest is for the statuses of the results that do not fit.
	maxHeadsSize = 4<<20 - 256<<10
)

func (s *objectServer) HeadObjects(ctx context.Context, req *cosgatev1.HeadObjectsRequest) (*cosgatev1.HeadObjectsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	results := make([]*cosgatev1.HeadObjectsResult, len(req.GetObjects()))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(headsInParallel)
	for i, o := range req.GetObjects() {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() (err error) {
			results[i], err = s.headOne(groupCtx, client, req, o)
			return err
		})
	}
	if err := cmp.Or(group.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	limitHeads(results, maxHeadsSize)
	return &cosgatev1.HeadObjectsResponse{Results: results}, nil
}

// headOne reads the metadata of one object. It returns an error when that concerns the whole
// call: the failure is not about this object, or the caller gave up.
func (s *objectServer) headOne(ctx context.Context, client *cosbackend.Client, req *cosgatev1.HeadObjectsRequest, o *cosgatev1.HeadObjectsItem) (*cosgatev1.HeadObjectsResult, error) {
	info, err := client.HeadObject(ctx, location(req), o.GetKey(), cosbackend.ReadOptions{
		VersionID: o.GetVersionId(), CustomerKey: customerKey(req.GetCustomerKey()),
	})
	e, isCOS := errors.AsType[*cosbackend.Error](err)
	switch {
	case err == nil:
		return &cosgatev1.HeadObjectsResult{Result: &cosgatev1.HeadObjectsResult_Object{Object: objectProto(req.GetBucket(), info)}}, nil
	case ctx.Err() != nil || !isCOS:
		return nil, err
	}
	return headFailed(s.mapper.ItemStatus(e)), nil
}

func headFailed(st *spb.Status) *cosgatev1.HeadObjectsResult {
	return &cosgatev1.HeadObjectsResult{Result: &cosgatev1.HeadObjectsResult_Status{Status: st}}
}

// limitHeads replaces the results that do not fit into room by a status.
func limitHeads(results []*cosgatev1.HeadObjectsResult, room int) {
	full := headFailed(status.Convert(cosstatus.Fail(codes.ResourceExhausted, cosstatus.ReasonResponseFull, "the response is full; ask for this object again, with fewer others")).Proto())
	for i, r := range results {
		size := proto.Size(r) + 8 // its tag and length
		if size > room {
			results[i] = full
			continue
		}
		room -= size
	}
}
