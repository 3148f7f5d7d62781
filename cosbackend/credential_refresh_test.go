package cosbackend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A scriptedSource is a source of temporary credentials whose responses a test chooses.
type scriptedSource struct {
	mu      sync.Mutex
	calls   []time.Time
	respond func(ctx context.Context, n int) (temporary, error)
}

func (s *scriptedSource) fetch(ctx context.Context) (temporary, error) {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	n := len(s.calls)
	s.mu.Unlock()
	return s.respond(ctx, n)
}

func (s *scriptedSource) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.calls...)
}

// numbered is the n-th response of a source, good for d.
func numbered(n int, d time.Duration) temporary {
	return newTemporary(fmt.Sprintf("AKID%d", n), secretKey, token, time.Now().Add(d))
}

func temporaries(t *testing.T, respond func(ctx context.Context, n int) (temporary, error)) (*TemporaryCredentials, *scriptedSource) {
	t.Helper()
	s := &scriptedSource{respond: respond}
	c := newTemporaryCredentials("a test", nil, nil, s.fetch)
	t.Cleanup(func() { _ = c.Close() })
	return c, s
}

func wantID(t *testing.T, c *TemporaryCredentials, want string) {
	t.Helper()
	if got, err := c.Credentials(t.Context()); err != nil || got.SecretID != want {
		t.Errorf("Credentials = %q, %v, want %q", got.SecretID, err, want)
	}
}

func TestTemporaryCredentialsAreRenewedAheadOfTheirEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ lifetime, earliest, latest time.Duration }{
		"two thirds":   {2 * time.Hour, 72 * time.Minute, 80 * time.Minute},
		"five minutes": {12 * time.Minute, 7*time.Minute - time.Second/2, 8 * time.Minute},
		"ahead":        {10 * time.Minute, 5 * time.Minute, 5 * time.Minute},
		"short":        {4 * time.Minute, time.Minute, time.Minute},
		"very short":   {10 * time.Second, 5 * time.Second, 5 * time.Second},
		"tiny":         {time.Second / 2, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				if got := renewAfter(tc.lifetime); got < tc.earliest || got > tc.latest {
					t.Fatalf("renewAfter(%v) = %v, want from %v to %v", tc.lifetime, got, tc.earliest, tc.latest)
				}
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c, s := temporaries(t, func(_ context.Context, n int) (temporary, error) { return numbered(n, 2*time.Hour), nil })
		start := time.Now()
		wantID(t, c, "AKID1")
		if got, want := c.Status(), (CredentialStatus{Obtained: start, Expires: start.Add(2 * time.Hour), NextRefresh: c.Status().NextRefresh}); got != want {
			t.Errorf("Status = %+v, want %+v", got, want)
		}
		next := c.Status().NextRefresh
		<-time.After(80 * time.Minute)
		synctest.Wait()
		wantID(t, c, "AKID2")
		if calls := s.times(); len(calls) != 2 || !calls[1].Equal(next) {
			t.Errorf("requested at %v, want a second time at %v as Status said", calls, next)
		}
	})
}

// While the source is slow, or fails, callers get the credentials that are still valid.
func TestTemporaryCredentialsAreReturnedWithoutWaitingWhileValid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := temporaries(t, func(ctx context.Context, n int) (temporary, error) {
			if n == 1 {
				return numbered(n, time.Hour), nil
			}
			<-ctx.Done() // takes all the time it gets
			return temporary{}, ctx.Err()
		})
		wantID(t, c, "AKID1")
		begun := time.Now()
		for time.Since(begun) < 59*time.Minute {
			<-time.After(10 * time.Second)
			before := time.Now()
			wantID(t, c, "AKID1")
			if waited := time.Since(before); waited != 0 {
				t.Fatalf("Credentials took %v while they were valid", waited)
			}
		}
		status := c.Status()
		if n := len(s.times()); status.Failures != n-2 && status.Failures != n-1 || n < 20 || n > 100 {
			t.Errorf("%d failures after %d attempts in 20 minutes, want all but the first, and pauses between them", status.Failures, n)
		}
		if status.Err == nil || status.Expires != begun.Add(time.Hour) {
			t.Errorf("Status = %+v, want the failure and the end of what is in use", status)
		}
	})
}

func TestTemporaryCredentialsAreNeverReturnedExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the source is down")
		var down atomic.Bool
		var log bytes.Buffer
		s := &scriptedSource{respond: func(_ context.Context, n int) (temporary, error) {
			if down.Load() {
				return temporary{}, cause
			}
			return numbered(n, time.Hour), nil
		}}
		c := newTemporaryCredentials("a test", nil, slog.New(slog.NewTextHandler(&log, nil)), s.fetch)
		defer c.Close()
		wantID(t, c, "AKID1")
		end := time.Now().Add(time.Hour)
		down.Store(true)
		<-time.After(time.Hour - time.Nanosecond)
		wantID(t, c, "AKID1")
		<-time.After(time.Nanosecond)
		synctest.Wait()
		_, err := c.Credentials(t.Context())
		e, ok := errors.AsType[*CredentialsError](err)
		if !ok || !e.Expired.Equal(end) || !errors.Is(err, cause) || !strings.Contains(err.Error(), "expired at "+end.UTC().Format(time.RFC3339)) {
			t.Errorf("Credentials at their end = %v, want a *CredentialsError that says since when and why", err)
		}
		before := len(s.times())
		for range 1000 {
			_, _ = c.Credentials(t.Context())
		}
		if n := len(s.times()); n != before {
			t.Errorf("1000 calls queried the source %d times between two attempts, want 0", n-before)
		}
		down.Store(false)
		<-time.After(renewMaxBackoff)
		synctest.Wait()
		if got, err := c.Credentials(t.Context()); err != nil || got.SecretID == "AKID1" || c.Status().Failures != 0 {
			t.Errorf("Credentials = %q, %v after the source recovered", got.SecretID, err)
		}
		if hasSecret(log.String()) || !strings.Contains(log.String(), "could not be renewed") {
			t.Errorf("the log must hold the failures and no secret:\n%s", log.String())
		}
	})
}

func TestTemporaryCredentialsAreAwaitedWithinTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, s := temporaries(t, func(_ context.Context, n int) (temporary, error) {
			<-release
			return numbered(n, time.Hour), nil
		})
		if len(s.times()) != 0 {
			t.Error("the source was queried before credentials were needed")
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Credentials(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Credentials = %v, want context.DeadlineExceeded", err)
		}
		ids := make(chan string, 10)
		for range 10 {
			go func() {
				got, err := c.Credentials(t.Context())
				ids <- fmt.Sprint(got.SecretID, err)
			}()
		}
		synctest.Wait()
		close(release)
		for range 10 {
			if got := <-ids; got != "AKID1<nil>" {
				t.Errorf("a patient caller got %s", got)
			}
		}
		if n := len(s.times()); n != 1 {
			t.Errorf("the source received %d requests for 11 callers, want 1", n)
		}
	})
}

func TestTemporaryCredentialsReportTheFirstFailureAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := temporaries(t, func(_ context.Context, n int) (temporary, error) {
			if n == 1 {
				return temporary{}, errors.New("not yet")
			}
			return numbered(n, time.Hour), nil
		})
		_, err := c.Credentials(t.Context())
		if e, ok := errors.AsType[*CredentialsError](err); !ok || !e.Expired.IsZero() || !strings.Contains(err.Error(), "not yet") {
			t.Errorf("Credentials = %v, want a *CredentialsError with the reason", err)
		}
		<-time.After(renewBackoff)
		synctest.Wait()
		wantID(t, c, "AKID2")
	})
}

// A machine that slept, or whose clock was set, finds expired credentials before its
// timer fires.
func TestTemporaryCredentialsRenewAtTheFirstCallAfterSuspend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64 // nanoseconds
		now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		s := &scriptedSource{respond: func(_ context.Context, n int) (temporary, error) {
			got := numbered(n, time.Hour)
			got.expires = now().Add(time.Hour)
			return got, nil
		}}
		c := newTemporaryCredentials("a test", now, nil, s.fetch)
		defer c.Close()
		wantID(t, c, "AKID1")
		slept.Add(int64(8 * time.Hour))
		wantID(t, c, "AKID2")
		slept.Add(int64(8 * time.Hour))
		wantID(t, c, "AKID3")
		synctest.Wait()
		if n := len(s.times()); n != 3 {
			t.Errorf("the source received %d requests, want 3", n)
		}
	})
}

func TestTemporaryCredentialsExpireAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := temporaries(t, func(_ context.Context, n int) (temporary, error) { return numbered(n, time.Hour), nil })
		wantID(t, c, "AKID1")
		for range 2 {
			if err := c.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		<-time.After(59 * time.Minute)
		wantID(t, c, "AKID1")
		<-time.After(time.Minute)
		if _, err := c.Credentials(t.Context()); !errors.Is(err, errCredentialsClosed) || len(s.times()) != 1 {
			t.Errorf("Credentials = %v after %d attempts, want errCredentialsClosed after 1", err, len(s.times()))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, _ := temporaries(t, func(ctx context.Context, _ int) (temporary, error) {
			<-ctx.Done()
			return temporary{}, ctx.Err()
		})
		errs := make(chan error)
		go func() {
			_, err := c.Credentials(t.Context())
			errs <- err
		}()
		synctest.Wait()
		_ = c.Close() // ends the attempt, and the wait of the caller
		if err := <-errs; !errors.Is(err, errCredentialsClosed) {
			t.Errorf("a waiting caller got %v, want errCredentialsClosed", err)
		}
		unused := newTemporaryCredentials("a test", nil, nil, nil)
		_ = unused.Close()
		if _, err := unused.Credentials(t.Context()); !errors.Is(err, errCredentialsClosed) {
			t.Errorf("Credentials of a closed source = %v, want errCredentialsClosed", err)
		}
	})
}

func TestTemporaryCredentialsRefuseUnusableResponses(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	good := temporary{secretCredentials(), now.Add(time.Hour)}
	if err := good.check(now); err != nil {
		t.Errorf("check = %v, want nil", err)
	}
	for name, change := range map[string]func(*temporary){
		"no id":    func(c *temporary) { c.credentials.SecretID = "" },
		"no key":   func(c *temporary) { c.credentials.SecretKey = "" },
		"no token": func(c *temporary) { c.credentials.Token = "" },
		"control":  func(c *temporary) { c.credentials.Token = "verysecret\r\nx: y" },
		"expired":  func(c *temporary) { c.expires = now },
	} {
		c := good
		change(&c)
		if err := c.check(now); err == nil || hasSecret(err.Error()) {
			t.Errorf("%s: check = %v, want an error without a secret", name, err)
		}
	}
}
