package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// keyLifetime is how long keys from a URL are used before they are fetched again: a
	// key that its provider withdrew is accepted for that long at most, as long as the
	// provider responds.
	keyLifetime = time.Minute
	// minFetchInterval is the minimum time between two requests for keys. Anybody can
	// make a token that names an unknown key.
	minFetchInterval = time.Second
	maxKeys          = 1 << 20
)

// urlKeys are the keys of an identity provider at a URL.
//
// They are fetched again when a token is not signed by a known key, and when they are old.
// There is one request at a time, and its result serves every call that waited for it. Of
// the calls whose key is known, one waits when the keys are old.
type urlKeys struct {
	url    string
	client *http.Client
	ctx    context.Context // ends requests
	log    *slog.Logger
	clock  func() time.Time

	set  atomic.Pointer[keySet] // nil before the first response
	next atomic.Int64           // when the keys are old, unix nanoseconds

	// turn is held by the call that fetches, and guards the fields below.
	turn  chan struct{}
	asked time.Time // when the last request was sent
	err   error     // how it ended
}

func newURLKeys(ctx context.Context, o JWTOptions) *urlKeys {
	k := &urlKeys{
		url: o.Keys, ctx: ctx, log: o.Logger, clock: o.Clock, turn: make(chan struct{}, 1),
		client: &http.Client{
			Timeout: keyTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("the keys are only fetched from the configured URL")
			},
		},
	}
	return k
}

// verify returns the payload of a token that one of the keys signed.
func (k *urlKeys) verify(ctx context.Context, t signedToken) ([]byte, error) {
	arrived := k.clock()
	_ = k.Check() // it was logged; the previous keys stay in force
	if payload, err := k.current().verify(t); err == nil {
		return payload, nil
	}
	if err := k.fetchSince(ctx, arrived); err != nil {
		return nil, err
	}
	return k.current().verify(t)
}

func (k *urlKeys) current() keySet {
	if set := k.set.Load(); set != nil {
		return *set
	}
	return nil
}

// Check fetches the keys when they are old. One call does, the others continue.
func (k *urlKeys) Check() error {
	next, now := k.next.Load(), k.clock()
	if k.set.Load() == nil || now.UnixNano() < next || !k.next.CompareAndSwap(next, now.Add(keyLifetime).UnixNano()) {
		return nil
	}
	return k.fetchSince(k.ctx, now)
}

// Reload is Check: a provider publishes complete sets.
func (k *urlKeys) Reload() error { return k.Check() }

// fetchSince returns once the keys were fetched at since or later, or cannot be fetched.
func (k *urlKeys) fetchSince(ctx context.Context, since time.Time) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !k.asked.IsZero() && !k.asked.Before(since) { // another call has fetched them meanwhile
		return k.err
	}
	if wait := k.asked.Add(minFetchInterval).Sub(k.clock()); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	k.asked = k.clock()
	set, err := k.fetch()
	if k.err = err; err != nil {
		k.log.Error("the keys of a provider cannot be fetched, the previous ones stay in force", "url", k.url, "error", err)
		return err
	}
	k.set.Store(&set)
	k.next.Store(k.asked.Add(keyLifetime).UnixNano())
	return nil
}

// fetch is not cancelled with the call that needs it: others wait for it as well.
func (k *urlKeys) fetch() (keySet, error) {
	req, err := http.NewRequestWithContext(k.ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, fmt.Errorf("identity: keys: %w", err)
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("identity: keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("identity: keys: the response has status %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxKeys+1))
	if err != nil {
		return nil, fmt.Errorf("identity: keys: %w", err)
	}
	if len(data) > maxKeys {
		return nil, fmt.Errorf("identity: keys: the response is larger than %d bytes", maxKeys)
	}
	set, err := parsePublishedKeys(data)
	if err != nil {
		return nil, fmt.Errorf("identity: keys: the response is not usable: %w", err)
	}
	return set, nil
}
