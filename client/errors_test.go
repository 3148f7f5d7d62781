package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestErrorHasAllDetailsOfTheStatus(t *testing.T) {
	t.Parallel()
	info := &errdetails.ErrorInfo{Reason: "SLOW_DOWN", Domain: "cosgate", Metadata: map[string]string{
		"cos_code": "SlowDown", "http_status": "503", "request_id": "r1",
	}}
	for name, v := range map[string]struct {
		err  error
		want Error
	}{
		"all": {
			failed(codes.ResourceExhausted, info,
				&cosgatev1.CosError{Code: "SlowDown", HttpStatus: 503, RequestId: "r1", TraceId: "t1", OutcomeUnknown: true},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(2 * time.Second)},
				&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "key", Description: "is odd", Reason: "ODD"}}},
				&errdetails.RequestInfo{RequestId: "g1"}),
			Error{
				Code: codes.ResourceExhausted, Message: "as the test wants", Reason: "SLOW_DOWN",
				COSCode: "SlowDown", HTTPStatus: 503, RequestID: "r1", TraceID: "t1", GatewayRequestID: "g1",
				Fields:    []FieldViolation{{"key", "is odd", "ODD"}},
				Retryable: true, RetryDelay: 2 * time.Second, OutcomeUnknown: true,
			},
		},
		"only the first detail": {
			failed(codes.ResourceExhausted, info),
			Error{
				Code: codes.ResourceExhausted, Message: "as the test wants", Reason: "SLOW_DOWN",
				COSCode: "SlowDown", HTTPStatus: 503, RequestID: "r1",
			},
		},
		"none": {
			status.Error(codes.Internal, "text"), Error{Code: codes.Internal, Message: "text"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := FromError(v.err)
			if !ok {
				t.Fatal("FromError finds none")
			}
			if diff := cmp.Diff(v.want, *got, cmpopts.IgnoreUnexported(Error{})); diff != "" {
				t.Errorf("FromError (-want +got):\n%s", diff)
			}
			if status.Code(got) != v.want.Code || len(status.Convert(got).Details()) != len(status.Convert(v.err).Details()) {
				t.Errorf("the status of %v is not the one it was made of", got)
			}
		})
	}
}

func TestErrorMadeByHandHasAStatus(t *testing.T) {
	t.Parallel()
	if got := status.Convert(&Error{Code: codes.NotFound, Message: "text"}); got.Code() != codes.NotFound || got.Message() != "text" {
		t.Errorf("status = %v, want NOT_FOUND and the text", got)
	}
}

func TestFromErrorFindsAnErrorOrNone(t *testing.T) {
	t.Parallel()
	e := failure(codes.DataLoss, reasonChecksum, "text")
	if got, ok := FromError(fmt.Errorf("reading: %w", e)); !ok || got != e {
		t.Errorf("FromError of a wrapped *Error = %v, %t, want itself", got, ok)
	}
	for _, err := range []error{nil, io.EOF, errors.New("other")} {
		if got, ok := FromError(err); ok || got != nil {
			t.Errorf("FromError(%v) = %v, %t, want none", err, got, ok)
		}
	}
}

func TestErrorComesFromStubsToo(t *testing.T) {
	t.Parallel()
	c, cos := open(t)
	_, err := c.Buckets().CreateBucket(t.Context(), &cosgatev1.CreateBucketRequest{Bucket: testBucket})
	e := mustFail(t, "CreateBucket", err, codes.AlreadyExists, "BUCKET_ALREADY_OWNED_BY_YOU")
	if e.COSCode != "BucketAlreadyOwnedByYou" || e.RequestID == "" || e.GatewayRequestID == "" {
		t.Errorf("CreateBucket = %+v, want the code and the ids", e)
	}
	_, err = c.Objects().HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: "Not A Bucket", Key: "k"})
	e = mustFail(t, "HeadObject", err, codes.InvalidArgument, "INVALID_FIELD")
	if len(e.Fields) != 1 || e.Fields[0].Field != "bucket" || e.Fields[0].Description == "" {
		t.Errorf("HeadObject = %+v, want the field bucket", e)
	}
	stream, err := c.Objects().GetObject(t.Context(), object("absent"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	mustFail(t, "GetObject", err, codes.NotFound, "NO_SUCH_KEY")

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	cos.addFault(t, fault{Operation: "HeadObject", Delay: time.Hour})
	if _, err := c.Objects().HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("HeadObject = %v, want context.DeadlineExceeded", err)
	}
}

func TestClientStubsGetObjectAndPutObject(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	stream, err := c.Objects().PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&cosgatev1.PutObjectRequest{Spec: spec("k"), Chunk: &cosgatev1.Chunk{Data: []byte("hello")}, Finish: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	get, err := c.Objects().GetObject(t.Context(), object("k"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := get.Recv()
	if err != nil || string(m.GetChunk().GetData()) != "hello" {
		t.Errorf("Recv = %v, %v, want hello", m, err)
	}
	if _, err := get.Recv(); err != io.EOF { //nolint:errorlint // Recv returns it bare
		t.Errorf("Recv at the end = %v, want io.EOF", err)
	}
}
