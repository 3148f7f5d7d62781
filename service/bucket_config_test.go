package service

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
)

// rounds is how many random documents each configuration gets.
const rounds = 25

func TestBucketConfigRoundTrips(t *testing.T) {
	t.Parallel()
	g, r := openConfigs(t), newRandomizer(t, 0)
	for _, c := range configTrips() {
		t.Run(c.name, func(t *testing.T) {
			bucket, _ := c.buckets()
			for range rounds {
				want := c.empty()
				r.valid(t, want, func(m proto.Message) { c.fix(r, m, false) })
				if err := c.put(t.Context(), g.configs, bucket, want); err != nil {
					t.Fatalf("Put(%v) = %v", want, err)
				}
				got, err := c.get(t.Context(), g.configs, bucket, want)
				if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
					t.Fatalf("Get = %v (-put +got):\n%s", err, diff)
				}
			}
		})
	}
}

// sdkOf is the official SDK on a bucket of the embedded server.
func sdkOf(t *testing.T, g *gateway, bucket string) *cos.BucketService {
	t.Helper()
	u, err := url.Parse("http://" + bucket + ".cos." + testRegion + ".myqcloud.com")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: g.cos.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	demo := testPair()
	return cos.NewClient(&cos.BaseURL{BucketURL: u}, &http.Client{
		Transport: &cos.AuthorizationTransport{SecretID: demo.SecretID, SecretKey: demo.SecretKey, Transport: transport},
	}).Bucket
}

// The SDK reads what the gateway wrote and writes it to another bucket, from which the
// gateway reads it: both understand the same of it.
func TestBucketConfigRoundTripsThroughTheOfficialSDK(t *testing.T) {
	t.Parallel()
	g, r := openConfigs(t), newRandomizer(t, 0)
	for _, c := range configTrips() {
		if c.copy == nil {
			continue // the SDK does not have it
		}
		t.Run(c.name, func(t *testing.T) {
			here, there := c.buckets()
			from, to := sdkOf(t, g, here), sdkOf(t, g, there)
			for range rounds {
				want := c.empty()
				r.valid(t, want, func(m proto.Message) { c.fix(r, m, true) })
				if err := c.put(t.Context(), g.configs, here, want); err != nil {
					t.Fatalf("Put(%v) = %v", want, err)
				}
				if err := c.copy(t.Context(), from, to, want); err != nil {
					t.Fatalf("the SDK copies %v: %v", want, err)
				}
				got, err := c.get(t.Context(), g.configs, there, want)
				if diff := cmp.Diff(want, got, protocmp.Transform(), policyAsJSON()); err != nil || diff != "" {
					t.Fatalf("Get = %v (-put +got):\n%s", err, diff)
				}
			}
		})
	}
}

// A round trip proves nothing of fields that are never filled.
func TestBucketConfigRandomDocumentsUseEveryField(t *testing.T) {
	t.Parallel()
	r := newRandomizer(t, 1)
	for _, c := range configTrips() {
		seen := make(map[protoreflect.FullName]bool)
		for range 500 {
			m := c.empty()
			r.valid(t, m, func(m proto.Message) { c.fix(r, m, false) })
			note(m.ProtoReflect(), seen)
		}
		for _, name := range fieldsOf(c.empty().ProtoReflect().Descriptor(), nil) {
			if !seen[name] {
				t.Errorf("%s: no document has %s", c.name, name)
			}
		}
	}
}

func note(m protoreflect.Message, seen map[protoreflect.FullName]bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		seen[f.FullName()] = true
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				note(v.List().Get(i).Message(), seen)
			}
		default:
			note(v.Message(), seen)
		}
		return true
	})
}

func fieldsOf(d protoreflect.MessageDescriptor, names []protoreflect.FullName) []protoreflect.FullName {
	if d.FullName().Parent() != "cosgate.v1" {
		return names
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if isUnknown(f) { // TestBucketConfigsKeepWhatIsNotKnown has it
			continue
		}
		names = append(names, f.FullName())
		if f.Message() != nil {
			names = fieldsOf(f.Message(), names)
		}
	}
	return names
}

func protoValue(m proto.Message) protoreflect.Value {
	return protoreflect.ValueOfMessage(m.ProtoReflect())
}
