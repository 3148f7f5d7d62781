package identity_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/identity/identitytest"
)

// raw signs a token whose header and payload are written by hand.
func (p provider) raw(t testing.TB, header, payload string) string {
	t.Helper()
	return identitytest.KeyOf(p.id, p.key).SignText(t, header, payload)
}

const goodHeader = `{"alg":"ES256","kid":"k1","typ":"JWT"}`

func goodPayload() string {
	return fmt.Sprintf(`{"iss":"https://id.example","aud":"cosgate","sub":"alice","exp":%d}`, now().Add(time.Minute).Unix())
}

// Two readers of the same token must see the same caller: names are exact, and none occurs
// twice, at any depth.
func TestJWTRefusesTokensThatReadersUnderstandDifferently(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "k1")
	a := newJWT(t, keyFile(t, p.set(t)), nil)
	add := func(member string) string { return strings.Replace(goodPayload(), "{", "{"+member+",", 1) }
	without := func(member string) string { return strings.Replace(goodPayload(), member+",", "", 1) }
	if _, err := a.Identify(withBearer(p.raw(t, goodHeader, goodPayload()))); err != nil {
		t.Fatalf("Identify of the good token = %v", err)
	}
	for name, test := range map[string]struct{ header, payload string }{
		"audience in capitals":          {goodHeader, strings.Replace(goodPayload(), `"aud":"cosgate"`, `"aud":"other","AUD":"cosgate"`, 1)},
		"only in capitals":              {goodHeader, strings.Replace(goodPayload(), `"aud"`, `"AUD"`, 1)},
		"end in capitals":               {goodHeader, strings.Replace(goodPayload(), `"exp":`, `"exp":1,"EXP":`, 1)},
		"issuer in capitals":            {goodHeader, strings.Replace(goodPayload(), `"iss":`, `"iss":"https://evil.example","ISS":`, 1)},
		"name in capitals":              {goodHeader, strings.Replace(goodPayload(), `"sub":`, `"Sub":`, 1)},
		"a long s":                      {goodHeader, strings.Replace(goodPayload(), `"sub":`, `"ſub":`, 1)},
		"audience twice":                {goodHeader, add(`"aud":"other"`)},
		"audience twice, once escaped":  {goodHeader, add(`"\u0061ud":"other"`)},
		"issuer twice":                  {goodHeader, add(`"iss":"https://evil.example"`)},
		"end twice":                     {goodHeader, add(`"exp":1`)},
		"start twice":                   {goodHeader, add(`"nbf":1,"nbf":2`)},
		"name twice":                    {goodHeader, add(`"sub":"root"`)},
		"groups twice":                  {goodHeader, add(`"groups":["suspended"],"groups":[]`)},
		"a claim nobody reads twice":    {goodHeader, add(`"azp":"a","azp":"b"`)},
		"a duplicate deep inside":       {goodHeader, add(`"realm_access":{"roles":[{"a":1,"a":2}]}`)},
		"no end":                        {goodHeader, without(`"sub":"alice"`)},
		"bytes that are no text":        {goodHeader, strings.Replace(goodPayload(), "alice", "alic\xff", 1)},
		"half of a character":           {goodHeader, strings.Replace(goodPayload(), "alice", `alice\ud800`, 1)},
		"two documents":                 {goodHeader, goodPayload() + goodPayload()},
		"a list":                        {goodHeader, "[" + goodPayload() + "]"},
		"null":                          {goodHeader, "null"},
		"deeper than a stack":           {goodHeader, add(`"a":` + strings.Repeat("[", 3000) + strings.Repeat("]", 2999))},
		"algorithm twice":               {`{"alg":"none","alg":"ES256","kid":"k1"}`, goodPayload()},
		"algorithm in capitals":         {`{"ALG":"ES256","kid":"k1"}`, goodPayload()},
		"key id twice":                  {`{"alg":"ES256","kid":"k2","kid":"k1"}`, goodPayload()},
		"type twice":                    {`{"alg":"ES256","typ":"logout+jwt","typ":"JWT"}`, goodPayload()},
		"a duplicate in an unused key":  {`{"alg":"ES256","jwk":{"kty":"EC","kty":"RSA"}}`, goodPayload()},
		"something that is critical":    {`{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`, goodPayload()},
		"critical by no name":           {`{"alg":"ES256","kid":"k1","crit":[]}`, goodPayload()},
		"critical in the known way":     {`{"alg":"ES256","kid":"k1","crit":["b64"],"b64":true}`, goodPayload()},
		"a payload that is not encoded": {`{"alg":"ES256","kid":"k1","b64":false}`, goodPayload()},
		"a token for logging out":       {`{"alg":"ES256","kid":"k1","typ":"logout+jwt"}`, goodPayload()},
		"a token for proving a key":     {`{"alg":"ES256","kid":"k1","typ":"dpop+jwt"}`, goodPayload()},
		"a type of bytes":               {`{"alg":"ES256","kid":"k1","typ":7}`, goodPayload()},
		"a key id of bytes":             {`{"alg":"ES256","kid":7}`, goodPayload()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, err := a.Identify(withBearer(p.raw(t, test.header, test.payload)))
			wantRejected(t, err, "bearer token")
			if err == nil {
				t.Errorf("the caller is %q", caller.Name)
			}
		})
	}
	for _, header := range []string{
		`{"alg":"ES256"}`, `{"alg":"ES256","typ":"at+jwt"}`, `{"alg":"ES256","typ":"application/at+JWT"}`, `{"alg":"ES256","kid":""}`,
	} {
		if _, err := a.Identify(withBearer(p.raw(t, header, goodPayload()))); err != nil {
			t.Errorf("%s: Identify = %v", header, err)
		}
	}
}

// The clock of the provider may be off by the leeway in both directions, for all three
// times.
func TestJWTLeewayHoldsTheSameWayForEveryTime(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "k1")
	path := keyFile(t, p.set(t))
	const second = time.Second
	for _, leeway := range []time.Duration{0, second, time.Minute, 5 * time.Minute} {
		for _, test := range []struct {
			claim string
			at    time.Duration // from now
			want  string        // empty is accepted
		}{
			{"exp", -leeway - second, "has expired"},
			{"exp", -leeway, "has expired"}, // on or after it a token is not valid
			{"exp", -leeway + second, ""},
			{"exp", time.Hour, ""},
			{"nbf", leeway + second, "not valid yet"},
			{"nbf", leeway, ""},
			{"nbf", leeway - second, ""},
			{"nbf", -time.Hour, ""},
			{"iat", leeway + second, "issued in the future"},
			{"iat", leeway, ""},
			{"iat", leeway - second, ""},
			{"iat", -time.Hour, ""},
		} {
			a := newJWT(t, path, func(o *identity.JWTOptions) { o.Leeway = leeway })
			_, err := a.Identify(withBearer(p.sign(t, with(map[string]any{test.claim: now().Add(test.at).Unix()}))))
			if test.want != "" {
				wantRejected(t, err, test.want)
			}
			if (err != nil) != (test.want != "") {
				t.Errorf("leeway %s, %s in %s: Identify = %v, want %q", leeway, test.claim, test.at, err, test.want)
			}
		}
	}
}

// A keyPair has a private key and what is published of it.
type keyPair struct {
	private any
	public  map[string]any
}

func newKeyPair(t testing.TB, private any, public any) keyPair {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: public, KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	published := make(map[string]any)
	if err := json.Unmarshal(b, &published); err != nil {
		t.Fatal(err)
	}
	return keyPair{private, published}
}

func (k keyPair) set(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	key := make(map[string]any)
	for _, from := range []map[string]any{k.public, changes} {
		maps.Copy(key, from)
	}
	b, err := json.Marshal(map[string]any{"keys": []any{key}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testKeys(t testing.TB) (rsaKey, small, p256, p384, ed keyPair) {
	t.Helper()
	newRSA := func(bits int) keyPair {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return newKeyPair(t, k, k.Public())
	}
	newEC := func(curve elliptic.Curve) keyPair {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return newKeyPair(t, k, k.Public())
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newRSA(2048), newRSA(1024), newEC(elliptic.P256()), newEC(elliptic.P384()), newKeyPair(t, private, public)
}

// A key signs tokens only as far as its provider says so, its kind goes with the
// algorithm, and the configuration accepts that.
func TestJWTHonoursWhatAKeyIsFor(t *testing.T) {
	t.Parallel()
	rsaKey, small, p256, p384, ed := testKeys(t)
	type change = map[string]any
	for name, test := range map[string]struct {
		key       keyPair
		published change
		signed    jose.SignatureAlgorithm
		accepted  []string // nil is the default
		want      bool
	}{
		"a key that says nothing":                   {rsaKey, nil, jose.RS256, nil, true},
		"with another algorithm of its kind":        {rsaKey, nil, jose.PS256, nil, true},
		"which the configuration does not accept":   {rsaKey, nil, jose.PS256, []string{"RS256"}, false},
		"a key that says nothing, of EC":            {p256, nil, jose.ES256, nil, true},
		"of another curve":                          {p384, nil, jose.ES384, nil, true},
		"of Edwards":                                {ed, nil, jose.EdDSA, nil, true},
		"for signatures":                            {p256, change{"use": "sig"}, jose.ES256, nil, true},
		"for encryption":                            {p256, change{"use": "enc"}, jose.ES256, nil, false},
		"for signatures in capitals":                {p256, change{"use": "SIG"}, jose.ES256, nil, false},
		"for something unknown":                     {p256, change{"use": "tls"}, jose.ES256, nil, false},
		"to verify":                                 {p256, change{"key_ops": []string{"verify"}}, jose.ES256, nil, true},
		"to sign":                                   {p256, change{"key_ops": []string{"sign"}}, jose.ES256, nil, false},
		"to wrap keys":                              {rsaKey, change{"key_ops": []string{"wrapKey", "encrypt"}}, jose.RS256, nil, false},
		"for nothing":                               {p256, change{"key_ops": []string{}}, jose.ES256, nil, false},
		"to verify and for encryption":              {p256, change{"use": "enc", "key_ops": []string{"verify"}}, jose.ES256, nil, false},
		"its algorithm":                             {rsaKey, change{"alg": "RS256"}, jose.RS256, nil, true},
		"another padding than its algorithm":        {rsaKey, change{"alg": "RS256"}, jose.PS256, nil, false},
		"another hash than its algorithm":           {rsaKey, change{"alg": "RS512"}, jose.RS256, nil, false},
		"its algorithm is not accepted":             {rsaKey, change{"alg": "RS512"}, jose.RS512, nil, false},
		"its algorithm encrypts":                    {rsaKey, change{"alg": "RSA-OAEP"}, jose.RS256, nil, false},
		"its algorithm is of another curve":         {p256, change{"alg": "ES384"}, jose.ES256, nil, false},
		"a small key":                               {small, nil, jose.RS256, nil, false},
		"a name of its own for the key":             {p256, change{"kid": "k2"}, jose.ES256, nil, false},
		"no name for the key, one in the token":     {p256, change{"kid": ""}, jose.ES256, nil, false},
		"a purpose that only looks like one (Use)":  {p256, change{"Use": "enc"}, jose.ES256, nil, true},
		"an algorithm that only looks like one":     {p256, change{"ALG": "RS256"}, jose.ES256, nil, true},
		"operations that are not a list of letters": {p256, change{"key_ops": "verify"}, jose.ES256, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := identity.JWTOptions{
				Issuer: "https://id.example", Audiences: []string{"cosgate"}, Algorithms: test.accepted, Clock: now,
				Keys: keyFile(t, test.key.set(t, test.published)),
			}
			j, err := identity.NewJWT(t.Context(), o)
			if err != nil {
				if test.want {
					t.Errorf("NewJWT = %v", err)
				}
				return // no token of this key is accepted
			}
			a := &identity.Authenticator{Bearers: []identity.Bearer{j}}
			_, err = a.Identify(withBearer(sign(t, test.signed, test.key.private, "k1", goodClaims())))
			if (err == nil) != test.want {
				t.Errorf("Identify = %v, want accepted: %t", err, test.want)
			}
		})
	}
}

// The numbers of a signature by a small curve fit into the signature of a larger one.
func TestJWTRefusesAnAlgorithmOfAnotherCurveThanTheKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "k1")
	a := newJWT(t, keyFile(t, newKeyPair(t, p.key, p.key.Public()).set(t, nil)), nil)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES384"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(goodPayload()))
	sum := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 96)
	r.FillBytes(signature[:48])
	s.FillBytes(signature[48:])
	_, err = a.Identify(withBearer(text + "." + base64.RawURLEncoding.EncodeToString(signature)))
	wantRejected(t, err, "cannot be verified")
}

func TestNewJWTRefusesKeySetsThatReadersUnderstandDifferently(t *testing.T) {
	t.Parallel()
	set := string(newProvider(t, "k1").set(t))
	for name, text := range map[string]string{
		"keys twice":          strings.Replace(set, `{"keys":`, `{"keys":[],"keys":`, 1),
		"KEYS":                strings.Replace(set, `{"keys":`, `{"KEYS":`, 1),
		"a member twice":      strings.Replace(set, `"kid":`, `"kid":"k0","kid":`, 1),
		"a use twice":         strings.Replace(set, `"use":`, `"use":"enc","use":`, 1),
		"deep":                strings.Replace(set, `{"keys":`, `{"a":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`,"keys":`, 1),
		"bytes":               strings.Replace(set, `"k1"`, "\"k1\xff\"", 1),
		"more keys than fit":  `{"keys":[` + strings.Repeat(`{},`, 100) + strings.TrimSuffix(strings.TrimPrefix(set, `{"keys":[`), `]}`) + `]}`,
		"a secret":            `{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0"}]}`,
		"only for encryption": strings.Replace(set, `"sig"`, `"enc"`, 1),
	} {
		o := identity.JWTOptions{Issuer: "https://id.example", Audiences: []string{"cosgate"}, Keys: keyFile(t, []byte(text))}
		if _, err := identity.NewJWT(t.Context(), o); err == nil {
			t.Errorf("%s: NewJWT is fine, want an error", name)
		}
	}
}
