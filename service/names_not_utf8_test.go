package service

import (
	"bytes"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A page with names that are not UTF-8, or not encoded as it says, is delivered, and the
// list goes on behind such a name.
func TestListsDeliverNamesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	const markers = "<IsTruncated>true</IsTruncated><NextMarker>a%FFb</NextMarker><NextKeyMarker>a%FFb</NextKeyMarker>" +
		"<NextVersionIdMarker>v</NextVersionIdMarker><NextUploadIdMarker>u</NextUploadIdMarker><EncodingType>url</EncodingType>" +
		"<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>%FE/</Prefix></CommonPrefixes>"
	seen := make(chan string, 8)
	g := respondWith(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		seen <- q.Get("marker") + q.Get("key-marker")
		switch {
		case q.Has("versions"):
			respond(w, "<ListVersionsResult>"+markers+"<Version><Key>50%</Key></Version><Version><Key>a%FFb</Key></Version></ListVersionsResult>")
		case q.Has("uploads"):
			respond(w, "<ListMultipartUploadsResult>"+markers+"<Upload><Key>50%</Key><UploadId>u</UploadId></Upload><Upload><Key>a%FFb</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>")
		default:
			respond(w, "<ListBucketResult>"+markers+"<Contents><Key>50%</Key></Contents><Contents><Key>a%FFb</Key></Contents></ListBucketResult>")
		}
	})
	ctx := t.Context()
	object := func(key string, raw []byte) *cosgatev1.Object {
		return &cosgatev1.Object{Bucket: testBucket, Key: key, KeyBytes: raw, StorageClass: "STANDARD"}
	}
	raw, prefixes := []byte("a\xffb"), [][]byte{[]byte("\xfe/")}
	for name, tc := range map[string]struct {
		call func(token string) (m proto.Message, next string, err error)
		want proto.Message
	}{
		"ListObjects": {func(token string) (proto.Message, string, error) {
			m, err := g.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket, PageToken: token})
			return m, m.GetNextPageToken(), err
		}, &cosgatev1.ListObjectsResponse{
			Objects: []*cosgatev1.Object{object("50%", nil), object("", raw)}, CommonPrefixes: []string{"p/"}, CommonPrefixesBytes: prefixes,
		}},
		"ListObjectVersions": {func(token string) (proto.Message, string, error) {
			m, err := g.objects.ListObjectVersions(ctx, &cosgatev1.ListObjectVersionsRequest{Bucket: testBucket, PageToken: token})
			return m, m.GetNextPageToken(), err
		}, &cosgatev1.ListObjectVersionsResponse{
			Versions:       []*cosgatev1.ObjectVersion{{Object: object("50%", nil)}, {Object: object("", raw)}},
			CommonPrefixes: []string{"p/"}, CommonPrefixesBytes: prefixes,
		}},
		"ListMultipartUploads": {func(token string) (proto.Message, string, error) {
			m, err := g.uploads.ListMultipartUploads(ctx, &cosgatev1.ListMultipartUploadsRequest{Bucket: testBucket, PageToken: token})
			return m, m.GetNextPageToken(), err
		}, &cosgatev1.ListMultipartUploadsResponse{
			Uploads: []*cosgatev1.MultipartUpload{
				{Key: "50%", UploadId: "u", StorageClass: "STANDARD"}, {KeyBytes: raw, UploadId: "u", StorageClass: "STANDARD"},
			},
			CommonPrefixes: []string{"p/"}, CommonPrefixesBytes: prefixes,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, next, err := tc.call("")
			<-seen
			if diff := cmp.Diff(tc.want, got, protocmp.Transform(), protocmp.IgnoreFields(got, "next_page_token")); err != nil || diff != "" {
				t.Errorf("%s = %v (-want +got):\n%s", name, err, diff)
			}
			_, _, _ = tc.call(next)
			if marker := <-seen; marker != "a\xffb" {
				t.Errorf("the next page of %s begins after %q, want %q", name, marker, raw)
			}
		})
	}
}

func TestGetSymlinkDeliversATargetThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	g := respondWith(t, func(w http.ResponseWriter, _ *http.Request) { respond(w, "", "x-cos-symlink-target", "a%FFb") })
	resp, err := g.objects.GetSymlink(t.Context(), &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: "k"})
	if err != nil || resp.GetTargetKey() != "" || string(resp.GetTargetKeyBytes()) != "a\xffb" {
		t.Errorf("GetSymlink = %v, %v, want the target as bytes", resp, err)
	}
}

// spoil puts bytes that are not UTF-8 into every header that says something, and into every
// text of a document, as they are and as escapes.
func (x *exchange) spoil() {
	x.response.body = regexp.MustCompile(`([^<>\s"])(</)`).ReplaceAll(x.response.body, []byte("$1\xff%FF$2"))
	x.response.body = bytes.ReplaceAll(x.response.body, []byte(`"name`), []byte("\"\xffname"))
	for i, h := range x.response.headers {
		switch strings.ToLower(h.name) {
		case "content-length":
			if len(x.response.body) > 0 {
				x.response.headers[i].value = strconv.Itoa(len(x.response.body))
			}
		case "connection", "date", "transfer-encoding", "content-range", "x-cos-request-id":
		default:
			x.response.headers[i].value += "\xff%FF"
		}
	}
	for _, name := range []string{"x-cos-version-id", "x-cos-meta-a", "x-cos-storage-class", "x-cos-expiration", "x-cos-object-type", "x-cos-restore", "x-cos-tagging-count"} {
		x.response.headers = append(x.response.headers, wireHeader{name, "\xff"})
	}
}

// Whatever bytes COS sends, no call ends in gRPC's own failure to encode a response: it
// succeeds, or fails with a status of this API.
func TestNoRPCEndsInATextThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, x := range readExchanges(t) {
		if x.rpc == "" {
			continue
		}
		seen[x.rpc] = true
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.spoil()
			out, _ := x.replay(t)
			if out.err == nil {
				return
			}
			info, ok := detail[*errdetails.ErrorInfo](out.err)
			if !ok || info.GetMetadata()["request_id"] == "" && first(out.metadata[len(out.metadata)-1], mdRequestID) == "" {
				t.Errorf("%s = %v, want details and a request id", x.rpc, out.err)
			}
			if strings.Contains(status.Convert(out.err).Message(), "marshal") {
				t.Errorf("%s = %v", x.rpc, out.err)
			}
		})
	}
	if len(seen) < 60 {
		t.Errorf("%d RPCs were called, want 60 or more", len(seen))
	}
}

// A response that cannot be encoded would be a fault of the gateway. It is logged, counted
// and told like any other.
func TestSendErrorOfATextThatIsNotUTF8IsAFailureOfTheGateway(t *testing.T) {
	t.Parallel()
	bad := status.Error(codes.Internal, "grpc: error while marshaling")
	if err := sendError(&cosgatev1.Object{Key: "\xff"}, bad); err != errNotUTF8 { //nolint:errorlint // it is returned as it is
		t.Errorf("sendError of a text that is not UTF-8 = %v, want %v", err, errNotUTF8)
	}
	if err := sendError(&cosgatev1.Object{Key: "k"}, bad); err != bad { //nolint:errorlint // it is returned as it is
		t.Errorf("sendError of another failure = %v, want it", err)
	}
}
