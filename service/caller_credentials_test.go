package service

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/service/access"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	callerID    = "AKIDVerySecretCallerId"
	callerKey   = "VerySecretCallerKey0123"
	callerToken = "VerySecretCallerToken0123"
)

// overTLS lets gateway and client speak TLS.
func overTLS(t *testing.T) func(*setup) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"gateway.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return func(s *setup) {
		s.options.Credentials = credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		s.dial = append(s.dial, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "gateway.test"})))
	}
}

func takesCallers(s *setup) { s.deps.CallerCredentials = map[string]bool{"default": true} }

// onlyTheCaller makes COS know the caller's key and not the profile's.
func onlyTheCaller(s *setup) {
	s.cos.Credentials = []embedded.Credential{{SecretID: callerID, SecretKey: callerKey}}
}

func bringing(ctx context.Context, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

func asCaller(ctx context.Context) context.Context {
	return bringing(ctx, mdSecretID, callerID, mdSecretKey, callerKey)
}

// write makes a call whose request comes in a stream.
func (g *gateway) write(ctx context.Context) error {
	_, err := g.send(ctx, &putRequest{Spec: spec(3), Chunk: chunk("abc"), Finish: true})
	return err
}

func (g *gateway) noSecrets(t *testing.T, seen string) {
	t.Helper()
	if all := seen + g.logs.String(); strings.Contains(all, "VerySecret") {
		t.Errorf("a secret of the caller shows in %.2000s", all)
	}
}

// A contextKeeper is an Observer that looks at what handlers pass on.
type contextKeeper struct {
	mu    sync.Mutex
	found []string
	own   []bool
}

func (k *contextKeeper) Attempt(ctx context.Context, info cosbackend.AttemptInfo) (context.Context, func(cosbackend.AttemptResult)) {
	md, _ := metadata.FromIncomingContext(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range md {
		if strings.HasPrefix(name, "cosgate-") {
			k.found = append(k.found, name)
		}
	}
	if call := callFrom(ctx); strings.Contains(fmt.Sprintf("%v %+v %#v", call, call, call), "VerySecret") || strings.Contains(fmt.Sprintf("%v", ctx), "VerySecret") {
		k.found = append(k.found, "a secret in what is printed of a call")
	}
	k.own = append(k.own, info.CallerCredentials)
	return ctx, nil
}

func TestCallerCredentialsSignTheirCalls(t *testing.T) {
	t.Parallel()
	keeper := &contextKeeper{}
	g := open(t, overTLS(t), takesCallers, onlyTheCaller, func(s *setup) { s.backend.Observer = keeper })
	for _, call := range []func(context.Context) error{g.write, g.head, g.read} {
		if err := call(asCaller(t.Context())); err != nil {
			t.Errorf("a call with the caller's credentials = %v", err)
		}
		err := call(t.Context())
		if e, _ := detail[*cosgatev1.CosError](err); e.GetCredentialSource() != cosgatev1.CredentialSource_CREDENTIAL_SOURCE_PROFILE {
			t.Errorf("a call without = %v, want a refusal of the profile's", err)
		}
	}
	if len(keeper.found) != 0 {
		t.Errorf("behind the interceptors there is %v", keeper.found)
	}
	// The profile's HEAD that COS refuses is followed by the question why.
	if got := fmt.Sprint(keeper.own); got != "[true false true false false true false]" {
		t.Errorf("signed by the caller: %v", got)
	}
	if n := strings.Count(g.logs.String(), `"caller_credentials":true`); n != 3 {
		t.Errorf("%d of 6 log lines tell of the caller's credentials, want 3:\n%s", n, g.logs)
	}
	g.noSecrets(t, "")
}

// A caller that brings credentials which cannot be used is told so, and its call is
// not made with others.
func TestCallerCredentialsThatAreInvalidAreRefusedBeforeCOSIsAsked(t *testing.T) {
	t.Parallel()
	type refusal struct {
		code        codes.Code
		reason, key string
	}
	both := []string{mdSecretID, callerID, mdSecretKey, callerKey}
	invalid := func(key string) refusal {
		return refusal{codes.InvalidArgument, cosstatus.ReasonCallerCredentialsInvalid, key}
	}
	for name, c := range map[string]struct {
		change []func(*setup)
		sent   []string
		want   refusal
	}{
		"plaintext":                {[]func(*setup){takesCallers}, both, refusal{codes.FailedPrecondition, cosstatus.ReasonCallerCredentialsNeedTLS, mdSecretKey}},
		"plaintext, token only":    {[]func(*setup){takesCallers}, []string{mdSecurityToken, callerToken}, refusal{codes.FailedPrecondition, cosstatus.ReasonCallerCredentialsNeedTLS, mdSecretKey}},
		"profile takes none":       {[]func(*setup){overTLS(t)}, both, refusal{codes.FailedPrecondition, cosstatus.ReasonCallerCredentialsNotAccepted, mdSecretID}},
		"plaintext, but allowed":   {[]func(*setup){func(s *setup) { s.options.PlaintextCallerCredentials = true }}, both, refusal{codes.FailedPrecondition, cosstatus.ReasonCallerCredentialsNotAccepted, mdSecretID}},
		"id only":                  {[]func(*setup){overTLS(t), takesCallers}, both[:2], invalid(mdSecretKey)},
		"key only":                 {[]func(*setup){overTLS(t), takesCallers}, both[2:], invalid(mdSecretID)},
		"token only":               {[]func(*setup){overTLS(t), takesCallers}, []string{mdSecurityToken, callerToken}, invalid(mdSecretID)},
		"empty key":                {[]func(*setup){overTLS(t), takesCallers}, []string{mdSecretID, callerID, mdSecretKey, ""}, invalid(mdSecretKey)},
		"empty token":              {[]func(*setup){overTLS(t), takesCallers}, append([]string{mdSecurityToken, ""}, both...), invalid(mdSecurityToken)},
		"two ids":                  {[]func(*setup){overTLS(t), takesCallers}, append([]string{mdSecretID, callerID}, both...), invalid(mdSecretID)},
		"a space":                  {[]func(*setup){overTLS(t), takesCallers}, []string{mdSecretID, callerID, mdSecretKey, "VerySecret Key"}, invalid(mdSecretKey)},
		"a token that is too long": {[]func(*setup){overTLS(t), takesCallers}, append([]string{mdSecurityToken, strings.Repeat("VerySecret", 500)}, both...), invalid(mdSecurityToken)},
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, c.change...)
			for _, call := range []func(context.Context) error{g.head, g.read, g.write} {
				err := call(bringing(t.Context(), c.sent...))
				info, _ := detail[*errdetails.ErrorInfo](err)
				got := refusal{status.Code(err), info.GetReason(), ""}
				if bad, ok := detail[*errdetails.BadRequest](err); ok {
					got.key = bad.GetFieldViolations()[0].GetField()
				}
				if failed, ok := detail[*errdetails.PreconditionFailure](err); ok {
					got.key = failed.GetViolations()[0].GetSubject()
				}
				if got != c.want || !strings.HasPrefix(status.Convert(err).Message(), c.want.key+": ") {
					t.Errorf("refusal = %+v of %v, want %+v", got, err, c.want)
				}
				g.noSecrets(t, fmt.Sprint(err, status.Convert(err).Proto()))
			}
			if got := g.requests(); len(got) != 0 {
				t.Errorf("COS was asked %v", got)
			}
		})
	}
}

func TestCallerCredentialsOverPlaintextNeedTheOption(t *testing.T) {
	t.Parallel()
	g := open(t, takesCallers, onlyTheCaller, func(s *setup) { s.options.PlaintextCallerCredentials = true })
	for _, call := range []func(context.Context) error{g.write, g.head, g.read} {
		if err := call(asCaller(t.Context())); err != nil {
			t.Errorf("a call with the caller's credentials = %v", err)
		}
	}
	_, err := g.buckets.ListBuckets(asCaller(t.Context()), &cosgatev1.ListBucketsRequest{Profile: "other"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("ListBuckets of no profile = %v, want NOT_FOUND", err)
	}
}

// COS refuses what the caller sent: that is the caller's matter, and says nothing
// of the profile.
func TestCallerCredentialsThatCOSRefusesAreUnauthenticated(t *testing.T) {
	t.Parallel()
	g := open(t, overTLS(t), takesCallers)
	serving := func() bool {
		t.Helper()
		resp, err := healthpb.NewHealthClient(g.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "profile/default"})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetStatus() == healthpb.HealthCheckResponse_SERVING
	}
	err := g.read(asCaller(t.Context()))
	info, _ := detail[*errdetails.ErrorInfo](err)
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.Unauthenticated || info.GetReason() != "INVALID_ACCESS_KEY_ID" || e.GetCode() != "InvalidAccessKeyId" ||
		e.GetCredentialSource() != cosgatev1.CredentialSource_CREDENTIAL_SOURCE_CALLER {
		t.Errorf("GetObject = %v, CosError %v, want UNAUTHENTICATED of the caller's credentials", err, e)
	}
	g.noSecrets(t, fmt.Sprint(err, status.Convert(err).Proto()))
	if !serving() {
		t.Error("the profile is NOT_SERVING because of a caller's credentials")
	}

	id := g.cos.Faults().Add(embedded.Fault{Status: 403, Code: "InvalidAccessKeyId"})
	if err := g.read(t.Context()); status.Code(err) != codes.Internal || serving() {
		t.Fatalf("GetObject = %v, want INTERNAL and the profile NOT_SERVING", err)
	}
	g.cos.Faults().Remove(id)
	demo := testPair()
	if err := g.write(bringing(t.Context(), mdSecretID, demo.SecretID, mdSecretKey, demo.SecretKey)); err != nil {
		t.Fatal(err)
	}
	if serving() {
		t.Error("the profile is SERVING because of a caller's credentials")
	}
}

// Wherever a request names its profile, the rules must find it: credentials are not checked
// against a profile that is not found.
func TestCallerCredentialsFindTheProfileOfEveryRequest(t *testing.T) {
	t.Parallel()
	rules, err := access.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := dynamicpb.NewMessage(methods.Get(j).Input())
				if spec := m.Descriptor().Fields().ByName("spec"); spec != nil {
					nested := m.NewField(spec)
					setProfile(nested.Message())
					m.Set(spec, nested)
				} else {
					setProfile(m)
				}
				name := methods.Get(j).FullName()
				rule, ok := rules.Rule("/" + string(name.Parent()) + "/" + string(name.Name()))
				if !ok {
					t.Errorf("%s has no rule", name)
				} else if got := rule.Target(m, "default").Profile; got != "p" {
					t.Errorf("the profile of a request of %s is %q, want p", name, got)
				}
			}
		}
	}
}

func setProfile(m protoreflect.Message) {
	if f := m.Descriptor().Fields().ByName("profile"); f != nil {
		m.Set(f, protoreflect.ValueOfString("p"))
	}
}

// A failingSource has credentials once.
type failingSource struct {
	mu    sync.Mutex
	asked int
}

func (s *failingSource) Credentials(context.Context) (cosbackend.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked++; s.asked > 1 {
		return cosbackend.Credentials{}, &cosbackend.CredentialsError{Source: "a test", Err: errors.New("gone")}
	}
	demo := testPair()
	return cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}, nil
}

// Credentials that end, between two attempts or before the first, are the gateway's fault.
func TestProfileWithoutCredentialsIsTheGatewaysFault(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) { s.backend.Credentials = &failingSource{} })
	g.cos.Faults().Add(embedded.Fault{Status: 503, Code: "ServiceUnavailable"})
	for _, attempts := range []int32{1, 0} {
		err := g.read(t.Context())
		info, _ := detail[*errdetails.ErrorInfo](err)
		e, _ := detail[*cosgatev1.CosError](err)
		if status.Code(err) != codes.Internal || info.GetReason() != cosstatus.ReasonCredentialsMissing || e.GetAttempts() != attempts || e.GetRetryable() {
			t.Errorf("GetObject = %v, CosError %v, want INTERNAL, %s after %d attempts", err, e, cosstatus.ReasonCredentialsMissing, attempts)
		}
	}
}

func TestCallerCredentialsOfUnknownProfilesAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	client, err := cosbackend.New(cosbackend.Config{Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "a", SecretKey: "b"})})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = NewServer(Deps{Profiles: map[string]*cosbackend.Client{"a": client}, CallerCredentials: map[string]bool{"b": true}}, Options{})
	if err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("NewServer = %v, want the profile named", err)
	}
}
