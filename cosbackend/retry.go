package cosbackend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// An execution carries out one operation. It holds everything that changes from one
// attempt to the next.
type execution struct {
	client   *Client
	op       operation
	attempts int // made so far
	limit    int // of attempts
	// abandoned, when it is not nil, reports that no further attempt is wanted.
	abandoned func() bool

	// What is known of the attempts so far; neither turns false again.
	//
	// responseLost: one was sent and no response says what became of it.
	// mayHaveBeenApplied: that, or COS failed at one after it had received all of it.
	responseLost       bool
	mayHaveBeenApplied bool

	// backup says that the next attempt goes to the backup domain, because the last one
	// found no connection to the other.
	backup bool

	first attempt // most executions have one, which is allocated with them
}

// An outcome is what became of an execution.
type outcome struct {
	failure  *failure // nil after success
	attempts int
	// bodySent says that the last attempt sent all of its body.
	bodySent bool
	// mayHaveBeenApplied says that an attempt may have been applied whose response does
	// not say so.
	mayHaveBeenApplied bool
}

// err returns the error for the caller; nil after success.
func (o outcome) err() error {
	if o.failure == nil {
		return nil
	}
	return o.failure.err
}

// do carries out an operation: with as many attempts as its class, its body and the
// context allow.
func (c *Client) do(ctx context.Context, op operation) error {
	return c.newExecution(op).run(ctx).err()
}

// execute is do with an outcome that says more than the error.
func (c *Client) execute(ctx context.Context, op operation) outcome {
	return c.newExecution(op).run(ctx)
}

func (c *Client) newExecution(op operation) *execution {
	return &execution{client: c, op: op, limit: c.retry.MaxAttempts}
}

// run makes attempts until one succeeds or none may follow. Called again it goes on
// counting.
func (x *execution) run(ctx context.Context) outcome {
	traceFrom(ctx).begin(x.op.name, x.client.profile)
	for {
		at := x.nextAttempt()
		var f *failure
		if err := contextError(ctx); err != nil {
			f = at.unsent(err)
		} else {
			f = at.send(ctx)
		}
		if f == nil {
			at.succeeded()
			return x.outcome(at, nil)
		}
		x.note(at, f)
		retried := x.retries(ctx, at, f)
		at.observed.end(f, retried)
		if !retried {
			return x.outcome(at, x.final(ctx, at, f))
		}
		if err := x.client.pause(ctx, x.attempts, f.response); err != nil {
			return x.outcome(at, x.final(ctx, at, f.endedBy(err)))
		}
		x.client.logger.Debug("cosbackend: retry", "operation", x.op.name, "attempt", x.attempts, "error", f.err)
		x.switchHost(at, f)
	}
}

func (x *execution) nextAttempt() *attempt {
	at := &x.first
	if at.client != nil {
		at = &attempt{}
	}
	x.attempts++
	at.client, at.op, at.number, at.host = x.client, &x.op, x.attempts, x.op.host
	if x.backup {
		at.host, _ = x.op.backupHost()
	}
	return at
}

// switchHost has the next attempt go to the other domain if this one found no connection:
// nothing was sent then, so that it does not matter what the operation does. Another
// domain is not tried after anything else: that COS failed says nothing about the domain.
func (x *execution) switchHost(at *attempt, f *failure) {
	if !x.client.backup || at.connected.Load() || f.response == nil || f.response.Origin != OriginTransport {
		return
	}
	if _, ok := x.op.backupHost(); !ok {
		return
	}
	x.backup = !x.backup
	x.client.logger.Warn("cosbackend: no connection to COS; trying its other domain",
		"operation", x.op.name, "profile", x.client.profile, "host", at.host, "error", f.err)
}

func (x *execution) outcome(at *attempt, f *failure) outcome {
	return outcome{failure: f, attempts: x.attempts, bodySent: at.body.sent, mayHaveBeenApplied: x.mayHaveBeenApplied}
}

// note records what a failed attempt may have done.
func (x *execution) note(at *attempt, f *failure) {
	if !x.op.retry.modifies() {
		return
	}
	lost := at.responseLost()
	f.inDoubt = lost || at.body.sent && f.leavesInDoubt()
	f.echoed = x.mayHaveBeenApplied && f.response.mayEchoSuccess()
	x.responseLost = x.responseLost || lost
	x.mayHaveBeenApplied = x.mayHaveBeenApplied || f.inDoubt
	if x.op.retry == settled && x.attempts > 1 && f.code() == noSuchUpload {
		x.mayHaveBeenApplied = true // an earlier attempt may be what ended the upload
	}
}

// responseLost reports whether the attempt may have changed something without COS
// having said so. What was not sent completely cannot have changed anything (A021),
// unless COS says that it did.
func (at *attempt) responseLost() bool {
	return at.connected.Load() && (at.earlyResponse || !at.responseReceived && at.body.sent)
}

// leavesInDoubt reports a response after which the operation may have been applied
// nevertheless: COS failed at it, or met another request at work on the same thing.
func (f *failure) leavesInDoubt() bool {
	e := f.response
	return e != nil && e.Origin == OriginCOS && !throttled(e) && (transient(e) || contended(e))
}

// mayEchoSuccess reports a response that an earlier attempt of the same operation can
// have caused by being applied: what it made is there already, or what it removed is
// gone.
func (e *Error) mayEchoSuccess() bool {
	if e == nil || e.Origin != OriginCOS {
		return false
	}
	return e.HTTPStatus == http.StatusNotFound || e.HTTPStatus == http.StatusConflict || e.HTTPStatus == http.StatusPreconditionFailed
}

// turnedAway reports a response with which COS declined to begin.
func turnedAway(e *Error) bool {
	return e.Origin == OriginCOS && !e.InSuccessBody &&
		(e.HTTPStatus == http.StatusServiceUnavailable || e.HTTPStatus == http.StatusTooManyRequests)
}

// throttled reports a response after which surely nothing was applied: COS counted the
// request and dropped it. A bare 503 does not say that much.
func throttled(e *Error) bool {
	return turnedAway(e) && (e.HTTPStatus == http.StatusTooManyRequests || e.Code == "SlowDown")
}

// final completes the error that the caller gets.
func (x *execution) final(ctx context.Context, at *attempt, f *failure) *failure {
	e := f.response
	if e == nil {
		return f
	}
	x.explain(ctx, at, e)
	retryable := x.op.retry.retryable()
	e.OutcomeUnknown = x.responseLost || f.echoed && !retryable
	e.Retryable = mayHelpToRetry(e) && (retryable || !e.OutcomeUnknown)
	if e.HTTPStatus == http.StatusNotFound && (e.Code == "NoSuchBucket" || x.op.key == "" && e.Code == "") {
		x.client.regions.forget(ctx, x.op.bucket)
	}
	return f
}

// endedBy is the failure of an execution that ended while it waited to retry. When the
// context ended, that is the cause; when only no time was left, the failure says it all.
func (f *failure) endedBy(cause error) *failure {
	switch {
	case errors.Is(cause, errNoTime):
	case f.response != nil:
		f.response.Cause = cause
	default:
		f.err = fmt.Errorf("%w (after %w)", cause, f.err)
	}
	return f
}

// retries decides whether a failed attempt is followed by another one.
func (x *execution) retries(ctx context.Context, at *attempt, f *failure) bool {
	if f.unsent || x.attempts >= x.limit || contextError(ctx) != nil || x.abandoned != nil && x.abandoned() {
		return false
	}
	if at.body.taken && !x.op.resendable() {
		return false
	}
	e := f.response
	switch {
	case e == nil:
		_, corrupted := errors.AsType[*IntegrityError](f.err)
		return corrupted && x.op.retry.retryable()
	case x.op.retry == partOfUpload:
		return transient(e) || contended(e)
	case x.op.retry.retryable():
		return transient(e)
	case e.Origin == OriginTransport && e.HTTPStatus == 0:
		return transient(e) && !f.inDoubt
	case x.op.retry == settled:
		return throttled(e) // after anything else the state is looked at first
	}
	return turnedAway(e)
}

// resendable reports whether the body can be read from its beginning again.
func (op *operation) resendable() bool {
	return op.body == nil || op.body.Size == 0 || op.body.Reopen != nil
}

// transient reports whether the failure may pass in a moment.
func transient(e *Error) bool {
	switch {
	case e.NotFromCOS:
		return e.HTTPStatus == http.StatusRequestTimeout || e.HTTPStatus == http.StatusTooManyRequests || e.HTTPStatus >= 500
	case e.Origin == OriginTransport:
		return !certificateRefused(e.Cause)
	}
	code, known := LookupCode(e.Code) // some are transient with status 400 (A017, A074)
	switch {
	case e.InSuccessBody:
		return code.TransientInSuccess
	case known:
		return code.Transient()
	}
	return hintForStatus(e.HTTPStatus).waitHelps()
}

// contended reports a race with another request on the same resource, also one whose code
// is not known.
func contended(e *Error) bool {
	if code, known := LookupCode(e.Code); known {
		return code.Contended
	}
	return e.Origin == OriginCOS && e.HTTPStatus == http.StatusConflict
}

// mayHelpToRetry reports whether a later call may succeed: Error.Retryable follows it.
func mayHelpToRetry(e *Error) bool {
	if e.Origin == OriginCOS {
		return HintFor(e.Code, e.HTTPStatus).Retryable()
	}
	return transient(e) && e.Attempts > 0
}

// certificateRefused reports a failure that lasts until somebody changes a
// configuration.
func certificateRefused(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// errNoTime says that the deadline comes before the next attempt would.
var errNoTime = errors.New("no time left to retry")

// pause waits before the attempt that follows a number of failed ones, the last of them
// with e, which may be nil. It returns errNoTime at once when the deadline would come
// first, and the context's error when that ends.
func (c *Client) pause(ctx context.Context, failed int, e *Error) error {
	delay := c.delay(failed, e)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return errNoTime
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// delay doubles with each failed attempt; half of it is random, so that callers
// that failed together do not come back together.
func (c *Client) delay(failed int, e *Error) time.Duration {
	d := c.retry.BaseDelay
	for range failed - 1 {
		if d *= 2; d >= c.retry.MaxDelay {
			d = c.retry.MaxDelay
			break
		}
	}
	d = d/2 + rand.N(d/2+1) //nolint:gosec // spreading load needs no secrecy
	if e != nil {
		d = max(d, min(retryAfter(e, c.clock()), c.retry.MaxDelay))
	}
	return d
}

// contextError returns the context's error, also in the moment between its deadline and
// the timer that reports it: the network may notice the deadline first.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
