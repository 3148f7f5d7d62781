package service

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestRestoreObjectMakesArchivedObjectsReadable(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	g := open(t, func(s *setup) {
		clock := func() time.Time { return now }
		s.cos.Clock, s.backend.Clock, s.cos.RestoreDelay = clock, clock, time.Hour
	})
	ctx := t.Context()
	s := spec(-1)
	s.Attributes = &cosgatev1.ObjectAttributes{StorageClass: "ARCHIVE"}
	_, err := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})
	must(t, err)
	restore := func() (*cosgatev1.RestoreObjectResponse, error) {
		return g.objects.RestoreObject(ctx, &cosgatev1.RestoreObjectRequest{Bucket: testBucket, Key: "k", Days: 2, Tier: "Standard"})
	}
	state := func() *cosgatev1.RestoreState {
		head, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
		must(t, err)
		return head.GetObject().GetRestore()
	}
	if r := state(); r != nil {
		t.Errorf("restore = %v before it began, want none", r)
	}
	if resp, err := restore(); err != nil || resp.GetAlreadyRestored() {
		t.Fatalf("RestoreObject = %v, %v", resp, err)
	}
	if r := state(); !r.GetOngoingRequest() || r.GetExpiryDate() != nil {
		t.Errorf("restore = %v, want one under way", r)
	}
	_, err = restore()
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.AlreadyExists || e.GetCode() != "RestoreAlreadyInProgress" {
		t.Errorf("RestoreObject again = %v, want ALREADY_EXISTS", err)
	}
	if err := g.read(ctx); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("GetObject of an archived object = %v, want FAILED_PRECONDITION", err)
	}
	now = now.Add(2 * time.Hour)
	if r := state(); r.GetOngoingRequest() || r.GetExpiryDate() == nil {
		t.Errorf("restore = %v, want it done", r)
	}
	must(t, g.read(ctx))
	if resp, err := restore(); err != nil || !resp.GetAlreadyRestored() {
		t.Errorf("RestoreObject of a restored object = %v, %v, want already_restored", resp, err)
	}
	g.put(t, "plain", []byte("x"))
	_, err = g.objects.RestoreObject(ctx, &cosgatev1.RestoreObjectRequest{Bucket: testBucket, Key: "plain", Days: 1})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.FailedPrecondition || e.GetCode() != "RestoreNonArchiveObject" {
		t.Errorf("RestoreObject of a plain object = %v, want FAILED_PRECONDITION, RestoreNonArchiveObject", err)
	}
}
