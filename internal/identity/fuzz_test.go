package identity_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/internal/identity"
)

// repeats reports whether a name occurs twice in an object of the document.
func repeats(document string) bool {
	d := json.NewDecoder(strings.NewReader(document))
	var open []map[string]bool // nil for a list
	name := true               // the next text in an object is a name
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		inObject := len(open) > 0 && open[len(open)-1] != nil
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{':
				open, name = append(open, make(map[string]bool)), true
				continue
			case '[':
				open = append(open, nil)
				continue
			}
			open, name = open[:len(open)-1], true
			continue
		case string:
			if inObject && name {
				if open[len(open)-1][v] {
					return true
				}
				open[len(open)-1][v] = true
				name = false
				continue
			}
		}
		name = true
	}
}

// FuzzJWT signs whatever header and payload there are with the provider's key, so that
// everything behind the signature is reached. Whoever is accepted is the one that the
// payload names exactly once.
func FuzzJWT(f *testing.F) {
	p := newProvider(f, "k1")
	for _, payload := range []string{
		goodPayload(), `{}`, `null`, `[`, strings.Replace(goodPayload(), `"aud"`, `"aud":"x","aud"`, 1),
		strings.Replace(goodPayload(), `"sub"`, `"groups":["a",7],"sub"`, 1),
		strings.Replace(goodPayload(), `"sub"`, `"groups":{"a":"b"},"_claim_names":{"groups":"x"},"sub"`, 1),
		strings.Replace(goodPayload(), "alice", `alice\u0000`, 1), strings.Replace(goodPayload(), "alice", "\xff", 1),
		`{"iss":"https://id.example","aud":["cosgate"],"sub":"a","exp":1e99,"nbf":-1,"iat":"x"}`,
	} {
		f.Add(goodHeader, payload)
	}
	for _, header := range []string{`{}`, `{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"ES256","crit":["x"]}`, `{"alg":"ES256","alg":"none"}`, `{"alg":"ES256","typ":{}}`} {
		f.Add(header, goodPayload())
	}
	path := filepath.Join(f.TempDir(), "keys.json")
	if err := os.WriteFile(path, p.set(f), 0o600); err != nil {
		f.Fatal(err)
	}
	j, err := identity.NewJWT(f.Context(), identity.JWTOptions{Issuer: "https://id.example", Audiences: []string{"cosgate"}, Keys: path, Clock: now})
	if err != nil {
		f.Fatal(err)
	}
	a := &identity.Authenticator{Bearers: []identity.Bearer{j}}
	f.Fuzz(func(t *testing.T, header, payload string) {
		caller, err := a.Identify(withBearer(p.raw(t, header, payload)))
		if err != nil {
			return
		}
		if repeats(header) || repeats(payload) {
			t.Errorf("%q, %q was accepted as %q", header, payload, caller.Name)
		}
		if !strings.HasPrefix(caller.Name, "jwt:") || caller.Name == "jwt:" || strings.ContainsAny(caller.Name, "\n\x00\ufffd") {
			t.Errorf("%q is the caller %q", payload, caller.Name)
		}
	})
}

// FuzzToken has everything that a stranger can send.
func FuzzToken(f *testing.F) {
	p := newProvider(f, "k1")
	good := p.raw(f, goodHeader, goodPayload())
	encode := base64.RawURLEncoding.EncodeToString
	for _, token := range []string{
		"", ".", "..", "...", "a.b.c", good + ".", good[1:], encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(goodPayload())) + ".",
		encode([]byte(strings.Repeat("[", 1000))) + ".e30.", "e30." + encode([]byte(strings.Repeat(`{"a":`, 1000))) + ".",
	} {
		f.Add(token)
	}
	path := filepath.Join(f.TempDir(), "keys.json")
	if err := os.WriteFile(path, p.set(f), 0o600); err != nil {
		f.Fatal(err)
	}
	j, err := identity.NewJWT(f.Context(), identity.JWTOptions{Issuer: "https://id.example", Audiences: []string{"cosgate"}, Keys: path, Clock: now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		j.Knows(token)
		if caller, err := j.Identify(t.Context(), token); err == nil && !strings.HasPrefix(token, good[:strings.LastIndex(good, ".")]) {
			t.Errorf("a token that nobody signed is of %q", caller.Name)
		}
	})
}

// FuzzKeySet reads documents that are no key set, or one that was changed.
func FuzzKeySet(f *testing.F) {
	p := newProvider(f, "k1")
	set := string(p.set(f))
	for _, text := range []string{
		set, "{}", "null", `{"keys":{}}`, `{"keys":[null]}`, `{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`, strings.Replace(set, `"sig"`, `"enc"`, 1),
		strings.Replace(set, `{"keys":`, `{"keys":[],"keys":`, 1), strings.Replace(set, `"use":`, `"key_ops":["sign"],"use":`, 1), strings.Repeat(`{"keys":[`, 1000),
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "keys.json")
	token := p.raw(f, goodHeader, goodPayload())
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := identity.NewJWT(t.Context(), identity.JWTOptions{Issuer: "https://id.example", Audiences: []string{"cosgate"}, Keys: path, Clock: now})
		if err != nil {
			return
		}
		if _, err := j.Identify(t.Context(), token); err == nil && repeats(text) {
			t.Errorf("%q verifies a token", text)
		}
	})
}
