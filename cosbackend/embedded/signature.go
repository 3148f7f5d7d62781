package embedded

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm of COS signatures
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far a client's clock may be from the server's.
const maxSkew = 15 * time.Minute

// authenticate checks the signature of a request. Afterwards x.signed says whether the
// caller is the owner; authorize decides what others may do.
func (x *exchange) authenticate() error {
	if x.s.opts.Signature == SignatureOff {
		x.signed = true
		return nil
	}
	if scheme := foreignScheme(x.r, x.params); scheme != nil {
		return scheme.refusal()
	}
	auth, err := findSignature(x.r, x.params)
	if err != nil {
		// The documentation names no code for a malformed signature (E009).
		return fail(accessDenied, "The signature is malformed: "+err.Error()+".")
	}
	if auth == nil {
		x.signatureAbsent = true
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
	by, err := x.s.signer(auth.ak, token)
	if err != nil {
		return err
	}
	if err := x.checkSignature(auth, by.secretKey); err != nil {
		return err
	}
	x.signed, x.session, x.signature = true, by.session, auth
	return nil
}

// checkClock checks the time of a signature and the client's clock (E011).
func (x *exchange) checkClock(auth *requestSignature) error {
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

// tooSkewed has the server's time, which SDKs read to correct their clock.
func tooSkewed(now time.Time) *apiError {
	e := fail(requestTimeTooSkewed, "")
	e.extra = []element{{"ServerTime", now.UTC().Format(time.RFC3339)}} // (E136)
	return e
}

// checkSignature recomputes the signature. The error shows what was signed here, as in
// COS, because nothing helps more to find the difference.
func (x *exchange) checkSignature(auth *requestSignature, secret string) error {
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
func formatString(r *http.Request, ps params, auth *requestSignature) (text string, complete bool) {
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

const paramToken = "x-cos-security-token" //nolint:gosec // a name, not a token

// A requestSignature is a parsed signature, whichever of its three forms it had.
type requestSignature struct {
	ak        string
	signTime  string // as sent: it is part of what is signed
	keyTime   string
	start     int64 // unix seconds
	end       int64
	headers   []string // names as listed, lower case, each once
	params    []string
	signature string
	// excluded are the query parameters that carry the signature itself.
	excluded func(lower string) bool
}

// Ways in which a signature is malformed; the text becomes part of the response.
var (
	errFieldTwice   = errors.New("a field is given twice")
	errUnknownField = errors.New("a field is not one of q-sign-algorithm, q-ak, q-sign-time, q-key-time, q-header-list, q-url-param-list, q-signature")
	errNoField      = errors.New("a field is missing")
	errAlgorithm    = errors.New("q-sign-algorithm must be sha1")
	errTime         = errors.New("q-sign-time and q-key-time must be the same <start>;<end> in unix seconds, with start before end")
	errHex          = errors.New("q-signature must be 40 lower-case hex digits")
	errTwoHeaders   = errors.New("there is more than one Authorization header")
)

// findSignature reads the signature of a request: the Authorization header, the
// combined sign parameter, or the seven q- parameters, in this order (E007). Without
// any of them it returns nil and no error.
func findSignature(r *http.Request, ps params) (*requestSignature, error) {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		if len(values) > 1 {
			return nil, errTwoHeaders
		}
		return parseSignature(values[0], func(string) bool { return false })
	}
	if sign, ok := ps.get("sign"); ok {
		return parseSignature(sign, func(lower string) bool { return lower == "sign" })
	}
	fields := make(map[string]string, 7)
	for _, p := range ps {
		if !signatureField(p.lower) {
			continue
		}
		if _, ok := fields[p.lower]; ok {
			return nil, errFieldTwice
		}
		fields[p.lower] = p.value
	}
	if len(fields) == 0 {
		return nil, nil // no signature is not an error here: an ACL may allow the request
	}
	return newSignature(fields, signatureField)
}

func signatureField(name string) bool {
	switch name {
	case "q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature":
		return true
	default:
		return false
	}
}

// parseSignature reads the text form: fields joined by "&", in any order.
func parseSignature(s string, excluded func(string) bool) (*requestSignature, error) {
	fields := make(map[string]string, 7)
	for part := range strings.SplitSeq(s, "&") {
		name, value, _ := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !signatureField(name) {
			return nil, errUnknownField
		}
		if _, ok := fields[name]; ok {
			return nil, errFieldTwice
		}
		fields[name] = value
	}
	return newSignature(fields, excluded)
}

func newSignature(fields map[string]string, excluded func(string) bool) (*requestSignature, error) {
	if len(fields) != 7 {
		return nil, errNoField
	}
	a := &requestSignature{
		ak:       fields["q-ak"],
		signTime: fields["q-sign-time"], keyTime: fields["q-key-time"],
		headers: splitList(fields["q-header-list"]), params: splitList(fields["q-url-param-list"]),
		signature: fields["q-signature"], excluded: excluded,
	}
	if fields["q-sign-algorithm"] != "sha1" {
		return nil, errAlgorithm
	}
	var ok bool
	if a.start, a.end, ok = parseWindow(a.signTime); !ok || a.signTime != a.keyTime {
		return nil, errTime
	}
	if len(a.signature) != 40 || strings.Trim(a.signature, "0123456789abcdef") != "" {
		return nil, errHex
	}
	return a, nil
}

// splitList reads a list of names. The Go SDK lists a name once for each value it has;
// the result has it once, for all of its values (E008).
func splitList(s string) []string {
	var names []string
	seen := make(map[string]bool)
	for name := range strings.SplitSeq(s, ";") {
		if name = strings.ToLower(name); name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func parseWindow(s string) (start, end int64, ok bool) {
	from, to, ok := strings.Cut(s, ";")
	if !ok {
		return 0, 0, false
	}
	start, err1 := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	return start, end, err1 == nil && err2 == nil && start >= 0 && start < end
}
