package service

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// The response to a HEAD has no body. Who is at fault is told all the same: a caller can do
// nothing about credentials and clocks of the gateway.
func TestHeadsThatAreRefusedBlameWhoeverIsAtFault(t *testing.T) {
	t.Parallel()
	token := func(s *setup) {
		s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: testPair().SecretID, SecretKey: testPair().SecretKey, Token: "expired"})
	}
	for name, tt := range map[string]struct {
		change func(s *setup)
		fault  embedded.Fault
		code   codes.Code
		reason string
		text   string
		up     bool
	}{
		"an unknown key pair": {change: func(s *setup) {
			s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "AKIDunknown", SecretKey: "wrongsecretkey"})
		}, code: codes.Internal, reason: cosstatus.ReasonCredentialsRejected, text: "(InvalidAccessKeyId)"},
		"a wrong secret": {change: func(s *setup) {
			s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: testPair().SecretID, SecretKey: "wrongsecretkey"})
		}, code: codes.Internal, reason: cosstatus.ReasonCredentialsRejected, text: "(SignatureDoesNotMatch)"},
		"a token of the past": {change: token, code: codes.Internal, reason: cosstatus.ReasonCredentialsRejected, text: "(InvalidAccessKeyId)"},
		"a clock that is ahead": {change: func(s *setup) {
			s.backend.Clock = func() time.Time { return time.Now().Add(20 * time.Minute) }
		}, code: codes.Internal, reason: cosstatus.ReasonCredentialsRejected, text: "the gateway's clock is 20m0s ahead of COS's"},
		"a clock that is behind": {change: func(s *setup) {
			s.backend.Clock = func() time.Time { return time.Now().Add(-2 * time.Hour) }
		}, code: codes.Internal, reason: cosstatus.ReasonCredentialsRejected, text: "the gateway's clock is 2h0m0s behind COS's"},
		"a right that lacks":  {fault: embedded.Fault{Status: 403}, code: codes.PermissionDenied, reason: "ACCESS_DENIED", up: true},
		"a malformed request": {fault: embedded.Fault{Status: 400}, code: codes.InvalidArgument, reason: "BAD_REQUEST", up: true},
		"nothing there":       {fault: embedded.Fault{Status: 404}, code: codes.NotFound, reason: "NOT_FOUND", up: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, func(s *setup) {
				if tt.change != nil {
					tt.change(s)
				}
			})
			calls := map[string]func() error{
				"HeadObject": func() error { return g.head(t.Context()) },
				"HeadBucket": func() error {
					return second(g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: testBucket}))
				},
				"HeadObjects": func() error {
					resp, err := g.objects.HeadObjects(t.Context(), &cosgatev1.HeadObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.HeadObjectsItem{{Key: "k"}}})
					must(t, err)
					return status.FromProto(resp.GetResults()[0].GetStatus()).Err()
				},
			}
			for rpc, call := range calls {
				if tt.fault.Status != 0 {
					fault := tt.fault
					fault.Operation = strings.TrimSuffix(rpc, "s")
					g.cos.Faults().Add(fault)
				}
				err := call()
				info, _ := detail[*errdetails.ErrorInfo](err)
				e, _ := detail[*cosgatev1.CosError](err)
				if status.Code(err) != tt.code || info.GetReason() != tt.reason || !strings.Contains(status.Convert(err).Message(), tt.text) {
					t.Errorf("%s = %v, reason %s, want %v, %s and %q", rpc, err, info.GetReason(), tt.code, tt.reason, tt.text)
				}
				if e.GetCode() != "" || e.GetHttpStatus() == 0 {
					t.Errorf("%s: CosError = %v, want the HTTP status of the HEAD and no code", rpc, e)
				}
			}
			if g.server.profiles.serving("default") != tt.up {
				t.Errorf("the profile serves: %v, want %v", !tt.up, tt.up)
			}
		})
	}
}

// A clock that is wrong is the gateway's fault also when the credentials are the caller's, and
// COS's time is told.
func TestWrongClockOfTheGatewayIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Clock = func() time.Time { return time.Now().Add(-2 * time.Hour) } })
	err := g.read(t.Context())
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), "the gateway's clock is 2h0m0s behind COS's") {
		t.Errorf("GetObject = %v, want INTERNAL and by how much the clock is wrong", err)
	}
	if now := e.GetServerTime().AsTime(); time.Since(now).Abs() > time.Minute {
		t.Errorf("server_time = %v, want COS's time", e.GetServerTime())
	}
}

// The caller's own credentials are the caller's matter, also when only a HEAD was made.
func TestHeadObjectWithCredentialsThatCOSRefusesIsUnauthenticated(t *testing.T) {
	t.Parallel()
	g := open(t, overTLS(t), takesCallers)
	err := g.head(asCaller(t.Context()))
	info, _ := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.Unauthenticated || info.GetReason() != "INVALID_ACCESS_KEY_ID" {
		t.Errorf("HeadObject = %v, reason %s, want UNAUTHENTICATED, INVALID_ACCESS_KEY_ID", err, info.GetReason())
	}
	g.noSecrets(t, status.Convert(err).Proto().String())
	if !g.server.profiles.serving("default") {
		t.Error("the profile is NOT_SERVING because of a caller's credentials")
	}
}
