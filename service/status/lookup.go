package service

import (
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"
)

// statusTable is the second half of the contract: what an answer of COS means when
// its code is empty (HEAD, 304, HTML) or not in errorTable. Its reasons stand in
// cosCode already spelled as reasons.
//
// 401 and 403 without a code are told as they are: without the code nobody can say
// whether the identity or the permission was refused.
var statusTable = []row{
	{"MOVED_PERMANENTLY", 301, codes.FailedPrecondition, retryRelocat, "", "the bucket is reached at another endpoint"},
	{"MOVED_TEMPORARILY", 302, codes.Unavailable, retryRelocat, "", "COS names another endpoint for the moment"},
	{"NOT_MODIFIED", 304, codes.FailedPrecondition, retryNever, "", "the object has not changed"},
	{"MOVED_TEMPORARILY", 307, codes.Unavailable, retryRelocat, "", "COS names another endpoint for the moment"},
	{"BAD_REQUEST", 400, codes.InvalidArgument, retryNever, "", "COS found the request malformed"},
	{"UNAUTHORIZED", 401, codes.Unauthenticated, retryNever, "", "COS does not accept the identity"},
	{"PAYMENT_REQUIRED", 402, codes.ResourceExhausted, retryNever, "", "the account has spent what it may"},
	{"ACCESS_DENIED", 403, codes.PermissionDenied, retryNever, "", "COS denies access"},
	{"NOT_FOUND", 404, codes.NotFound, retryNever, "", "the bucket or the object does not exist"},
	{"METHOD_NOT_ALLOWED", 405, codes.Unimplemented, retryNever, "", "COS does not offer this operation here"},
	{"REQUEST_TIMEOUT", 408, codes.Unavailable, retrySoon, "", "COS waited too long for the request"},
	{"CONFLICT", 409, codes.Aborted, retryNever, "", "the request is in conflict with the present state"},
	{"GONE", 410, codes.NotFound, retryNever, "", "the bucket or the object does not exist"},
	{"MISSING_CONTENT_LENGTH", 411, codes.InvalidArgument, retryNever, "", "COS wants the length of the content first"},
	{"PRECONDITION_FAILED", 412, codes.FailedPrecondition, retryNever, "", "a precondition does not hold"},
	{"TOO_LARGE", 413, codes.InvalidArgument, retryNever, "", "the request is larger than COS takes"},
	{"INVALID_RANGE", 416, codes.OutOfRange, retryNever, "range", "the range begins behind the end of the object"},
	{"TOO_MANY_REQUESTS", 429, codes.ResourceExhausted, retrySlowly, "", "COS is asked too often"},
	{"UNAVAILABLE_FOR_LEGAL_REASONS", 451, codes.PermissionDenied, retryNever, "", "COS blocked this"},
	{"INTERNAL_ERROR", 500, codes.Internal, retrySoon, "", "COS failed"},
	{"NOT_IMPLEMENTED", 501, codes.Unimplemented, retryNever, "", "COS does not implement this"},
	{"BAD_GATEWAY", 502, codes.Unavailable, retrySoon, "", "COS is not available at the moment"},
	{"SERVICE_UNAVAILABLE", 503, codes.Unavailable, retrySlowly, "", "COS is not available at the moment"},
	{"GATEWAY_TIMEOUT", 504, codes.Unavailable, retrySoon, "", "COS did not answer in time"},
	{"ORIGIN_ERROR", 520, codes.Unavailable, retrySoon, "", "COS is not available at the moment"},
}

// A lookup is the table's answer for one failure.
type lookup struct {
	row
	reason     string // ErrorInfo.reason
	credential bool   // COS refused the identity
	known      bool   // a row said so, not a range of HTTP statuses
}

// A table finds rows. It is built once, from errorTable, spellings and statusTable.
type table struct {
	byCodeAndHTTP map[codeAndHTTP]lookup
	byCode        map[string]lookup
	byHTTP        map[int]lookup
}

type codeAndHTTP struct {
	cosCode string
	http    int
}

func newTable() *table {
	t := &table{
		byCodeAndHTTP: make(map[codeAndHTTP]lookup),
		byCode:        make(map[string]lookup),
		byHTTP:        make(map[int]lookup),
	}
	for _, r := range errorTable {
		t.add(r.cosCode, r.http, lookup{
			row: r, reason: reasonOf(r.cosCode), known: true,
			credential: r.code == codes.Unauthenticated,
		})
	}
	for _, s := range spellings {
		t.add(s.cosCode, s.http, t.byCode[s.means])
	}
	for _, r := range statusTable {
		t.byHTTP[r.http] = lookup{row: r, reason: r.cosCode, known: true, credential: r.http == 401}
	}
	return t
}

func (t *table) add(cosCode string, http int, l lookup) {
	t.byCodeAndHTTP[codeAndHTTP{cosCode, http}] = l
	if _, ok := t.byCode[cosCode]; !ok {
		t.byCode[cosCode] = l
	}
}

// find returns the row for an answer of COS. A message is needed for one case only:
// COS tells an expired signature apart from a denial by nothing else.
func (t *table) find(cosCode, message string, http int) lookup {
	if cosCode == "AccessDenied" && message == "Request has expired" {
		cosCode = message
	}
	if l, ok := t.byCodeAndHTTP[codeAndHTTP{cosCode, http}]; ok {
		return l
	}
	if l, ok := t.byCode[cosCode]; ok {
		return l
	}
	l, ok := t.byHTTP[http]
	if !ok {
		l = byRange(http)
	}
	if cosCode != "" {
		l.reason, l.known = reasonOf(cosCode), false
	}
	return l
}

func byRange(http int) lookup {
	switch {
	case http >= 200 && http < 300:
		return lookup{row: row{code: codes.Internal, text: "COS reported an error inside a successful answer"}, reason: "UNKNOWN_ERROR"}
	case http >= 400 && http < 500:
		return lookup{row: row{code: codes.InvalidArgument, text: "COS refused the request"}, reason: "BAD_REQUEST"}
	case http >= 500 && http < 600:
		return lookup{row: row{code: codes.Internal, retry: retrySoon, text: "COS failed"}, reason: "INTERNAL_ERROR"}
	default:
		return lookup{row: row{code: codes.Unknown, text: "COS gave an unexpected answer"}, reason: "UNKNOWN_ERROR"}
	}
}

// retryable says whether the same call, made again later, may succeed.
func (r retry) retryable() bool {
	return r == retrySoon || r == retrySlowly || r == retryOnce
}

// maxReason is the longest reason google.rpc.ErrorInfo allows.
const maxReason = 63

// reasonOf spells a COS code as an ErrorInfo reason: NoSuchKey as NO_SUCH_KEY,
// InvalidSHA1Digest as INVALID_SHA1_DIGEST, -46628 as COS_46628.
func reasonOf(cosCode string) string {
	var b strings.Builder
	rs := []rune(cosCode)
	for i, r := range rs {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			if s := b.String(); s != "" && !strings.HasSuffix(s, "_") {
				b.WriteByte('_')
			}
			continue
		case unicode.IsUpper(r) && wordStarts(rs, i) && b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	s := strings.TrimRight(b.String(), "_")
	if s == "" {
		return "UNKNOWN_ERROR"
	}
	if !unicode.IsLetter(rune(s[0])) {
		s = "COS_" + s
	}
	return strings.TrimRight(s[:min(len(s), maxReason)], "_")
}

// wordStarts reports whether the capital at i begins a word: it follows something
// else than a capital, or is the last capital of an abbreviation (the V of DNSRecordVerify).
func wordStarts(rs []rune, i int) bool {
	if i == 0 {
		return false
	}
	if !unicode.IsUpper(rs[i-1]) {
		return true
	}
	return i+1 < len(rs) && unicode.IsLower(rs[i+1])
}

// KnownCode reports whether a COS error code has a row in the error table. The others
// come from outside and are without number.
func KnownCode() func(code string) bool {
	t := newTable()
	return func(code string) bool {
		_, ok := t.byCode[code]
		return ok
	}
}
