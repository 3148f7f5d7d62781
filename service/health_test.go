package service

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
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
