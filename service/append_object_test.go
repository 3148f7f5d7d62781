package service

import (
	"context"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

func TestAppendObjectAppendsAtTheEndOnly(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	var base *uint64
	for _, c := range []struct {
		at   int64
		data string
		next int64
	}{{0, "one ", 4}, {4, "two ", 8}, {8, "three", 13}} {
		resp, err := g.append(ctx, c.at, c.data, base)
		base = resp.Crc64Ecma
		if err != nil || resp.GetNextPosition() != c.next || resp.GetEtag() == "" {
			t.Fatalf("AppendObject at %d = %v, %v, want next position %d", c.at, resp, err, c.next)
		}
	}
	_, err := g.append(ctx, 4, "again", nil)
	wantCode(t, "a wrong position", err, codes.Aborted, "AppendPositionErr")
	if conflict, _ := detail[*cosgatev1.AppendConflict](err); conflict.GetNextPosition() != 13 {
		t.Errorf("AppendConflict = %v, want next_position 13", conflict)
	}
	got, ms, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "log"})
	if err != nil || string(got) != "one two three" || ms[0].GetObject().GetObjectType() != "appendable" {
		t.Errorf("GetObject = %q of %v, %v", got, ms, err)
	}
	g.put(t, "log", []byte("plain"))
	_, err = g.append(ctx, 5, "x", nil)
	wantCode(t, "an ordinary object", err, codes.FailedPrecondition, "ObjectNotAppendable")
}

func TestAppendObjectSettlesLostResponses(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "AppendObject", Nth: 1, LoseResponse: true})
	resp, err := g.append(t.Context(), 0, "once", nil)
	if err != nil || resp.GetNextPosition() != 4 {
		t.Fatalf("AppendObject whose response was lost = %v, %v, want position 4", resp, err)
	}
	if got, _, _ := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "log"}); string(got) != "once" {
		t.Errorf("the object is %q, want the content once", got)
	}
}

func TestAppendObjectAcceptsAttributesAtPositionZeroOnly(t *testing.T) {
	t.Parallel()
	g := open(t)
	stream, err := g.objects.AppendObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&cosgatev1.AppendObjectRequest{Spec: &cosgatev1.AppendObjectSpec{
		Bucket: testBucket, Key: "log", Position: 1, Size: proto.Int64(0), Attributes: &cosgatev1.ObjectAttributes{},
	}, Finish: true})
	if _, err := stream.CloseAndRecv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("AppendObject = %v, want INVALID_ARGUMENT", err)
	}
}

func TestAppendObjectChecksTheChecksumOfAllContent(t *testing.T) {
	t.Parallel()
	g := open(t)
	if _, err := g.append(t.Context(), 0, "one", nil); err != nil {
		t.Fatal(err)
	}
	wrong := uint64(1)
	_, err := g.append(t.Context(), 3, "two", &wrong)
	if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.DataLoss || info.GetReason() != cosstatus.ReasonChecksumMismatch {
		t.Errorf("AppendObject with another base = %v, want DATA_LOSS, %s", err, cosstatus.ReasonChecksumMismatch)
	}
}

// append adds data at position; base is the checksum of what is there, nil when unknown.
func (g *gateway) append(ctx context.Context, position int64, data string, base *uint64) (*cosgatev1.AppendObjectResponse, error) {
	stream, err := g.objects.AppendObject(ctx)
	if err != nil {
		return nil, err
	}
	_ = stream.Send(&cosgatev1.AppendObjectRequest{
		Spec:  &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: "log", Position: position, Size: new(int64(len(data))), BaseCrc64Ecma: base},
		Chunk: &cosgatev1.Chunk{Data: []byte(data)}, Finish: true,
	}) // a failure shows in the response
	return stream.CloseAndRecv()
}
