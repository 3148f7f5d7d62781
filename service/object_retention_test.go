package service

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestObjectRetentionProtectsObjects(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	g.lock(t)
	g.put(t, "k", []byte("x"))
	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	put := func(at time.Time) error {
		return second(g.objects.PutObjectRetention(ctx, &cosgatev1.PutObjectRetentionRequest{Bucket: testBucket, Key: "k", Retention: &cosgatev1.ObjectRetention{RetainUntilDate: timestamppb.New(at)}}))
	}
	must(t, put(until.Add(-time.Millisecond))) // rounded up
	got, err := g.objects.GetObjectRetention(ctx, &cosgatev1.GetObjectRetentionRequest{Bucket: testBucket, Key: "k"})
	if r := got.GetRetention(); err != nil || r.GetMode() != "COMPLIANCE" || !r.GetRetainUntilDate().AsTime().Equal(until) {
		t.Errorf("GetObjectRetention = %v, %v, want COMPLIANCE until %v", got, err, until)
	}
	_, putErr := g.send(ctx, &putRequest{Spec: spec(-1), Chunk: chunk("y"), Finish: true})
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"shorten":   {put(until.Add(-time.Hour)), "InvalidLockedTime"},
		"overwrite": {putErr, "ObjectLocked"},
		"delete":    {second(g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k"})), "ObjectLocked"},
	} {
		if e, _ := detail[*cosgatev1.CosError](c.err); status.Code(c.err) != codes.FailedPrecondition || e.GetCode() != c.code {
			t.Errorf("%s = %v, want FAILED_PRECONDITION, %s", name, c.err, c.code)
		}
	}
	must(t, put(until.Add(time.Hour)))
	many, err := g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "k"}, {Key: "absent"}}})
	if err != nil || len(many.GetFailures()) != 1 || codes.Code(many.GetFailures()[0].GetStatus().GetCode()) != codes.FailedPrecondition {
		t.Errorf("DeleteObjects = %v, %v, want one that is locked", many, err)
	}
}
