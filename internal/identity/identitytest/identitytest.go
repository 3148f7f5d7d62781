// Package identitytest is an identity provider for tests.
package identitytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer and Audience are those of every token that does not say otherwise.
const (
	Issuer   = "https://id.example"
	Audience = "cosgate"
)

// A Key signs tokens.
type Key struct {
	ID      string
	private *ecdsa.PrivateKey
}

// NewKey makes a key with this id.
func NewKey(t testing.TB, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, private: private}
}

// Set is the JSON Web Key Set of keys.
func Set(t testing.TB, keys ...Key) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: "ES256", Use: "sig"})
	}
	return marshal(t, set)
}

// Claims are good for an hour; changes replace or add to them.
func Claims(subject string, changes map[string]any) map[string]any {
	c := map[string]any{"iss": Issuer, "aud": Audience, "sub": subject, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, changes)
	return c
}

// Sign makes a token of claims.
func (k Key) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return sign(t, jose.ES256, k.private, k.ID, claims)
}

// SignHMAC makes a token whose secret is the public key, which everybody knows: a
// verifier that believed the token's own algorithm would take it.
func (k Key) SignHMAC(t testing.TB, claims map[string]any) string {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, jose.HS256, public, k.ID, claims)
}

// Unsigned makes a token of the algorithm "none".
func Unsigned(t testing.TB, claims map[string]any) string {
	t.Helper()
	segment := func(v any) string { return base64.RawURLEncoding.EncodeToString(marshal(t, v)) }
	return segment(map[string]any{"alg": "none", "typ": "JWT"}) + "." + segment(claims) + "."
}

func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", id))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(marshal(t, claims))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
