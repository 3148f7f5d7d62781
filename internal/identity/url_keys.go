package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keyLife is how long keys from a URL are used before they are asked for again: a
	// key that its provider withdrew is taken for that long at most, as long as the
	// provider answers.
	keyLife = time.Minute
	// keyPace is the least time between two requests for keys. Anybody can make a
	// token name a key that is not known.
	keyPace = time.Second
	maxKeys = 1 << 20
)

// urlKeys are the keys of an identity provider at a URL. It is an oidc.KeySet.
//
// They are asked for again when a token is not signed by one of those known, and when
// they are old. One request at a time is under way, and what it brings is good for all
// who waited for it. Of the calls whose key is known, one waits when the keys are old.
type urlKeys struct {
	url        string
	client     *http.Client
	ctx        context.Context // ends requests
	algorithms []string
	log        *slog.Logger
	clock      func() time.Time

	set  atomic.Pointer[jose.JSONWebKeySet] // nil before the first answer
	next atomic.Int64                       // when the keys are old, unix nanoseconds

	// turn is held by who asks, and guards what is below.
	turn  chan struct{}
	asked time.Time // when the last request was sent
	err   error     // how it ended
}

func newURLKeys(ctx context.Context, o JWTOptions) *urlKeys {
	k := &urlKeys{
		url: o.Keys, ctx: ctx, algorithms: o.Algorithms, log: o.Logger, clock: o.Clock, turn: make(chan struct{}, 1),
		client: &http.Client{
			Timeout: keyTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("the keys are not looked for elsewhere than configured")
			},
		},
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	return k
}

// VerifySignature returns the payload of a token that one of the keys signed.
func (k *urlKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	arrived := k.clock()
	signed, err := parseSigned(token, k.algorithms)
	if err != nil {
		return nil, err
	}
	_ = k.renew() // it was logged; those before stay
	if payload, err := verify(signed, k.set.Load()); err == nil {
		return payload, nil
	}
	if err := k.ask(ctx, arrived); err != nil {
		return nil, err
	}
	return verify(signed, k.set.Load())
}

// renew asks for the keys when they are old. One caller does, the others go on.
func (k *urlKeys) renew() error {
	next, now := k.next.Load(), k.clock()
	if k.set.Load() == nil || now.UnixNano() < next || !k.next.CompareAndSwap(next, now.Add(keyLife).UnixNano()) {
		return nil
	}
	return k.ask(k.ctx, now)
}

// ask returns once the keys are those of since or later, or cannot be had.
func (k *urlKeys) ask(ctx context.Context, since time.Time) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !k.asked.IsZero() && !k.asked.Before(since) { // another has asked meanwhile
		return k.err
	}
	if wait := k.asked.Add(keyPace).Sub(k.clock()); wait > 0 {
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
		k.log.Error("the keys of a provider cannot be had, those before stay in force", "url", k.url, "error", err)
		return err
	}
	k.set.Store(set)
	k.next.Store(k.asked.Add(keyLife).UnixNano())
	return nil
}

// fetch does not end with the call that it is made for: others wait for it as well.
func (k *urlKeys) fetch() (*jose.JSONWebKeySet, error) {
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
		return nil, fmt.Errorf("identity: keys: the answer has status %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxKeys+1))
	if err != nil {
		return nil, fmt.Errorf("identity: keys: %w", err)
	}
	if len(data) > maxKeys {
		return nil, fmt.Errorf("identity: keys: the answer is larger than %d bytes", maxKeys)
	}
	return publishedKeys(data)
}

// publishedKeys reads the key set of a provider. It passes over keys of kinds that are
// not known here, which a provider may have for others, and over what is not a public
// key.
func publishedKeys(data []byte) (*jose.JSONWebKeySet, error) {
	var published struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &published); err != nil {
		return nil, errors.New("identity: keys: the answer is not a JSON Web Key Set")
	}
	var set jose.JSONWebKeySet
	for _, raw := range published.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.Valid() && key.IsPublic() {
			set.Keys = append(set.Keys, key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("identity: keys: the answer has no public key")
	}
	return &set, nil
}
