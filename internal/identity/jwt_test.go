package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/internal/identity"
)

// A provider is an identity provider with one key at a time.
type provider struct {
	key *ecdsa.PrivateKey
	id  string
}

func newProvider(t testing.TB, id string) provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return provider{key, id}
}

func (p provider) set(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.id, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p provider) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	return sign(t, jose.ES256, p.key, p.id, claims)
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", id))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func goodClaims() map[string]any {
	return map[string]any{
		"iss": "https://id.example", "aud": []string{"cosgate"}, "sub": "alice",
		"exp": now().Add(time.Minute).Unix(), "groups": []string{"ops"},
	}
}

func with(changes map[string]any) map[string]any {
	c := goodClaims()
	maps.Copy(c, changes)
	return c
}

func newJWT(t *testing.T, keys string, change func(*identity.JWTOptions)) *identity.Authenticator {
	t.Helper()
	o := identity.JWTOptions{Issuer: "https://id.example", Audiences: []string{"cosgate", "storage"}, Keys: keys, Clock: now}
	if change != nil {
		change(&o)
	}
	j, err := identity.NewJWT(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return &identity.Authenticator{Bearers: []identity.Bearer{j}}
}

func keyFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJWTNamesTheCaller(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "k1")
	path := keyFile(t, p.set(t))
	for name, test := range map[string]struct {
		claims map[string]any
		change func(*identity.JWTOptions)
		want   identity.Caller
	}{
		"plain":        {goodClaims(), nil, identity.Caller{Name: "jwt:alice", Groups: []string{"ops"}}},
		"one audience": {with(map[string]any{"aud": "storage"}), nil, identity.Caller{Name: "jwt:alice", Groups: []string{"ops"}}},
		"one group":    {with(map[string]any{"groups": "ops"}), nil, identity.Caller{Name: "jwt:alice", Groups: []string{"ops"}}},
		"no groups":    {with(map[string]any{"groups": nil}), nil, identity.Caller{Name: "jwt:alice"}},
		"a prefix": {
			goodClaims(), func(o *identity.JWTOptions) { o.Prefix = "corp:" },
			identity.Caller{Name: "jwt:corp:alice", Groups: []string{"corp:ops"}},
		},
		"claims of the same name in other letters": {
			with(map[string]any{"AUD": "billing", "Sub": "root", "GROUPS": []string{"admins"}, "Exp": 1}),
			nil,
			identity.Caller{Name: "jwt:alice", Groups: []string{"ops"}},
		},
		"a verified address": {
			with(map[string]any{"email": "a@example", "email_verified": true}),
			func(o *identity.JWTOptions) { o.NameClaim = "email" },
			identity.Caller{Name: "jwt:a@example", Groups: []string{"ops"}},
		},
		"as many groups as fit": {
			with(map[string]any{"groups": names(256)}), nil, identity.Caller{Name: "jwt:alice", Groups: names(256)},
		},
		"own claims": {
			with(map[string]any{"email": "a@example", "roles": []string{"r"}}),
			func(o *identity.JWTOptions) { o.NameClaim, o.GroupsClaim = "email", "roles" },
			identity.Caller{Name: "jwt:a@example", Groups: []string{"r"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newJWT(t, path, test.change).Identify(withBearer(p.sign(t, test.claims)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Identify (-want +got):\n%s", diff)
			}
		})
	}
}

// names are n different names of groups.
func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("g%d", i)
	}
	return out
}

func TestJWTRefusesAnAddressThatTheProviderHasNotVerified(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "k1")
	a := newJWT(t, keyFile(t, p.set(t)), func(o *identity.JWTOptions) { o.NameClaim = "email" })
	for _, verified := range []any{false, "true", nil} {
		_, err := a.Identify(withBearer(p.sign(t, with(map[string]any{"email": "a@example", "email_verified": verified}))))
		wantRejected(t, err, "not verified")
	}
}

func TestJWTRefusesInvalidTokens(t *testing.T) {
	t.Parallel()
	p, stranger := newProvider(t, "k1"), newProvider(t, "k1")
	public, err := json.Marshal(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	segment := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	good := p.sign(t, goodClaims())
	parts := strings.Split(good, ".")
	for name, test := range map[string]struct{ token, want string }{
		"without an end":    {p.sign(t, with(map[string]any{"exp": nil})), "has no claim exp"},
		"another audience":  {p.sign(t, with(map[string]any{"aud": "billing"})), "another audience"},
		"no audience":       {p.sign(t, with(map[string]any{"aud": nil})), "another audience"},
		"another issuer":    {p.sign(t, with(map[string]any{"iss": "https://evil.example"})), "no issuer that this gateway accepts"},
		"no name":           {p.sign(t, with(map[string]any{"sub": ""})), "claim sub"},
		"a name of bytes":   {p.sign(t, with(map[string]any{"sub": 7})), "claim sub"},
		"a long name":       {p.sign(t, with(map[string]any{"sub": strings.Repeat("x", 257)})), "claim sub"},
		"a name of lines":   {p.sign(t, with(map[string]any{"sub": "alice\njwt:root"})), "claim sub"},
		"an end in letters": {p.sign(t, with(map[string]any{"exp": "tomorrow"})), "claim exp"},
		"a start past all":  {p.sign(t, with(map[string]any{"nbf": 1e300})), "claim nbf"},
		"audiences of bytes": {
			p.sign(t, with(map[string]any{"aud": []any{"cosgate", 7}})), "claim aud",
		},
		"too many groups":   {p.sign(t, with(map[string]any{"groups": names(257)})), "more than 256 groups"},
		"a long group":      {p.sign(t, with(map[string]any{"groups": []string{strings.Repeat("x", 257)}})), "claim groups"},
		"an empty group":    {p.sign(t, with(map[string]any{"groups": []string{"ops", ""}})), "claim groups"},
		"a group of bytes":  {p.sign(t, with(map[string]any{"groups": []any{"ops", 7}})), "claim groups"},
		"groups elsewhere":  {p.sign(t, with(map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"}})), "too many groups"},
		"groups left out":   {p.sign(t, with(map[string]any{"groups": nil, "hasgroups": true})), "too many groups"},
		"groups of numbers": {p.sign(t, with(map[string]any{"groups": 7})), "claim groups"},
		"another key":       {stranger.sign(t, goodClaims()), "cannot be verified"},
		"an unknown key id": {sign(t, jose.ES256, p.key, "k2", goodClaims()), "cannot be verified"},
		"alg none":          {segment(map[string]any{"alg": "none", "kid": "k1"}) + "." + parts[1] + ".", "cannot be verified"},
		"HMAC with the public key": {
			sign(t, jose.HS256, append(public, make([]byte, 32)...), "k1", goodClaims()), "cannot be verified",
		},
		"RSA by a key that is not in the set": {sign(t, jose.RS256, rsaKey, "k1", goodClaims()), "cannot be verified"},
		"a changed payload":                   {parts[0] + "." + segment(with(map[string]any{"sub": "root"})) + "." + parts[2], "cannot be verified"},
		"a cut signature":                     {good[:len(good)-4], "cannot be verified"},
		"no signature":                        {parts[0] + "." + parts[1] + ".", "cannot be verified"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newJWT(t, keyFile(t, p.set(t)), nil).Identify(withBearer(test.token))
			wantRejected(t, err, test.want)
			if err != nil && strings.Contains(err.Error(), parts[1][:16]) {
				t.Errorf("the error %q holds a part of the token", err)
			}
		})
	}
}

func TestJWTKeysInAFileAreReadAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	at := now()
	before, after := newProvider(t, "k1"), newProvider(t, "k2")
	path := keyFile(t, before.set(t))
	a := newJWT(t, path, func(o *identity.JWTOptions) { o.Clock = func() time.Time { return at } })
	if err := os.WriteFile(path, after.set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		at = at.Add(time.Second)
		_, _ = a.Identify(withBearer(before.sign(t, goodClaims()))) // the keys are in use
	}
	if _, err := a.Identify(withBearer(after.sign(t, goodClaims()))); err != nil {
		t.Errorf("Identify with the new key = %v", err)
	}
	_, err := a.Identify(withBearer(before.sign(t, goodClaims())))
	wantRejected(t, err, "cannot be verified")
}

func TestJWTKeysAtAURLAreFetchedAgainForAnUnknownKey(t *testing.T) {
	t.Parallel()
	at := now()
	before, after := newProvider(t, "k1"), newProvider(t, "k2")
	current := before
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(current.set(t))
	}))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	a := newJWT(t, server.URL, func(o *identity.JWTOptions) { o.Clock = func() time.Time { return at } })
	for range 3 {
		if _, err := a.Identify(withBearer(before.sign(t, goodClaims()))); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the keys were asked for %d times, want once", asked.Load())
	}
	current = after
	at = at.Add(time.Second)
	if _, err := a.Identify(withBearer(after.sign(t, goodClaims()))); err != nil {
		t.Errorf("Identify with the new key = %v", err)
	}
	for range 5 {
		_, err := a.Identify(withBearer(before.sign(t, goodClaims())))
		wantRejected(t, err, "cannot be verified")
	}
	if asked.Load() != 2 {
		t.Errorf("the keys were asked for %d times, want twice: unknown keys must not drive requests", asked.Load())
	}
}

// A key may be withdrawn because it was stolen: nobody then signs with a new one to make
// the gateway ask again.
func TestJWTRefusesAWithdrawnKeyAfterAMinute(t *testing.T) {
	t.Parallel()
	at := now()
	stolen, other := newProvider(t, "k1"), newProvider(t, "k2")
	current := stolen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(current.set(t)) }))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	a := newJWT(t, server.URL, func(o *identity.JWTOptions) { o.Clock = func() time.Time { return at } })
	token := stolen.sign(t, with(map[string]any{"exp": now().Add(time.Hour).Unix()}))
	if _, err := a.Identify(withBearer(token)); err != nil {
		t.Fatal(err)
	}
	current = other
	at = at.Add(time.Minute)
	_, err := a.Identify(withBearer(token))
	wantRejected(t, err, "cannot be verified")
}

// Whoever sends nonsense makes the gateway ask; the first token of a new key in the same
// second waits for its turn instead of being refused.
func TestJWTAcceptsANewKeyRightAfterAFetch(t *testing.T) {
	t.Parallel()
	before, after, stranger := newProvider(t, "k1"), newProvider(t, "k2"), newProvider(t, "k3")
	var current atomic.Pointer[provider]
	current.Store(&before)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(current.Load().set(t)) }))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	a := newJWT(t, server.URL, func(o *identity.JWTOptions) { o.Clock = nil })
	claims := with(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
	_, err := a.Identify(withBearer(stranger.sign(t, claims)))
	wantRejected(t, err, "cannot be verified")
	current.Store(&after)
	if _, err := a.Identify(withBearer(after.sign(t, claims))); err != nil {
		t.Errorf("Identify with the new key = %v", err)
	}
}

// When the provider is away, the keys that are known stay in force.
func TestJWTKeysStayInForceWhileTheirURLIsDown(t *testing.T) {
	t.Parallel()
	at := now()
	p := newProvider(t, "k1")
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(strings.Replace(string(p.set(t)), `[`, `[{"kty":"other","kid":"k9"},`, 1)))
	}))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	a := newJWT(t, server.URL, func(o *identity.JWTOptions) { o.Clock = func() time.Time { return at } })
	token := p.sign(t, with(map[string]any{"exp": now().Add(time.Hour).Unix()}))
	for _, status = range []int{http.StatusOK, http.StatusServiceUnavailable} {
		if _, err := a.Identify(withBearer(token)); err != nil {
			t.Errorf("Identify while the URL responds with %d = %v", status, err)
		}
		at = at.Add(2 * time.Minute)
	}
}

func TestNewJWTRefusesUnsafeOptions(t *testing.T) {
	t.Parallel()
	path := keyFile(t, newProvider(t, "k1").set(t))
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: newProvider(t, "k").key, KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*identity.JWTOptions){
		"no issuer":            func(o *identity.JWTOptions) { o.Issuer = "" },
		"no audience":          func(o *identity.JWTOptions) { o.Audiences = nil },
		"an empty audience":    func(o *identity.JWTOptions) { o.Audiences = []string{""} },
		"HMAC":                 func(o *identity.JWTOptions) { o.Algorithms = []string{"HS256"} },
		"none":                 func(o *identity.JWTOptions) { o.Algorithms = []string{"none"} },
		"a prefix without end": func(o *identity.JWTOptions) { o.Prefix = "corp" },
		"a day of leeway":      func(o *identity.JWTOptions) { o.Leeway = 24 * time.Hour },
		"keys over plain http": func(o *identity.JWTOptions) { o.Keys = "http://id.example/keys" },
		"keys of a user":       func(o *identity.JWTOptions) { o.Keys = "https://u:p@id.example/keys" },
		"a prefix of a kind":   func(o *identity.JWTOptions) { o.Prefix = "jwt:a" },
		"no keys":              func(o *identity.JWTOptions) { o.Keys = "" },
		"no key file":          func(o *identity.JWTOptions) { o.Keys = path + ".absent" },
		"a private key":        func(o *identity.JWTOptions) { o.Keys = keyFile(t, private) },
		"an empty set":         func(o *identity.JWTOptions) { o.Keys = keyFile(t, []byte(`{"keys":[]}`)) },
		"no set":               func(o *identity.JWTOptions) { o.Keys = keyFile(t, []byte(`x`)) },
	} {
		o := identity.JWTOptions{Issuer: "https://id.example", Audiences: []string{"cosgate"}, Keys: path}
		change(&o)
		if _, err := identity.NewJWT(t.Context(), o); err == nil {
			t.Errorf("%s: NewJWT is fine, want an error", name)
		}
	}
}
