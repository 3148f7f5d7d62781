package service

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// A COS whose list of inventory jobs always has a next page does not keep GetBucketConfig
// busy for ever.
func TestGetBucketConfigEndsWhenItsListsDoNot(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	cos := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-cos-request-id", "r")
		_, _ = fmt.Fprintf(w, "<ListInventoryConfigurationResult><InventoryConfiguration><Id>a</Id></InventoryConfiguration>"+
			"<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken></ListInventoryConfigurationResult>", pages.Add(1))
	}))
	t.Cleanup(cos.Close)
	g := open(t, func(s *setup) {
		s.backend.Transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, cos.Listener.Addr().String())
		}
	})
	resp, err := g.config(t.Context(), cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INVENTORIES)
	if err != nil || len(resp.GetFailures()) != 1 {
		t.Fatalf("GetBucketConfig = %v, %v, want one failed section", resp, err)
	}
	failure := status.FromProto(resp.GetFailures()[0].GetStatus())
	if failure.Code() != codes.Internal || cosstatus.ReasonOf(failure) != cosstatus.ReasonMalformedResponse || pages.Load() != maxInventoryPages {
		t.Errorf("the section failed with %v after %d pages, want %s after %d", failure, pages.Load(), cosstatus.ReasonMalformedResponse, maxInventoryPages)
	}
}
