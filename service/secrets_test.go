package service

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/policy"
	"github.com/cosgate/cosgate/internal/telemetry"
	"github.com/cosgate/cosgate/service/access"
)

// Whatever happens to a call, nothing secret comes out anywhere: not in what callers
// are told, the log at its lowest level, the audit log, spans or metrics.

const (
	profileKey   = "PlantedProfileKey/0123456789+abcdef"
	profileToken = "PlantedProfileToken.0123456789/+==abcdefghijklmnop"
	ownKey       = "PlantedCallersKey/9876543210+fedcba"
	ownToken     = "PlantedCallersToken.9876543210/+==ponmlkjihgfedcba"
	otherHeader  = "PlantedHeaderOfTheCaller-0123456789"
	baggageValue = "PlantedBaggageOfTheCaller-0123456789"
	sampled      = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// A watched gateway has everything switched on that writes something down.
type watched struct {
	*gateway
	plants  *plants
	audit   *lockedBuffer
	told    *lockedBuffer // all that callers received except in responses
	metrics *telemetry.Metrics
	spans   *tracetest.SpanRecorder
	tokens  map[string]string
	values  map[protoreflect.FullName]protoreflect.Value
	codes   map[codes.Code]int
	mu      sync.Mutex
}

func openWatchedForSecrets(t *testing.T, change ...func(*setup, *watched)) *watched {
	t.Helper()
	w := &watched{
		plants: &plants{}, audit: &lockedBuffer{}, told: &lockedBuffer{}, metrics: telemetry.NewMetrics(cosbackend.KnownCode),
		spans: tracetest.NewSpanRecorder(), tokens: make(map[string]string), codes: make(map[codes.Code]int),
	}
	for what, secret := range map[string]string{
		"profile's secret key": profileKey, "profile's token": profileToken, "caller's secret key": ownKey, "caller's token": ownToken,
		"customer key": plantedKey, "callback URL": plantedURL, "token in the callback URL": "PlantedCallbackToken",
		"body of a callback": "PlantedBodyOfACallback", "variable of a callback": "PlantedVariable",
		"header of the caller": otherHeader, "baggage of the caller": baggageValue,
	} {
		w.plants.add(what, secret)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) })
	w.plantRequests(t)
	all := []func(*setup){overTLS(t), takesCallers, ownKeys, smallParts, callingBack("app.example"), w.callers(t), func(s *setup) {
		s.cos.Credentials = []embedded.Credential{{SecretID: "AKIDprofile", SecretKey: profileKey, Token: profileToken}, {SecretID: "AKIDcaller", SecretKey: ownKey, Token: ownToken}}
		s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "AKIDprofile", SecretKey: profileKey, Token: profileToken})
		s.backend.Observer = telemetry.Observer{Metrics: w.metrics, Tracer: provider}
		s.deps.Metrics, s.deps.Tracer = w.metrics, provider
		s.deps.Audit = slog.New(slog.NewJSONHandler(w.audit, &slog.HandlerOptions{Level: slog.LevelDebug}))
		log := &lockedBuffer{}
		s.backend.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		t.Cleanup(func() { w.plants.search(t, "log of the backend", log.String()) })
		s.dial = append(s.dial, grpc.WithChainUnaryInterceptor(w.recordUnary), grpc.WithChainStreamInterceptor(w.recordStream))
	}}
	for _, f := range change {
		all = append(all, func(s *setup) { f(s, w) })
	}
	w.gateway = open(t, all...)
	return w
}

// callers prove themselves by static tokens and by JWTs.
func (w *watched) callers(t *testing.T) func(*setup) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	var lines []string
	for _, name := range []string{"all", "nobody"} {
		token, line, err := identity.NewToken(name)
		must(t, err)
		w.tokens[name], lines = w.plants.add("static token of "+name, token), append(lines, line)
	}
	tokens, err := identity.OpenTokens(write("tokens", strings.Join(lines, "\n")), nil, nil)
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	must(t, err)
	jwt, err := identity.NewJWT(t.Context(), identity.JWTOptions{
		Issuer: "https://id.example", Audiences: []string{"cosgate"}, Keys: write("keys", string(keys)),
		Logger: slog.New(slog.NewTextHandler(w.audit, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	must(t, err)
	for name, audience := range map[string]string{"jwt": "cosgate", "jwt for others": "others"} {
		w.tokens[name] = signedToken(t, key, audience)
		for i, part := range strings.Split(w.tokens[name], ".")[1:] {
			w.plants.add(fmt.Sprintf("%s, part %d", name, i+1), part)
		}
	}
	w.tokens["jwt, changed"] = w.tokens["jwt"][:len(w.tokens["jwt"])-8] + "AAAAAAAA"
	w.tokens["unknown"] = w.plants.add("unknown token", "cosgate_PLANTEDUNKNOWN0123456789")
	engine, err := policy.Open(write("policies.cedar", `permit (principal == Caller::"token:all", action, resource); permit (principal == Caller::"jwt:alice", action, resource);`), access.Actions(), nil, nil)
	must(t, err)
	return func(s *setup) {
		s.deps.Authenticator = &identity.Authenticator{Bearers: []identity.Bearer{tokens, jwt}}
		s.deps.Authorizer = engine
	}
}

func signedToken(t *testing.T, key *ecdsa.PrivateKey, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	must(t, err)
	claims, err := json.Marshal(map[string]any{"iss": "https://id.example", "aud": audience, "sub": "alice", "exp": time.Now().Add(time.Hour).Unix(), "email": "PlantedClaim"})
	must(t, err)
	signed, err := signer.Sign(claims)
	must(t, err)
	token, err := signed.CompactSerialize()
	must(t, err)
	return token
}

// plantRequests says what requests hold where the contract marks a field as secret.
func (w *watched) plantRequests(t *testing.T) {
	t.Helper()
	certificate := newCertificate(t, time.Now())
	w.plants.addKey("private key of a domain", certificate.GetPrivateKey())
	text := protoreflect.ValueOfString
	w.values = map[protoreflect.FullName]protoreflect.Value{
		"cosgate.v1.CustomerKey.key":               protoreflect.ValueOfBytes([]byte(plantedKey)),
		"cosgate.v1.UploadCallback.url":            text(plantedURL),
		"cosgate.v1.UploadCallback.body":           text("PlantedBodyOfACallback=${object}"),
		"cosgate.v1.CustomCertificate.certificate": text(certificate.GetCertificate()),
		"cosgate.v1.CustomCertificate.private_key": text(certificate.GetPrivateKey()),
	}
}

// as is the context of a call by one caller, with all that a caller may bring.
func (w *watched) as(ctx context.Context, name string, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, append([]string{
		"authorization", "Bearer " + w.tokens[name], "x-api-key", otherHeader, "baggage", "k=" + baggageValue, "traceparent", sampled,
	}, pairs...)...)
}

func (w *watched) withOwn(ctx context.Context) context.Context {
	return w.as(ctx, "all", mdSecretID, "AKIDcaller", mdSecretKey, ownKey, mdSecurityToken, ownToken)
}

func (w *watched) record(err error, md ...metadata.MD) {
	w.mu.Lock()
	w.codes[status.Code(err)]++
	w.mu.Unlock()
	st := status.Convert(err).Proto()
	raw, _ := proto.Marshal(st)
	fmt.Fprintf(w.told, "%v\n%v\n%s\n", err, st, raw)
	for _, m := range md {
		fmt.Fprintf(w.told, "%v\n", map[string][]string(m)) // which prints all of it
	}
	for _, d := range status.Convert(err).Details() {
		fmt.Fprintf(w.told, "%v\n", d)
	}
}

func (w *watched) recordUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	var header, trailer metadata.MD
	err := invoke(ctx, method, req, reply, cc, append(opts, grpc.Header(&header), grpc.Trailer(&trailer))...)
	w.record(err, header, trailer)
	return err
}

func (w *watched) recordStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, begin grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := begin(ctx, desc, cc, method, opts...)
	if err != nil {
		w.record(err)
		return nil, err
	}
	return &recordedStream{s, w}, nil
}

type recordedStream struct {
	grpc.ClientStream
	w *watched
}

func (s *recordedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		header, _ := s.Header()
		s.w.record(err, header, s.Trailer())
	}
	return err
}

// every calls all RPCs there are, with secrets wherever the contract has room for one.
func (w *watched) every(ctx context.Context, t *testing.T, change func(protoreflect.Message)) {
	t.Helper()
	methods := w.ourMethods(t)
	var running sync.WaitGroup
	defer running.Wait()
	for _, full := range slices.Sorted(maps.Keys(methods)) {
		req := newMessage(t, methods[full].Input())
		fill(req.ProtoReflect(), testBucket, "k")
		w.plants.in(req.ProtoReflect(), w.values)
		change(req.ProtoReflect())
		running.Go(func() { _ = w.callAny(ctx, t, full, methods[full], req) })
	}
}

func unchanged(protoreflect.Message) {}

// good makes calls that are in order, and with COS as it should be end well.
func (w *watched) good(ctx context.Context, t *testing.T) (failed []error) {
	t.Helper()
	note := func(err error) {
		if err != nil {
			failed = append(failed, err)
		}
	}
	put := func(s *cosgatev1.PutObjectSpec, size int) error {
		_, err := w.send(ctx, chunks(s, noise(size), 50_000)...)
		return err
	}
	called := withCallback()
	called.Callback.Body = "PlantedBodyOfACallback=${object}"
	_, _ = put(called, 10), put(called, 2*partSize+1) // the embedded server knows no callbacks
	s := spec(-1)
	s.Attributes = encryptedWith(plantedKey)
	note(put(s, 2*partSize+1))
	note(put(s, 10))
	note(third(w.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})))
	note(second(w.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})))
	note(second(w.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "copy", Attributes: encryptedWith(plantedKey),
		Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)},
	})))
	note(second(w.configs.PutBucketDomainCertificate(ctx, &cosgatev1.PutBucketDomainCertificateRequest{
		Bucket: testBucket, Domains: []string{"www.example.com"}, Certificate: &cosgatev1.CustomCertificate{
			Certificate: w.values["cosgate.v1.CustomCertificate.certificate"].String(), PrivateKey: w.values["cosgate.v1.CustomCertificate.private_key"].String(),
		},
	})))
	note(second(w.buckets.ListBuckets(ctx, &cosgatev1.ListBucketsRequest{})))
	url, err := w.presign.PresignUrl(ctx, &cosgatev1.PresignUrlRequest{Bucket: testBucket, Key: "k", Operation: presignGet})
	note(err)
	if found := signatureOnly.FindString(url.GetUrl()); found != "" {
		w.plants.add("signature of a URL", strings.TrimPrefix(found, "q-signature="))
	}
	form, err := w.presign.CreatePostPolicy(ctx, &cosgatev1.CreatePostPolicyRequest{Bucket: testBucket, Target: &cosgatev1.CreatePostPolicyRequest_Key{Key: "k"}})
	note(err)
	for _, f := range form.GetFields() {
		if f.GetName() == "q-signature" || f.GetName() == "policy" {
			w.plants.add("form field "+f.GetName(), f.GetValue())
		}
	}
	note(second(w.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "copy"})))
	return failed
}

// connect has the connection ready before calls that have little time.
func (w *watched) connect(t *testing.T) {
	t.Helper()
	_, err := healthpb.NewHealthClient(w.conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	must(t, err)
}

// search looks into everything that came out once the gateway has stopped: a call that
// its caller gave up is written down later than its caller knows of its end.
func (w *watched) search(t *testing.T) {
	t.Helper()
	must(t, w.conn.Close())
	w.stop()
	err := <-w.stopped
	w.stopped <- err // which the end of the test asks for, too
	must(t, err)
	for where, text := range map[string]string{
		"callers": w.told.String(), "log": w.logs.String(), "audit log": w.audit.String(), "spans": w.spanTexts(t), "metrics": w.metricsText(t),
	} {
		if text == "" {
			t.Errorf("%s: nothing came out, so nothing was shown", where)
		}
		w.plants.search(t, where, text)
	}
	t.Logf("%d secrets planted; calls ended with %v", len(w.plants.all), w.codes)
}

func (w *watched) spanTexts(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, s := range w.spans.Ended() {
		fmt.Fprintf(&b, "%s %v %v %v %v %v\n", s.Name(), s.Status(), s.Attributes(), s.Events(), s.Links(), s.Resource())
		for _, a := range s.Attributes() {
			if key := strings.ToLower(string(a.Key)); strings.Contains(key, "metadata") || strings.Contains(key, "header.") {
				t.Errorf("a span has the attribute %s: metadata must not be recorded", a.Key)
			}
		}
	}
	return b.String()
}

func (w *watched) metricsText(t *testing.T) string {
	t.Helper()
	response := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return response.Body.String()
}

func TestSecretsStaySecretInSuccessfulCalls(t *testing.T) {
	t.Parallel()
	w := openWatchedForSecrets(t)
	callers := []context.Context{w.withOwn(t.Context()), w.as(t.Context(), "jwt"), w.as(t.Context(), "all")}
	for _, ctx := range callers {
		if failed := w.good(ctx, t); len(failed) > 0 {
			t.Errorf("failed: %v", failed)
		}
	}
	for _, ctx := range callers {
		w.every(ctx, t, unchanged) // also deletes the bucket
	}
	w.search(t)
}

// COS, or what stands in its place, quotes what it was sent in every way it could.
func TestSecretsStaySecretWhenCOSQuotesThem(t *testing.T) {
	t.Parallel()
	lis := bufconn.Listen(1 << 20)
	server := &http.Server{Handler: &quotingCOS{}}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	w := openWatchedForSecrets(t, func(s *setup, w *watched) {
		s.backend.Retry.MaxAttempts = 2
		s.backend.Transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := lis.DialContext(ctx)
			return tappedConn{conn, w.plants}, err
		}
	})
	for _, ctx := range []context.Context{w.withOwn(t.Context()), w.as(t.Context(), "jwt")} {
		w.every(ctx, t, unchanged)
		for range 15 {
			w.good(ctx, t)
		}
	}
	w.search(t)
}

func TestSecretsStaySecretWhenCallsFail(t *testing.T) {
	t.Parallel()
	wrongKey := func(m protoreflect.Message) {
		if f := m.Descriptor().Fields().ByName("customer_key"); f != nil {
			m.Mutable(f).Message().Set(f.Message().Fields().ByName("key"), protoreflect.ValueOfBytes([]byte(plantedKey[:31])))
		}
	}
	brokenAddress := func(m protoreflect.Message) {
		wrongKey(m)
		if f := m.Descriptor().Fields().ByName("bucket"); f != nil {
			m.Set(f, protoreflect.ValueOfString("NOT A BUCKET"))
		}
	}
	for name, c := range map[string]struct {
		change func(*setup, *watched)
		fault  embedded.Fault
		ctx    func(*watched, context.Context) context.Context
		req    func(protoreflect.Message)
		want   codes.Code // one that must be among the responses
	}{
		"refused":            {fault: embedded.Fault{Status: 403, Code: "AccessDenied"}, want: codes.PermissionDenied},
		"key is refused":     {fault: embedded.Fault{Status: 403, Code: "SignatureDoesNotMatch"}, want: codes.Unauthenticated},
		"no response":        {fault: embedded.Fault{Reset: true}, want: codes.Unavailable},
		"lost response":      {fault: embedded.Fault{LoseResponse: true}, want: codes.Unavailable},
		"truncated response": {fault: embedded.Fault{Truncate: -1}, want: codes.Unavailable},
		"malformed response": {fault: embedded.Fault{FlipByte: 10}, want: codes.DataLoss},
		"too late":           {fault: embedded.Fault{Delay: time.Hour}, want: codes.DeadlineExceeded},
		"invalid":            {req: brokenAddress, want: codes.InvalidArgument},
		"invalid key":        {req: wrongKey, want: codes.InvalidArgument},
		"denied":             {ctx: func(w *watched, ctx context.Context) context.Context { return w.as(ctx, "nobody") }, want: codes.PermissionDenied},
		"unknown token":      {ctx: func(w *watched, ctx context.Context) context.Context { return w.as(ctx, "unknown") }, want: codes.Unauthenticated},
		"JWT for others":     {ctx: func(w *watched, ctx context.Context) context.Context { return w.as(ctx, "jwt for others") }, want: codes.Unauthenticated},
		"JWT, changed":       {ctx: func(w *watched, ctx context.Context) context.Context { return w.as(ctx, "jwt, changed") }, want: codes.Unauthenticated},
		"half credentials":   {ctx: func(w *watched, ctx context.Context) context.Context { return w.as(ctx, "all", mdSecretKey, ownKey) }, want: codes.InvalidArgument},
		"not taken":          {change: func(s *setup, _ *watched) { s.deps.CallerCredentials = nil }, want: codes.FailedPrecondition},
		"over a limit":       {change: func(s *setup, _ *watched) { s.options.Limits = Limits{CallerRate: 0.001, CallerBurst: 1} }, want: codes.ResourceExhausted},
		"no COS":             {change: noCOS, want: codes.Unavailable},
		"credentials gone":   {change: withoutCredentials, want: codes.Internal, ctx: func(w *watched, ctx context.Context) context.Context { return w.as(ctx, "jwt") }},
		"deadline too soon":  {change: func(s *setup, _ *watched) { s.options.Limits = Limits{DeadlineFloor: time.Hour} }, want: codes.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWatchedForSecrets(t, func(s *setup, w *watched) {
				s.backend.Retry.MaxAttempts = 2
				if c.change != nil {
					c.change(s, w)
				}
			})
			if (c.fault.Status != 0) || c.fault.Reset || c.fault.LoseResponse || c.fault.Truncate != 0 || c.fault.FlipByte != 0 || c.fault.Delay != 0 {
				w.cos.Faults().Add(c.fault)
			}
			limit := 10 * time.Second
			if c.want == codes.DeadlineExceeded {
				limit = 300 * time.Millisecond
			}
			w.connect(t)
			call := func(do func(ctx context.Context)) {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				if c.ctx != nil {
					do(c.ctx(w, ctx))
				} else {
					do(w.withOwn(ctx))
				}
			}
			req := c.req
			if req == nil {
				req = unchanged
				call(func(ctx context.Context) { w.good(ctx, t) })
			}
			call(func(ctx context.Context) { w.every(ctx, t, req) })
			if w.codes[c.want] == 0 {
				t.Errorf("no call ended with %s: %v", c.want, w.codes)
			}
			w.search(t)
		})
	}
}

func noCOS(s *setup, _ *watched) {
	s.backend.Transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("refused")}
	}
}

func withoutCredentials(s *setup, _ *watched) { s.backend.Credentials = &failingSource{asked: 1} }

// A panickingObserver panics in the middle of a handler, with all that is known there.
type panickingObserver struct{ w *watched }

func (o panickingObserver) Attempt(ctx context.Context, _ cosbackend.AttemptInfo) (context.Context, func(cosbackend.AttemptResult)) {
	panic(fmt.Sprint(callFrom(ctx).credentials.credentials.SecretKey, ownKey, ownToken, plantedKey, profileKey, profileToken, o.w.tokens))
}

func TestSecretsStaySecretWhenAHandlerPanics(t *testing.T) {
	t.Parallel()
	w := openWatchedForSecrets(t, func(s *setup, w *watched) { s.backend.Observer = panickingObserver{w} })
	ctx := w.withOwn(t.Context())
	for name, err := range map[string]error{
		"HeadObject":   second(w.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})),
		"GetObject":    third(w.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})),
		"DeleteObject": second(w.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k"})),
		"PutBucketDomainCertificate": second(w.configs.PutBucketDomainCertificate(ctx, &cosgatev1.PutBucketDomainCertificateRequest{
			Bucket: testBucket, Domains: []string{"www.example.com"}, Certificate: &cosgatev1.CustomCertificate{
				Certificate: w.values["cosgate.v1.CustomCertificate.certificate"].String(), PrivateKey: w.values["cosgate.v1.CustomCertificate.private_key"].String(),
			},
		})),
	} {
		if status.Code(err) != codes.Internal {
			t.Errorf("%s = %v, want INTERNAL", name, err)
		}
	}
	if n := strings.Count(w.logs.String(), `"msg":"panic"`); n != 4 {
		t.Errorf("%d panics were logged, want 4", n)
	}
	w.search(t)
}
