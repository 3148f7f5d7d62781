package cosbackend

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/cosgate/cosgate/cosbackend/internal/document"
)

var errNotXML = errors.New("holds a character that cannot be written in XML")

// Unknown is a piece of a configuration that this package has no field for. It is read and
// written back with what it belongs to.
type Unknown = document.Unknown

// encodeDocument writes a document. A character that XML cannot express is refused.
func encodeDocument(root string, doc any) ([]byte, error) {
	e, err := document.Encode(root, doc)
	if err != nil {
		return nil, err
	}
	text := e.String()
	if strings.ContainsRune(text, utf8.RuneError) {
		return nil, errNotXML
	}
	return []byte(text), nil
}

// invalidDocument is the ValidationError for a document that cannot be written.
func invalidDocument(field string, err error) error {
	if e, ok := errors.AsType[*document.UnknownError](err); ok {
		return &ValidationError{Field: field + ".unknown", Problem: e.Problem, Unknown: &e.Piece}
	}
	return invalid(field, err.Error())
}

// xmlText reports whether s can be written in XML, and is read back as it was.
func xmlText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || !xmlRune(r) })
}

// writeXML writes one element. A strings.Builder or bytes.Buffer does not fail.
func writeXML(w io.StringWriter, element, text string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text))
	_, _ = w.WriteString("<" + element + ">" + escaped.String() + "</" + element + ">")
}

// A nameEncoding is how a list writes its names.
type nameEncoding struct{ url bool }

// decode undoes encoding-type=url (A019). What is no escape stays as it is: COS returns names
// that were stored before it encoded them, and one such name must not cost the page. The
// result need not be UTF-8 (A120).
func (n nameEncoding) decode(s string) string {
	if !n.url || strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			decoded = append(decoded, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b, _ := hex.DecodeString(s[i+1 : i+3]) // two digits are a byte
			decoded = append(decoded, b...)
			i += 2
		default:
			decoded = append(decoded, c)
		}
	}
	return string(decoded)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
