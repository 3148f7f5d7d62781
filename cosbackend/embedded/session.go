package embedded

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A session is what temporary credentials of STS are. It does not change. Nothing of it is
// stored: the token
// has all of it, sealed with the server's key, and the secret key is derived from the
// secret id with the same key.
type session struct {
	SecretID string `json:"id"`
	// Parent is the secret id of the long-lived keys that GetFederationToken was signed
	// with; the session ends with them. A role has none.
	Parent  string `json:"parent,omitempty"`
	Name    string `json:"name"`
	Expires int64  `json:"expires"` // seconds of Unix
	// Policy is the text of the session policy; "" is none, which grants everything.
	Policy string `json:"policy,omitempty"`

	permissions *permissions // the parsed policy; nil is none
}

// expired reports whether the session has ended.
func (s *session) expired(now time.Time) bool { return now.Unix() >= s.Expires }

// allows reports whether the session policy grants a request.
func (s *session) allows(r policyRequest) bool {
	return s.permissions == nil || s.permissions.evaluate(r) == policyAllows
}

// sessionKeys seals the tokens of sessions and derives their secret keys.
type sessionKeys struct {
	seal cipher.AEAD
	sign []byte
}

// tokenVersion begins every token, and is covered by its seal.
const tokenVersion = 1

var errToken = errors.New("embedded: not a session token of this server")

func newSessionKeys(master []byte) (sessionKeys, error) {
	sealing, err1 := hkdf.Key(sha256.New, master, nil, "cosgate session token", 32)
	signing, err2 := hkdf.Key(sha256.New, master, nil, "cosgate session secret key", 32)
	block, err3 := aes.NewCipher(sealing)
	if err := errors.Join(err1, err2, err3); err != nil {
		return sessionKeys{}, fmt.Errorf("embedded: session keys: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sessionKeys{}, fmt.Errorf("embedded: session keys: %w", err)
	}
	return sessionKeys{seal: aead, sign: signing}, nil
}

// newSecretID is the id of new temporary credentials.
func newSecretID() string { return "AKID" + rand.Text() + rand.Text()[:6] }

// secretKey is the secret key that belongs to a temporary secret id.
func (k sessionKeys) secretKey(secretID string) string {
	mac := hmac.New(sha256.New, k.sign)
	_, _ = mac.Write([]byte(secretID)) // never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// token seals a session.
func (k sessionKeys) token(s session) (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	head := []byte{tokenVersion}
	sealed := k.seal.Seal(nil, nil, packed.Bytes(), head) //nolint:gosec // the nonce is made by Seal
	return base64.RawURLEncoding.EncodeToString(append(head, sealed...)), nil
}

// maxOpenSessions is how many sessions are kept as they were opened.
const maxOpenSessions = 256

// openSessions saves most requests the unpacking of their token. Only tokens of this server
// get in, so that nobody else can fill it.
type openSessions struct {
	mu    sync.RWMutex
	known map[string]*session // by token
}

// open is sessionKeys.open for tokens that come again and again.
func (o *openSessions) open(keys sessionKeys, token string) (*session, error) {
	o.mu.RLock()
	s, ok := o.known[token]
	o.mu.RUnlock()
	if ok {
		return s, nil
	}
	s, err := keys.open(token)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= maxOpenSessions {
		o.known = make(map[string]*session)
	}
	o.known[token] = s
	return s, nil
}

// open returns the session that a token of this server holds.
func (k sessionKeys) open(token string) (*session, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) == 0 || raw[0] != tokenVersion {
		return nil, errToken
	}
	packed, err := k.seal.Open(nil, nil, raw[1:], raw[:1])
	if err != nil {
		return nil, errToken
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, errToken
	}
	s := &session{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, errToken
	}
	if s.Policy != "" {
		if s.permissions, err = parseSessionPolicy(s.Policy); err != nil {
			return nil, errToken
		}
	}
	return s, nil
}

// A signer is who signed a request.
type signer struct {
	secretKey string
	temporary bool
	session   *session // of temporary credentials that STS issued; nil otherwise
}

// signer finds who has a secret id, to which the token must belong (E010, E111).
func (s *Server) signer(secretID, token string) (signer, error) {
	if c, ok := s.keys[secretID]; ok {
		switch {
		case c.Token == "" && token != "":
			return signer{}, fail(invalidAccessKeyID, "The security token is not valid: the secret id belongs to permanent credentials.")
		case !hmac.Equal([]byte(c.Token), []byte(token)):
			return signer{}, fail(invalidAccessKeyID, "The security token does not belong to the secret id.")
		case !c.Expires.IsZero() && !s.opts.Clock().Before(c.Expires):
			return signer{}, fail(expiredToken, "")
		}
		return signer{secretKey: c.SecretKey, temporary: c.Token != ""}, nil
	}
	if token == "" {
		return signer{}, fail(invalidAccessKeyID, "")
	}
	of, err := s.opened.open(s.sessions, token)
	if err != nil {
		return signer{}, fail(invalidAccessKeyID, "The security token is not valid.")
	}
	if of.SecretID != secretID {
		return signer{}, fail(invalidAccessKeyID, "The security token does not belong to the secret id.")
	}
	if _, there := s.keys[of.Parent]; of.Parent != "" && !there {
		return signer{}, fail(invalidAccessKeyID, "The keys that the security token was issued for do not exist any more.")
	}
	if of.expired(s.opts.Clock()) {
		return signer{}, fail(expiredToken, "")
	}
	return signer{secretKey: s.sessions.secretKey(secretID), temporary: true, session: of}, nil
}
