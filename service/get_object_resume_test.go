package service

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

func TestGetObjectContinuesABrokenReadAfterTheLastByte(t *testing.T) {
	t.Parallel()
	const size = 300_000
	for _, c := range []struct {
		name  string
		fault embedded.Fault
		r     *cosgatev1.ByteRange
	}{
		{"cut again and again", embedded.Fault{Truncate: 100_000}, nil},
		{"cut at the first byte", embedded.Fault{Truncate: -1, Count: 2}, nil},
		{"cut at the last byte", embedded.Fault{Truncate: size - 1}, nil},
		{"cut in a range", embedded.Fault{Truncate: 1000, Count: 3}, &cosgatev1.ByteRange{Offset: 5, Length: new(int64(200_000))}},
		{"cut in a suffix", embedded.Fault{Truncate: 1000, Count: 3}, &cosgatev1.ByteRange{SuffixLength: new(int64(5_000))}},
		{"silent", embedded.Fault{StallAfter: 150_000, Count: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := open(t, func(s *setup) { s.options.ReadStall = 100 * time.Millisecond })
			data := g.store(t, size)
			c.fault.Operation = "GetObject"
			fault := g.cos.Faults().Add(c.fault)
			got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", Range: c.r})
			if err != nil {
				t.Fatal(err)
			}
			want := data
			switch {
			case c.r.GetSuffixLength() > 0:
				want = data[size-5_000:]
			case c.r != nil:
				want = data[5:200_005]
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, which are not the %d asked for", len(got), len(want))
			}
			if s := ms[len(ms)-1].GetSummary(); s.GetCrc64Ecma() != ecma(want) || s.GetCrc64EcmaVerified() != (c.r == nil) {
				t.Errorf("summary = %v", s)
			}
			if g.cos.Faults().Hits(fault) == 0 {
				t.Error("the fault did not strike")
			}
		})
	}
}

func TestGetObjectThatBreaksTooOftenSaysWhereToContinue(t *testing.T) {
	t.Parallel()
	g := open(t)
	data := g.store(t, 100_000)
	g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Nth: 1, Truncate: 70_000})
	g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Reset: true})
	got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	resume, ok := detail[*cosgatev1.ReadResume](err)
	if status.Code(err) != codes.Unavailable || !ok {
		t.Fatalf("GetObject = %v, want UNAVAILABLE with ReadResume", err)
	}
	if _, ok := detail[*errdetails.RetryInfo](err); !ok {
		t.Error("there is no RetryInfo")
	}
	g.cos.Faults().Clear()
	rest, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{
		Bucket: testBucket, Key: "k", Range: &cosgatev1.ByteRange{Offset: resume.GetNextOffset()},
		Preconditions: &cosgatev1.Preconditions{IfMatch: resume.GetEtag()},
	})
	if err != nil || int64(len(got)) > resume.GetNextOffset() {
		t.Fatalf("going on at %d after %d bytes = %v", resume.GetNextOffset(), len(got), err)
	}
	if !bytes.Equal(append(data[:resume.GetNextOffset():resume.GetNextOffset()], rest...), data) {
		t.Error("what was read before and after is not the object")
	}
}

func TestGetObjectIsAbortedWhenTheObjectChanges(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.store(t, 8<<20)
	g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Nth: 1, Truncate: 6 << 20})
	stream, err := g.objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	g.put(t, "k", []byte("other"))
	for err == nil {
		_, err = stream.Recv()
	}
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.Aborted || info.GetReason() != cosstatus.ReasonObjectChanged {
		t.Errorf("Recv = %v, want ABORTED, %s", err, cosstatus.ReasonObjectChanged)
	}
}

// A caller that stops reading costs a few small messages, however large the object.
func TestGetObjectOfSlowCallersHoldsLittleMemory(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.store(t, 8<<20)
	const readers = 20
	for range readers {
		stream, err := g.objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if got := g.pool.InUse(); got > readers*(512<<10) {
		t.Errorf("%d stalled readers hold %d KiB", readers, got>>10)
	}
}
