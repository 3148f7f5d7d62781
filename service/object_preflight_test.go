package service

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestOptionsObjectReturnsWhatTheRulesAllow(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	ask := func(origin, method string, headers ...string) (*cosgatev1.OptionsObjectResponse, error) {
		return g.objects.OptionsObject(ctx, &cosgatev1.OptionsObjectRequest{Bucket: testBucket, Key: "absent", Origin: origin, Method: method, Headers: headers})
	}
	g.furnish(t)
	resp, err := ask("https://o", "PUT", "X-A")
	if err != nil || resp.GetAllowOrigin() != "https://o" || !slices.Contains(resp.GetAllowMethods(), "PUT") || !strings.EqualFold(strings.Join(resp.GetAllowHeaders(), ","), "x-a") ||
		resp.GetMaxAge().GetSeconds() != 600 {
		t.Errorf("OptionsObject = %v, %v", resp, err)
	}
	for _, c := range [][]string{{"https://other", "GET"}, {"https://o", "DELETE"}, {"https://o", "GET", "x-b"}} {
		_, err := ask(c[0], c[1], c[2:]...)
		if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.PermissionDenied || e.GetCode() != "AccessForbidden" {
			t.Errorf("OptionsObject(%q) = %v, want PERMISSION_DENIED, AccessForbidden", c, err)
		}
	}
	g.cos.Faults().Add(embedded.Fault{Operation: "OptionsObject", Status: 200})
	if resp, err := ask("https://o", "GET"); err != nil || resp.GetAllowOrigin() != "" || resp.GetMaxAge() != nil {
		t.Errorf("OptionsObject of a response without headers = %v, %v", resp, err)
	}
}
