package embedded

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	tc3Algorithm = "TC3-HMAC-SHA256"
	stsService   = "sts"
	// tc3Window is how far the timestamp of a request may be from the server's clock.
	tc3Window = 5 * time.Minute
)

// A tc3Signature is a parsed Authorization header of signature v3.
type tc3Signature struct {
	secretID  string
	date      string // of the credential scope
	headers   []string
	signature string
}

// parseTC3 parses TC3-HMAC-SHA256 Credential=<id>/<date>/sts/tc3_request,
// SignedHeaders=<names>, Signature=<hex>.
func parseTC3(authorization string) (tc3Signature, bool) {
	var a tc3Signature
	rest, ok := strings.CutPrefix(authorization, tc3Algorithm+" ")
	if !ok {
		return a, false
	}
	fields := make(map[string]string, 3)
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[name]; !ok || twice {
			return a, false
		}
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(fields) != 3 || len(scope) != 4 || scope[0] == "" || scope[2] != stsService || scope[3] != "tc3_request" {
		return a, false
	}
	a.secretID, a.date = scope[0], scope[1]
	a.headers = strings.Split(fields["SignedHeaders"], ";")
	a.signature = fields["Signature"]
	sorted := slices.IsSorted(a.headers) && len(slices.Compact(slices.Clone(a.headers))) == len(a.headers)
	lower := fields["SignedHeaders"] == strings.ToLower(fields["SignedHeaders"])
	hexadecimal := len(a.signature) == 2*sha256.Size && strings.Trim(a.signature, "0123456789abcdef") == ""
	return a, sorted && lower && hexadecimal && slices.Contains(a.headers, "content-type") && slices.Contains(a.headers, "host")
}

// check recomputes the signature of a request with this body.
func (a tc3Signature) check(r *http.Request, body []byte, secretKey string, timestamp int64) bool {
	var lines strings.Builder
	for _, name := range a.headers {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{r.Host}
		}
		if len(values) != 1 {
			return false
		}
		lines.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(values[0])) + "\n")
	}
	request := r.Method + "\n/\n" + r.URL.RawQuery + "\n" + lines.String() + "\n" + strings.Join(a.headers, ";") + "\n" + hexSHA256(body)
	scope := a.date + "/" + stsService + "/tc3_request"
	toSign := tc3Algorithm + "\n" + strconv.FormatInt(timestamp, 10) + "\n" + scope + "\n" + hexSHA256([]byte(request))
	key := []byte("TC3" + secretKey)
	for _, part := range []string{a.date, stsService, "tc3_request", toSign} {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(part)) // never fails
		key = mac.Sum(nil)
	}
	return hmac.Equal([]byte(hex.EncodeToString(key)), []byte(a.signature))
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
