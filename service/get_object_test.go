package service

import (
	"bytes"
	"context"
	"hash/crc32"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// store puts an object of n bytes of noise under "k".
func (g *gateway) store(t *testing.T, n int) []byte {
	t.Helper()
	data := noise(n)
	if _, err := g.send(t.Context(), chunks(spec(int64(n)), data, 1<<20)...); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGetObjectSendsMetadataOnceAndEndsWithASummary(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, c := range []struct{ size, messages int }{{0, 1}, {1, 1}, {minMessage - frames.Overhead, 1}, {minMessage - frames.Overhead + 1, 2}, {3 * defaultMessageSize, -1}} {
		data := g.store(t, c.size)
		got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
		if err != nil || !bytes.Equal(got, data) || c.messages > 0 && len(ms) != c.messages {
			t.Fatalf("GetObject of %d bytes = %d bytes in %d messages, %v, want %d messages", c.size, len(got), len(ms), err, c.messages)
		}
		var offset int64
		for i, m := range ms {
			if (m.GetObject() != nil) != (i == 0) || (m.GetRange() != nil) != (i == 0) || (m.GetSummary() != nil) != (i == len(ms)-1) {
				t.Errorf("message %d of %d has object %v, range %v, summary %v", i, len(ms), m.GetObject() != nil, m.GetRange() != nil, m.GetSummary() != nil)
			}
			if ch := m.GetChunk(); ch != nil {
				if ch.GetOffset() != offset || ch.GetCrc32C() != crc32.Checksum(ch.GetData(), castagnoli()) {
					t.Errorf("message %d: offset %d and CRC32C %d do not fit its data at %d", i, ch.GetOffset(), ch.GetCrc32C(), offset)
				}
				offset += int64(len(ch.GetData()))
			}
		}
		want := &cosgatev1.ReadSummary{Bytes: int64(c.size), Crc64Ecma: ecma(data), Crc64EcmaVerified: true}
		if s := ms[len(ms)-1].GetSummary(); !proto.Equal(s, want) {
			t.Errorf("summary = %v, want %v", s, want)
		}
		if o := ms[0].GetObject(); o.GetBucket() != testBucket || o.GetKey() != "k" || o.GetSize() != int64(c.size) || o.GetEtag() == "" || o.GetLastModified() == nil {
			t.Errorf("object = %v, want bucket, key, size, ETag and time", o)
		}
	}
}

func TestGetObjectReadsRanges(t *testing.T) {
	t.Parallel()
	g := open(t)
	data := g.store(t, 100_000)
	for _, c := range []struct {
		name     string
		r        *cosgatev1.ByteRange
		from, to int
	}{
		{"middle", &cosgatev1.ByteRange{Offset: 10, Length: new(int64(70_000))}, 10, 70_010},
		{"to the end", &cosgatev1.ByteRange{Offset: 99_999}, 99_999, 100_000},
		{"from the beginning", &cosgatev1.ByteRange{}, 0, 100_000},
		{"more than there is", &cosgatev1.ByteRange{Offset: 5, Length: new(int64(1 << 40))}, 5, 100_000},
		{"suffix", &cosgatev1.ByteRange{SuffixLength: new(int64(7))}, 99_993, 100_000},
		{"longer suffix than object", &cosgatev1.ByteRange{SuffixLength: new(int64(1 << 40))}, 0, 100_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", Range: c.r, MessageSize: 32 << 10})
			if err != nil || !bytes.Equal(got, data[c.from:c.to]) {
				t.Fatalf("GetObject = %d bytes, %v, want bytes %d to %d", len(got), err, c.from, c.to)
			}
			want := &cosgatev1.ContentRange{Offset: int64(c.from), Length: int64(c.to - c.from), Size: 100_000}
			if !proto.Equal(ms[0].GetRange(), want) {
				t.Errorf("range = %v, want %v", ms[0].GetRange(), want)
			}
			if s := ms[len(ms)-1].GetSummary(); s.GetCrc64EcmaVerified() != (len(got) == len(data)) || s.GetCrc64Ecma() != ecma(got) {
				t.Errorf("summary = %v, verified only for the whole object", s)
			}
		})
	}
	_, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", Range: &cosgatev1.ByteRange{Offset: 100_000}})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.OutOfRange || e.GetCode() != "InvalidRange" {
		t.Errorf("GetObject behind the end = %v, want OUT_OF_RANGE, InvalidRange", err)
	}
}

func TestGetObjectNeverPassesDamagedContentOffAsGood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  embedded.Fault
		code   codes.Code
		reason string
	}{
		{"other checksum", embedded.Fault{WrongCRC64: true}, codes.DataLoss, cosstatus.ReasonChecksumMismatch},
		{"flipped byte", embedded.Fault{FlipByte: 1_500_000}, codes.DataLoss, cosstatus.ReasonChecksumMismatch},
		{"cut behind the headers", embedded.Fault{Truncate: -1}, codes.Unavailable, cosstatus.ReasonUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := open(t)
			g.store(t, 2_000_000)
			c.fault.Operation = "GetObject"
			g.cos.Faults().Add(c.fault)
			_, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != c.code || info.GetReason() != c.reason {
				t.Errorf("GetObject = %v, want %v, %s", err, c.code, c.reason)
			}
			for _, m := range ms {
				if m.GetSummary() != nil {
					t.Error("a summary was sent all the same")
				}
			}
		})
	}
}

func TestPreconditionsAreEvaluatedByCOS(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.store(t, 10)
	head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	etag := head.GetObject().GetEtag()
	for _, c := range []struct {
		name   string
		p      *cosgatev1.Preconditions
		code   codes.Code
		reason string
	}{
		{"match", &cosgatev1.Preconditions{IfMatch: etag}, codes.OK, ""},
		{"no match", &cosgatev1.Preconditions{IfMatch: "other"}, codes.FailedPrecondition, "PRECONDITION_FAILED"},
		{"not modified", &cosgatev1.Preconditions{IfNoneMatch: etag}, codes.FailedPrecondition, "NOT_MODIFIED"},
		{"modified", &cosgatev1.Preconditions{IfNoneMatch: "other"}, codes.OK, ""},
		{"not modified since", &cosgatev1.Preconditions{IfModifiedSince: head.GetObject().GetLastModified()}, codes.FailedPrecondition, "NOT_MODIFIED"},
		{"unmodified since", &cosgatev1.Preconditions{IfUnmodifiedSince: head.GetObject().GetLastModified()}, codes.OK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, headErr := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", Preconditions: c.p})
			_, _, getErr := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", Preconditions: c.p})
			if e, _ := detail[*cosgatev1.CosError](getErr); c.reason == "NOT_MODIFIED" && e.GetHeaders()["etag"] != `"`+etag+`"` {
				t.Errorf("CosError.headers of GetObject = %v, want the ETag", e.GetHeaders())
			}
			for _, err := range []error{headErr, getErr} {
				info, _ := detail[*errdetails.ErrorInfo](err)
				if status.Code(err) != c.code || info.GetReason() != c.reason {
					t.Errorf("got %v, want %v %s", err, c.code, c.reason)
				}
			}
		})
	}
}

func TestGetObjectReleasesTheConnectionWhenCancelled(t *testing.T) {
	g := open(t)
	g.store(t, 8<<20)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := g.objects.GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("Recv = %v, want CANCELLED", err)
	}
	// goleak in TestMain and the embedded server's Close see whether anything is left.
}

// Go callers with the ordinary codec pay for the next larger buffer when a message is
// one byte longer than one.
func TestGetObjectMessagesFillTheBuffersOfCallers(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.store(t, 3<<20)
	for _, most := range []int32{0, 64 << 10} {
		_, ms, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", MessageSize: most})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range ms[1 : len(ms)-1] {
			size, length := proto.Size(m), len(m.GetChunk().GetData())
			buffer := length + frames.Overhead
			if buffer&(buffer-1) != 0 || size > buffer || most > 0 && length > int(most) {
				t.Errorf("message %d has %d bytes with %d of content, want a power of two, almost", i+1, size, length)
			}
		}
	}
}
