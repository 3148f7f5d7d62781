package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// writePair writes a file of credentials.
func writePair(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pair")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTemporaryCredentialsOfAFileAreAccepted(t *testing.T) {
	t.Parallel()
	fixed := embedded.Credential{SecretID: "AKIDofThePage", SecretKey: "key-of-the-page", Token: "token-of-the-page"}
	file := writePair(t, "# of the page", "secret_id="+fixed.SecretID, "secret_key="+fixed.SecretKey, "security_token="+fixed.Token)
	ended := embedded.Credential{SecretID: "AKIDended", SecretKey: "key-that-ended", Token: "token-that-ended"}
	old := writePair(t, "secret_id="+ended.SecretID, "secret_key="+ended.SecretKey, "security_token="+ended.Token, "expires=2020-01-02T15:04:05Z")
	for command, label := range map[string]string{"cos": "address", "dev": "COS"} {
		args := []string{command, "--memory", "--listen", "127.0.0.1:0", "--temporary-credentials", file, "--temporary-credentials", old}
		if command == "cos" {
			args = append(args, "--bucket", demoBucket)
		} else {
			args = append(args, "--admin", "127.0.0.1:0", "--cos-listen", "127.0.0.1:0")
		}
		c := start(t, args...)
		addr, _, _ := strings.Cut(strings.TrimPrefix(c.value(label), "http://"), " ")
		as := func(pair embedded.Credential) error {
			_, err := newSDK(t, addr, demoBucket, pair).Object.Put(t.Context(), "k", strings.NewReader("x"), nil)
			return err
		}
		own := announcedPair(c.announcement)
		own.SecretKey, _, _ = strings.Cut(own.SecretKey, " ")
		for name, pair := range map[string]embedded.Credential{"the file": fixed, "the server": own} {
			if err := as(pair); err != nil {
				t.Errorf("%s: Put with the credentials of %s = %v", command, name, err)
			}
		}
		for code, pair := range map[string]embedded.Credential{
			"InvalidAccessKeyId":    {SecretID: fixed.SecretID, SecretKey: fixed.SecretKey, Token: "other"},
			"SignatureDoesNotMatch": {SecretID: fixed.SecretID, SecretKey: "other", Token: fixed.Token},
			"ExpiredToken":          ended,
		} {
			if err := as(pair); !isCOSError(err, code) {
				t.Errorf("%s: Put with wrong credentials = %v, want %s", command, err, code)
			}
		}
		withoutToken := fixed
		withoutToken.Token = ""
		if err := as(withoutToken); !isCOSError(err, "InvalidAccessKeyId") {
			t.Errorf("%s: Put without the token = %v, want InvalidAccessKeyId", command, err)
		}
		c.stop(t)
		for _, secret := range []string{fixed.SecretKey, fixed.Token, ended.SecretKey, ended.Token} {
			if strings.Contains(c.announcement.String()+c.stderr.String(), secret) {
				t.Errorf("%s prints a secret of the file", command)
			}
		}
	}
}

func isCOSError(err error, code string) bool {
	e, ok := cos.IsCOSError(err)
	return ok && e.Code == code
}

func TestTemporaryCredentialsOfAFileAreWhole(t *testing.T) {
	t.Parallel()
	for want, lines := range map[string][]string{
		"has no security_token=": {"secret_id=a-b-c", "secret_key=not-to-be-shown"},
		"line 2 is none of":      {"secret_id=a-b-c", "not-to-be-shown"},
	} {
		var stdout, stderr strings.Builder
		args := []string{"cos", "--memory", "--listen", "127.0.0.1:0", "--temporary-credentials", writePair(t, lines...)}
		if code := run(t.Context(), args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), want) || strings.Contains(stderr.String(), "not-to-be-shown") {
			t.Errorf("cos with %d lines = %d, %s; want 2 and %q", len(lines), code, stderr.String(), want)
		}
	}
}
