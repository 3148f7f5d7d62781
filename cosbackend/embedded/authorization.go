package embedded

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

const paramToken = "x-cos-security-token" //nolint:gosec // a name, not a token

// An authorization is a parsed signature, in whichever of its three forms it came.
type authorization struct {
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

// Ways in which a signature is malformed; the text goes into the answer.
var (
	errFieldTwice   = errors.New("a field is given twice")
	errUnknownField = errors.New("a field is not one of q-sign-algorithm, q-ak, q-sign-time, q-key-time, q-header-list, q-url-param-list, q-signature")
	errNoField      = errors.New("a field is missing")
	errAlgorithm    = errors.New("q-sign-algorithm must be sha1")
	errTime         = errors.New("q-sign-time and q-key-time must be the same <start>;<end> in unix seconds, with start before end")
	errHex          = errors.New("q-signature must be 40 lower-case hex digits")
	errTwoHeaders   = errors.New("there is more than one Authorization header")
)

// findAuthorization takes the signature out of a request: the Authorization
// header, the merged sign parameter, or the seven q- parameters, in this order
// (E007). Without any of them it returns nil and no error.
func findAuthorization(r *http.Request, ps params) (*authorization, error) {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		if len(values) > 1 {
			return nil, errTwoHeaders
		}
		return parseAuthorization(values[0], func(string) bool { return false })
	}
	if sign, ok := ps.get("sign"); ok {
		return parseAuthorization(sign, func(lower string) bool { return lower == "sign" })
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
		return nil, nil //nolint:nilnil // no signature is not an error here: an ACL may allow the request
	}
	return newAuthorization(fields, signatureField)
}

func signatureField(name string) bool {
	switch name {
	case "q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature":
		return true
	default:
		return false
	}
}

// parseAuthorization reads the text form: fields joined by "&", in any order.
func parseAuthorization(s string, excluded func(string) bool) (*authorization, error) {
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
	return newAuthorization(fields, excluded)
}

func newAuthorization(fields map[string]string, excluded func(string) bool) (*authorization, error) {
	if len(fields) != 7 {
		return nil, errNoField
	}
	a := &authorization{
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

// splitList reads a list of names. The Go SDK lists a name once for each value
// it has; here it stands once and means all of its values (E008).
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
