package cosbackend

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	secretID  = "AKIDverysecretid"
	secretKey = "verysecretkey"
	token     = "verysecrettoken"
)

func secretCredentials() Credentials {
	return Credentials{SecretID: secretID, SecretKey: secretKey, Token: token}
}

func hasSecret(s string) bool { return strings.Contains(strings.ToLower(s), "verysecret") }

func TestCredentialsShowNothing(t *testing.T) {
	t.Parallel()
	c := secretCredentials()
	holder := struct {
		C Credentials
		P *Credentials
	}{c, &c}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "c", c, "p", &c, "holder", holder, "any", slog.AnyValue(c))
	}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{c.String(), c.GoString(), log.String(), string(encoded)}
	config := Config{Credentials: StaticCredentials(c)}
	role := AssumeRoleOptions{Source: StaticCredentials(c)}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", config, "role", role)
	texts = append(texts, log.String())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, config), fmt.Sprintf(verb, role), fmt.Sprintf(verb, config.Credentials), fmt.Sprintf(verb, &config))
		texts = append(texts, fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, holder))
	}
	for _, s := range texts {
		if hasSecret(s) {
			t.Errorf("%q shows a secret", s)
		}
	}
}

// A server that quotes all it received must not get a secret into an error or a log.
func TestCredentialsStayOutOfErrorsAndLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	hostile := func(r *http.Request) string {
		return "got " + r.Header.Get("Authorization") + " Authorization: " + r.Header.Get("Authorization") +
			" x-cos-security-token=" + token + "&sign=abc key " + secretKey + " token " + token + " " + r.RequestURI
	}
	secrets := secretID + secretKey
	forms := map[string]script{
		"XML": func(w http.ResponseWriter, r *http.Request, _ int) {
			w.Header().Set("Server", hostile(r))
			w.Header().Set("Location", "http://x/?"+r.Header.Get("Authorization"))
			respondXML(w, 403, "<Error><Code>SignatureDoesNotMatch</Code><Message>"+strings.ReplaceAll(hostile(r), "&", "&amp;")+
				"</Message><StringToSign>"+secrets+"</StringToSign><FormatString>"+secrets+"</FormatString><Resource>h/k?sign="+secretKey+"</Resource></Error>")
		},
		"HTML": func(w http.ResponseWriter, r *http.Request, _ int) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, "<html>"+hostile(r))
		},
		"JSON": func(w http.ResponseWriter, r *http.Request, _ int) {
			cosHeader(w)
			w.WriteHeader(500)
			_ = json.NewEncoder(w).Encode(map[string]any{"code": 1, "message": hostile(r)})
		},
		"secrets at the border of a truncation": func(w http.ResponseWriter, _ *http.Request, n int) {
			respondXML(w, 500, "<Error><Message>"+strings.Repeat("x", maxMessage-7-n)+secretKey+" "+token+"</Message></Error>")
		},
		"no HTTP": func(w http.ResponseWriter, r *http.Request, _ int) { hijacked(t, w, hostile(r)+"\r\n\r\n") },
	}
	for name, respond := range forms {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			c, _ := open(t, respond, attempts(2), func(cfg *Config) {
				cfg.Credentials = StaticCredentials(secretCredentials())
				cfg.Retry.BaseDelay = time.Nanosecond
				cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			e := wantError(t, "GetObject", get(t.Context(), c))
			plain := *e
			plain.Cause = nil // printed by its own text
			for _, s := range []string{e.Error(), fmt.Sprintf("%+v %v", plain, e.Cause), log.String()} {
				if hasSecret(s) || strings.Contains(s, "sign=abc") {
					t.Errorf("a secret is in %q", s)
				}
			}
		})
	}
}

func TestEnvCredentialsNameWhatIsMissing(t *testing.T) {
	t.Setenv("COS_SECRET_ID", "")
	t.Setenv("COS_SECRET_KEY", "")
	t.Setenv("COS_SECURITY_TOKEN", "")
	if _, err := EnvCredentials("", "", ""); err == nil || !strings.Contains(err.Error(), "COS_SECRET_ID") {
		t.Errorf("EnvCredentials = %v, want COS_SECRET_ID named", err)
	}
	t.Setenv("COS_SECRET_ID", secretID)
	if _, err := EnvCredentials("", "", ""); err == nil || !strings.Contains(err.Error(), "COS_SECRET_KEY") {
		t.Errorf("EnvCredentials = %v, want COS_SECRET_KEY named", err)
	}
	t.Setenv("OTHER_KEY", secretKey+" ")
	if _, err := EnvCredentials("", "OTHER_KEY", ""); err == nil || hasSecret(err.Error()) {
		t.Errorf("EnvCredentials = %v, want an error without the value", err)
	}
	t.Setenv("OTHER_KEY", secretKey)
	p, err := EnvCredentials("", "OTHER_KEY", "")
	if err != nil {
		t.Fatalf("EnvCredentials = %v", err)
	}
	if got, err := p.Credentials(t.Context()); err != nil || got != (Credentials{SecretID: secretID, SecretKey: secretKey}) {
		t.Errorf("Credentials = %v, want what was set", err)
	}
}

func TestFileCredentialsFollowTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	now := time.Unix(1_700_000_000, 0)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Second)
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	write("# keys\n\nsecret_id = a\nsecret_key=b\n")
	p, err := newFileProvider(path, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatalf("FileCredentials = %v", err)
	}
	want := func(c Credentials) {
		t.Helper()
		if got, err := p.Credentials(t.Context()); err != nil || got != c {
			t.Errorf("Credentials = %q, %v, want %q", got.SecretID, err, c.SecretID)
		}
	}
	want(Credentials{SecretID: "a", SecretKey: "b", Token: ""})
	write("secret_id=c\nsecret_key=d\n") // its token is still to come
	want(Credentials{SecretID: "a", SecretKey: "b", Token: ""})
	write("secret_id=c\nsecret_key=d\nsecurity_token=t")
	want(Credentials{SecretID: "a", SecretKey: "b", Token: ""})
	now = now.Add(fileSettle)
	want(Credentials{SecretID: "c", SecretKey: "d", Token: "t"})
	write("secret_id=" + secretID)
	want(Credentials{SecretID: "c", SecretKey: "d", Token: "t"})
	now = now.Add(time.Minute)
	want(Credentials{SecretID: "c", SecretKey: "d", Token: "t"})
	if got := strings.Count(log.String(), "not usable"); got != 1 || hasSecret(log.String()) {
		t.Errorf("the broken file was logged %d times, want once and without its contents:\n%s", got, log.String())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	want(Credentials{SecretID: "c", SecretKey: "d", Token: "t"})
	write("secret_id=e\nsecret_key=f\n")
	now = now.Add(fileSettle)
	want(Credentials{SecretID: "e", SecretKey: "f", Token: ""})
	// The clock of the file system is ahead: the file is never old, and is taken when it has
	// not changed between two looks.
	write("secret_id=g\nsecret_key=h\n")
	if err := os.Chtimes(path, now.Add(time.Hour), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(fileSettle)
	want(Credentials{SecretID: "e", SecretKey: "f", Token: ""})
	now = now.Add(fileSettle)
	want(Credentials{SecretID: "g", SecretKey: "h", Token: ""})
}

func TestFileCredentialsRefuseABrokenFileAtTheStart(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "no key": "secret_id=verysecret", "unknown name": "secret_id=a\nsecret_key=b\nverysecret=c",
		"no equals": "verysecret", "twice": "secret_id=verysecret\nsecret_id=b\nsecret_key=c",
		"space inside": "secret_id=very secret\nsecret_key=c", "too large": strings.Repeat("#", maxCredentialFile+1),
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FileCredentials(path, nil); err == nil || hasSecret(err.Error()) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: FileCredentials = %v, want an error that names the file and not what it holds", name, err)
		}
	}
	if _, err := FileCredentials(filepath.Join(t.TempDir(), "absent"), nil); err == nil {
		t.Error("FileCredentials of an absent file = nil, want an error")
	}
}

// STS may quote what it was sent. Neither the error nor the log shows the keys, the
// token, the signature or the policy of the session, in whatever form.
func TestAssumeRoleCredentialsErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	const policy = `{"version": "2.0", "statement": [{"effect": "allow", "resource": "verysecretresource"}]}`
	for name, quote := range map[string]func(string) string{
		"as it is":  func(s string) string { return s },
		"in a URL":  url.QueryEscape,
		"in base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("says: " + s)) },
	} {
		t.Run(name, func(t *testing.T) {
			var signature string
			dial, _ := source(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				body, _ := io.ReadAll(r.Body)
				_, signature, _ = strings.Cut(r.Header.Get("Authorization"), "Signature=")
				var sent struct{ Policy string }
				_ = json.Unmarshal(body, &sent)
				text := strings.Join([]string{quote(r.Header.Get("X-TC-Token")), quote(r.Header.Get("Authorization")), quote(signature), quote(sent.Policy), quote(policy), quote(string(body))}, " ")
				message, _ := json.Marshal(text)
				_, _ = fmt.Fprintf(w, `{"Response":{"Error":{"Code":"AuthFailure","Message":%s},"RequestId":%s}}`, message, message)
			})
			var log bytes.Buffer
			o := roleOptions(dial)
			o.Source, o.Policy, o.Logger = StaticCredentials(secretCredentials()), policy, slog.New(slog.NewTextHandler(&log, nil))
			p, err := AssumeRoleCredentials(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Credentials(t.Context())
			_ = p.Close()
			if err == nil || !strings.Contains(err.Error(), "AuthFailure") {
				t.Fatalf("Credentials = %v, want what STS said", err)
			}
			seen := err.Error() + log.String()
			for _, secret := range []string{secretKey, token, signature, "verysecretresource"} {
				// The first third of base64 is whole groups, wherever the secret begins.
				for before := range 3 {
					inside := base64.StdEncoding.EncodeToString(append(make([]byte, before), secret...))
					if strings.Contains(strings.ToLower(seen), secret) || strings.Contains(seen, inside[4:12]) {
						t.Fatalf("%q shows in %s", secret, seen)
					}
				}
			}
		})
	}
}
