package service

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// contractFiles are the files of the contract that have services.
func contractFiles() []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(f protoreflect.FileDescriptor) bool {
		if f.Services().Len() > 0 {
			files = append(files, f)
		}
		return true
	})
	return files
}

// An empty message is refused by every RPC: the response shows that the RPC is there,
// that it validates, and that it does so before COS is asked.
func TestServerServesAndValidatesEveryRPC(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				if m.Name() == "ListBuckets" {
					continue // has no required field
				}
				err := invokeEmpty(t, g, m)
				if status.Code(err) != codes.InvalidArgument {
					t.Errorf("%s with an empty message = %v, want INVALID_ARGUMENT", m.FullName(), err)
				}
				if info, _ := detail[*errdetails.ErrorInfo](err); info.GetDomain() != "cosgate" || info.GetReason() == "" {
					t.Errorf("%s: ErrorInfo = %v", m.FullName(), info)
				}
			}
		}
	}
	if got := g.requests(); len(got) != 0 {
		t.Errorf("COS was asked %v", got)
	}
}

func invokeEmpty(t *testing.T, g *gateway, m protoreflect.MethodDescriptor) error {
	t.Helper()
	path := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	desc := &grpc.StreamDesc{StreamName: string(m.Name()), ServerStreams: true, ClientStreams: true}
	stream, err := g.conn.NewStream(t.Context(), desc, path)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(dynamicpb.NewMessage(m.Input())); err != nil {
		return err
	}
	_ = stream.CloseSend()
	return stream.RecvMsg(dynamicpb.NewMessage(m.Output()))
}

// The rules in the proto files and those of cosbackend must agree that these are wrong.
func TestServerRefusesHostileNamesBeforeAnyRequestIsSent(t *testing.T) {
	t.Parallel()
	g := open(t)
	long := strings.Repeat("k", 851)
	for _, c := range []struct {
		field string
		req   *cosgatev1.HeadObjectRequest
	}{
		{"bucket", &cosgatev1.HeadObjectRequest{Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: "noappid", Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: "Upper-1250000000", Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: "evil.example/x-1250000000", Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: "a@evil.example#-1250000000", Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: "桶-1250000000", Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: strings.Repeat("a", 60) + "-1250000000", Key: "k"}},
		{"bucket", &cosgatev1.HeadObjectRequest{Bucket: "a-1250000000\n", Key: "k"}},
		{"key", &cosgatev1.HeadObjectRequest{Bucket: testBucket}},
		{"key", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: long}},
		{"key", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "a\x18b"}},
		{"version_id", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", VersionId: "v&acl"}},
		{"version_id", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", VersionId: "v=1"}},
		{"region", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", Region: "ap.evil.example"}},
		{"region", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", Region: "AP-guangzhou"}},
		{"region", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", Region: "a/b"}},
		{"preconditions.if_match", &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", Preconditions: &cosgatev1.Preconditions{IfMatch: "a\r\nHost: evil"}}},
	} {
		_, err := g.objects.HeadObject(t.Context(), c.req)
		bad, _ := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || len(bad.GetFieldViolations()) == 0 || bad.GetFieldViolations()[0].GetField() != c.field {
			t.Errorf("HeadObject(%v) = %v, BadRequest %v, want INVALID_ARGUMENT of field %s", c.req, err, bad, c.field)
		}
		if !strings.HasPrefix(status.Convert(err).Message(), c.field+": ") {
			t.Errorf("message %q does not begin with the field %s", status.Convert(err).Message(), c.field)
		}
	}
	_, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "k", Source: &cosgatev1.CopySource{Bucket: "x", Key: "k?versionId=1"}})
	if bad, _ := detail[*errdetails.BadRequest](err); bad.GetFieldViolations()[0].GetField() != "source.bucket" {
		t.Errorf("CopyObject = %v, want a violation of source.bucket", err)
	}
	_, err = g.objects.DeleteObjects(t.Context(), &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "ok"}, {Key: "a\x18"}}})
	if bad, _ := detail[*errdetails.BadRequest](err); bad.GetFieldViolations()[0].GetField() != "objects[1].key" {
		t.Errorf("DeleteObjects = %v, want a violation of objects[1].key", err)
	}
	if got := g.requests(); len(got) != 0 {
		t.Errorf("COS was asked %v", got)
	}
}

func TestProfileThatIsUnknownIsNotFound(t *testing.T) {
	t.Parallel()
	g := open(t)
	_, err := g.buckets.ListBuckets(t.Context(), &cosgatev1.ListBucketsRequest{Profile: "other"})
	if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.NotFound || info.GetReason() != cosstatus.ReasonProfileNotFound {
		t.Errorf("ListBuckets = %v, want NOT_FOUND, %s", err, cosstatus.ReasonProfileNotFound)
	}
}

func TestResponsesCarryThePlainMetadata(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("a"))
	var trailer metadata.MD
	ctx := metadata.AppendToOutgoingContext(t.Context(), mdRequestID, "caller-1.a_B")
	if _, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}, grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	entries := g.cos.Journal().Entries()
	if got, want := first(trailer, mdCOSRequestID), entries[len(entries)-1].RequestID; got != want || want == "" {
		t.Errorf("%s = %q on success, want %q", mdCOSRequestID, got, want)
	}
	if got := first(trailer, mdRequestID); got != "caller-1.a_B" {
		t.Errorf("%s = %q, want the caller's", mdRequestID, got)
	}
	ctx = metadata.AppendToOutgoingContext(t.Context(), mdRequestID, "in sane")
	stream, err := g.objects.GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "missing"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	trailer = stream.Trailer()
	e, _ := detail[*cosgatev1.CosError](err)
	for name, want := range map[string]string{mdCOSRequestID: e.GetRequestId(), mdCOSTraceID: e.GetTraceId(), mdCOSErrorCode: "NoSuchKey"} {
		if got := first(trailer, name); got != want || want == "" {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	own, _ := detail[*errdetails.RequestInfo](err)
	if got := first(trailer, mdRequestID); got == "in sane" || got == "" || own.GetRequestId() != got {
		t.Errorf("%s = %q, RequestInfo %q, want one made by the gateway", mdRequestID, got, own.GetRequestId())
	}
}

func TestRequestLogHasOneLineForEachCall(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("payload bytes"))
	if _, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	_ = g.read(metadata.AppendToOutgoingContext(t.Context(), mdRequestID, "id-3"))
	_, _, _ = g.get(metadata.AppendToOutgoingContext(t.Context(), mdRequestID, "id-4"), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "missing"})
	var lines []map[string]any
	for line := range strings.Lines(g.logs.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	if len(lines) != 4 {
		t.Fatalf("%d log lines for 4 calls:\n%s", len(lines), g.logs)
	}
	want := []map[string]any{
		{"method": "/cosgate.v1.ObjectService/PutObject", "code": "OK", "bytes_received": 13.0, "bytes_sent": 0.0, "level": "INFO"},
		{"method": "/cosgate.v1.ObjectService/GetObject", "code": "OK", "bytes_received": 0.0, "bytes_sent": 13.0, "level": "INFO"},
		{"request_id": "id-3", "cos_status": 200.0, "cos_attempts": 1.0, "profile": "default"},
		{"request_id": "id-4", "code": "NotFound", "cos_status": 404.0, "level": "INFO"},
	}
	for i, w := range want {
		for name, value := range w {
			if lines[i][name] != value {
				t.Errorf("line %d: %s = %v, want %v", i, name, lines[i][name], value)
			}
		}
		if lines[i]["cos_request_id"] == "" || lines[i]["duration"] == nil {
			t.Errorf("line %d lacks cos_request_id or duration: %v", i, lines[i])
		}
	}
	if strings.Contains(g.logs.String(), "payload bytes") {
		t.Error("the log holds content")
	}
}

type panicking struct{}

func (panicking) Credentials(context.Context) (cosbackend.Credentials, error) {
	panic("VerySecretPanicText")
}

func TestPanicIsReportedWithAFixedText(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Credentials = panicking{} })
	for _, call := range []func(context.Context) error{g.head, g.read} {
		err := call(t.Context())
		if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != "the gateway failed; its log has the cause under this request id" {
			t.Errorf("got %v, want INTERNAL with the fixed text", err)
		}
	}
	if log := g.logs.String(); !strings.Contains(log, `"msg":"panic"`) || strings.Contains(log, "VerySecretPanicText") {
		t.Errorf("the log must tell of the panic, but not its value:\n%s", log)
	}
}

func TestHealthHasServicesAndProfiles(t *testing.T) {
	t.Parallel()
	g := open(t)
	client := healthpb.NewHealthClient(g.conn)
	check := func(service string, want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		resp, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || resp.GetStatus() != want {
			t.Errorf("health of %q = %v, %v, want %v", service, resp.GetStatus(), err, want)
		}
	}
	for _, service := range []string{"", "cosgate.v1.BucketService", "cosgate.v1.ObjectService", "profile/default"} {
		check(service, healthpb.HealthCheckResponse_SERVING)
	}
	id := g.cos.Faults().Add(embedded.Fault{Status: 403, Code: "InvalidAccessKeyId"})
	if err := g.read(t.Context()); status.Code(err) != codes.Internal {
		t.Fatal(err)
	}
	check("profile/default", healthpb.HealthCheckResponse_NOT_SERVING)
	if g.server.Ready() == nil {
		t.Error("Ready = nil while COS refuses the default profile's credentials")
	}
	g.cos.Faults().Remove(id)
	g.put(t, "k", nil)
	check("profile/default", healthpb.HealthCheckResponse_SERVING)
	if err := g.server.Ready(); err != nil {
		t.Errorf("Ready = %v, want nil", err)
	}
}

func TestReflectionServesBothVersions(t *testing.T) {
	t.Parallel()
	g := open(t)
	v1, err := reflectionv1.NewServerReflectionClient(g.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v1.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "cosgate.v1.CosError"}}); err != nil {
		t.Fatal(err)
	}
	if resp, err := v1.Recv(); err != nil || len(resp.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("reflection v1 = %v, %v, want the file of CosError", resp, err)
	}
	alpha, err := reflectionv1alpha.NewServerReflectionClient(g.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := &reflectionv1alpha.ServerReflectionRequest{MessageRequest: &reflectionv1alpha.ServerReflectionRequest_ListServices{}} //nolint:staticcheck // older tools ask so
	if err := alpha.Send(list); err != nil {
		t.Fatal(err)
	}
	if resp, err := alpha.Recv(); err != nil || !strings.Contains(resp.String(), "cosgate.v1.ObjectService") {
		t.Errorf("reflection v1alpha = %v, %v, want the list of services", resp, err)
	}
	_, _ = v1.CloseSend(), alpha.CloseSend()
	_, _ = v1.Recv()
	_, _ = alpha.Recv()
}

func TestShutdownLetsACallFinish(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.store(t, 3<<20)
	stream, err := g.objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", MessageSize: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	g.stop()
	n := 1
	for ; err == nil; n++ {
		_, err = stream.Recv()
	}
	if err != io.EOF { //nolint:errorlint // Recv returns it bare
		t.Errorf("a call in flight ended with %v after %d messages, want it to finish", err, n)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.grace = 10 * time.Millisecond })
	stream, err := g.objects.PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&putRequest{Spec: spec(maxBufferedSize + 1), Chunk: chunk("a")}); err != nil {
		t.Fatal(err)
	}
	g.stop()
	if err := stream.RecvMsg(&cosgatev1.PutObjectResponse{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a call that outlives the grace ended with %v, want UNAVAILABLE", err)
	}
}

func TestServerRefusesAMissingDefaultProfile(t *testing.T) {
	t.Parallel()
	if _, err := NewServer(Deps{DefaultProfile: "x"}, Options{}); err == nil {
		t.Error("NewServer without its default profile = nil error")
	}
}
