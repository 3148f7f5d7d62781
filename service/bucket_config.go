package service

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// configsInParallel is how many configurations of a bucket GetBucketConfig reads at
// a time.
const configsInParallel = 4

// bucketConfigServer implements BucketConfigService; the contract is in
// bucket_config_service.proto.
type bucketConfigServer struct {
	cosgatev1.UnimplementedBucketConfigServiceServer
	profiles
	mapper *mapper
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
	parts := slices.Sorted(slices.Values(req.GetParts()))
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
	if v, _ := s.mapper.decide(ctx, err); v.rejects {
		return err
	}
	return nil
}

// partFailures tells the failures of parts; what is not configured is none.
func (s *bucketConfigServer) partFailures(ctx context.Context, parts []cosgatev1.BucketConfigPart, failures []error) []*cosgatev1.BucketConfigFailure {
	var out []*cosgatev1.BucketConfigFailure
	for i, err := range failures {
		if err == nil || cosbackend.NotConfigured(err) {
			continue
		}
		st, _ := s.mapper.status(ctx, err, callFrom(ctx).requestID)
		out = append(out, &cosgatev1.BucketConfigFailure{Part: parts[i], Status: st.Proto()})
	}
	return out
}

// mapped converts each element of a list.
func mapped[A, B any](list []A, convert func(A) B) []B {
	var out []B
	for _, a := range list {
		out = append(out, convert(a))
	}
	return out
}

// perhaps converts what is there; nil stays nil.
func perhaps[A, B any](a *A, convert func(*A) *B) *B {
	if a == nil {
		return nil
	}
	return convert(a)
}
