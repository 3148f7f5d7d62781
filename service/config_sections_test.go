package service

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	partTagging = cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_TAGGING
	partCors    = cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_CORS
	partWebsite = cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_WEBSITE
	partReferer = cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_REFERER
)

func (g *gateway) config(ctx context.Context, parts ...cosgatev1.BucketConfigSection) (*cosgatev1.GetBucketConfigResponse, error) {
	return g.configs.GetBucketConfig(ctx, &cosgatev1.GetBucketConfigRequest{Bucket: testBucket, Sections: parts})
}

func TestGetBucketConfigHasAReaderAndAFieldForEverySection(t *testing.T) {
	t.Parallel()
	fields := (&cosgatev1.BucketConfig{}).ProtoReflect().Descriptor().Fields()
	values := cosgatev1.BucketConfigSection(0).Descriptor().Values()
	readers := configSections()
	for i := range values.Len() {
		v := values.Get(i)
		if v.Number() == 0 {
			continue
		}
		if f := fields.ByNumber(protoreflect.FieldNumber(v.Number())); f == nil || "BUCKET_CONFIG_SECTION_"+upper(string(f.Name())) != string(v.Name()) {
			t.Errorf("%s has the field %v", v.Name(), f)
		}
		if readers[cosgatev1.BucketConfigSection(v.Number())] == nil {
			t.Errorf("%s has no reader", v.Name())
		}
	}
	if fields.Len() != values.Len()-1 || len(readers) != fields.Len() {
		t.Errorf("there are %d parts, %d fields and %d readers", values.Len()-1, fields.Len(), len(readers))
	}
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// Each part that was put comes back in its own field and is the same as when it is
// read alone; no other field is set by it.
func TestGetBucketConfigReturnsWhatIsConfigured(t *testing.T) {
	t.Parallel()
	g, r := openConfigs(t), newRandomizer(t, 0)
	want := &cosgatev1.BucketConfig{}
	fields := want.ProtoReflect().Descriptor().Fields()
	for _, c := range configTrips() {
		if bucket, _ := c.buckets(); bucket != testBucket {
			continue
		}
		doc := c.empty()
		r.valid(t, doc, func(m proto.Message) { c.fix(r, m, false) })
		switch err := c.put(t.Context(), g.configs, testBucket, doc); {
		case status.Code(err) == codes.Unimplemented: // by the embedded server
			continue
		case err != nil:
			t.Fatalf("%s: Put = %v", c.name, err)
		}
		switch doc := doc.(type) {
		case *cosgatev1.InventoryConfiguration:
			want.Inventories = &cosgatev1.InventoryConfigurations{Inventories: []*cosgatev1.InventoryConfiguration{doc}}
			continue
		case *cosgatev1.IntelligentTieringConfiguration:
			want.IntelligentTieringConfigurations = &cosgatev1.IntelligentTieringConfigurations{Configurations: []*cosgatev1.IntelligentTieringConfiguration{doc}}
			continue
		}
		for i := range fields.Len() {
			if fields.Get(i).Message() == doc.ProtoReflect().Descriptor() {
				want.ProtoReflect().Set(fields.Get(i), protoValue(doc))
			}
		}
	}
	got, err := g.config(t.Context())
	if err != nil {
		t.Fatalf("GetBucketConfig = %v", err)
	}
	for i := range fields.Len() { // what has no trip, such as the ACL that each bucket has
		if f := fields.Get(i); !want.ProtoReflect().Has(f) {
			got.GetConfig().ProtoReflect().Clear(f)
		}
	}
	if diff := cmp.Diff(want, got.GetConfig(), protocmp.Transform()); diff != "" {
		t.Errorf("GetBucketConfig (-put +got):\n%s", diff)
	}
}

// A part that is missing is no failure, be it that COS has a code for it or not; one
// that fails has the status that the RPC of the part alone has.
func TestGetBucketConfigOmitsMissingSectionsAndReportsFailedOnes(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "GetBucketTagging", Status: 403, Code: "AccessDenied", Message: "no"})
	got, err := g.config(t.Context(), partTagging, partCors, partReferer)
	if err != nil || got.GetConfig().GetCors() != nil || got.GetConfig().GetReferer() != nil || len(got.GetFailures()) != 1 {
		t.Fatalf("GetBucketConfig = %v, %v, want nothing but a failure of the tags", got, err)
	}
	failure := got.GetFailures()[0]
	_, alone := g.configs.GetBucketTagging(t.Context(), &cosgatev1.GetBucketTaggingRequest{Bucket: testBucket})
	if failure.GetSection() != partTagging || failure.GetStatus().GetCode() != int32(codes.PermissionDenied) {
		t.Errorf("the failure = %v, want PERMISSION_DENIED of the tags", failure)
	}
	if w, g := detailNames(alone), detailNames(status.FromProto(failure.GetStatus()).Err()); !slices.Equal(w, g) {
		t.Errorf("the details are %v, want those of the RPC alone, %v", g, w)
	}
	if e, _ := detail[*cosgatev1.CosError](status.FromProto(failure.GetStatus()).Err()); e.GetCode() != "AccessDenied" || e.GetOperation() != "GetBucketTagging" || e.GetRequestId() == "" {
		t.Errorf("CosError = %v", e)
	}
}

func detailNames(err error) []string {
	var names []string
	for _, d := range status.Convert(err).Details() {
		names = append(names, fmt.Sprintf("%T", d))
	}
	return names
}

func TestGetBucketConfigFailsWhenNoSectionCanBeRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  embedded.Fault
		bucket string
		code   codes.Code
		reason string
	}{
		{"no such bucket", embedded.Fault{Operation: "none"}, "absent-1250000000", codes.NotFound, "NO_SUCH_BUCKET"},
		{"credentials are refused", embedded.Fault{Status: 403, Code: "InvalidAccessKeyId"}, testBucket, codes.Internal, cosstatus.ReasonCredentialsRejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := open(t)
			g.cos.Faults().Add(c.fault)
			_, err := g.configs.GetBucketConfig(t.Context(), &cosgatev1.GetBucketConfigRequest{Bucket: c.bucket})
			if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != c.code || info.GetReason() != c.reason {
				t.Errorf("GetBucketConfig = %v, want %v, %s", err, c.code, c.reason)
			}
			health, err := healthpb.NewHealthClient(g.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "profile/default"})
			if want := c.reason != cosstatus.ReasonCredentialsRejected; err != nil || (health.GetStatus() == healthpb.HealthCheckResponse_SERVING) != want {
				t.Errorf("health = %v, %v, want serving %v", health.GetStatus(), err, want)
			}
		})
	}
}

// A dialer counts connections that are open. There are as many as requests at a time.
type dialer struct {
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	count atomic.Int32
}

func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	d.count.Add(1)
	return d.dial(ctx, network, addr)
}

func TestGetBucketConfigReadsFourSectionsAtATime(t *testing.T) {
	t.Parallel()
	cos, err := embedded.New(embedded.Options{Buckets: []string{testBucket}, Region: testRegion, Credentials: []embedded.Credential{testPair()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cos.Close() })
	d := &dialer{dial: cos.DialContext}
	g := open(t, func(s *setup) { s.backend.Transport.DialContext = d.DialContext })
	cos.Faults().Add(embedded.Fault{Delay: 20 * time.Millisecond})
	if _, err := g.config(t.Context()); err != nil {
		t.Fatalf("GetBucketConfig = %v", err)
	}
	if got := d.count.Load(); got != configsInParallel {
		t.Errorf("COS was asked over %d connections, want %d", got, configsInParallel)
	}
	if got, want := len(cos.Journal().Entries()), len(configSections()); got != want {
		t.Errorf("COS was asked %d times, want %d", got, want)
	}
}

func TestGetBucketConfigEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.config(ctx); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("GetBucketConfig = %v, want DEADLINE_EXCEEDED", err)
	}
}

func TestGetBucketConfigRefusesUnknownAndRepeatedSections(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, parts := range [][]cosgatev1.BucketConfigSection{{0}, {99}, {partCors, partCors}} {
		if _, err := g.config(t.Context(), parts...); status.Code(err) != codes.InvalidArgument {
			t.Errorf("GetBucketConfig(%v) = %v, want INVALID_ARGUMENT", parts, err)
		}
	}
}

// Inventories come in pages of 100; GetBucketConfig reads them all.
func TestGetBucketConfigReadsInventoriesPageByPage(t *testing.T) {
	t.Parallel()
	g, r := openConfigs(t), newRandomizer(t, 0)
	const jobs = 205
	var group sync.WaitGroup
	for i := range jobs {
		m := &cosgatev1.InventoryConfiguration{}
		r.valid(t, m, func(m proto.Message) { fixInventory(r, m.(*cosgatev1.InventoryConfiguration), false) })
		m.Id = fmt.Sprintf("job-%03d", i)
		group.Go(func() {
			if _, err := g.configs.PutBucketInventory(t.Context(), &cosgatev1.PutBucketInventoryRequest{Bucket: testBucket, Inventory: m}); err != nil {
				t.Errorf("PutBucketInventory = %v", err)
			}
		})
	}
	group.Wait()
	var sizes []int
	req := &cosgatev1.ListBucketInventoriesRequest{Bucket: testBucket}
	for {
		page, err := g.configs.ListBucketInventories(t.Context(), req)
		if err != nil {
			t.Fatalf("ListBucketInventories = %v", err)
		}
		sizes = append(sizes, len(page.GetInventories()))
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
		other := &cosgatev1.ListBucketInventoriesRequest{Bucket: elsewhere, PageToken: req.GetPageToken()}
		if _, err := g.configs.ListBucketInventories(t.Context(), other); status.Code(err) != codes.InvalidArgument {
			t.Errorf("ListBucketInventories with the token of another bucket = %v, want INVALID_ARGUMENT", err)
		}
	}
	if want := []int{100, 100, 5}; !slices.Equal(sizes, want) {
		t.Errorf("the pages have %v, want %v", sizes, want)
	}
	got, err := g.config(t.Context(), cosgatev1.BucketConfigSection_BUCKET_CONFIG_SECTION_INVENTORIES)
	if n := len(got.GetConfig().GetInventories().GetInventories()); err != nil || n != jobs {
		t.Errorf("GetBucketConfig = %d jobs, %v, want %d", n, err, jobs)
	}
}
