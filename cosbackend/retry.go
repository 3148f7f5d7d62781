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

// do makes a call: as many attempts as its class, its body and the context allow.
// Called again with the same call it goes on counting.
func (c *Client) do(ctx context.Context, cl *call) error {
	traceFrom(ctx).begin(cl.op, c.profile)
	for {
		cl.number++
		at := &cl.first
		if cl.number > 1 {
			at = &attempt{}
		}
		at.number, at.hidden = cl.number, cl.hidden
		err := ended(ctx)
		if err == nil {
			err = c.send(ctx, cl, at)
		} else {
			err = c.unsent(cl, at, err)
		}
		if err == nil {
			at.succeeded(cl)
			return nil
		}
		cl.unknown = cl.unknown || lost(cl, at)
		cl.whole = at.state.complete
		cl.doubt = cl.doubt || lost(cl, at) || cl.changes && cl.whole && undecided(err)
		again := c.repeatable(ctx, cl, at, err)
		at.observed.end(err, again)
		if !again {
			return c.final(ctx, cl, err)
		}
		if waitErr := c.pause(ctx, cl.number, err); waitErr != nil {
			return c.final(ctx, cl, interrupted(err, waitErr))
		}
		c.logger.Debug("cosbackend: repeat", "operation", cl.op, "attempt", cl.number, "error", err)
	}
}

// lost reports whether an attempt may have changed something without COS having
// said so. What was not sent completely cannot have changed anything (A021),
// unless COS says that it did.
func lost(cl *call, at *attempt) bool {
	return cl.changes && at.connected.Load() && (at.early || !at.answered && at.state.complete)
}

// undecided reports an answer after which the work may be done all the same: COS
// failed at it, and did not just turn the request away.
func undecided(err error) bool {
	e, ok := err.(*Error) //nolint:errorlint // what send returned, not what is inside
	return ok && e.Origin == OriginCOS && transient(e) && !turnedAway(e)
}

// turnedAway reports an answer after which surely nothing happened.
func turnedAway(e *Error) bool {
	return e.Origin == OriginCOS && !e.InSuccessBody &&
		(e.HTTPStatus == http.StatusServiceUnavailable || e.HTTPStatus == http.StatusTooManyRequests)
}

// final completes the error that the caller gets.
func (c *Client) final(ctx context.Context, cl *call, err error) error {
	if u, ok := errors.AsType[*unsentError](err); ok {
		err = u.err
	}
	e, ok := err.(*Error) //nolint:errorlint // what send returned, not what is inside
	if !ok {
		return err
	}
	e.OutcomeUnknown = cl.unknown
	e.Retryable = helped(e) && (!cl.once || !cl.unknown)
	if e.HTTPStatus == http.StatusNotFound && (e.Code == "NoSuchBucket" || cl.key == "" && e.Code == "") {
		c.regions.forget(ctx, cl.bucket)
	}
	return e
}

// interrupted is err of a call that ended while it waited to repeat. When the
// context ended, that is the cause; when only no time was left, err says it all.
func interrupted(err, cause error) error {
	if errors.Is(cause, errNoTime) {
		return err
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // what send returned, not what is inside
		e.Cause = cause
		return e
	}
	return fmt.Errorf("%w (after %w)", cause, err)
}

// repeatable decides whether a failed attempt is followed by another one.
func (c *Client) repeatable(ctx context.Context, cl *call, at *attempt, err error) bool {
	if cl.single || at.number >= c.retry.MaxAttempts || ended(ctx) != nil {
		return false
	}
	if cl.body != nil && cl.body.Size > 0 && cl.body.Reopen == nil && at.state.taken {
		return false
	}
	switch e := err.(type) { //nolint:errorlint // what send returned, not what is inside
	case *IntegrityError:
		return !cl.once
	case *Error:
		if !cl.once {
			return transient(e)
		}
		if e.Origin == OriginTransport && e.HTTPStatus == 0 {
			return transient(e) && !lost(cl, at)
		}
		return turnedAway(e)
	}
	return false
}

// transient reports whether the failure may be gone in a moment.
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

// helped reports whether a later call may succeed: callers are told the same.
func helped(e *Error) bool {
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
var errNoTime = errors.New("no time left to repeat")

// pause waits before the attempt that follows number. It returns errNoTime at
// once when the deadline would come first, and the context's error when that ends.
func (c *Client) pause(ctx context.Context, number int, err error) error {
	delay := c.delay(number, err)
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

// delay doubles with each attempt; half of it is left to chance, so that callers
// that failed together do not come back together.
func (c *Client) delay(number int, err error) time.Duration {
	d := c.retry.BaseDelay
	for range number - 1 {
		if d *= 2; d >= c.retry.MaxDelay {
			d = c.retry.MaxDelay
			break
		}
	}
	d = d/2 + rand.N(d/2+1)        //nolint:gosec // spreading load needs no secrecy
	if e, ok := err.(*Error); ok { //nolint:errorlint // what send returned, not what is inside
		d = max(d, min(retryAfter(e, c.clock()), c.retry.MaxDelay))
	}
	return d
}

// ended returns the context's error, also in the moment between its deadline and
// the timer that reports it: the network may notice the deadline first.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// failure is an attempt without an answer.
func (c *Client) failure(ctx context.Context, cl *call, at *attempt, cause error) error {
	e := c.newError(cl, at)
	e.Origin, e.Cause = OriginTransport, transportCause(ctx, at, cause)
	return e
}

// transportCause makes a cause speak of the caller's context exactly when that
// has ended. net/http's own timeouts claim to be context.DeadlineExceeded, too.
func transportCause(ctx context.Context, at *attempt, err error) error {
	cause := &networkError{err: err, text: at.clean(err.Error(), maxMessage)}
	over := ended(ctx)
	if over == nil {
		return cause
	}
	return fmt.Errorf("%w: %w", over, cause)
}

// A networkError is a cause that is not the end of the caller's context, whatever
// it says of itself, and whose text holds no secret: net/http quotes what it could
// not read.
type networkError struct {
	err  error
	text string
}

func (e *networkError) Error() string { return e.text }

// Is finds what is inside, except the errors of a context.
func (e *networkError) Is(target error) bool {
	if target == context.DeadlineExceeded || target == context.Canceled {
		return false
	}
	return errors.Is(e.err, target)
}

// As finds what is inside.
func (e *networkError) As(target any) bool { return errors.As(e.err, target) }

// accepted reports whether an answer shows that COS took the credentials for
// valid. Refusals that may come before the signature is looked at do not.
func accepted(status int, err error) bool {
	switch status {
	case http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return true
	case http.StatusNotFound:
		e, ok := errors.AsType[*Error](err)
		return ok && e.Code == "NoSuchKey"
	}
	return status >= 200 && status <= 299
}
