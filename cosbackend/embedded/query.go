package embedded

import (
	"net/url"
	"strings"
)

// A param is one query parameter, decoded. COS matches names without case
// (SDKs send both versionId and VersionId), so lower is what handlers look at.
type param struct{ name, lower, value string }

// params are the query parameters in the order of the request.
type params []param

// parseParams decodes a raw query once; "+" and "%20" are both a space. Unlike
// url.ParseQuery it drops nothing: what cannot be decoded is refused.
func parseParams(raw string) (params, *apiError) {
	var ps params
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fail(invalidURI, "A query parameter's name is not percent-encoded correctly.")
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fail(invalidURI, "The value of a query parameter is not percent-encoded correctly.")
		}
		ps = append(ps, param{name: n, lower: strings.ToLower(n), value: v})
	}
	return ps, nil
}

// get returns the first value of a parameter by its lower-case name.
func (ps params) get(lower string) (string, bool) {
	for _, p := range ps {
		if p.lower == lower {
			return p.value, true
		}
	}
	return "", false
}
