package service

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

func (g *gateway) head(ctx context.Context) error {
	_, err := g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
	return err
}

func (g *gateway) read(ctx context.Context) error {
	_, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
	return err
}

func (g *gateway) copy(ctx context.Context) error {
	_, err := g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "copy", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"},
	})
	return err
}

// Every form in which COS can send an error reaches the caller as a status with a CosError.
func TestErrorOfEveryWireFormBecomesAStatus(t *testing.T) {
	t.Parallel()
	const html = "<html><body>502 Bad Gateway</body></html>"
	for _, c := range []struct {
		name  string
		call  func(*gateway, context.Context) error
		fault embedded.Fault
		code  codes.Code
		why   string
		want  *cosgatev1.CosError // compared as far as it is set
	}{
		{"XML", (*gateway).read, embedded.Fault{Status: 403, Code: "AccessDenied", Message: "Access Denied."}, codes.PermissionDenied, "ACCESS_DENIED", &cosgatev1.CosError{Code: "AccessDenied", Message: "Access Denied.", HttpStatus: 403, Origin: 1}},
		{"HEAD without a body", (*gateway).head, embedded.Fault{Status: 404}, codes.NotFound, "NOT_FOUND", &cosgatev1.CosError{HttpStatus: 404, Origin: 1}},
		{"304", (*gateway).read, embedded.Fault{Status: 304}, codes.FailedPrecondition, "NOT_MODIFIED", &cosgatev1.CosError{HttpStatus: 304, Origin: 1}},
		{"412", (*gateway).head, embedded.Fault{Status: 412}, codes.FailedPrecondition, "PRECONDITION_FAILED", &cosgatev1.CosError{HttpStatus: 412, Origin: 1}},
		{"error inside 200", (*gateway).copy, embedded.Fault{ErrorInSuccess: "NoSuchKey"}, codes.NotFound, "NO_SUCH_KEY", &cosgatev1.CosError{Code: "NoSuchKey", HttpStatus: 200, ErrorInSuccessBody: true, Origin: 1}},
		{"JSON", (*gateway).read, embedded.Fault{Status: 400, ContentType: "application/json", Body: []byte(`{"code":-46628,"message":"no file","request_id":"x"}`)}, codes.InvalidArgument, "COS_46628", &cosgatev1.CosError{Code: "-46628", Message: "no file", HttpStatus: 400, Origin: 1}},
		{"HTML of COS", (*gateway).read, embedded.Fault{Status: 502, ContentType: "text/html", Body: []byte(html)}, codes.Unavailable, "BAD_GATEWAY", &cosgatev1.CosError{HttpStatus: 502, Origin: 1}},
		{"HTML of a proxy", (*gateway).read, embedded.Fault{Status: 502, ContentType: "text/html", Body: []byte(html), NoRequestID: true}, codes.Unavailable, cosstatus.ReasonNotFromCOS, &cosgatev1.CosError{HttpStatus: 502, Origin: 2}},
		{"404 of a proxy", (*gateway).read, embedded.Fault{Status: 404, ContentType: "text/html", Body: []byte(html), NoRequestID: true}, codes.Unavailable, cosstatus.ReasonNotFromCOS, &cosgatev1.CosError{HttpStatus: 404, Origin: 2}},
		{"login page of a proxy", (*gateway).read, embedded.Fault{Status: 200, ContentType: "text/html", Body: []byte(html), NoRequestID: true}, codes.Unavailable, cosstatus.ReasonNotFromCOS, &cosgatev1.CosError{HttpStatus: 200, Origin: 2}},
		{"truncated XML", (*gateway).read, embedded.Fault{Status: 403, Body: []byte("<Error><Code>AccessDenied</Code><Mess"), ContentType: "application/xml"}, codes.PermissionDenied, "ACCESS_DENIED", &cosgatev1.CosError{HttpStatus: 403, Origin: 1}},
		{"malformed success", (*gateway).copy, embedded.Fault{Status: 200, Body: []byte("<CopyObjectRes"), ContentType: "application/xml"}, codes.Internal, cosstatus.ReasonMalformedResponse, &cosgatev1.CosError{HttpStatus: 200, Origin: 1}},
		{"empty success", (*gateway).copy, embedded.Fault{Status: 200}, codes.Internal, cosstatus.ReasonMalformedResponse, &cosgatev1.CosError{HttpStatus: 200, Origin: 1}},
		{"redirect", (*gateway).read, embedded.Fault{Status: 302, Header: http.Header{"Location": {"http://other.example/k?q-signature=secret"}}}, codes.FailedPrecondition, "REDIRECTED", &cosgatev1.CosError{HttpStatus: 302, Origin: 1}},
		{"redirect 301", (*gateway).read, embedded.Fault{Status: 301, Header: http.Header{"Location": {"http://other.example/k?q-signature=secret"}}}, codes.FailedPrecondition, "REDIRECTED", &cosgatev1.CosError{HttpStatus: 301, Origin: 1}},
		{"redirect 307", (*gateway).read, embedded.Fault{Status: 307, Header: http.Header{"Location": {"http://other.example/k?q-signature=secret"}}}, codes.FailedPrecondition, "REDIRECTED", &cosgatev1.CosError{HttpStatus: 307, Origin: 1}},
		{"redirect 308", (*gateway).read, embedded.Fault{Status: 308, Header: http.Header{"Location": {"http://other.example/k?q-signature=secret"}}}, codes.FailedPrecondition, "REDIRECTED", &cosgatev1.CosError{HttpStatus: 308, Origin: 1}},
		{"no response", (*gateway).read, embedded.Fault{Reset: true}, codes.Unavailable, cosstatus.ReasonUnreachable, &cosgatev1.CosError{Origin: 2, Retryable: true, Attempts: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 2 })
			g.cos.Faults().Add(c.fault)
			err := c.call(g, t.Context())
			if status.Code(err) != c.code {
				t.Errorf("code = %v, want %v (%v)", status.Code(err), c.code, err)
			}
			if info, _ := detail[*errdetails.ErrorInfo](err); info.GetReason() != c.why {
				t.Errorf("reason = %q, want %q", info.GetReason(), c.why)
			}
			e, ok := detail[*cosgatev1.CosError](err)
			if !ok {
				t.Fatalf("%v has no CosError", err)
			}
			checkCosError(t, e, c.want)
			if (e.GetRequestId() == "") != (c.fault.NoRequestID || c.fault.Reset) {
				t.Errorf("request_id = %q", e.GetRequestId())
			}
			if loc := e.GetHeaders()["location"]; strings.Contains(loc, "secret") || strings.HasPrefix(c.name, "redirect") && loc != "http://other.example/k" {
				t.Errorf("location = %q, want it without its query", loc)
			}
		})
	}
}

func checkCosError(t *testing.T, got, want *cosgatev1.CosError) {
	t.Helper()
	if got.GetHttpStatus() != want.GetHttpStatus() || got.GetOrigin() != want.GetOrigin() || got.GetErrorInSuccessBody() != want.GetErrorInSuccessBody() {
		t.Errorf("CosError = %v, want status %d, %v, in success body %v", got, want.GetHttpStatus(), want.GetOrigin(), want.GetErrorInSuccessBody())
	}
	if want.GetCode() != "" && got.GetCode() != want.GetCode() || want.GetMessage() != "" && got.GetMessage() != want.GetMessage() {
		t.Errorf("CosError = %v, want code %q, message %q", got, want.GetCode(), want.GetMessage())
	}
	if want.GetAttempts() != 0 && got.GetAttempts() != want.GetAttempts() {
		t.Errorf("attempts = %d, want %d", got.GetAttempts(), want.GetAttempts())
	}
	if got.GetCredentialSource() != cosgatev1.CredentialSource_CREDENTIAL_SOURCE_PROFILE {
		t.Errorf("credential_source = %v", got.GetCredentialSource())
	}
}

func TestErrorBodyThatIsHugeIsNotReadToTheEnd(t *testing.T) {
	g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 1 })
	g.store(t, 1)
	_ = g.read(t.Context()) // what is allocated once is allocated now
	g.cos.Faults().Add(embedded.Fault{Status: 503, ContentType: "application/xml", Body: []byte(strings.Repeat("<Error>", 1000)), BodySize: 64 << 20})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := g.read(t.Context())
	runtime.ReadMemStats(&after)
	if status.Code(err) != codes.Unavailable {
		t.Errorf("GetObject = %v, want UNAVAILABLE", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("a 64 MiB error body cost %d MiB of allocations, want less than 8", used>>20)
	}
}

// COS makes the change, and its response is lost. The gateway retries what is safe to
// retry, and succeeds. It reports the outcome of the rest as unknown, without retrying. A
// streamed upload that it cannot send again is for the caller to send again.
func TestLostResponseOfAChangeIsRetriedOrReportedAsUnknown(t *testing.T) {
	t.Parallel()
	size := int64(maxBufferedSize + 1)
	for _, c := range []struct {
		op       string
		call     func(*gateway, context.Context) error
		attempts int // negative: the caller is told to send it again
		code     codes.Code
		done     func(*gateway, *testing.T)
	}{
		{"PutObject", func(g *gateway, ctx context.Context) error {
			_, err := g.send(ctx, &putRequest{Spec: spec(1), Chunk: chunk("b"), Finish: true})
			return err
		}, 2, codes.OK, wantContent("b")},
		{"PutObject", func(g *gateway, ctx context.Context) error {
			_, err := g.send(ctx, chunks(spec(size), noise(int(size)), 1<<20)...)
			return err
		}, -1, codes.Unavailable, wantContent(string(noise(int(size))))},
		{"PutObject", func(g *gateway, ctx context.Context) error {
			s := spec(-1)
			s.Key, s.ForbidOverwrite = "new", true
			_, err := g.send(ctx, &putRequest{Spec: s, Chunk: chunk("b"), Finish: true})
			return err
		}, 1, codes.Unavailable, nil},
		{"DeleteObject", func(g *gateway, ctx context.Context) error {
			_, err := g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k"})
			return err
		}, 2, codes.OK, func(g *gateway, t *testing.T) { g.mustMissing(t, "k") }},
		{"DeleteObjects", func(g *gateway, ctx context.Context) error {
			_, err := g.objects.DeleteObjects(ctx, &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: []*cosgatev1.ObjectIdentifier{{Key: "k"}}})
			return err
		}, 2, codes.OK, func(g *gateway, t *testing.T) { g.mustMissing(t, "k") }},
		{"CopyObject", (*gateway).copy, 2, codes.OK, nil},
		{"CreateBucket", func(g *gateway, ctx context.Context) error {
			_, err := g.buckets.CreateBucket(ctx, &cosgatev1.CreateBucketRequest{Bucket: "new-1250000000"})
			return err
		}, 1, codes.Unavailable, func(g *gateway, t *testing.T) {
			if _, err := g.buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: "new-1250000000"}); err != nil {
				t.Errorf("HeadBucket = %v, want the bucket whose creation succeeded", err)
			}
		}},
		{"DeleteBucket", func(g *gateway, ctx context.Context) error {
			if _, err := g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "k"}); err != nil {
				return err
			}
			_, err := g.buckets.DeleteBucket(ctx, &cosgatev1.DeleteBucketRequest{Bucket: testBucket})
			return err
		}, 1, codes.Unavailable, nil},
	} {
		t.Run(c.op, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			g.put(t, "k", []byte("a"))
			g.cos.Journal().Reset()
			g.cos.Faults().Add(embedded.Fault{Operation: c.op, Nth: 1, LoseResponse: true})
			err := c.call(g, t.Context())
			if status.Code(err) != c.code {
				t.Fatalf("%s = %v, want %v", c.op, err, c.code)
			}
			want := max(c.attempts, -c.attempts)
			if got := count(g.requests(), c.op); got != want {
				t.Errorf("COS saw %d requests of %s, want %d", got, c.op, want)
			}
			if c.attempts < 0 {
				checkResendable(t, err)
			} else if c.code != codes.OK {
				checkUnknown(t, err)
			}
			if c.done != nil {
				c.done(g, t)
			}
		})
	}
}

// checkResendable checks the status of a change that may have been made, and that the caller
// may send again nevertheless.
func checkResendable(t *testing.T, err error) {
	t.Helper()
	e, _ := detail[*cosgatev1.CosError](err)
	retry, ok := detail[*errdetails.RetryInfo](err)
	if !e.GetOutcomeUnknown() || !e.GetRetryable() || !ok || retry.GetRetryDelay().AsDuration() <= 0 {
		t.Errorf("%v: CosError %v and RetryInfo %v, want outcome_unknown, retryable and a delay", err, e, retry)
	}
}

func checkUnknown(t *testing.T, err error) {
	t.Helper()
	info, _ := detail[*errdetails.ErrorInfo](err)
	e, _ := detail[*cosgatev1.CosError](err)
	if info.GetReason() != cosstatus.ReasonOutcomeUnknown || !e.GetOutcomeUnknown() || e.GetRetryable() || e.GetOrigin() != cosgatev1.Origin_ORIGIN_TRANSPORT {
		t.Errorf("%v: reason %q, CosError %v, want %s and outcome_unknown", err, info.GetReason(), e, cosstatus.ReasonOutcomeUnknown)
	}
}

func wantContent(want string) func(*gateway, *testing.T) {
	return func(g *gateway, t *testing.T) {
		got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
		if err != nil || string(got) != want {
			t.Errorf("the object has %d bytes, %v, want the %d written", len(got), err, len(want))
		}
	}
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func TestGetObjectIsRetriedUntilCOSRecovers(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.put(t, "k", []byte("a"))
	g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Count: 3, Status: 503, Code: "SlowDown"})
	if err := g.read(t.Context()); err != nil {
		t.Errorf("GetObject = %v, want the fourth attempt to succeed", err)
	}
	g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Status: 503, Code: "SlowDown"})
	var trailer metadata.MD
	stream, err := g.objects.GetObject(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}, grpc.Trailer(&trailer))
	if err == nil {
		_, err = stream.Recv()
	}
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.ResourceExhausted || e.GetAttempts() != 4 || !e.GetRetryable() {
		t.Errorf("GetObject = %v, CosError %v, want RESOURCE_EXHAUSTED after 4 attempts", err, e)
	}
	retry, _ := detail[*errdetails.RetryInfo](err)
	if d := retry.GetRetryDelay().AsDuration(); d < 1500*time.Millisecond || d > 2500*time.Millisecond || first(trailer, mdPushback) != "-1" {
		t.Errorf("RetryInfo = %v, pushback %q, want about 2s, and no retry by gRPC on top of the gateway's", d, first(trailer, mdPushback))
	}
}

func TestHeadObjectReportsTheCallersDeadline(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "HeadObject", Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := g.head(ctx); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("HeadObject = %v, want DEADLINE_EXCEEDED", err)
	}
}

func TestHeadObjectOfUnreachableCOSIsUnavailable(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.backend.Transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("refused")}
		}
	})
	err := g.head(t.Context())
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.Unavailable || e.GetOrigin() != cosgatev1.Origin_ORIGIN_TRANSPORT || e.GetHttpStatus() != 0 || e.GetAttempts() != 4 {
		t.Errorf("HeadObject = %v, CosError %v, want UNAVAILABLE, ORIGIN_TRANSPORT after 4 attempts", err, e)
	}
}

func TestCredentialsOfAProfileThatCOSRefusesAreTheGatewaysFault(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "AKIDunknown", SecretKey: "wrongsecretkey"})
	})
	err := g.read(t.Context())
	info, _ := detail[*errdetails.ErrorInfo](err)
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.Internal || info.GetReason() != cosstatus.ReasonCredentialsRejected || e.GetCode() != "InvalidAccessKeyId" {
		t.Errorf("GetObject = %v, want INTERNAL, %s and the COS code", err, cosstatus.ReasonCredentialsRejected)
	}
}

// The longest and strangest texts that COS could send end up in a status that still reaches
// a client which accepts 4 KiB of headers.
func TestStatusWithWorstCaseTextsReachesClientsWithAHeaderLimit(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.dial = append(s.dial, grpc.WithMaxHeaderListSize(cosstatus.MaxHeaderList))
		s.backend.Retry.MaxAttempts = 1
	})
	key := strings.Repeat("键", 283)
	header := http.Header{"Etag": {strings.Repeat("e", 500)}, "Retry-After": {"7"}}
	for i := range 60 {
		header.Set(fmt.Sprintf("X-Cos-Meta-%02d-%s", i, strings.Repeat("n", 40)), strings.Repeat("v", 200))
	}
	for _, c := range []struct{ code, message string }{
		{"SlowDown", strings.Repeat("慢", 20_000)},
		{"PreconditionFailed", strings.Repeat("\xff\x00%", 10_000)},
		{strings.Repeat("错", 5_000), strings.Repeat("x", 10_000)},
	} {
		g.cos.Faults().Clear()
		g.cos.Faults().Add(embedded.Fault{Status: 503, Code: c.code, Message: c.message, Header: header})
		_, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key})
		e, ok := detail[*cosgatev1.CosError](err)
		if !ok || e.GetKey() != key || e.GetHttpStatus() != 503 || e.GetRequestId() == "" || e.GetHeaders()["etag"] == "" {
			t.Fatalf("code %.20q: CosError = %v of %v, want key, status, request id and ETag", c.code, e, err)
		}
		if r, ok := detail[*errdetails.RetryInfo](err); c.code == "SlowDown" && (!ok || r.GetRetryDelay().GetSeconds() != 7) {
			t.Errorf("RetryInfo = %v, want the 7 s of Retry-After", r)
		}
	}
}

// Whatever fails, no secret appears in a status, a detail, a trailer or a log line.
func TestSecretsAppearInNoStatusAndNoLog(t *testing.T) {
	t.Parallel()
	const secretKey, token = "VerySecretKey0123456789", "VerySecretToken0123456789"
	secrets := []string{secretKey, token, "q-signature=Very", "q-signature=abc", "VerySecretCookie", "StringToSign", "FormatString", "the payload"}
	faults := []embedded.Fault{
		{},
		{Reset: true},
		{Status: 403, Code: "SignatureDoesNotMatch", Message: "x q-sign-algorithm=sha1&q-ak=AKID&q-signature=VerySecretToken0123456789"},
		{Status: 403, Body: []byte("<Error><Code>SignatureDoesNotMatch</Code><StringToSign>" + token + "</StringToSign><FormatString>" + token + "</FormatString></Error>"), ContentType: "application/xml"},
		{Status: 302, Header: http.Header{"Location": {"https://h/k?q-signature=abc&x-cos-security-token=" + token}, "Set-Cookie": {"a=VerySecretCookie"}}},
		{Status: 500, Code: "InternalError", Header: http.Header{"X-Cos-Security-Token": {token}, "X-Cos-Server-Side-Encryption-Customer-Key": {secretKey}}},
		{Status: 400, Code: "BadRequest", Message: "https://h/k?sign=q-signature%3D" + token},
		{Truncate: -1},
	}
	for i, f := range faults {
		g := open(t, func(s *setup) {
			s.backend.Credentials = cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "AKIDx", SecretKey: secretKey, Token: token})
			s.cos.Credentials = []embedded.Credential{{SecretID: "AKIDx", SecretKey: secretKey}}
			s.backend.Retry.MaxAttempts = 2
			if i == 0 {
				s.cos.Signature = embedded.SignatureStrict // the token is refused
			}
		})
		if i > 0 {
			g.cos.Faults().Add(f)
		}
		var seen bytes.Buffer
		for _, call := range []func(context.Context) error{
			g.head, g.read, g.copy,
			func(ctx context.Context) error {
				_, err := g.send(ctx, &putRequest{Spec: spec(-1), Chunk: chunk("the payload"), Finish: true})
				return err
			},
		} {
			err := call(t.Context())
			fmt.Fprintf(&seen, "%v %v\n", err, status.Convert(err).Proto())
		}
		seen.WriteString(g.logs.String())
		for _, s := range secrets {
			if strings.Contains(seen.String(), s) {
				t.Errorf("fault %d: %q shows in %.2000s", i, s, seen.String())
			}
		}
	}
}
