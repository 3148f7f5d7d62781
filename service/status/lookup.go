package status

import (
	"slices"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
)

// A Row is one row of the contract, or what the contract says where no row matches.
type Row struct {
	COSCode    string // "" for a row of an HTTP status
	HTTP       int    // the HTTP status; 0 when the page of the code names none
	Code       codes.Code
	Reason     string // ErrorInfo.reason
	Field      string // for google.rpc.BadRequest; "" when COS does not say
	Text       string
	Hint       cosbackend.RetryHint
	Credential bool // COS refused the credentials
	Known      bool // from a row of its own, not from another one or a range of HTTP statuses
}

// Rows returns every row of the contract: the codes in the order of codeTable, then other
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
	for _, r := range httpTable {
		rows = append(rows, Row{
			HTTP: r.http, Code: r.code, Reason: r.reason, Field: r.field, Text: r.text,
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
