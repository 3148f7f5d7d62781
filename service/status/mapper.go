package status

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Waits suggested to callers. Each is varied by up to a quarter, so that callers
// who failed together do not come back together.
const (
	SoonDelay   = 500 * time.Millisecond
	slowlyDelay = 2 * time.Second
	maxDelay    = 30 * time.Second // the longest Retry-After that is passed on
)

// A Mapper turns what a handler returned into the status its caller gets. It is the
// only place where that is decided; handlers return errors as they come.
type Mapper struct {
	table  *table
	jitter func() float64 // in [0, 1)
}

func NewMapper() *Mapper {
	return &Mapper{table: newTable(), jitter: rand.Float64}
}

// A StoppedError is a call that was ended because the gateway stops.
type StoppedError struct {
	Cause  error                 // what the handler returned; nil when it was not waited for
	Resume *cosgatev1.ReadResume // of a read that had begun
}

// Error says that the gateway stops.
func (e *StoppedError) Error() string { return "service: the server is stopping" }

// Unwrap returns Cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// A Spec is the status of one failure before it is written down.
type Spec struct {
	code               codes.Code
	Reason             string
	text               string
	field              string // for BadRequest
	hint               cosbackend.RetryHint
	delay              time.Duration // for RetryInfo; 0 for none
	COS                *cosbackend.Error
	known              bool          // the COS code has a page to link to
	extra              proto.Message // a detail of this failure alone
	CredentialsRefused bool          // COS refused the profile's credentials
}

// decide judges err in the order of docs/errors.md: the caller's own context, a
// status that is one already, arguments, integrity, COS, and last a fixed text that
// tells nothing. The context is asked and not the error, because a timeout of the
// HTTP client looks like the caller's.
//
// done is a finished status; Spec is used when it is nil.
func (m *Mapper) Spec(ctx context.Context, err error) (v Spec, done *grpcstatus.Status) {
	var (
		cosErr    *cosbackend.Error
		invalid   *cosbackend.ValidationError
		integrity *cosbackend.IntegrityError
		region    *cosbackend.RegionUnknownError
		changed   *cosbackend.ChangedError
		broken    *cosbackend.ReadBrokenError
		position  *cosbackend.AppendPositionError
		stopped   *StoppedError
		unset     *cosbackend.NotConfiguredError
		own       interface{ GRPCStatus() *grpcstatus.Status }
	)
	errors.As(err, &cosErr)
	switch {
	case ctx.Err() != nil:
		return contextSpec(ctx, cosErr), nil
	case errors.As(err, &stopped):
		return m.stoppedSpec(stopped, cosErr), nil
	case errors.As(err, &own):
		return Spec{}, own.GRPCStatus()
	case errors.As(err, &region):
		return Spec{code: codes.NotFound, Reason: ReasonRegionUnknown, text: fmt.Sprintf(
			"bucket %s is not in the bucket list of profile %s: check its name, or set region when it belongs to another account",
			region.Bucket, region.Profile)}, nil
	case errors.As(err, &invalid):
		return Spec{code: codes.InvalidArgument, Reason: ReasonInvalidField, field: invalid.Field, text: invalid.Problem}, nil
	case errors.As(err, &integrity):
		return integritySpec(integrity), nil
	case errors.As(err, &changed):
		return Spec{code: codes.Aborted, Reason: ReasonObjectChanged, text: "the object changed while it was read; read it anew", COS: cosErr}, nil
	case errors.As(err, &broken):
		return m.brokenReadSpec(broken, cosErr), nil
	case errors.As(err, &position):
		v := m.cosSpec(position.Err)
		v.extra = &cosgatev1.AppendConflict{NextPosition: position.Position}
		return v, nil
	case errors.As(err, &unset):
		return Spec{code: codes.NotFound, Reason: ReasonNotConfigured, text: "the bucket has no such configuration", COS: unset.Err}, nil
	case cosErr != nil:
		return m.cosSpec(cosErr), nil
	}
	return Spec{code: codes.Internal, Reason: ReasonInternal, text: "the gateway failed; its log has the reason under this request id"}, nil
}

func contextSpec(ctx context.Context, e *cosbackend.Error) Spec {
	v := Spec{code: codes.Canceled, Reason: ReasonCancelled, text: "the caller gave up", COS: e}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		v.code, v.Reason, v.text = codes.DeadlineExceeded, ReasonDeadline, "the caller's deadline passed"
	}
	return v
}

func integritySpec(e *cosbackend.IntegrityError) Spec {
	text := "what COS sent does not match the checksum it keeps; nothing of it may be used"
	if e.Stored {
		text = "COS stored other bytes than it was sent; write the object again"
	}
	if e.Frame {
		text = "the answer of COS was damaged on the way; nothing of it may be used, ask again"
	}
	return Spec{code: codes.DataLoss, Reason: ReasonChecksumMismatch, text: text, COS: &cosbackend.Error{
		Op: e.Op, Bucket: e.Bucket, Key: e.Key, RequestID: e.RequestID, HTTPStatus: 200, Attempts: 1,
	}}
}

func (m *Mapper) cosSpec(e *cosbackend.Error) Spec {
	if e.Origin == cosbackend.OriginTransport {
		return m.transportSpec(e)
	}
	if e.Cause != nil && e.HTTPStatus/100 == 2 && e.Code == "" {
		return Spec{code: codes.Internal, Reason: ReasonUnreadable, text: "the answer of COS cannot be read", COS: e}
	}
	r := m.table.find(e.Code, e.Message, e.HTTPStatus)
	v := Spec{
		code: r.Code, Reason: r.Reason, text: r.Text, field: r.Field, hint: r.Hint,
		delay: m.delay(r.Hint, e), COS: e, known: r.Known && e.Code != "",
	}
	if r.Credential && !e.CallerCredentials {
		v.code, v.Reason, v.CredentialsRefused = codes.Internal, ReasonCredentials, true
		v.text = "COS refused the gateway's own credentials; its operators must act"
	}
	return m.unknownOutcome(v)
}

// transportSpec judges a failure on the way to COS.
func (m *Mapper) transportSpec(e *cosbackend.Error) Spec {
	v := Spec{code: codes.Unavailable, Reason: ReasonUnreachable, hint: cosbackend.HintSoon, COS: e}
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var missing *cosbackend.CredentialsError
	switch {
	case e.NotFromCOS:
		v.Reason = ReasonNotFromCOS
		v.text = "HTTP " + strconv.Itoa(e.HTTPStatus) + " came without a COS request id: a proxy or a wrong endpoint answered, not COS"
		if !e.Retryable {
			v.hint = cosbackend.HintNever
		}
	case errors.As(e.Cause, &cert), errors.As(e.Cause, &authority):
		v.code, v.Reason, v.hint = codes.Internal, ReasonCertificate, cosbackend.HintNever
		v.text = "the certificate of COS is not trusted; the gateway's operators must act"
	case e.Attempts == 0, errors.As(e.Cause, &missing): // or gone between two attempts
		v.code, v.Reason, v.hint = codes.Internal, ReasonNoCredentials, cosbackend.HintNever
		v.text = "the gateway has no credentials for COS; its operators must act"
	case e.HTTPStatus != 0:
		v.text = "the answer of COS was cut"
	default:
		v.text = "COS could not be reached"
	}
	v.delay = m.delay(v.hint, e)
	return m.unknownOutcome(v)
}

// brokenReadSpec judges a read that broke too often: whatever broke it last, the caller
// can go on where it stopped.
func (m *Mapper) brokenReadSpec(b *cosbackend.ReadBrokenError, e *cosbackend.Error) Spec {
	v := Spec{
		code: codes.Unavailable, Reason: ReasonUnreachable, hint: cosbackend.HintSoon, COS: e,
		text:  fmt.Sprintf("the read broke off and could not be taken up again; go on at byte %d", b.NextOffset),
		extra: &cosgatev1.ReadResume{NextOffset: b.NextOffset, Etag: b.ETag, VersionId: b.VersionID},
	}
	if e == nil {
		v.delay = SoonDelay
		return v
	}
	v.delay = m.delay(v.hint, e)
	return v
}

// unknownOutcome overrides the Spec on a change whose answer was lost: repeating
// it blindly may say something else than the first answer did.
func (m *Mapper) unknownOutcome(v Spec) Spec {
	if !v.COS.OutcomeUnknown || v.COS.Retryable {
		return v
	}
	v.code, v.Reason, v.hint, v.delay = codes.Unavailable, ReasonOutcomeUnknown, cosbackend.HintNever, 0
	v.text = "the answer of COS was lost: the change may or may not have happened; read the state before repeating it"
	return v
}

// delay suggests a wait, 0 when waiting does not help. COS is not known to send
// Retry-After; when it does, that is the wait.
func (m *Mapper) delay(r cosbackend.RetryHint, e *cosbackend.Error) time.Duration {
	var d time.Duration
	switch r {
	case cosbackend.HintSoon:
		d = SoonDelay
	case cosbackend.HintSlowly:
		d = slowlyDelay
	case cosbackend.HintNever, cosbackend.HintOnce, cosbackend.HintReread, cosbackend.HintResign, cosbackend.HintRelocate:
		return 0
	}
	d += time.Duration((m.jitter() - 0.5) / 2 * float64(d))
	if s, err := strconv.Atoi(e.Headers["retry-after"]); err == nil && s > 0 {
		d = min(time.Duration(s)*time.Second, maxDelay)
	}
	return d.Round(time.Millisecond)
}

// status is the answer to a failed call, and the Spec behind it. The Spec is empty
// when err was a status already.
func (m *Mapper) Status(ctx context.Context, err error, requestID string) (*grpcstatus.Status, Spec) {
	v, done := m.Spec(ctx, err)
	if done != nil {
		return done, v
	}
	return grpcstatus.FromProto(v.write(requestID, MaxBytes)), v
}

// itemStatus is the status of one item inside a successful answer. A thousand of
// them share one message, so each has the details that matter to callers.
func (m *Mapper) ItemStatus(e *cosbackend.Error) *spb.Status {
	v := m.cosSpec(e)
	v.known, v.field = false, ""
	return v.write("", maxItemBytes)
}

// stoppedSpec tells a caller to go on elsewhere. What COS answered in the last
// moment is told instead, and so is a change whose answer was lost.
func (m *Mapper) stoppedSpec(s *StoppedError, e *cosbackend.Error) Spec {
	if e != nil && e.Origin == cosbackend.OriginCOS {
		return m.cosSpec(e)
	}
	v := Spec{
		code: codes.Unavailable, Reason: ReasonStopping, hint: cosbackend.HintSoon,
		text: "the gateway is stopping; another one takes the call",
	}
	v.delay = m.delay(v.hint, &cosbackend.Error{})
	if s.Resume != nil {
		v.extra = s.Resume
	}
	if e != nil && e.OutcomeUnknown {
		v.COS = e
		return m.unknownOutcome(v)
	}
	return v
}
