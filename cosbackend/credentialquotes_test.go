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
	"strings"
	"testing"
)

// STS may quote what it was sent. Neither the error nor the log shows the keys, the
// token, the signature or the policy of the session, in whatever form.
func TestSTSQuotesNothingThatIsSecret(t *testing.T) {
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
