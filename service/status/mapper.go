// Package status is the error contract: which gRPC status, reason, text and details a caller
// receives for each failure. It needs nothing of the service, whose interceptor applies it.
package status

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Delays suggested to callers. Each is varied by up to a quarter, so that callers that
// failed together do not return together.
const (
	// SoonDelay is for failures that pass quickly.
	SoonDelay   = 500 * time.Millisecond
	slowlyDelay = 2 * time.Second
	maxDelay    = 30 * time.Second // the longest Retry-After that is passed on
)

// A Mapper turns the error that a handler returned into the status its caller receives.
// Nothing else decides that; handlers return errors as they come.
type Mapper struct {
	table  *table
	jitter func() float64 // in [0, 1)
}

// NewMapper returns a Mapper that knows the whole contract.
func NewMapper() *Mapper {
	return &Mapper{table: newTable(), jitter: rand.Float64}
}

// A StoppedError is a call that was ended because the gateway is stopping.
type StoppedError struct {
	// Cause is what the handler returned; nil when nobody waited for it.
	Cause error
	// Resume says where to continue a read that had begun; nil for other calls.
	Resume *cosgatev1.ReadResume
}

// Error says that the gateway is stopping.
func (e *StoppedError) Error() string { return "service: the server is stopping" }

// Unwrap returns Cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// A Spec describes the status of one failure before it is written.
type Spec struct {
	// Reason is the reason in the ErrorInfo; "" when the error was a status already.
	Reason string
	// COS is the failure of the request to COS; nil when there was none.
	COS *cosbackend.Error
	// CredentialsRejected says that COS refused the profile's credentials.
	CredentialsRejected bool

	code  codes.Code
	text  string
	field string // for BadRequest
	hint  cosbackend.RetryHint
	delay time.Duration // for RetryInfo; 0 for none
	known bool          // the COS code has a page to link to
	extra proto.Message // a detail of this failure alone
}

// Status returns the status of a failed call before [Fit], and what it was made from.
// requestID is the gateway's own.
func (m *Mapper) Status(ctx context.Context, err error, requestID string) (*grpcstatus.Status, Spec) {
	spec, finished := m.Decide(ctx, err)
	if finished != nil {
		return finished, spec
	}
	return grpcstatus.FromProto(spec.proto(requestID)), spec
}

// ItemStatus returns the status of one item inside a successful response. Up to a thousand
// of them share one message, so each has only the details that matter most.
func (m *Mapper) ItemStatus(e *cosbackend.Error) *spb.Status {
	spec := m.cosSpec(e)
	spec.known, spec.field = false, ""
	return FitItem(spec.proto(""))
}

// Decide classifies err in the order of docs/errors.md: the caller's own context, an error
// that is a status already, arguments, integrity, COS, and last a fixed text that reveals
// nothing. It looks at the context and not at the error for the first, because a timeout of
// the HTTP client looks like one of the caller.
//
// When err was a status already, it is returned as finished, and the Spec is empty.
func (m *Mapper) Decide(ctx context.Context, err error) (spec Spec, finished *grpcstatus.Status) {
	var (
		cosErr        *cosbackend.Error
		invalid       *cosbackend.ValidationError
		integrity     *cosbackend.IntegrityError
		region        *cosbackend.RegionUnknownError
		changed       *cosbackend.ChangedError
		broken        *cosbackend.ReadBrokenError
		position      *cosbackend.AppendPositionError
		stopped       *StoppedError
		notConfigured *cosbackend.NotConfiguredError
		own           interface{ GRPCStatus() *grpcstatus.Status }
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
			"bucket %s is not in the bucket list of profile %s: check its name, or set region if it belongs to another account",
			region.Bucket, region.Profile)}, nil
	case errors.As(err, &invalid):
		return Spec{code: codes.InvalidArgument, Reason: ReasonInvalidField, field: invalid.Field, text: invalid.Problem}, nil
	case errors.As(err, &integrity):
		return integritySpec(integrity), nil
	case errors.As(err, &changed):
		return Spec{
			code: codes.Aborted, Reason: ReasonObjectChanged, COS: cosErr,
			text: "the object changed while it was read; read it again from the beginning",
		}, nil
	case errors.As(err, &broken):
		return m.brokenReadSpec(broken, cosErr), nil
	case errors.As(err, &position):
		spec := m.cosSpec(position.Err)
		spec.extra = &cosgatev1.AppendConflict{NextPosition: position.Position}
		return spec, nil
	case errors.As(err, &notConfigured):
		return Spec{
			code: codes.NotFound, Reason: ReasonNotConfigured, COS: notConfigured.Err,
			text: "the bucket has no such configuration",
		}, nil
	case cosErr != nil:
		return m.cosSpec(cosErr), nil
	}
	return Spec{
		code: codes.Internal, Reason: ReasonInternal,
		text: "the gateway failed; its log has the cause under this request id",
	}, nil
}

func contextSpec(ctx context.Context, e *cosbackend.Error) Spec {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Spec{code: codes.DeadlineExceeded, Reason: ReasonDeadline, text: "the caller's deadline passed", COS: e}
	}
	return Spec{code: codes.Canceled, Reason: ReasonCancelled, text: "the caller cancelled the call", COS: e}
}

func integritySpec(e *cosbackend.IntegrityError) Spec {
	text := "the content that COS sent does not match its checksum; discard all of it"
	if e.Stored {
		text = "COS stored other bytes than it was sent; write the object again"
	}
	if e.Frame {
		text = "COS's response was damaged on the way; discard all of it and make the call again"
	}
	return Spec{code: codes.DataLoss, Reason: ReasonChecksumMismatch, text: text, COS: &cosbackend.Error{
		Op: e.Op, Bucket: e.Bucket, Key: e.Key, RequestID: e.RequestID, HTTPStatus: 200, Attempts: 1,
	}}
}

// cosSpec describes the failure of a request to COS.
func (m *Mapper) cosSpec(e *cosbackend.Error) Spec {
	switch e.Origin {
	case cosbackend.OriginTransport:
		return m.transportSpec(e)
	case cosbackend.OriginSTS:
		return m.stsSpec(e)
	case cosbackend.OriginCOS:
	}
	if e.Cause != nil && e.HTTPStatus/100 == 2 && e.Code == "" {
		return Spec{code: codes.Internal, Reason: ReasonMalformedResponse, text: "COS's response cannot be parsed", COS: e}
	}
	r := m.table.find(cmp.Or(e.Code, e.CredentialCode), e.Message, e.HTTPStatus)
	spec := Spec{
		code: r.Code, Reason: r.Reason, text: r.Text, field: r.Field, hint: r.Hint,
		delay: m.delay(r.Hint, e), COS: e, known: r.Known && e.Code != "",
	}
	if r.Credential {
		spec.ofCredentials()
	}
	return spec.orOutcomeUnknown()
}

// ofCredentials makes the Spec one of credentials that COS refused: whoever they belong to is
// told, and a wrong clock is the gateway's own, whoever they belong to.
func (s *Spec) ofCredentials() {
	e := s.COS
	if !e.CallerCredentials {
		s.code, s.Reason, s.CredentialsRejected = codes.Internal, ReasonCredentialsRejected, true
		s.text = "COS refused the gateway's own credentials; its operators must act"
		if e.CredentialCode != "" {
			s.text = "COS refused the gateway's own credentials (" + e.CredentialCode + "); its operators must act"
		}
	}
	if e.ClockSkew != 0 {
		s.code = codes.Internal
		where := "ahead of"
		if e.ClockSkew < 0 {
			where = "behind"
		}
		s.text = fmt.Sprintf("the gateway's clock is %v %s COS's, which refuses its signatures; its operators must act", e.ClockSkew.Abs(), where)
	}
}

// transportSpec describes a failure between the gateway and COS.
func (m *Mapper) transportSpec(e *cosbackend.Error) Spec {
	spec := Spec{code: codes.Unavailable, Reason: ReasonUnreachable, hint: cosbackend.HintSoon, COS: e}
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var missing *cosbackend.CredentialsError
	switch {
	case e.NotFromCOS:
		spec.Reason = ReasonNotFromCOS
		spec.text = "the response with HTTP status " + strconv.Itoa(e.HTTPStatus) +
			" has no COS request id: it came from a proxy or a wrong endpoint, not from COS"
		if !e.Retryable {
			spec.hint = cosbackend.HintNever
		}
	case errors.As(e.Cause, &cert), errors.As(e.Cause, &authority):
		spec.code, spec.Reason, spec.hint = codes.Internal, ReasonCertificate, cosbackend.HintNever
		spec.text = "COS's certificate is not trusted; the gateway's operators must act"
	case errors.Is(e.Cause, cosbackend.ErrNotNarrowable):
		spec.code, spec.Reason, spec.hint = codes.FailedPrecondition, ReasonNotNarrowable, cosbackend.HintNever
		spec.text = "the profile's credentials cannot be narrowed, so nothing was signed: its operators can configure a role, or signing with its own keys"
	case e.Attempts == 0, errors.As(e.Cause, &missing): // or they expired between two attempts
		spec.code, spec.Reason, spec.hint = codes.Internal, ReasonCredentialsMissing, cosbackend.HintNever
		spec.text = "the gateway has no credentials for COS; its operators must act"
	case e.HTTPStatus != 0:
		spec.text = "COS's response was truncated"
	default:
		spec.text = "COS could not be reached"
	}
	spec.delay = m.delay(spec.hint, e)
	return spec.orOutcomeUnknown()
}

// stsSpec describes a refusal of STS to narrow credentials: nothing was signed.
func (m *Mapper) stsSpec(e *cosbackend.Error) Spec {
	spec := Spec{
		code: codes.Internal, Reason: ReasonFor(e.Code), COS: e,
		text: "STS gave no credentials that are narrowed to what was asked for, so nothing was signed; the gateway's operators must act",
	}
	switch {
	case e.Retryable:
		spec.code, spec.hint = codes.Unavailable, cosbackend.HintSoon
		spec.text = "STS cannot narrow credentials at the moment, so nothing was signed"
	case strings.HasPrefix(e.Code, "UnauthorizedOperation"):
		spec.code = codes.PermissionDenied
		spec.text = "STS does not allow the credentials to be narrowed to what was asked for, so nothing was signed"
	case strings.HasPrefix(e.Code, "AuthFailure") && e.CallerCredentials:
		spec.code, spec.Reason = codes.Unauthenticated, ReasonCallerCredentialsInvalid
		spec.text = "STS refused the caller's own COS credentials"
	case strings.HasPrefix(e.Code, "AuthFailure"):
		spec.Reason, spec.CredentialsRejected = ReasonCredentialsRejected, true
		spec.text = "STS refused the gateway's own credentials; its operators must act"
	case e.Code == "":
		spec.Reason = ReasonMalformedResponse
	}
	spec.delay = m.delay(spec.hint, e)
	return spec
}

// brokenReadSpec describes a read that broke off too often: whatever the last failure was,
// the caller can continue where the read stopped.
func (m *Mapper) brokenReadSpec(b *cosbackend.ReadBrokenError, e *cosbackend.Error) Spec {
	spec := Spec{
		code: codes.Unavailable, Reason: ReasonUnreachable, hint: cosbackend.HintSoon, COS: e,
		text:  fmt.Sprintf("the read broke off and could not be resumed; continue at byte %d", b.NextOffset),
		extra: &cosgatev1.ReadResume{NextOffset: b.NextOffset, Etag: b.ETag, VersionId: b.VersionID},
	}
	if e == nil {
		spec.delay = SoonDelay
		return spec
	}
	spec.delay = m.delay(spec.hint, e)
	return spec
}

// stoppedSpec sends a caller to another gateway, unless COS responded with an error in the
// last moment, or the response to a change was lost.
func (m *Mapper) stoppedSpec(stopped *StoppedError, e *cosbackend.Error) Spec {
	if e != nil && e.Origin == cosbackend.OriginCOS {
		return m.cosSpec(e)
	}
	spec := Spec{
		code: codes.Unavailable, Reason: ReasonStopping, hint: cosbackend.HintSoon,
		text: "the gateway is stopping; call again, and another gateway responds",
	}
	spec.delay = m.delay(spec.hint, &cosbackend.Error{})
	if stopped.Resume != nil {
		spec.extra = stopped.Resume
	}
	if e != nil && e.OutcomeUnknown {
		spec.COS = e
		return spec.orOutcomeUnknown()
	}
	return spec
}

// orOutcomeUnknown overrides the Spec of a change whose response was lost, if retrying it
// blindly could give another response than the first one.
func (s Spec) orOutcomeUnknown() Spec {
	if !s.COS.OutcomeUnknown || s.COS.Retryable {
		return s
	}
	s.code, s.Reason, s.hint, s.delay = codes.Unavailable, ReasonOutcomeUnknown, cosbackend.HintNever, 0
	s.text = "COS's response was lost: the change may or may not have been made; read the state before you retry it"
	return s
}

// delay suggests how long to wait, 0 when waiting does not help. COS is not known to send
// Retry-After; if it does, that is the delay.
func (m *Mapper) delay(hint cosbackend.RetryHint, e *cosbackend.Error) time.Duration {
	var d time.Duration
	switch hint {
	case cosbackend.HintSoon:
		d = SoonDelay
	case cosbackend.HintSlowly:
		d = slowlyDelay
	case cosbackend.HintNever, cosbackend.HintOnce, cosbackend.HintReread, cosbackend.HintResign, cosbackend.HintRelocate:
		return 0
	}
	d += time.Duration((m.jitter() - 0.5) / 2 * float64(d))
	if seconds, err := strconv.Atoi(e.Headers["retry-after"]); err == nil && seconds > 0 {
		d = min(time.Duration(seconds)*time.Second, maxDelay)
	}
	return d.Round(time.Millisecond)
}
