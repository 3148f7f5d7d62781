package embedded

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm of COS signatures
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far a client's clock may be from the server's.
const maxSkew = 15 * time.Minute

// authenticate checks the signature of a request. Afterwards x.signed says
// whether the caller is the owner; what others may do is for authorize.
func (x *exchange) authenticate() error {
	if x.s.opts.Signature == SignatureOff {
		x.signed = true
		return nil
	}
	auth, err := findAuthorization(x.r, x.params)
	if err != nil {
		// The documentation names no code for a malformed signature (E009).
		return fail(accessDenied, "The signature is malformed: "+err.Error()+".")
	}
	if auth == nil {
		x.signed = x.s.opts.Signature == SignatureLenient
		return nil
	}
	if err := x.checkClock(auth); err != nil {
		return err
	}
	token, _ := x.params.get(paramToken)
	if header := x.r.Header.Get(paramToken); header != "" {
		token = header
	}
	credential, err := x.s.credential(auth.ak, token)
	if err != nil {
		return err
	}
	if err := x.checkSignature(auth, credential.SecretKey); err != nil {
		return err
	}
	x.signed = true
	return nil
}

// credential finds the pair of a secret id, to which the token must belong (E010).
func (s *Server) credential(secretID, token string) (Credential, error) {
	c, ok := s.keys[secretID]
	switch {
	case !ok:
		return c, fail(invalidAccessKeyID, "")
	case c.Token == "" && token != "":
		return c, fail(invalidAccessKeyID, "The security token is not valid: the secret id belongs to permanent credentials.")
	case !hmac.Equal([]byte(c.Token), []byte(token)):
		return c, fail(invalidAccessKeyID, "The security token does not belong to the secret id.")
	}
	return c, nil
}

// checkClock judges the window of a signature and the client's clock (E011).
func (x *exchange) checkClock(auth *authorization) error {
	now := x.s.opts.Clock()
	if now.Unix() > auth.end {
		return fail(accessDenied, "Request has expired")
	}
	early := auth.start - now.Unix()
	if early > int64(maxSkew/time.Second) {
		return tooSkewed(now)
	}
	if early > 0 {
		return fail(accessDenied, "Request has expired")
	}
	if date := x.r.Header.Get("Date"); date != "" {
		t, err := http.ParseTime(date)
		if err != nil {
			return fail(accessDenied, "The Date header is not an HTTP date.")
		}
		if d := now.Sub(t); d > maxSkew || d < -maxSkew {
			return tooSkewed(now)
		}
	}
	return nil
}

// tooSkewed tells the client the time, which SDKs read to correct their clock.
func tooSkewed(now time.Time) *apiError {
	e := fail(requestTimeTooSkewed, "")
	e.extra = []element{{"ServerTime", now.UTC().Format(time.RFC3339)}}
	return e
}

// checkSignature recomputes the signature. The refusal shows what was signed
// here, as COS does, because nothing helps more to find the difference.
func (x *exchange) checkSignature(auth *authorization, secret string) error {
	format, complete := formatString(x.r, x.params, auth)
	digest := sha1.Sum([]byte(format)) //nolint:gosec // the algorithm of COS signatures
	toSign := "sha1\n" + auth.signTime + "\n" + hex.EncodeToString(digest[:]) + "\n"
	want := hexHMAC(hexHMAC(secret, auth.keyTime), toSign)
	if hmac.Equal([]byte(want), []byte(auth.signature)) && complete {
		return nil
	}
	e := fail(signatureDoesNotMatch, "")
	e.extra = []element{{"StringToSign", toSign}, {"FormatString", withoutCustomerKeys(format)}}
	return e
}

func hexHMAC(key, message string) string {
	mac := hmac.New(sha1.New, []byte(key))
	_, _ = mac.Write([]byte(message)) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// formatString is the text whose hash is signed. It is complete when everything
// that the signature lists is in the request.
func formatString(r *http.Request, ps params, auth *authorization) (text string, complete bool) {
	query, ok1 := signedPairs(auth.params, func(name string) []string {
		var values []string
		for _, p := range ps {
			if !auth.excluded(p.lower) && strings.ToLower(urlEncode(p.name)) == name {
				values = append(values, p.value)
			}
		}
		return values
	})
	header, ok2 := signedPairs(auth.headers, func(name string) []string { return signedHeader(r, name) })
	text = strings.ToLower(r.Method) + "\n" + r.URL.Path + "\n" + query + "\n" + header + "\n"
	return text, ok1 && ok2
}

// signedPairs encodes the values of the listed names, sorted.
func signedPairs(names []string, lookup func(string) []string) (joined string, complete bool) {
	complete = true
	var pairs []string
	for _, name := range slices.Sorted(slices.Values(names)) {
		values := lookup(name)
		complete = complete && len(values) > 0
		for _, v := range slices.Sorted(slices.Values(values)) {
			pairs = append(pairs, name+"="+urlEncode(v))
		}
	}
	return strings.Join(pairs, "&"), complete
}

// signedHeader returns the values of a header by its name as listed in a
// signature; net/http keeps some of them apart from the others.
func signedHeader(r *http.Request, name string) []string {
	switch name {
	case "host":
		return []string{r.Host}
	case "transfer-encoding":
		return r.TransferEncoding
	case "content-length":
		if values := r.Header.Values(name); len(values) > 0 {
			return values
		}
		if r.ContentLength >= 0 {
			return []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		return nil
	}
	if values := r.Header.Values(name); len(values) > 0 {
		return values
	}
	for other, values := range r.Header { // a name with a character that is encoded in the list
		if strings.ToLower(urlEncode(other)) == name {
			return values
		}
	}
	return nil
}

// urlEncode is the UrlEncode of the signature algorithm: every byte but letters,
// digits and "-_.~" becomes %XX.
func urlEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
