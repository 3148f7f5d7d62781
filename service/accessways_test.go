package service

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// wantDenied checks that a call was denied for this action on this resource, and that
// COS saw nothing of it.
func (g *guarded) wantDenied(t *testing.T, name string, err error, action, resource string) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	if m := info.GetMetadata(); status.Code(err) != codes.PermissionDenied || m["action"] != action || !strings.HasPrefix(m["resource"], resource) {
		t.Errorf("%s: %v, want PERMISSION_DENIED for %s on %s", name, err, action, resource)
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("%s: COS saw %v", name, seen)
	}
}

// A URL that stores an object with an ACL makes it public, whoever then uses it.
func TestAURLNeedsWhatItsHeadersDo(t *testing.T) {
	g := openGuarded(t, `permit (principal, action in [Action::"PresignUrl", Action::"PutObject"], resource);`, []string{"writer"})
	for header, action := range map[string]string{
		"x-cos-acl": "PutObjectAcl", "X-Cos-ACL": "PutObjectAcl", "x-cos-grant-full-control": "PutObjectAcl",
		"x-cos-grant-read": "PutObjectAcl", "x-cos-tagging": "PutObjectTagging", "content-type": "",
	} {
		_, err := g.presign.PresignUrl(g.as(t.Context(), "writer"), &cosgatev1.PresignUrlRequest{
			Bucket: testBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_PUT_OBJECT,
			Headers: map[string]string{header: "public-read"},
		})
		if action != "" {
			g.wantDenied(t, header, err, action, "object "+testBucket+"/k")
		} else if err != nil {
			t.Errorf("%s: %v, want a URL", header, err)
		}
	}
}
