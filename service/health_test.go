package service

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// A gateway that is not ready gets no calls, so it must find out by itself that COS takes
// its credentials again.
func TestHealthOfAProfileRecoversWithoutCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after    embedded.Fault // what ListBuckets meets once the credentials are good
		recovers bool
	}{
		"all is well":                 {recovers: true},
		"the list is not allowed":     {after: embedded.Fault{Operation: "ListBuckets", Status: 403, Code: "AccessDenied"}, recovers: true},
		"COS is not there":            {after: embedded.Fault{Operation: "ListBuckets", Reset: true}},
		"COS is in trouble":           {after: embedded.Fault{Operation: "ListBuckets", Status: 503, Code: "ServiceUnavailable"}},
		"the credentials are worse":   {after: embedded.Fault{Operation: "ListBuckets", Status: 403, Code: "InvalidAccessKeyId"}},
		"something refuses by itself": {after: embedded.Fault{Operation: "ListBuckets", Status: 403, Code: "AccessDenied", NoRequestID: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := open(t)
				refused := g.cos.Faults().Add(embedded.Fault{Status: 403, Code: "SignatureDoesNotMatch"})
				for range 3 { // which is asked about once
					if err := g.read(t.Context()); status.Code(err) != codes.Internal {
						t.Fatal(err)
					}
				}
				mustBeReady := func(want bool) {
					t.Helper()
					if err := g.server.Ready(); (err == nil) != want {
						t.Errorf("Ready = %v, want that it is %v", err, want)
					}
				}
				g.cos.Journal().Reset()
				<-time.After(4*probeInterval + probeInterval/2)
				mustBeReady(false)
				if n := count(g.requests(), "ListBuckets"); n != 4 {
					t.Errorf("COS was asked %d times in %v, want every %v", n, 4*probeInterval+probeInterval/2, probeInterval)
				}
				g.cos.Faults().Remove(refused)
				if c.after.Operation != "" {
					g.cos.Faults().Add(c.after)
				}
				<-time.After(probeInterval)
				mustBeReady(c.recovers)
				g.cos.Faults().Clear()
				g.cos.Journal().Reset()
				<-time.After(2 * probeInterval)
				mustBeReady(true)
				<-time.After(10 * probeInterval)
				if n := count(g.requests(), "ListBuckets"); n > 1 {
					t.Errorf("COS was asked %d times although it takes the credentials", n)
				}
			})
		})
	}
}

// Everybody may ask for health: a stranger must not hold memory with it, neither by a long
// name nor by calls without end.
func TestHealthBoundsWhatStrangersHold(t *testing.T) {
	t.Parallel()
	g := openGuarded(t, permitAll, []string{"c"}).gateway
	health := healthpb.NewHealthClient(g.conn)
	long := &healthpb.HealthCheckRequest{Service: strings.Repeat("s", maxForeign)}
	if _, err := health.Check(t.Context(), long); told(err) != "ResourceExhausted MESSAGE_TOO_LARGE" {
		t.Errorf("Check of a long name = %v", err)
	}
	watch := func(in *healthpb.HealthCheckRequest) (context.CancelFunc, error) {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := health.Watch(ctx, in)
		if err == nil {
			_, err = w.Recv()
		}
		return cancel, err
	}
	if _, err := watch(long); told(err) != "ResourceExhausted MESSAGE_TOO_LARGE" {
		t.Errorf("Watch of a long name = %v", err)
	}
	var last context.CancelFunc
	for i := range maxWatches {
		cancel, err := watch(&healthpb.HealthCheckRequest{Service: strconv.Itoa(i)})
		if err != nil {
			t.Fatalf("Watch %d = %v", i, err)
		}
		last = cancel
	}
	if _, err := watch(&healthpb.HealthCheckRequest{}); told(err) != "ResourceExhausted LIMIT_EXCEEDED" {
		t.Errorf("Watch %d of a connection = %v", maxWatches, err)
	}
	last()
	for { // until the gateway has noticed
		_, err := watch(&healthpb.HealthCheckRequest{})
		if err == nil {
			return
		}
		if told(err) != "ResourceExhausted LIMIT_EXCEEDED" {
			t.Fatal(err)
		}
	}
}
