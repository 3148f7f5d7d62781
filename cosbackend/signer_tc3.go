package cosbackend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// authorizationTC3 signs a POST of payload to the root of a service of Tencent Cloud
// API 3.0 (A084). headers are sorted by name, and content-type and host are among them.
func authorizationTC3(c Credentials, service string, now time.Time, headers []pair, payload []byte) string {
	names := make([]string, len(headers))
	var lines strings.Builder
	for i, h := range headers {
		names[i] = h.name
		lines.WriteString(h.name + ":" + strings.ToLower(strings.TrimSpace(h.value)) + "\n")
	}
	signed := strings.Join(names, ";")
	request := "POST\n/\n\n" + lines.String() + "\n" + signed + "\n" + hexSHA256(payload)

	date := now.UTC().Format(time.DateOnly)
	scope := date + "/" + service + "/tc3_request"
	text := "TC3-HMAC-SHA256\n" + strconv.FormatInt(now.Unix(), 10) + "\n" + scope + "\n" + hexSHA256([]byte(request))

	key := []byte("TC3" + c.SecretKey)
	for _, part := range []string{date, service, "tc3_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return "TC3-HMAC-SHA256 Credential=" + c.SecretID + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(key)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
