package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Credentials sign requests. Every way to print them shows only that they exist.
type Credentials struct {
	SecretID  string
	SecretKey string
	// Token belongs to temporary credentials; "" for permanent ones.
	Token string
	// Expires is when temporary credentials end; zero when it is not known. What is
	// presigned with them does not claim to last longer.
	Expires time.Time
}

const redactedCredentials = "Credentials{redacted}"

// String hides the secrets.
func (c Credentials) String() string { return redactedCredentials }

// GoString hides the secrets from %#v.
func (c Credentials) GoString() string { return "cosbackend." + redactedCredentials }

// Format hides the secrets from every verb.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedCredentials) }

// LogValue hides the secrets from slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(redactedCredentials) }

// MarshalText hides the secrets from encoders of text, JSON among them.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(redactedCredentials), nil }

// check refuses credentials that cannot sign or would break the header they go into.
func (c Credentials) check() error {
	switch {
	case c.SecretID == "":
		return errors.New("the secret id is empty")
	case c.SecretKey == "":
		return errors.New("the secret key is empty")
	case !printableASCII(c.SecretID):
		return errors.New("the secret id holds a space or a character that is not printable ASCII")
	case !printableASCII(c.SecretKey):
		return errors.New("the secret key holds a space or a character that is not printable ASCII")
	case !printableASCII(c.Token):
		return errors.New("the security token holds a space or a character that is not printable ASCII")
	}
	return nil
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// A CredentialProvider returns the credentials to sign the next request with. It
// is called for each attempt, must be safe for concurrent use, and must not wait
// on the network while requests wait for it.
type CredentialProvider interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// StaticCredentials always returns c. [New] refuses it when c cannot sign.
func StaticCredentials(c Credentials) CredentialProvider { return staticProvider{c} }

type staticProvider struct{ credentials Credentials }

// Format hides the secrets of a Config or of other options that are printed: inside a
// field that is not exported, fmt does not call the methods of Credentials.
func (p staticProvider) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedCredentials) }

func (p staticProvider) Credentials(context.Context) (Credentials, error) { return p.credentials, nil }

// EnvCredentials reads credentials from environment variables, once. Empty names
// mean COS_SECRET_ID, COS_SECRET_KEY and COS_SECURITY_TOKEN. The error names the
// variable that is missing or unusable.
func EnvCredentials(secretID, secretKey, securityToken string) (CredentialProvider, error) {
	idName := cmp.Or(secretID, "COS_SECRET_ID")
	keyName := cmp.Or(secretKey, "COS_SECRET_KEY")
	tokenName := cmp.Or(securityToken, "COS_SECURITY_TOKEN")
	c := Credentials{SecretID: os.Getenv(idName), SecretKey: os.Getenv(keyName), Token: os.Getenv(tokenName)}
	if c.SecretID == "" {
		return nil, fmt.Errorf("cosbackend: credentials: environment variable %s is not set", idName)
	}
	if c.SecretKey == "" {
		return nil, fmt.Errorf("cosbackend: credentials: environment variable %s is not set", keyName)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("cosbackend: credentials: environment variables %s, %s, %s: %w", idName, keyName, tokenName, err)
	}
	return StaticCredentials(c), nil
}

type callerCredentialsKey struct{}

// WithCallerCredentials returns a context whose calls are signed with c instead
// of the profile's credentials. Errors then say CallerCredentials.
func WithCallerCredentials(ctx context.Context, c Credentials) context.Context {
	return context.WithValue(ctx, callerCredentialsKey{}, c)
}

func callerCredentials(ctx context.Context) (Credentials, bool) {
	c, ok := ctx.Value(callerCredentialsKey{}).(Credentials)
	return c, ok
}
