package service

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

func toHead(keys ...string) *cosgatev1.HeadObjectsRequest {
	req := &cosgatev1.HeadObjectsRequest{Bucket: testBucket}
	for _, k := range keys {
		req.Objects = append(req.Objects, &cosgatev1.HeadObjectsItem{Key: k})
	}
	return req
}

func TestHeadObjectsKeepsTheOrderAndFailsOneByOne(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	var keys []string
	for i := range 300 {
		key := fmt.Sprintf("k%03d", i)
		if keys = append(keys, key); i%3 != 1 {
			g.put(t, key, fmt.Append(nil, i))
		}
	}
	g.cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Key: "k002", Status: 403})
	g.cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Key: "k003", Reset: true})
	resp, err := g.objects.HeadObjects(ctx, toHead(keys...))
	if err != nil || len(resp.GetResults()) != len(keys) {
		t.Fatalf("HeadObjects = %d results, %v", len(resp.GetResults()), err)
	}
	for i, r := range resp.GetResults() {
		want := codes.OK
		switch {
		case i == 2:
			want = codes.PermissionDenied
		case i == 3:
			want = codes.Unavailable
		case i%3 == 1:
			want = codes.NotFound
		}
		if want == codes.OK {
			if o := r.GetObject(); o.GetKey() != keys[i] || o.GetEtag() == "" || o.GetBucket() != testBucket {
				t.Errorf("result %d = %v", i, r)
			}
			continue
		}
		err := status.ErrorProto(r.GetStatus())
		e, _ := detail[*cosgatev1.CosError](err)
		info, _ := detail[*errdetails.ErrorInfo](err)
		if status.Code(err) != want || e.GetKey() != keys[i] || e.GetOperation() != "HeadObject" || info.GetReason() == "" || want != codes.Unavailable && e.GetRequestId() == "" {
			t.Errorf("result %d = %v, %v, want %v of %s", i, err, e, want, keys[i])
		}
		if _, ok := detail[*errdetails.RetryInfo](err); ok != (want == codes.Unavailable) {
			t.Errorf("result %d has RetryInfo: %v", i, ok)
		}
	}
}

// What HeadObject says and what HeadObjects says of the same object is the same.
func TestHeadObjectsReturnsWhatHeadObjectReturns(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("x"))
	many, err := g.objects.HeadObjects(t.Context(), toHead("k", "absent", "k"))
	must(t, err)
	one, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
	must(t, err)
	for _, i := range []int{0, 2} {
		if !proto.Equal(many.GetResults()[i].GetObject(), one.GetObject()) {
			t.Errorf("HeadObjects = %v, want %v", many.GetResults()[i], one)
		}
	}
	_, err = g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "absent"})
	if st := many.GetResults()[1].GetStatus(); codes.Code(st.GetCode()) != status.Code(err) {
		t.Errorf("HeadObjects = %v, want the code of %v", st, err)
	}
}

func TestHeadObjectsEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Delay: time.Hour})
	var keys []string
	for i := range 1000 {
		keys = append(keys, fmt.Sprint(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.objects.HeadObjects(ctx, toHead(keys...)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("HeadObjects = %v, want DEADLINE_EXCEEDED", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := g.objects.HeadObjects(ctx, toHead(keys...)); status.Code(err) != codes.Canceled {
		t.Errorf("HeadObjects = %v, want CANCELLED", err)
	}
	if n := len(g.requests()); n > 2*headsInParallel {
		t.Errorf("COS saw %d requests, want at most %d at a time", n, headsInParallel)
	}
}

func TestHeadObjectsFailsAsOneWhenNoObjectIsAtFault(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Region = "" })
	req := toHead("k")
	req.Profile = "absent"
	if _, err := g.objects.HeadObjects(t.Context(), req); status.Code(err) != codes.NotFound {
		t.Errorf("HeadObjects with an unknown profile = %v, want NOT_FOUND", err)
	}
	req = toHead("k", "l")
	req.Bucket = "absent-1250000000"
	_, err := g.objects.HeadObjects(t.Context(), req)
	if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.NotFound || info.GetReason() != cosstatus.ReasonRegionUnknown {
		t.Errorf("HeadObjects of a bucket of unknown region = %v, want NOT_FOUND, %s", err, cosstatus.ReasonRegionUnknown)
	}
	for _, req := range []*cosgatev1.HeadObjectsRequest{toHead(), toHead(""), toHead(make([]string, 1001)...)} {
		if _, err := g.objects.HeadObjects(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("HeadObjects of %d = %v, want INVALID_ARGUMENT", len(req.GetObjects()), err)
		}
	}
}

func TestHeadObjectsReplacesResultsThatDoNotFit(t *testing.T) {
	t.Parallel()
	object := func(n int) *cosgatev1.HeadObjectsResult {
		return &cosgatev1.HeadObjectsResult{Result: &cosgatev1.HeadObjectsResult_Object{Object: &cosgatev1.Object{Key: strings.Repeat("k", n)}}}
	}
	results := []*cosgatev1.HeadObjectsResult{object(400), object(700), object(400), object(10)}
	limitHeads(results, 900)
	for i, fits := range []bool{true, false, true, true} {
		st := results[i].GetStatus()
		if (st == nil) != fits || !fits && codes.Code(st.GetCode()) != codes.ResourceExhausted {
			t.Errorf("result %d = %v, fits %v", i, results[i], fits)
		}
	}
	// The worst that can come stays below what clients take.
	worst := make([]*cosgatev1.HeadObjectsResult, 1000)
	for i := range worst {
		worst[i] = object(9000)
	}
	limitHeads(worst, maxHeadsSize)
	if n := proto.Size(&cosgatev1.HeadObjectsResponse{Results: worst}); n > 4<<20 {
		t.Errorf("the largest response has %d bytes, want at most 4 MiB", n)
	}
}
