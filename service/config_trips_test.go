package service

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// elsewhere is a second bucket, into which the SDK copies configurations. An object
// lock cannot be undone, and has buckets of its own.
const (
	elsewhere       = "copy-1250000000"
	locked          = "locked-1250000000"
	lockedElsewhere = "locked-copy-1250000000"
)

type configs = cosgatev1.BucketConfigServiceClient

// A configTrip is one kind of configuration: how one is made up, put and read.
type configTrip struct {
	name  string
	empty func() proto.Message
	fix   func(r *randomizer, m proto.Message, forSDK bool)
	put   func(ctx context.Context, c configs, bucket string, m proto.Message) error
	get   func(ctx context.Context, c configs, bucket string, put proto.Message) (proto.Message, error)
	// copy reads with the official SDK from one bucket and writes to another; nil where the
	// SDK does not have the configuration.
	copy func(ctx context.Context, from, to *cos.BucketService, m proto.Message) error
}

func trip[M proto.Message](
	name string, empty func() M, fix func(*randomizer, M, bool),
	put func(context.Context, configs, string, M) error,
	get func(context.Context, configs, string, M) (M, error),
	sdk func(context.Context, *cos.BucketService, *cos.BucketService, M) error,
) configTrip {
	made := configTrip{
		name:  name,
		empty: func() proto.Message { return empty() },
		fix:   func(r *randomizer, m proto.Message, forSDK bool) { fix(r, m.(M), forSDK) },
		put: func(ctx context.Context, c configs, bucket string, m proto.Message) error {
			return put(ctx, c, bucket, m.(M))
		},
		get: func(ctx context.Context, c configs, bucket string, m proto.Message) (proto.Message, error) {
			return get(ctx, c, bucket, m.(M))
		},
	}
	if sdk != nil {
		made.copy = func(ctx context.Context, from, to *cos.BucketService, m proto.Message) error {
			return sdk(ctx, from, to, m.(M))
		}
	}
	return made
}

// asIs leaves a document as the rules made it.
func asIs[M proto.Message](*randomizer, M, bool) {}

// buckets are where a configuration is put, and where the SDK copies it.
func (c configTrip) buckets() (from, to string) {
	if c.name == "ObjectLock" {
		return locked, lockedElsewhere
	}
	return testBucket, elsewhere
}

func openConfigs(t *testing.T, change ...func(*setup)) *gateway {
	t.Helper()
	return open(t, append([]func(*setup){func(s *setup) {
		s.cos = embedded.Options{Buckets: []string{testBucket, elsewhere, locked, lockedElsewhere}, Region: testRegion}
	}}, change...)...)
}

func configTrips() []configTrip {
	return slices.Concat(accessTrips(), storedTrips(), ruledTrips(), namedTrips())
}

// A new configuration must be put and read back at random, too.
func TestBucketConfigHasATripForEachSection(t *testing.T) {
	t.Parallel()
	tripped := make(map[protoreflect.FullName]bool)
	for _, c := range configTrips() {
		tripped[c.empty().ProtoReflect().Descriptor().FullName()] = true
	}
	fields := (&cosgatev1.BucketConfig{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Message() == nil { // the policy is a JSON text and has tests of its own
			continue
		}
		doc := f.Message()
		if inner := doc.Fields(); inner.Len() == 1 && inner.Get(0).IsList() && strings.HasSuffix(string(doc.Name()), "Configurations") {
			doc = inner.Get(0).Message() // several documents with ids
		}
		if !tripped[doc.FullName()] {
			t.Errorf("%s has no trip: add one to configTrips", f.Name())
		}
	}
}
