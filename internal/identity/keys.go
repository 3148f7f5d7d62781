package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/cosgate/cosgate/internal/reload"
)

// fileKeys are the keys of an identity provider in a file. It is an oidc.KeySet.
type fileKeys struct {
	file       *reload.File[*jose.JSONWebKeySet]
	algorithms []string
}

var errNotSigned = errors.New("identity: no key of the issuer has signed the token")

// VerifySignature returns the payload of a token that one of the keys signed.
func (k fileKeys) VerifySignature(_ context.Context, token string) ([]byte, error) {
	signed, err := parseSigned(token, k.algorithms)
	if err != nil {
		return nil, err
	}
	return verify(signed, k.file.Value())
}

func parseSigned(token string, algorithms []string) (*jose.JSONWebSignature, error) {
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil {
		return nil, fmt.Errorf("identity: parse token: %w", err)
	}
	return signed, nil
}

// verify returns the payload when a key of set has signed it: the one that the token
// names, if it names one. set may be nil.
func verify(signed *jose.JSONWebSignature, set *jose.JSONWebKeySet) ([]byte, error) {
	if set == nil {
		return nil, errNotSigned
	}
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
// misplaced secret, so it is refused.
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
