package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cosgate/cosgate/service/reload"
)

// fileKeys are the keys of an identity provider in a file. It is an oidc.KeySet.
type fileKeys struct {
	file       *reload.File[*jose.JSONWebKeySet]
	algorithms []string
}

var errNotSigned = errors.New("identity: no key of the file has signed the token")

// VerifySignature returns the payload of a token that one of the keys signed.
func (k fileKeys) VerifySignature(_ context.Context, token string) ([]byte, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(k.algorithms))
	for i, a := range k.algorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("identity: parse token: %w", err)
	}
	set := k.file.Value()
	keys := set.Keys
	if id := signed.Signatures[0].Header.KeyID; id != "" {
		keys = set.Key(id)
	}
	for i := range keys {
		if payload, err := signed.Verify(&keys[i]); err == nil {
			return payload, nil
		}
	}
	return nil, errNotSigned
}

// parseKeys reads a JSON Web Key Set of public keys. A private one in this place is a
// secret that lies about, so it is refused.
func parseKeys(data []byte) (*jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set")
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("it has no keys")
	}
	for i := range set.Keys {
		key := &set.Keys[i]
		if !key.Valid() {
			return nil, fmt.Errorf("key %d is not valid", i+1)
		}
		if !key.IsPublic() {
			return nil, fmt.Errorf("key %d is not a public key; only those belong here", i+1)
		}
	}
	return &set, nil
}

// paced sends at most one request a second. The keys are asked for whenever a token
// names one that is not known, which anybody can make a token do.
type paced struct {
	clock func() time.Time
	mu    sync.Mutex
	next  time.Time
}

var errPaced = errors.New("identity: the keys were asked for less than a second ago")

// RoundTrip implements [http.RoundTripper].
func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	now := p.clock()
	early := now.Before(p.next)
	if !early {
		p.next = now.Add(time.Second)
	}
	p.mu.Unlock()
	if early {
		return nil, errPaced
	}
	return http.DefaultTransport.RoundTrip(r)
}
