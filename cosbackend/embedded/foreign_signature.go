package embedded

import (
	"net/http"
	"slices"
	"strings"
)

// A signatureScheme is a way to sign requests that is not the one of this server.
type signatureScheme struct {
	name string
	// prefix begins its Authorization header.
	prefix string
	// params are the query parameters that it cannot do without, in lower case.
	params []string
	// known says that COS accepts it: what is missing is missing here.
	known bool
}

// foreignSchemes are the schemes that clients of other services use.
func foreignSchemes() []signatureScheme {
	return []signatureScheme{
		{"AWS Signature Version 4", "AWS4-HMAC-SHA256", []string{"x-amz-algorithm", "x-amz-signature"}, true},
		{"AWS Signature Version 4A", "AWS4-ECDSA-P256-SHA256", nil, false},
		{"AWS Signature Version 2", "AWS ", []string{"awsaccesskeyid", "signature"}, true},
		{"TC3, the signature of Tencent Cloud's API,", "TC3-HMAC-SHA256", nil, false},
		{"OSS Signature Version 4", "OSS4-HMAC-SHA256", []string{"x-oss-signature-version", "x-oss-signature"}, false},
		{"OSS Signature Version 1", "OSS ", []string{"ossaccesskeyid", "signature"}, false},
		{"Google's Signature Version 4", "GOOG4-", []string{"x-goog-algorithm", "x-goog-signature"}, false},
		{"HTTP Basic", "Basic ", nil, false},
		{"HTTP Digest", "Digest ", nil, false},
		{"HTTP Bearer", "Bearer ", nil, false},
	}
}

// foreignScheme finds the scheme of a request that is signed in another way; nil for COS's
// own and for none.
func foreignScheme(r *http.Request, ps params) *signatureScheme {
	header := r.Header.Get("Authorization")
	if header == "" && len(ps) == 0 {
		return nil
	}
	for _, s := range foreignSchemes() {
		if len(header) >= len(s.prefix) && strings.EqualFold(header[:len(s.prefix)], s.prefix) {
			return &s
		}
	}
	if header != "" { // it takes precedence over the query (E007)
		return nil
	}
	for _, s := range foreignSchemes() {
		absent := func(name string) bool { _, ok := ps.get(name); return !ok }
		if s.params != nil && !slices.ContainsFunc(s.params, absent) {
			return &s
		}
	}
	return nil
}

// refusal is the error of a request that is signed in this way (E138).
func (s signatureScheme) refusal() *apiError {
	const instead = " Sign the request with COS's own signature (q-sign-algorithm=sha1), as the SDKs of COS do."
	if s.known {
		return fail(notImplemented, "The request is signed with "+s.name+", which the embedded server does not implement."+instead)
	}
	return fail(accessDenied, "The request is signed with "+s.name+", which COS does not accept."+instead)
}
