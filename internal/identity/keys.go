package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/cosgate/cosgate/internal/reload"
	"github.com/cosgate/cosgate/internal/strictjson"
)

const (
	minRSABits = 2048
	maxRSABits = 8192
	// maxKeySet is the number of keys in a set. A token that names no key is tried with
	// each.
	maxKeySet = 100
)

// A publicKey is a key of an identity provider that may sign tokens.
type publicKey struct {
	id  string
	key any // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	// algorithms are those that go with the kind of the key, its curve, and what it says
	// of itself.
	algorithms []jose.SignatureAlgorithm
}

// A keySet is what an identity provider publishes.
type keySet []publicKey

// An entry is a key in a JSON Web Key Set, as far as the library does not read it.
type entry struct {
	Operations *[]string `json:"key_ops"`
}

var (
	errNotSigned = errors.New("identity: no key of the issuer has signed the token")
	// errOtherPurpose says that a key is not there to sign tokens, which is no mistake.
	errOtherPurpose = errors.New("it is not a key for signatures")
)

// parseKeySet decodes a JSON Web Key Set. skip is asked about every key that cannot be
// used; what it returns ends the parsing.
func parseKeySet(data []byte, skip func(number int, problem error) error) (keySet, error) {
	if _, err := strictjson.Object(data); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set: " + err.Error())
	}
	var published struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &published); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set")
	}
	if len(published.Keys) > maxKeySet {
		return nil, fmt.Errorf("it has more than %d keys", maxKeySet)
	}
	var set keySet
	for i, raw := range published.Keys {
		key, err := parseKey(raw)
		if err != nil {
			if err := skip(i+1, err); err != nil {
				return nil, err
			}
			continue
		}
		set = append(set, key)
	}
	if len(set) == 0 {
		return nil, errors.New("it has no key for signatures")
	}
	return set, nil
}

// parseKey decodes one key. An error never holds a part of it.
func parseKey(raw []byte) (publicKey, error) {
	var key jose.JSONWebKey
	var more entry
	if key.UnmarshalJSON(raw) != nil || json.Unmarshal(raw, &more) != nil || !key.Valid() {
		return publicKey{}, errors.New("it is not valid")
	}
	if !key.IsPublic() {
		return publicKey{}, errors.New("it is not a public key; only those belong here")
	}
	if key.Use != "" && key.Use != "sig" {
		return publicKey{}, errOtherPurpose
	}
	if more.Operations != nil && !slices.Contains(*more.Operations, "verify") {
		return publicKey{}, errOtherPurpose
	}
	algorithms, err := algorithmsOf(key.Key)
	if err != nil {
		return publicKey{}, err
	}
	if key.Algorithm != "" {
		if !slices.Contains(algorithms, jose.SignatureAlgorithm(key.Algorithm)) {
			return publicKey{}, errOtherPurpose
		}
		algorithms = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm)}
	}
	return publicKey{id: key.KeyID, key: key.Key, algorithms: algorithms}, nil
}

// algorithmsOf returns what a key can sign with by its kind and size.
func algorithmsOf(key any) ([]jose.SignatureAlgorithm, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("it is an RSA key of %d bits; use %d to %d", bits, minRSABits, maxRSABits)
		}
		return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}, nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}, nil
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}, nil
		case elliptic.P521():
			return []jose.SignatureAlgorithm{jose.ES512}, nil
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}, nil
	}
	return nil, errOtherPurpose
}

// A signedToken is a token whose signature is still to be verified.
type signedToken struct {
	signed    *jose.JSONWebSignature
	keyID     string // empty when the token names none
	algorithm jose.SignatureAlgorithm
}

// parseSigned reads a token in the compact form, of one of the algorithms.
func parseSigned(token string, algorithms []string) (signedToken, error) {
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil {
		return signedToken{}, fmt.Errorf("identity: parse token: %w", err)
	}
	if err := checkHeader(token); err != nil {
		return signedToken{}, err
	}
	h := signed.Signatures[0].Header
	return signedToken{signed: signed, keyID: h.KeyID, algorithm: jose.SignatureAlgorithm(h.Algorithm)}, nil
}

// verify returns the payload when a key of the set has signed it: the one that the token
// names, if it names one.
func (s keySet) verify(t signedToken) ([]byte, error) {
	for _, k := range s {
		if t.keyID != "" && t.keyID != k.id || !slices.Contains(k.algorithms, t.algorithm) {
			continue
		}
		if payload, err := t.signed.Verify(k.key); err == nil {
			return payload, nil
		}
	}
	return nil, errNotSigned
}

// fileKeys are the keys of an identity provider in a file.
type fileKeys struct {
	file *reload.File[keySet]
}

// verify returns the payload of a token that one of the keys signed.
func (k fileKeys) verify(_ context.Context, t signedToken) ([]byte, error) {
	return k.file.Value().verify(t)
}

// Check reads a changed file once it is still.
func (k fileKeys) Check() error { return k.file.Check() }

// Reload reads a changed file now.
func (k fileKeys) Reload() error { return k.file.Reload() }

// parseKeyFile reads the keys that an operator wrote down. A private one in this place is
// a misplaced secret, so it is refused, like every key that is not what it should be.
func parseKeyFile(data []byte) (keySet, error) {
	return parseKeySet(data, func(number int, problem error) error {
		if errors.Is(problem, errOtherPurpose) {
			return nil
		}
		return fmt.Errorf("key %d: %w", number, problem)
	})
}

// parsePublishedKeys reads the keys of a provider. It skips those that cannot be used,
// which a provider may have for others.
func parsePublishedKeys(data []byte) (keySet, error) {
	return parseKeySet(data, func(int, error) error { return nil })
}
