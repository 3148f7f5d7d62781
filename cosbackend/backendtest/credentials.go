package backendtest

import (
	"context"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func credentialChecks() []check {
	signed := []Ability{Signatures}
	return []check{
		{"GetObject and ListObjects with a wrong key are SignatureDoesNotMatch", "A001", wrongKey, signed},
		{"HeadObject with a wrong key is a 403 without a body", "A001, A007, A111", wrongKeyOnHead, signed},
		{"PutObject with a wrong key stores nothing", "A001", wrongKeyOnPut, signed},
		{"ListObjects with an unknown id is InvalidAccessKeyId", "A001", unknownID, signed},
		{"GetObject refused for its credentials returns nothing that signs", "A001", refusalKeepsSecrets, signed},
	}
}

const wrongSecretKey = "this-is-not-the-secret-key-000000"

// wrongly returns a context whose calls are signed with the right id and a wrong key.
func (s scope) wrongly(t *testing.T) context.Context {
	t.Helper()
	return cosbackend.WithCallerCredentials(t.Context(), cosbackend.Credentials{SecretID: s.SecretID, SecretKey: wrongSecretKey})
}

func wrongKey(t *testing.T, s scope) {
	key := s.key("k")
	s.put(t, key, []byte("text"))
	_, _, err := s.read(s.wrongly(t), key, cosbackend.ReadOptions{})
	if e := wantRefused(t, "GetObject", err, 403, "SignatureDoesNotMatch"); e.TraceID == "" {
		t.Error("the error has no trace id")
	}
	_, err = s.Client.ListObjects(s.wrongly(t), s.location(), cosbackend.ListOptions{})
	wantRefused(t, "ListObjects", err, 403, "SignatureDoesNotMatch")
}

func wrongKeyOnHead(t *testing.T, s scope) {
	_, err := s.Client.HeadObject(s.wrongly(t), s.location(), s.key("k"), cosbackend.ReadOptions{})
	if e := wantRefused(t, "HeadObject", err, 403, ""); e.CredentialCode != "SignatureDoesNotMatch" {
		t.Errorf("HeadObject: the code of the credentials is %q, want SignatureDoesNotMatch", e.CredentialCode)
	}
}

// The refusal may come while the body is still being sent, and must be what is
// reported.
func wrongKeyOnPut(t *testing.T, s scope) {
	for _, size := range []int{0, 10, 1 << 20, 5 << 20} {
		_, err := s.Client.PutObject(s.wrongly(t), s.location(), s.key("k"), body(pattern(70, size)), cosbackend.PutOptions{})
		wantRefused(t, "PutObject", err, 403, "SignatureDoesNotMatch")
	}
	s.wantAbsent(t, s.key("k"))
}

func unknownID(t *testing.T, s scope) {
	ctx := cosbackend.WithCallerCredentials(t.Context(), cosbackend.Credentials{
		SecretID: "AKIDnobodyhasthissecretid00000000000", SecretKey: wrongSecretKey,
	})
	_, err := s.Client.ListObjects(ctx, s.location(), cosbackend.ListOptions{})
	wantRefused(t, "ListObjects", err, 403, "InvalidAccessKeyId", "InvaildAccessKeyId") // COS has spelled it so
}

// COS puts the text that it signed into the refusal. It must not get into an
// error that a caller may see.
func refusalKeepsSecrets(t *testing.T, s scope) {
	_, _, err := s.read(s.wrongly(t), s.key("k"), cosbackend.ReadOptions{})
	e := wantRefused(t, "GetObject", err, 403, "SignatureDoesNotMatch")
	for _, secret := range []string{wrongSecretKey, "q-signature", "q-ak=", "sha1\n"} {
		for _, text := range append([]string{e.Error(), e.Message, e.Resource}, values(e.Headers)...) {
			if strings.Contains(text, secret) {
				t.Errorf("the error holds %q: %s", secret, text)
			}
		}
	}
}

func values(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}
