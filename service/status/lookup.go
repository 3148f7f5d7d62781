package status

import (
	"slices"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
)

// statusTable is the second half of the contract: what an answer of COS means when
// its code is empty (HEAD, 304, HTML) or not in codeTable. Its reasons stand in
// cosCode already spelled as reasons.
//
// 401 and 403 without a code are told as they are: without the code nobody can say
// whether the identity or the permission was refused.
var statusTable = []row{
	{"MOVED_PERMANENTLY", 301, codes.FailedPrecondition, "", "the bucket is reached at another endpoint"},
	{"MOVED_TEMPORARILY", 302, codes.Unavailable, "", "COS names another endpoint for the moment"},
	{"NOT_MODIFIED", 304, codes.FailedPrecondition, "", "the object has not changed"},
	{"MOVED_TEMPORARILY", 307, codes.Unavailable, "", "COS names another endpoint for the moment"},
	{"BAD_REQUEST", 400, codes.InvalidArgument, "", "COS found the request malformed"},
	{"UNAUTHORIZED", 401, codes.Unauthenticated, "", "COS does not accept the identity"},
	{"PAYMENT_REQUIRED", 402, codes.ResourceExhausted, "", "the account has spent what it may"},
	{"ACCESS_DENIED", 403, codes.PermissionDenied, "", "COS denies access"},
	{"NOT_FOUND", 404, codes.NotFound, "", "the bucket or the object does not exist"},
	{"METHOD_NOT_ALLOWED", 405, codes.Unimplemented, "", "COS does not offer this operation here"},
	{"REQUEST_TIMEOUT", 408, codes.Unavailable, "", "COS waited too long for the request"},
	{"CONFLICT", 409, codes.Aborted, "", "the request is in conflict with the present state"},
	{"GONE", 410, codes.NotFound, "", "the bucket or the object does not exist"},
	{"MISSING_CONTENT_LENGTH", 411, codes.InvalidArgument, "", "COS wants the length of the content first"},
	{"PRECONDITION_FAILED", 412, codes.FailedPrecondition, "", "a precondition does not hold"},
	{"TOO_LARGE", 413, codes.InvalidArgument, "", "the request is larger than COS takes"},
	{"INVALID_RANGE", 416, codes.OutOfRange, "range", "the range begins behind the end of the object"},
	{"TOO_MANY_REQUESTS", 429, codes.ResourceExhausted, "", "COS is asked too often"},
	{"UNAVAILABLE_FOR_LEGAL_REASONS", 451, codes.PermissionDenied, "", "COS blocked this"},
	{"INTERNAL_ERROR", 500, codes.Internal, "", "COS failed"},
	{"NOT_IMPLEMENTED", 501, codes.Unimplemented, "", "COS does not implement this"},
	{"BAD_GATEWAY", 502, codes.Unavailable, "", "COS is not available at the moment"},
	{"SERVICE_UNAVAILABLE", 503, codes.Unavailable, "", "COS is not available at the moment"},
	{"GATEWAY_TIMEOUT", 504, codes.Unavailable, "", "COS did not answer in time"},
	{"ORIGIN_ERROR", 520, codes.Unavailable, "", "COS is not available at the moment"},
}

// A Row is one row of the contract, or what the contract says where no row fits.
type Row struct {
	COSCode    string // "" for a row of an HTTP status
	HTTP       int    // the HTTP status; 0 when the page of the code names none
	Code       codes.Code
	Reason     string // ErrorInfo.reason
	Field      string // for google.rpc.BadRequest; "" when COS does not tell
	Text       string
	Hint       cosbackend.RetryHint
	Credential bool // COS refused the identity
	Known      bool // a row says so, not a range of HTTP statuses
}

// Rows returns every row of the contract: codes as the table has them, then other
// spellings, then HTTP statuses without a code.
func Rows() []Row {
	var rows []Row
	for _, r := range codeTable {
		rows = append(rows, codeRow(r))
	}
	for c := range cosbackend.Codes() {
		if c.SpellingOf == "" {
			continue
		}
		i := slices.IndexFunc(codeTable, func(r row) bool { return r.cosCode == c.SpellingOf })
		r := codeRow(codeTable[i])
		r.COSCode = c.Name // the reason stays that of the code it stands for
		rows = append(rows, r)
	}
	for _, r := range statusTable {
		rows = append(rows, Row{
			HTTP: r.http, Code: r.code, Reason: r.cosCode, Field: r.field, Text: r.text,
			Hint: cosbackend.HintFor("", r.http), Credential: r.http == 401, Known: true,
		})
	}
	return rows
}

func codeRow(r row) Row {
	c, _ := cosbackend.LookupCode(r.cosCode)
	return Row{
		COSCode: r.cosCode, HTTP: r.http, Code: r.code, Reason: ReasonFor(r.cosCode), Field: r.field, Text: r.text,
		Hint: c.Hint, Credential: c.Credential, Known: true,
	}
}

// A table finds rows.
type table struct {
	byCodeAndHTTP map[codeAndHTTP]Row
	byCode        map[string]Row
	byHTTP        map[int]Row
}

type codeAndHTTP struct {
	cosCode string
	http    int
}

func newTable() *table {
	t := &table{
		byCodeAndHTTP: make(map[codeAndHTTP]Row),
		byCode:        make(map[string]Row),
		byHTTP:        make(map[int]Row),
	}
	for _, r := range Rows() {
		if r.COSCode == "" {
			t.byHTTP[r.HTTP] = r
			continue
		}
		t.byCodeAndHTTP[codeAndHTTP{r.COSCode, r.HTTP}] = r
		if _, ok := t.byCode[r.COSCode]; !ok {
			t.byCode[r.COSCode] = r
		}
	}
	return t
}

// find returns the row for an error response of COS. The message is needed for one case
// only: nothing else tells an expired signature from a denial.
func (t *table) find(cosCode, message string, http int) Row {
	if cosCode == "AccessDenied" && message == "Request has expired" {
		cosCode = message
	}
	if r, ok := t.byCodeAndHTTP[codeAndHTTP{cosCode, http}]; ok {
		return r
	}
	if r, ok := t.byCode[cosCode]; ok {
		return r
	}
	r, ok := t.byHTTP[http]
	if !ok {
		r = rangeRow(http)
	}
	if cosCode != "" {
		r.COSCode, r.Reason, r.Known = cosCode, ReasonFor(cosCode), false
	}
	return r
}

// rangeRow is the row of an HTTP status that has none of its own.
func rangeRow(http int) Row {
	r := Row{HTTP: http, Hint: cosbackend.HintFor("", http)}
	switch {
	case http >= 200 && http < 300:
		r.Code, r.Text, r.Reason = codes.Internal, "COS reported an error inside a successful response", "UNKNOWN_ERROR"
	case http >= 400 && http < 500:
		r.Code, r.Text, r.Reason = codes.InvalidArgument, "COS refused the request", "BAD_REQUEST"
	case http >= 500 && http < 600:
		r.Code, r.Text, r.Reason = codes.Internal, "COS failed", "INTERNAL_ERROR"
	default:
		r.Code, r.Text, r.Reason = codes.Unknown, "COS sent an unexpected response", "UNKNOWN_ERROR"
	}
	return r
}

// maxReason is the longest reason google.rpc.ErrorInfo allows.
const maxReason = 63

// ReasonFor spells a COS code as an ErrorInfo reason: NoSuchKey as NO_SUCH_KEY,
// InvalidSHA1Digest as INVALID_SHA1_DIGEST, -46628 as COS_46628.
func ReasonFor(cosCode string) string {
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
