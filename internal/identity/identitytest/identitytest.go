// Package identitytest is an identity provider for tests.
package identitytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
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

// KeyOf is a key that a test has made, on the curve P-256.
func KeyOf(id string, private *ecdsa.PrivateKey) Key { return Key{ID: id, private: private} }

// Set is the JSON Web Key Set of keys.
func Set(t testing.TB, keys ...Key) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: "ES256", Use: "sig"})
	}
	return marshal(t, set)
}

// Published is a key with what its provider says it is for.
type Published struct {
	Key
	Use string // "sig" or "enc"
}

// SetWith is the JSON Web Key Set of k and others.
func (k Key) SetWith(t testing.TB, others ...Published) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, p := range append([]Published{{k, "sig"}}, others...) {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: p.private.Public(), KeyID: p.ID, Algorithm: "ES256", Use: p.Use})
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

// SignText makes a token of a header and a payload that are written by hand, such as one in
// which a name occurs twice.
func (k Key) SignText(t testing.TB, header, payload string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	const half = 32
	signature := make([]byte, 2*half)
	r.FillBytes(signature[:half])
	s.FillBytes(signature[half:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
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
