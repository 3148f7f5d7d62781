package service

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
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Waits suggested to callers. Each is varied by up to a quarter, so that callers
// who failed together do not come back together.
const (
	soonDelay   = 500 * time.Millisecond
	slowlyDelay = 2 * time.Second
	maxDelay    = 30 * time.Second // the longest Retry-After that is passed on
)

// A mapper turns what a handler returned into the status its caller gets. It is the
// only place where that is decided; handlers return errors as they come.
type mapper struct {
	table  *table
	jitter func() float64 // in [0, 1)
}

func newMapper() *mapper {
	return &mapper{table: newTable(), jitter: rand.Float64}
}

// A verdict is the status of one failure before it is written down.
type verdict struct {
	code    codes.Code
	reason  string
	text    string
	field   string // for BadRequest
	retry   retry
	delay   time.Duration // for RetryInfo; 0 for none
	cos     *cosbackend.Error
	known   bool          // the COS code has a page to link to
	extra   proto.Message // a detail of this failure alone
	rejects bool          // COS refused the profile's credentials
}

// decide judges err in the order of docs/errors.md: the caller's own context, a
// status that is one already, arguments, integrity, COS, and last a fixed text that
// tells nothing. The context is asked and not the error, because a timeout of the
// HTTP client looks like the caller's.
//
// done is a finished status; verdict is used when it is nil.
func (m *mapper) decide(ctx context.Context, err error) (v verdict, done *status.Status) {
	var (
		cosErr    *cosbackend.Error
		invalid   *cosbackend.ValidationError
		integrity *cosbackend.IntegrityError
		region    *cosbackend.RegionUnknownError
		changed   *cosbackend.ChangedError
		broken    *cosbackend.ReadBrokenError
		position  *cosbackend.AppendPositionError
		stopped   *stoppedError
		unset     *cosbackend.NotConfiguredError
		own       interface{ GRPCStatus() *status.Status }
	)
	errors.As(err, &cosErr)
	switch {
	case ctx.Err() != nil:
		return contextVerdict(ctx, cosErr), nil
	case errors.As(err, &stopped):
		return m.stoppedVerdict(stopped, cosErr), nil
	case errors.As(err, &own):
		return verdict{}, own.GRPCStatus()
	case errors.As(err, &region):
		return verdict{code: codes.NotFound, reason: reasonRegionUnknown, text: fmt.Sprintf(
			"bucket %s is not in the bucket list of profile %s: check its name, or set region when it belongs to another account",
			region.Bucket, region.Profile)}, nil
	case errors.As(err, &invalid):
		return verdict{code: codes.InvalidArgument, reason: reasonInvalidField, field: invalid.Field, text: invalid.Problem}, nil
	case errors.As(err, &integrity):
		return integrityVerdict(integrity), nil
	case errors.As(err, &changed):
		return verdict{code: codes.Aborted, reason: reasonObjectChanged, text: "the object changed while it was read; read it anew", cos: cosErr}, nil
	case errors.As(err, &broken):
		return m.brokenVerdict(broken, cosErr), nil
	case errors.As(err, &position):
		v := m.cosVerdict(position.Err)
		v.extra = &cosgatev1.AppendConflict{Position: position.Position}
		return v, nil
	case errors.As(err, &unset):
		return verdict{code: codes.NotFound, reason: reasonNotConfigured, text: "the bucket has no such configuration", cos: unset.Err}, nil
	case cosErr != nil:
		return m.cosVerdict(cosErr), nil
	}
	return verdict{code: codes.Internal, reason: reasonInternal, text: "the gateway failed; its log has the reason under this request id"}, nil
}

func contextVerdict(ctx context.Context, e *cosbackend.Error) verdict {
	v := verdict{code: codes.Canceled, reason: reasonCancelled, text: "the caller gave up", cos: e}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		v.code, v.reason, v.text = codes.DeadlineExceeded, reasonDeadline, "the caller's deadline passed"
	}
	return v
}

func integrityVerdict(e *cosbackend.IntegrityError) verdict {
	text := "what COS sent does not match the checksum it keeps; nothing of it may be used"
	if e.Stored {
		text = "COS stored other bytes than it was sent; write the object again"
	}
	if e.Frame {
		text = "the answer of COS was damaged on the way; nothing of it may be used, ask again"
	}
	return verdict{code: codes.DataLoss, reason: reasonChecksumMismatch, text: text, cos: &cosbackend.Error{
		Op: e.Op, Bucket: e.Bucket, Key: e.Key, RequestID: e.RequestID, HTTPStatus: 200, Attempts: 1,
	}}
}

func (m *mapper) cosVerdict(e *cosbackend.Error) verdict {
	if e.Origin == cosbackend.OriginTransport {
		return m.transportVerdict(e)
	}
	if e.Cause != nil && e.HTTPStatus/100 == 2 && e.Code == "" {
		return verdict{code: codes.Internal, reason: reasonUnreadable, text: "the answer of COS cannot be read", cos: e}
	}
	l := m.table.find(e.Code, e.Message, e.HTTPStatus)
	v := verdict{
		code: l.code, reason: l.reason, text: l.text, field: l.field, retry: l.retry,
		delay: m.delay(l.retry, e), cos: e, known: l.known && e.Code != "",
	}
	if l.credential && !e.CallerCredentials {
		v.code, v.reason, v.rejects = codes.Internal, reasonCredentials, true
		v.text = "COS refused the gateway's own credentials; its operators must act"
	}
	return m.unknownOutcome(v)
}

// transportVerdict judges a failure on the way to COS.
func (m *mapper) transportVerdict(e *cosbackend.Error) verdict {
	v := verdict{code: codes.Unavailable, reason: reasonUnreachable, retry: retrySoon, cos: e}
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var missing *cosbackend.CredentialsError
	switch {
	case e.NotFromCOS:
		v.reason = reasonNotFromCOS
		v.text = "HTTP " + strconv.Itoa(e.HTTPStatus) + " came without a COS request id: a proxy or a wrong endpoint answered, not COS"
		if !e.Retryable {
			v.retry = retryNever
		}
	case errors.As(e.Cause, &cert), errors.As(e.Cause, &authority):
		v.code, v.reason, v.retry = codes.Internal, reasonCertificate, retryNever
		v.text = "the certificate of COS is not trusted; the gateway's operators must act"
	case e.Attempts == 0, errors.As(e.Cause, &missing): // or gone between two attempts
		v.code, v.reason, v.retry = codes.Internal, reasonNoCredentials, retryNever
		v.text = "the gateway has no credentials for COS; its operators must act"
	case e.HTTPStatus != 0:
		v.text = "the answer of COS was cut"
	default:
		v.text = "COS could not be reached"
	}
	v.delay = m.delay(v.retry, e)
	return m.unknownOutcome(v)
}

// brokenVerdict judges a read that broke too often: whatever broke it last, the caller
// can go on where it stopped.
func (m *mapper) brokenVerdict(b *cosbackend.ReadBrokenError, e *cosbackend.Error) verdict {
	v := verdict{
		code: codes.Unavailable, reason: reasonUnreachable, retry: retrySoon, cos: e,
		text:  fmt.Sprintf("the read broke off and could not be taken up again; go on at byte %d", b.NextOffset),
		extra: &cosgatev1.ReadResume{NextOffset: b.NextOffset, Etag: b.ETag, VersionId: b.VersionID},
	}
	if e == nil {
		v.delay = soonDelay
		return v
	}
	v.delay = m.delay(v.retry, e)
	return v
}

// unknownOutcome overrides the verdict on a change whose answer was lost: repeating
// it blindly may say something else than the first answer did.
func (m *mapper) unknownOutcome(v verdict) verdict {
	if !v.cos.OutcomeUnknown || v.cos.Retryable {
		return v
	}
	v.code, v.reason, v.retry, v.delay = codes.Unavailable, reasonOutcomeUnknown, retryNever, 0
	v.text = "the answer of COS was lost: the change may or may not have happened; read the state before repeating it"
	return v
}

// delay suggests a wait, 0 when waiting does not help. COS is not known to send
// Retry-After; when it does, that is the wait.
func (m *mapper) delay(r retry, e *cosbackend.Error) time.Duration {
	var d time.Duration
	switch r {
	case retrySoon:
		d = soonDelay
	case retrySlowly:
		d = slowlyDelay
	case retryNever, retryOnce, retryReread, retryResign, retryRelocat:
		return 0
	}
	d += time.Duration((m.jitter() - 0.5) / 2 * float64(d))
	if s, err := strconv.Atoi(e.Headers["retry-after"]); err == nil && s > 0 {
		d = min(time.Duration(s)*time.Second, maxDelay)
	}
	return d.Round(time.Millisecond)
}

// status is the answer to a failed call, and the verdict behind it. The verdict is empty
// when err was a status already.
func (m *mapper) status(ctx context.Context, err error, requestID string) (*status.Status, verdict) {
	v, done := m.decide(ctx, err)
	if done != nil {
		return done, v
	}
	return status.FromProto(v.write(requestID, maxStatusBytes)), v
}

// itemStatus is the status of one item inside a successful answer. A thousand of
// them share one message, so each has the details that matter to callers.
func (m *mapper) itemStatus(e *cosbackend.Error) *spb.Status {
	v := m.cosVerdict(e)
	v.known, v.field = false, ""
	return v.write("", maxItemStatusBytes)
}
