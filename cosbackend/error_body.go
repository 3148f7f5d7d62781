package cosbackend

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// An errorBody is the content of an error response. All fields are clean text
// of bounded length.
type errorBody struct {
	Code, Message, Resource, RequestID, TraceID string
	// ServerTime is COS's clock, as it was written.
	ServerTime string
	// StringToSign and FormatString are what COS computed a signature from. They are for the
	// log of operators, never for callers.
	StringToSign, FormatString string
}

func (b errorBody) empty() bool { return b == errorBody{} }

// parseErrorBody reads XML or JSON, and as much of a damaged one as can be read.
// Anything else, such as HTML, gives the zero value (A008). The secrets that
// c knows are removed.
func parseErrorBody(data []byte, c cleaner) errorBody {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(data, []byte("<")):
		return parseErrorXML(data, c)
	case bytes.HasPrefix(data, []byte("{")):
		return parseErrorJSON(data, c)
	}
	return errorBody{}
}

// parseErrorXML reads an <Error> document. Elements it does not know are skipped.
func parseErrorXML(data []byte, c cleaner) errorBody {
	d := tolerantDecoder(data)
	var body errorBody
	var field *string
	var text strings.Builder
	limits := map[*string]int{
		&body.Code: maxCode, &body.Message: maxMessage, &body.Resource: maxResource,
		&body.RequestID: maxID, &body.TraceID: maxID,
		&body.ServerTime: maxServerTime, &body.StringToSign: maxSigned, &body.FormatString: maxSigned,
	}
	store := func() {
		if field != nil && *field == "" {
			*field = c.clean(strings.TrimSpace(text.String()), limits[field])
		}
		field = nil
	}
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			store() // a truncated document: keep what was read
			return body
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			if depth == 1 && t.Name.Local != "Error" {
				return errorBody{}
			}
			if depth == 2 {
				field = body.field(t.Name.Local)
				text.Reset()
			}
		case xml.CharData:
			if depth == 2 && field != nil {
				text.Write(t)
			}
		case xml.EndElement:
			if depth == 2 {
				store()
			}
			depth--
		}
	}
}

func (b *errorBody) field(element string) *string {
	switch element {
	case "Code":
		return &b.Code
	case "Message":
		return &b.Message
	case "Resource":
		return &b.Resource
	case "RequestId":
		return &b.RequestID
	case "TraceId":
		return &b.TraceID
	case "ServerTime":
		return &b.ServerTime
	case "StringToSign":
		return &b.StringToSign
	case "FormatString":
		return &b.FormatString
	}
	return nil
}

// parseErrorJSON reads {"code":-46628,"message":"...","request_id":"..."}; the
// code may be a number or a text.
func parseErrorJSON(data []byte, c cleaner) errorBody {
	var parsed struct {
		Code       any    `json:"code"`
		Message    string `json:"message"`
		RequestID  string `json:"request_id"`
		RequestID2 string `json:"RequestId"`
		TraceID    string `json:"trace_id"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&parsed); err != nil {
		return errorBody{}
	}
	body := errorBody{
		Message:   c.clean(parsed.Message, maxMessage),
		RequestID: c.clean(cmp.Or(parsed.RequestID, parsed.RequestID2), maxID),
		TraceID:   c.clean(parsed.TraceID, maxID),
	}
	switch code := parsed.Code.(type) {
	case json.Number:
		body.Code = c.clean(code.String(), maxCode)
	case string:
		body.Code = c.clean(code, maxCode)
	}
	return body
}

// errNoRoot says that a document holds no element at all.
var errNoRoot = errors.New("not an XML document")

// rootElement returns the name of the first element.
func rootElement(data []byte) (string, error) {
	d := tolerantDecoder(data)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return "", errNoRoot
		}
		if err != nil {
			return "", err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local, nil
		}
	}
}

// tolerantDecoder reads XML as leniently as it can be read: keys and messages may
// hold characters that XML forbids, and they must not hide the rest.
func tolerantDecoder(data []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(legalXML(data)))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

// legalXML returns data with every character that XML 1.0 forbids replaced by
// U+FFFD, whether it stands as it is or as a reference.
func legalXML(data []byte) []byte {
	if wellFormedText(data) {
		return data
	}
	out := make([]byte, 0, len(data)+16)
	for i := 0; i < len(data); {
		if data[i] == '&' {
			if r, n, ok := characterReference(data[i:]); ok && !xmlRune(r) {
				out = utf8.AppendRune(out, utf8.RuneError)
				i += n
				continue
			}
		}
		r, n := utf8.DecodeRune(data[i:])
		if !xmlRune(r) || r == utf8.RuneError && n == 1 {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}

// wellFormedText reports whether data surely needs no replacement.
func wellFormedText(data []byte) bool {
	for _, c := range data {
		if c >= 0x80 || c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return !bytes.Contains(data, []byte("&#"))
}

// xmlRune reports whether XML 1.0 allows r.
func xmlRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff ||
		r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}

// characterReference reads "&#12;" or "&#xc;" at the start of data.
func characterReference(data []byte) (r rune, length int, ok bool) {
	if len(data) < 4 || data[1] != '#' {
		return 0, 0, false
	}
	i, base := 2, rune(10)
	if data[i] == 'x' || data[i] == 'X' {
		i, base = 3, 16
	}
	for start := i; i < len(data); i++ {
		c := lower(data[i])
		switch {
		case '0' <= c && c <= '9':
			r = r*base + rune(c-'0')
		case base == 16 && 'a' <= c && c <= 'f':
			r = r*base + rune(c-'a') + 10
		case c == ';' && i > start:
			return r, i + 1, true
		default:
			return 0, 0, false
		}
		if r > utf8.MaxRune {
			r = utf8.MaxRune + 1 // stays illegal, cannot overflow
		}
	}
	return 0, 0, false
}
