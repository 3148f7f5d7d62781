package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// renewAhead is how long before their end credentials are renewed at the latest,
	// so that a source that fails for minutes harms no call.
	renewAhead = 5 * time.Minute
	// minRenewInterval is how long a source is not queried after a response: it may return
	// the same credentials until it has renewed them itself (A083).
	minRenewInterval = time.Minute
	// renewTimeout bounds one attempt to obtain credentials.
	renewTimeout = 10 * time.Second
	// renewBackoff is the wait after a failure. It doubles up to renewMaxBackoff, and
	// half of it is random.
	renewBackoff    = time.Second
	renewMaxBackoff = 30 * time.Second
)

// A CredentialsError says that a source of temporary credentials has none that are
// valid: it could not be reached, it refused, or its credentials have expired and could
// not be renewed.
type CredentialsError struct {
	// Source names the source.
	Source string
	// Expired is when the last ones ended; zero when there never were any.
	Expired time.Time
	// Err is the latest failure.
	Err error
}

// Error says what is missing and why. It holds no secret.
func (e *CredentialsError) Error() string {
	if e.Expired.IsZero() {
		return fmt.Sprintf("no credentials from %s: %v", e.Source, e.Err)
	}
	return fmt.Sprintf("the credentials from %s expired at %s and could not be renewed: %v",
		e.Source, e.Expired.UTC().Format(time.RFC3339), e.Err)
}

// Unwrap returns Err.
func (e *CredentialsError) Unwrap() error { return e.Err }

// CredentialStatus is the state of temporary credentials, for operators.
type CredentialStatus struct {
	// Obtained and Expires are of the credentials in use; zero while there are none.
	// How old they are is the time since Obtained.
	Obtained time.Time
	Expires  time.Time
	// NextRefresh is when the source is queried again; zero before the first time.
	NextRefresh time.Time
	// Failures counts the attempts since the last success, and Err is the last one of
	// them; 0 and nil when all is well.
	Failures int
	Err      error
}

var (
	errCredentialsClosed = errors.New("the source was closed")
	errCredentialsShort  = errors.New("they expired as soon as they were received")
)

// temporary is the content of one response of a source.
type temporary struct {
	credentials Credentials
	expires     time.Time
}

func newTemporary(secretID, secretKey, token string, expires time.Time) temporary {
	return temporary{Credentials{SecretID: secretID, SecretKey: secretKey, Token: token, Expires: expires}, expires}
}

// TemporaryCredentials come from a source that gives them for a limited time. They
// are renewed in the background: when two thirds of their lifetime are over, at the
// latest five minutes before their end, and after a failure again and again with a
// growing wait. Callers never wait while they are valid, and expired ones are
// never returned.
//
// The source is queried for the first time when credentials are first needed. The
// owner closes them when no client uses them any more.
type TemporaryCredentials struct {
	source   string
	fetch    func(context.Context) (temporary, error)
	clock    func() time.Time
	logger   *slog.Logger
	lifetime context.Context // until Close
	cancel   context.CancelFunc
	wake     chan struct{}
	ended    chan struct{} // closed when the background work is done
	current  atomic.Pointer[temporary]
	role     *assumedRole // of those that STS gives for a role; nil for others

	mu          sync.Mutex
	begun       bool
	attemptDone chan struct{} // closed when the attempt under way, or due now, is over
	status      CredentialStatus
}

func newTemporaryCredentials(source string, clock func() time.Time, logger *slog.Logger, fetch func(context.Context) (temporary, error)) *TemporaryCredentials {
	t := &TemporaryCredentials{
		source: source, fetch: fetch, clock: clock, logger: logger,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if t.clock == nil {
		t.clock = time.Now
	}
	if t.logger == nil {
		t.logger = slog.New(slog.DiscardHandler)
	}
	t.lifetime, t.cancel = context.WithCancel(context.Background())
	return t
}

// Credentials returns the credentials in use. Without valid ones it waits for the
// attempt that is being made, within ctx; when that fails, or failed a moment ago,
// it returns a [*CredentialsError].
func (t *TemporaryCredentials) Credentials(ctx context.Context) (Credentials, error) {
	if c, ok := t.valid(); ok {
		return c, nil
	}
	if done := t.attempt(); done != nil { //nolint:contextcheck // renewals outlive the caller that needs the first
		select {
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		case <-done:
		}
		if c, ok := t.valid(); ok {
			return c, nil
		}
	}
	return Credentials{}, t.failure()
}

// Status returns what is known at the moment. It sends nothing.
func (t *TemporaryCredentials) Status() CredentialStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// Close stops the renewals and waits for that. Credentials that are still valid
// stay in use until they expire, so that calls in flight can end well. It returns nil.
func (t *TemporaryCredentials) Close() error {
	t.mu.Lock()
	t.cancel()
	begun := t.begun
	t.mu.Unlock()
	if begun {
		<-t.ended
	}
	return nil
}

func (t *TemporaryCredentials) valid() (Credentials, bool) {
	c := t.current.Load()
	if c == nil || !t.clock().Before(c.expires) {
		return Credentials{}, false
	}
	return c.credentials, true
}

// attempt returns a channel that is closed when the next attempt is over: the one under
// way, or one that is begun for this purpose. Right after a
// failure it returns nil: callers must not drive the source faster than its pauses.
func (t *TemporaryCredentials) attempt() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.lifetime.Err() != nil:
		return nil
	case t.attemptDone != nil:
		return t.attemptDone
	case t.status.Failures > 0:
		return nil
	}
	t.attemptDone = make(chan struct{})
	if !t.begun {
		t.begun = true
		go t.run()
		return t.attemptDone
	}
	// The timer that should have renewed them has not fired: the machine slept, or
	// its clock was set.
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return t.attemptDone
}

func (t *TemporaryCredentials) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &CredentialsError{Source: t.source, Expired: t.status.Expires, Err: t.status.Err}
	switch {
	case t.lifetime.Err() != nil:
		e.Err = errCredentialsClosed
	case e.Err == nil:
		e.Err = errCredentialsShort
	}
	return e
}

func (t *TemporaryCredentials) run() {
	defer close(t.ended)
	defer t.finishAttempt(func() {})
	for {
		timer := time.NewTimer(t.renew())
		select {
		case <-t.lifetime.Done():
			timer.Stop()
			return
		case <-t.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// renew makes one attempt and returns how long to wait before the next one.
func (t *TemporaryCredentials) renew() (pause time.Duration) {
	t.mu.Lock()
	if t.attemptDone == nil {
		t.attemptDone = make(chan struct{})
	}
	select {
	case <-t.wake: // this attempt is the one that was requested
	default:
	}
	t.mu.Unlock()

	ctx, cancel := context.WithTimeout(t.lifetime, renewTimeout)
	defer cancel()
	got, err := t.fetch(ctx)
	now := t.clock()
	if err == nil {
		err = got.check(now)
	}
	t.finishAttempt(func() {
		if err != nil {
			t.status.Failures++
			t.status.Err = err
			pause = backoff(t.status.Failures)
		} else {
			t.current.Store(&got)
			t.status = CredentialStatus{Obtained: now, Expires: got.expires}
			pause = renewAfter(got.expires.Sub(now))
		}
		t.status.NextRefresh = now.Add(pause)
	})
	t.report(err)
	return pause
}

// finishAttempt ends the attempt under way after its outcome was recorded.
func (t *TemporaryCredentials) finishAttempt(outcome func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outcome()
	if t.attemptDone != nil {
		close(t.attemptDone)
		t.attemptDone = nil
	}
}

func (t *TemporaryCredentials) report(err error) {
	status := t.Status()
	switch {
	case err == nil:
		t.logger.Info("cosbackend: credentials were renewed", "source", t.source, "expires", status.Expires, "next", status.NextRefresh)
	case t.lifetime.Err() == nil:
		t.logger.Warn("cosbackend: credentials could not be renewed", "source", t.source, "expires", status.Expires,
			"failures", status.Failures, "next", status.NextRefresh, "error", err)
	}
}

// check refuses what cannot be used, above all what has expired already: with such
// credentials the source would be queried without end.
func (t temporary) check(now time.Time) error {
	if err := t.credentials.check(); err != nil {
		return fmt.Errorf("the response cannot be used: %w", err)
	}
	if t.credentials.Token == "" {
		return errors.New("the response cannot be used: the security token is empty")
	}
	if !now.Before(t.expires) {
		return fmt.Errorf("the response cannot be used: the credentials expired at %s, and it is %s here; check the clock",
			t.expires.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// renewAfter returns how long credentials with the lifetime d are used before they are
// renewed. A part is random, so that gateways started together do not renew together.
func renewAfter(d time.Duration) time.Duration {
	pause := d*2/3 - rand.N(d/15+1) //nolint:gosec // spreading load needs no secrecy
	pause = min(pause, d-renewAhead)
	return max(pause, min(minRenewInterval, d/2), time.Second)
}

func backoff(failures int) time.Duration {
	d := renewBackoff
	for range failures - 1 {
		if d *= 2; d >= renewMaxBackoff {
			d = renewMaxBackoff
			break
		}
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreading load needs no secrecy
}

// CredentialStatus returns the state of the profile's credentials when they are
// [TemporaryCredentials]; false for those that do not end.
func (c *Client) CredentialStatus() (CredentialStatus, bool) {
	t, ok := c.provider.(*TemporaryCredentials)
	if !ok {
		return CredentialStatus{}, false
	}
	return t.Status(), true
}
